/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The values of options.h, and how those that are no plain boolean, number or text are read. */
#include <core/param/options.h>
#include <base/assert.h>
#include <base/layout.h>
#include <core/param/param_internal.h>
#include <core/sched/sched.h>
#include <lib/cmdline.h>
#include <lib/string.h>

uint64_t opt_maxcpus, opt_mem_limit;
struct bad_range opt_bad_range[BAD_RANGES_MAX];
unsigned int opt_bad_range_count;
enum bootscrub opt_bootscrub = BOOTSCRUB_DEFAULT;
bool opt_x2apic;
bool opt_numa = true;
enum nmi_action opt_nmi = DEBUG_CHECKS ? NMI_FATAL : NMI_DOM0;
enum reboot_way opt_reboot;
bool opt_watchdog, opt_watchdog_force;
uint64_t opt_watchdog_timeout = 5;
char opt_console[OPTION_TEXT_MAX] = "com1,vga";
char opt_com[2][OPTION_TEXT_MAX];
bool opt_vga_keep, opt_noreboot;
char opt_crash_keys[CRASH_COUNT][OPTION_TEXT_MAX];
struct dom0_mem_option opt_dom0_mem;
struct dom0_vcpus_option opt_dom0_max_vcpus;
bool opt_dom0_vcpus_pin;
uint64_t opt_tbuf_size, opt_tevt_mask;
char opt_sched[OPTION_TEXT_MAX];

/* --- memory and CPUs of the machine ------------------------------------------------------------------------------------------------------------- */

bool param_parse_mem(const char *value)
{
    return cmdline_parse_size(value, 1024, &opt_mem_limit);
}

/* "<frame>" or "<first>-<last>" */
static bool parse_range(const char *text, struct bad_range *r)
{
    const char *dash = strchr(text, '-');
    uint64_t from, to;

    if (!str_to_u64_n(text, dash ? (size_t)(dash - text) : strlen(text), &from) ||
        !cmdline_parse_u64(dash ? dash + 1 : text, &to) || to < from || to >= UINT64_MAX >> PAGE_SHIFT) {
        return false;
    }
    *r = (struct bad_range){from << PAGE_SHIFT, (to + 1) << PAGE_SHIFT};
    return true;
}

bool param_parse_badpage(const char *value)
{
    unsigned int n = opt_bad_range_count;
    char part[48];

    while (cmdline_next_part(&value, part, sizeof(part))) {
        if (n == BAD_RANGES_MAX || !parse_range(part, &opt_bad_range[n])) {
            return false;
        }
        n++;
    }
    opt_bad_range_count = n;
    return true;
}

bool param_parse_bootscrub(const char *value)
{
    bool on = true;

    if (!strcmp(value, "idle")) {
        opt_bootscrub = BOOTSCRUB_IDLE;
        return true;
    }
    if (*value != 0 && !cmdline_parse_bool(value, &on)) {
        return false;
    }
    opt_bootscrub = on ? BOOTSCRUB_NOW : BOOTSCRUB_NO;
    return true;
}

/* One letter says it, as with Xen's option; a second part (warm, cold) is for methods that we do not have. */
bool param_parse_reboot(const char *value)
{
    switch (*value) {
    case 'a':
        opt_reboot = REBOOT_ACPI;
        return true;
    case 'k':
        opt_reboot = REBOOT_KEYBOARD;
        return true;
    case 'p':
    case 'P':
        opt_reboot = REBOOT_PCI;
        return true;
    case 't':
        opt_reboot = REBOOT_TRIPLE_FAULT;
        return true;
    case 'n':
        opt_reboot = REBOOT_NEVER;
        return true;
    default:
        return false;
    }
}

bool param_parse_watchdog(const char *value)
{
    if (*value == 0 || !strcmp(value, "force")) {
        opt_watchdog = true;
        opt_watchdog_force = *value != 0;
        return true;
    }
    return cmdline_parse_bool(value, &opt_watchdog);
}

bool param_parse_watchdog_timeout(const char *value)
{
    if (!cmdline_parse_u64(value, &opt_watchdog_timeout)) {
        return false;
    }
    opt_watchdog = opt_watchdog_timeout != 0;
    return true;
}

bool param_parse_nmi(const char *value)
{
    static const char *const names[] = {[NMI_IGNORE] = "ignore", [NMI_DOM0] = "dom0", [NMI_FATAL] = "fatal"};
    unsigned int i = param_choice(value, names, ARRAY_SIZE(names));

    if (i == ARRAY_SIZE(names)) {
        return false;
    }
    opt_nmi = (enum nmi_action)i;
    return true;
}

/* Nodes come from ACPI only, so that doing without these tables is the same as none. */
bool param_parse_numa(const char *value)
{
    if (!strcmp(value, "noacpi")) {
        opt_numa = false;
        return true;
    }
    opt_numa = true;
    return *value == 0 || cmdline_parse_bool(value, &opt_numa);
}

bool param_parse_vwfi(const char *value)
{
    sched_halt_native = !strcmp(value, "native");
    return sched_halt_native || !strcmp(value, "trap");
}

bool param_parse_vga(const char *value)
{
    opt_vga_keep = strstr(value, "keep") != NULL;
    return true;
}

bool param_parse_credit2_runqueue(const char *value)
{
    static const char *const names[] = {[SCHED_BY_CPU] = "cpu",
                                        [SCHED_BY_CORE] = "core",
                                        [SCHED_BY_SOCKET] = "socket",
                                        [SCHED_BY_NODE] = "node",
                                        [SCHED_ALL] = "all"};
    unsigned int i = param_choice(value, names, ARRAY_SIZE(names));

    if (i == ARRAY_SIZE(names)) {
        return false;
    }
    sched_set_grouping((enum sched_grouping)i);
    return true;
}

/* --- the first domain -------------------------------------------------------------------------------------------------------------------------- */

static bool parse_size_part(const char *text, struct dom0_mem_option *o)
{
    if (str_starts_with(text, "min:")) {
        return cmdline_parse_size(text + 4, 1024, &o->min_bytes);
    }
    if (str_starts_with(text, "max:")) {
        return cmdline_parse_size(text + 4, 1024, &o->max_bytes);
    }
    o->is_negative = *text == '-';
    return cmdline_parse_size(text + o->is_negative, 1024, &o->size_bytes);
}

bool param_parse_dom0_mem(const char *value)
{
    struct dom0_mem_option o = {0};
    char part[32];

    while (cmdline_next_part(&value, part, sizeof(part))) {
        if (!parse_size_part(part, &o)) {
            return false;
        }
    }
    opt_dom0_mem = o;
    return true;
}

bool param_parse_dom0_max_vcpus(const char *value)
{
    struct dom0_vcpus_option o = {0};
    const char *dash = strchr(value, '-');
    bool ok;

    if (dash) {
        ok = (dash == value || str_to_u64_n(value, (size_t)(dash - value), &o.min)) &&
             (dash[1] == 0 || str_to_u64(dash + 1, &o.max));
    } else {
        ok = str_to_u64(value, &o.max);
        o.min = o.max;
    }
    if (!ok || (o.max && o.max < o.min)) {
        return false;
    }
    opt_dom0_max_vcpus = o;
    return true;
}
