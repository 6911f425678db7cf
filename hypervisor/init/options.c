/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <init/options.h>
#include <init/memory_options.h>
#include <hw/drivers/console.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/boot/panic.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/boot/power.h>
#include <hw/x86/cpu/nmi.h>
#include <hw/x86/cpu/watchdog.h>
#include <core/sched/sched.h>
#include <base/log.h>
#include <lib/cmdline.h>
#include <lib/string.h>

#define BAD_MAX 16u

enum option_type { OPT_BOOL, OPT_NUMBER, OPT_TEXT, OPT_CUSTOM };

struct option_row {
    const char *name;
    enum option_type type;
    void *target; /* bool, uint64_t, or char[] of `size` bytes */
    size_t size;
    bool (*parse)(const char *value); /* OPT_CUSTOM: false refuses the value; "" when there is none */
    const char *doc;
};

struct dom0_mem_option opt_dom0_mem;
struct dom0_vcpus_option opt_dom0_max_vcpus;
enum bootscrub opt_bootscrub = BOOTSCRUB_DEFAULT;
char opt_sched[OPTION_TEXT_MAX];
uint64_t opt_sched_ratelimit_us = UINT64_MAX;
bool opt_dom0_vcpus_pin;
bool opt_vga_keep;

static char bad[BAD_MAX][OPTION_TEXT_MAX];
static unsigned int bad_count;

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

/* "[<size>][,min:<size>][,max:<size>]" */
static bool parse_dom0_mem(const char *value)
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

static bool parse_dom0_max_vcpus(const char *value)
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

static bool has_rate_limit;

/* "<level>[/<level of rate-limited lines>]"; the second changes nothing. */
static bool parse_level(const char *value, int *threshold)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {{"none", LOG_ERROR - 1}, {"error", LOG_ERROR}, {"warning", LOG_WARNING},
                  {"info", LOG_INFO},      {"debug", LOG_DEBUG}, {"all", LOG_DEBUG}};
    const char *slash = strchr(value, '/');
    size_t length = slash ? (size_t)(slash - value) : strlen(value);

    has_rate_limit |= slash != NULL;

    for (unsigned int i = 0; i < ARRAY_SIZE(levels); i++) {
        if (str_is(value, length, levels[i].name)) {
            *threshold = levels[i].level;
            return true;
        }
    }
    return false;
}

static bool parse_loglvl(const char *value)
{
    return parse_level(value, &log_threshold);
}

static bool parse_guest_loglvl(const char *value)
{
    return parse_level(value, &log_guest_threshold);
}

static bool parse_timestamps(const char *value)
{
    static const char *const names[] = {"none", "date", "datems", "boot", "raw"};
    bool on;

    if (*value == 0 || (cmdline_parse_bool(value, &on) && on)) {
        log_timestamps = LOG_TS_DATE;
        return true;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(value, names[i]) || (i == 0 && cmdline_parse_bool(value, &on))) {
            log_timestamps = (enum log_timestamps)i;
            return true;
        }
    }
    return false;
}

static bool parse_bootscrub(const char *value)
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

static bool parse_no_bootscrub(const char *value)
{
    opt_bootscrub = BOOTSCRUB_NO;
    return *value == 0;
}

/* One letter says it, as with Xen's option; a second part (warm, cold) is for methods that we do not have. */
static bool parse_reboot(const char *value)
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

static bool parse_vga(const char *value)
{
    opt_vga_keep = strstr(value, "keep") != NULL;
    return true;
}

static bool parse_watchdog(const char *value)
{
    if (*value == 0 || !strcmp(value, "force")) {
        opt_watchdog = true;
        opt_watchdog_force = *value != 0;
        return true;
    }
    return cmdline_parse_bool(value, &opt_watchdog);
}

