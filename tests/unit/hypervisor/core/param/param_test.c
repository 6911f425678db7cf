/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters: every declaration of params.def with its own examples, the command line, and what is said about mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <base/log.h>
#include <core/gnttab/gnttab.h>
#include <core/param/options.h>
#include <core/param/param.h>
#include <core/sched/arch.h>
#include <core/sched/sched.h>
#include <host/host.h>
#include <lib/cmdline.h>
#include <lib/printf.h>
#include <lib/string.h>

/* The columns that the hypervisor itself does not hold. */
static const struct {
    const char *name, *initial, *good, *bad;
} declared[] = {
#define PARAM(name, kind, when, values, initial, good, bad, meaning) {name, initial, good, bad},
#include <core/param/params.def>
#undef PARAM
};

/* Nothing runs here. */
void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next)
{
}

void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *to)
{
}

void arch_resume(struct sched_vcpu *held)
{
}

void arch_release(struct sched_vcpu *held, struct sched_vcpu *to)
{
}

void arch_runstate_changed(struct sched_vcpu *v)
{
}

static int start(void **state)
{
    host_init(1, 1 << 22);
    host_console_clear();
    log_levels = (struct log_levels){LOG_INFO, LOG_INFO};
    opt_bad_range_count = 0;
    return 0;
}

/* The next of the words in @list, which moves on; false at the end. */
static bool next_word(const char **list, char *word)
{
    size_t n = 0;

    while ((*list)[n] && (*list)[n] != ' ') {
        n++;
    }
    str_copy_bytes(word, CMDLINE_WORD_MAX, *list, n);
    *list += n + ((*list)[n] == ' ');
    return n > 0;
}

static void declarations(void **state)
{
    assert_int_equal(param_count(), ARRAY_SIZE(declared));
    for (unsigned int i = 0; i < param_count(); i++) {
        const struct param *p = param_at(i);
        char shown[PARAM_VALUE_MAX];

        assert_ptr_equal(param_find(p->name), p);
        assert_true(i == 0 || strcmp(param_at(i - 1)->name, p->name) < 0);
        if (p->is_runtime) {
            assert_true(p->kind != PARAM_OWN || p->show);
            param_show(p, shown, sizeof(shown));
            assert_string_equal(shown, declared[i].initial);
        }
    }
    assert_null(param_find("loglv"));
    assert_null(param_find(""));
}

/* Good values are taken, and what is shown then is a value that says the same. */
static void good_values(void **state)
{
    char value[CMDLINE_WORD_MAX], shown[PARAM_VALUE_MAX], again[PARAM_VALUE_MAX];

    for (unsigned int i = 0; i < param_count(); i++) {
        const struct param *p = param_at(i);
        const char *list = declared[i].good;

        assert_true(*list != 0);
        while (next_word(&list, value)) {
            if (param_set(p, value) != 0) {
                fail_msg("%s=%s is refused", p->name, value);
            }
            if (p->is_runtime) {
                param_show(p, shown, sizeof(shown));
                assert_int_equal(param_set(p, shown), 0);
                param_show(p, again, sizeof(again));
                assert_string_equal(again, shown);
            }
        }
        if (p->is_runtime) {
            assert_int_equal(param_set(p, declared[i].initial), 0);
        }
    }
}

static void bad_values(void **state)
{
    char value[CMDLINE_WORD_MAX], before[PARAM_VALUE_MAX], after[PARAM_VALUE_MAX];

    for (unsigned int i = 0; i < param_count(); i++) {
        const struct param *p = param_at(i);
        const char *list = declared[i].bad;

        assert_true(*list != 0 || p->kind == PARAM_TEXT || !strcmp(p->name, "vga"));
        param_show(p, before, sizeof(before));
        while (next_word(&list, value)) {
            if (param_set(p, value) != -XEN_EINVAL) {
                fail_msg("%s=%s is not refused", p->name, value);
            }
        }
        param_show(p, after, sizeof(after));
        assert_string_equal(after, before);
    }
}

