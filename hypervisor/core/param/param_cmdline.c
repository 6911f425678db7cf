/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters on the command line. It is parsed before there is a console, so what is wrong with it is kept, and reported later. */
#include <base/log.h>
#include <core/param/param.h>
#include <lib/cmdline.h>
#include <lib/string.h>

#define BAD_MAX 16u

/* What was not understood; `param` NULL: an unknown name. */
static struct {
    const struct param *param;
    char text[PARAM_VALUE_MAX];
} bad[BAD_MAX];
static unsigned int bad_count;

/* Options of Xen's that are no mistake, and change nothing here; tools/gen-params.py names them in the page. */
static const struct {
    const char *name, *why; /* NULL: what GRUB's scripts add, and nobody needs to hear of */
} without_effect[] = {
    {"conring_size", "the log's ring has 64 KiB"},
    {"crashinfo_maxaddr", "there is no kexec in this build"},
    {"crashkernel", "there is no kexec in this build"},
    {"cpufreq", "frequencies are left to the firmware"},
    {"cpuidle", "idle CPUs halt, nothing deeper"},
    {"credit2_balance_over", "credit2 balances by virtual times"},
    {"credit2_balance_under", "credit2 balances by virtual times"},
    {"credit2_load_precision_shift", "credit2 keeps no averages of load"},
    {"credit2_load_window_shift", "credit2 keeps no averages of load"},
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

static void note_bad(const struct param *p, const struct cmdline_option *o)
{
    if (bad_count == BAD_MAX) {
        return;
    }
    bad[bad_count].param = p;
    strlcpy(bad[bad_count].text, o->name, sizeof(bad[0].text));
    if (p && o->value) {
        strlcat(bad[bad_count].text, "=", sizeof(bad[0].text));
        strlcat(bad[bad_count].text, o->value, sizeof(bad[0].text));
    }
    bad_count++;
}

/* "name=value", "name", "no-name"; a boolean also as "no-name=value". */
static void set(const struct cmdline_option *o)
{
    const struct param *p = param_find(o->name);
    bool is_negated = !p && str_starts_with(o->name, "no-"), on = true, is_good;

    p = is_negated ? param_find(o->name + 3) : p;
    if (!p) {
        if (!note_ineffective(o->name)) {
            note_bad(NULL, o);
        }
        return;
    }
    if (!is_negated) {
        is_good = !o->is_cut && param_set(p, o->value) == 0;
    } else if (p->kind == PARAM_BOOL) {
        is_good = cmdline_option_bool(o, p->name, &on) && param_set(p, on ? "yes" : "no") == 0;
    } else {
        is_good = p->kind == PARAM_OWN && !o->value && param_set(p, "no") == 0;
    }
    if (!is_good) {
        note_bad(p, o);
    }
}

void params_parse(const char *cmdline)
{
    struct cmdline line;
    struct cmdline_option o;

    cmdline_init(&line, cmdline);
    while (cmdline_next(&line, &o)) {
        set(&o);
    }
}

void params_report(void)
{
    for (unsigned int i = 0; i < bad_count; i++) {
        if (bad[i].param) {
            log_warning("Boot option not understood: %s (allowed: %s)", bad[i].text, bad[i].param->values);
        } else {
            log_warning("Boot option not understood: %s", bad[i].text);
        }
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(without_effect); i++) {
        if ((ineffective_given >> i & 1) && without_effect[i].why) {
            log_info("Boot option %s has no effect: %s", without_effect[i].name, without_effect[i].why);
        }
    }
}