/* Seconds; also turns the watchdog on, 0 off. */
static bool parse_watchdog_timeout(const char *value)
{
    if (!cmdline_parse_u64(value, &opt_watchdog_timeout)) {
        return false;
    }
    opt_watchdog = opt_watchdog_timeout != 0;
    return true;
}

static bool parse_nmi(const char *value)
{
    static const char *const names[] = {[NMI_IGNORE] = "ignore", [NMI_DOM0] = "dom0", [NMI_FATAL] = "fatal"};

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(value, names[i])) {
            opt_nmi = (enum nmi_action)i;
            return true;
        }
    }
    return false;
}

static bool parse_credit2_runqueue(const char *value)
{
    static const char *const names[] = {[SCHED_BY_CPU] = "cpu",
                                        [SCHED_BY_CORE] = "core",
                                        [SCHED_BY_SOCKET] = "socket",
                                        [SCHED_BY_NODE] = "node",
                                        [SCHED_ALL] = "all"};

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(value, names[i])) {
            sched_set_grouping((enum sched_grouping)i);
            return true;
        }
    }
    return false;
}

#define TEXT(array)      OPT_TEXT, (array), sizeof(array), NULL
#define BOOL(variable)   OPT_BOOL, &(variable), 0, NULL
#define NUMBER(variable) OPT_NUMBER, &(variable), 0, NULL
#define CUSTOM(function) OPT_CUSTOM, NULL, 0, (function)

static const struct option_row rows[] = {
    {"bootscrub", CUSTOM(parse_bootscrub), "clear unused memory: idle, a boolean"},
    {"no-bootscrub", CUSTOM(parse_no_bootscrub), "not before it is handed out"},
    {"badpage", CUSTOM(parse_badpage), "frames not to use: <frame>[-<frame>],..."},
    {"com1", TEXT(console_com_option[0]), "serial port 1: <baud>[,<format>[,<io>[,<irq>]]]"},
    {"com2", TEXT(console_com_option[1]), "serial port 2"},
    {"console", TEXT(console_option), "devices for output: com1, com2, vga, none"},
    {"console_timestamps", CUSTOM(parse_timestamps), "none, date, datems, boot or raw before each line"},
    {"credit2_runqueue", CUSTOM(parse_credit2_runqueue),
     "CPUs that share a queue: cpu, core, socket, node, all"},
    {"dom0_max_vcpus", CUSTOM(parse_dom0_max_vcpus), "virtual CPUs of the first domain: <n> or <min>-<max>"},
    {"dom0_mem", CUSTOM(parse_dom0_mem), "memory of the first domain: <size>[,min:<size>][,max:<size>]"},
    {"dom0_vcpus_pin", BOOL(opt_dom0_vcpus_pin), "each virtual CPU of the first domain stays on one CPU"},
    {"guest_loglvl", CUSTOM(parse_guest_loglvl), "what guests cause is put on the console up to this level"},
    {"loglvl", CUSTOM(parse_loglvl), "none, error, warning, info, debug (all)"},
    {"maxcpus", NUMBER(opt_maxcpus), "use so many CPUs"},
    {"mem", CUSTOM(parse_mem), "use memory below this address only"},
    {"nmi", CUSTOM(parse_nmi), "NMIs of the platform: ignore, dom0 or fatal"},
    {"noreboot", BOOL(opt_noreboot), "halt after a panic"},
    {"reboot", CUSTOM(parse_reboot), "how: acpi, kbd, pci, triple, no"},
    {"sched", TEXT(opt_sched), "scheduler: credit2, null"},
    {"sched_ratelimit_us", NUMBER(opt_sched_ratelimit_us),
     "how long a choice of credit2 stands: 0, or 100 to 500000"},
    {"vga", CUSTOM(parse_vga), "keep: the first domain does not get the screen"},
    {"watchdog", CUSTOM(parse_watchdog), "panic when a CPU is stuck: a boolean, or force"},
    {"watchdog", BOOL(opt_watchdog), "no-watchdog"},
    {"watchdog_timeout", CUSTOM(parse_watchdog_timeout), "after so many seconds"},
    {"x2apic", BOOL(opt_x2apic), "use x2APIC mode where the CPUs have it"},
};