static void too_long(void **state)
{
    char text[PARAM_VALUE_MAX + 1];

    memset(text, '~', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    for (unsigned int i = 0; i < param_count(); i++) {
        const struct param *p = param_at(i);

        if (strcmp(p->name, "vga")) {
            assert_int_equal(param_set(p, text), p->kind == PARAM_TEXT ? -XEN_ENOSPC : -XEN_EINVAL);
        }
    }
}

static void limits_of_numbers(void **state)
{
    for (unsigned int i = 0; i < param_count(); i++) {
        const struct param *p = param_at(i);
        char text[32], before[PARAM_VALUE_MAX];

        if (p->kind != PARAM_NUMBER) {
            continue;
        }
        param_show(p, before, sizeof(before));
        zsnprintf(text, sizeof(text), "%lu", (unsigned long)p->max);
        assert_int_equal(param_set(p, text), 0);
        zsnprintf(text, sizeof(text), "%lu", (unsigned long)p->min);
        assert_int_equal(param_set(p, text), 0);
        zsnprintf(text, sizeof(text), "%lu", (unsigned long)p->max + 1);
        assert_int_equal(param_set(p, text), -XEN_EINVAL);
        assert_int_equal(param_set(p, NULL), -XEN_EINVAL);
        assert_int_equal(*(uint64_t *)p->target, p->min);
        assert_int_equal(param_set(p, before), 0);
    }
}

/* --- the command line ------------------------------------------------------------------------------------------------------------------------------ */

static void command_line(void **state)
{
    params_parse("loglvl=error/all noreboot x2apic=off no-bootscrub dom0_mem=512M,max:1G com1=9600 "
                 "gnttab_max_frames=10 watchdog=force -- loglvl=none");
    assert_int_equal(log_levels.always, LOG_ERROR);
    assert_int_equal(log_levels.limited, LOG_DEBUG);
    assert_true(opt_noreboot);
    assert_false(opt_x2apic);
    assert_int_equal(opt_bootscrub, BOOTSCRUB_NO);
    assert_int_equal(opt_dom0_mem.size_bytes, 512 << 20);
    assert_int_equal(opt_dom0_mem.max_bytes, 1 << 30);
    assert_string_equal(opt_com[0], "9600");
    assert_int_equal(gnttab_limits.frames, 10);
    assert_true(opt_watchdog && opt_watchdog_force);
    params_parse("no-watchdog no-noreboot noreboot=no sched_ratelimit_us=200 gnttab_max_frames=64");
    assert_false(opt_watchdog || opt_noreboot);
    assert_int_equal(sched_ratelimit(), 200);
    params_parse("sched_ratelimit_us=1000 loglvl=info");
    params_report();
    assert_string_equal(host_console(), "");
}

static void mistakes(void **state)
{
    params_parse("loglvl=loud nonsense=1 no-com1 no-loglvl no-bootscrub=1 maxcpus smt=off no-real-mode");
    params_report();
    assert_non_null(strstr(host_console(), "Boot option not understood: loglvl=loud (allowed: none|error|"));
    assert_non_null(strstr(host_console(), "Boot option not understood: nonsense\n"));
    assert_non_null(strstr(host_console(), "Boot option not understood: no-com1 (allowed: <baud>"));
    assert_non_null(strstr(host_console(), "Boot option not understood: no-loglvl (allowed"));
    assert_non_null(strstr(host_console(), "Boot option not understood: no-bootscrub=1 (allowed"));
    assert_non_null(strstr(host_console(), "Boot option not understood: maxcpus (allowed: <number>)"));
    assert_non_null(strstr(host_console(), "Boot option smt has no effect: all threads are used"));
    assert_null(strstr(host_console(), "real-mode"));
}

static void refusals_are_explained(void **state)
{
    param_log_refused(param_find("loglvl"), "lo\x1bud");
    assert_non_null(strstr(host_console(), "Parameter loglvl: \"lo?ud\" is refused; allowed: none|error|"));
    param_log_unknown("xpti\n");
    assert_non_null(strstr(host_console(), "\"xpti?\" is no parameter that can be changed now; these are:"));
    for (unsigned int i = 0; i < param_count(); i++) {
        if (param_at(i)->is_runtime) {
            assert_non_null(strstr(host_console(), param_at(i)->name));
        }
    }
}

static void bad_pages(void **state)
{
    params_parse("badpage=0x100 badpage=0x200-0x2ff,5");
    assert_int_equal(opt_bad_range_count, 3);
    assert_int_equal(opt_bad_range[1].start, 0x200000);
    assert_int_equal(opt_bad_range[1].end, 0x300000);
    params_parse("badpage=1,2,3,4,5,6,7,8,9,10,11,12,13,14"); /* one too many: none of them */
    assert_int_equal(opt_bad_range_count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(declarations, start),
        cmocka_unit_test_setup(good_values, start),
        cmocka_unit_test_setup(bad_values, start),
        cmocka_unit_test_setup(too_long, start),
        cmocka_unit_test_setup(limits_of_numbers, start),
        cmocka_unit_test_setup(command_line, start),
        cmocka_unit_test_setup(mistakes, start),
        cmocka_unit_test_setup(refusals_are_explained, start),
        cmocka_unit_test_setup(bad_pages, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