/* Options of Xen's that are no mistake, and change nothing here. */
static const struct {
    const char *name, *why; /* NULL: what GRUB's scripts add, and nobody needs to hear of */
} without_effect[] = {
    {"conring_size", "the log's ring has 64 KiB"},
    {"crashinfo_maxaddr", "there is no kexec in this build"},
    {"crashkernel", "there is no kexec in this build"},
    {"cpufreq", "frequencies are left to the firmware"},
    {"cpuidle", "idle CPUs halt, nothing deeper"},
    {"edd", NULL},
    {"iommu", "there is no IOMMU driver in this build"},
    {"intremap", "there is no IOMMU driver in this build"},
    {"placeholder", NULL},
    {"real-mode", NULL},
    {"smt", "all threads are used"},
    {"spec-ctrl", "there are no speculation controls in this build"},
    {"sync_console", "the console is always synchronous"},
    {"ucode", "microcode is left to the firmware"},
    {"xpti", "PV guests' user mode never sees the hypervisor's tables"},
};
static uint32_t ineffective_given; /* bit n: row n was on the command line */

static bool note_ineffective(const char *name)
{
    if (str_starts_with(name, "no-")) {
        name += 3;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(without_effect); i++) {
        if (!strcmp(name, without_effect[i].name)) {
            ineffective_given |= 1u << i;
            return true;
        }
    }
    return false;
}

/* Does this row take the option, and was its value good? */
static bool apply(const struct option_row *row, const struct cmdline_option *o, bool *is_good)
{
    if (row->type == OPT_BOOL) {
        bool on;

        if (!cmdline_option_bool(o, row->name, &on)) {
            *is_good = false;
            return !strcmp(o->name, row->name);
        }
        *(bool *)row->target = on;
        *is_good = true;
        return true;
    }
    if (strcmp(o->name, row->name)) {
        return false;
    }
    if (row->type == OPT_NUMBER) {
        *is_good = o->value && cmdline_parse_u64(o->value, row->target);
    } else if (row->type == OPT_TEXT) {
        *is_good = o->value && strlcpy(row->target, o->value, row->size) < row->size;
    } else {
        *is_good = row->parse(o->value ? o->value : "");
    }
    return true;
}

void options_parse(const char *cmdline)
{
    struct cmdline line;
    struct cmdline_option o;

    cmdline_init(&line, cmdline);
    while (cmdline_next(&line, &o)) {
        bool is_known = false, is_good = false;

        for (unsigned int i = 0; i < ARRAY_SIZE(rows) && !is_known; i++) {
            is_known = apply(&rows[i], &o, &is_good);
        }
        if (!is_known && note_ineffective(o.name)) {
            continue;
        }
        if ((!is_known || !is_good || o.is_cut) && bad_count < BAD_MAX) {
            strlcpy(bad[bad_count], o.name, sizeof(bad[0]));
            if (is_known && o.value) {
                strlcat(bad[bad_count], "=", sizeof(bad[0]));
                strlcat(bad[bad_count], o.value, sizeof(bad[0]));
            }
            bad_count++;
        }
    }
}

void options_report(void)
{
    for (unsigned int i = 0; i < bad_count; i++) {
        log_warning("Boot option not understood: %s", bad[i]);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(without_effect); i++) {
        if ((ineffective_given >> i & 1) && without_effect[i].why) {
            log_info("Boot option %s has no effect: %s", without_effect[i].name, without_effect[i].why);
        }
    }
    if (has_rate_limit) {
        log_info("Boot options loglvl, guest_loglvl: the level behind the slash has no effect: all messages "
                 "that guests cause are limited, no others");
    }
    if (console_unknown_device()) {
        log_warning("Console option not understood: %s", console_unknown_device());
    }
}
