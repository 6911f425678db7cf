/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is typed at the console (console_switch.c), and debug keys at a crash (crash_keys.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <base/log.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/hypercall/console_input.h>
#include <core/hypercall/crash_keys.h>
#include <core/hypercall/debug_keys.h>
#include <core/param/param.h>

#define CTRL_A "\x01"
#define CTRL_B "\x02"

static char pressed[64];
static uint64_t pressed_at_ns[64];
static uint32_t debug_port; /* VIRQ_DEBUG of domain 0 */

static void note(char key)
{
    size_t n = strlen(pressed);

    pressed[n] = key;
    pressed_at_ns[n] = port_now_ns();
    pressed[n + 1] = 0;
}

static void key_y(void)
{
    note('y');
}

/* A key that crashes: that crash presses no keys. */
static void key_z(void)
{
    note('z');
    assert_true(crash_keys_at_work());
    crash_keys_press(CRASH_PANIC);
    debug_key_press('q');
    assert_false(evtchn_is_pending(&fake_dom0->evtchn, debug_port));
}

static int start(void **state)
{
    fake_x86_start();
    host_console_clear();
    if (debug_port == 0 && evtchn_bind_virq(&fake_dom0->evtchn, VIRQ_DEBUG, 0, &debug_port) != 0) {
        return -1;
    }
    debug_key_register('y', "test", key_y);
    debug_key_register('z', "test", key_z);
    memset(pressed, 0, sizeof(pressed));
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static void type(const char *text)
{
    while (*text) {
        console_input(*text++);
    }
    host_run_softirqs();
}

/* What the hardware domain reads; its terminator is added. */
static const char *domain_reads(void)
{
    struct hypercall c = {.arg = {CONSOLEIO_read, 64, (uint64_t)(uintptr_t)fake_window}};
    long n = do_console_io(&c);

    assert_true(n >= 0);
    fake_window[n] = 0;
    return (const char *)fake_window;
}

static void switching(void **state)
{
    const struct param *p = param_find("conswitch");

    console_switch_init();
    type("ls y" CTRL_A "x" CTRL_A CTRL_A "x");
    assert_string_equal(domain_reads(), "ls y" CTRL_A "x" CTRL_A CTRL_A "x");
    assert_string_equal(pressed, "");
    type(CTRL_A CTRL_A);
    assert_string_equal(domain_reads(), "");
    type(CTRL_A "yy" CTRL_A "y?");
    assert_string_equal(domain_reads(), "");
    assert_string_equal(pressed, "yyy");
    assert_non_null(
        strstr(host_console(), "Console input goes to the debug keys (Ctrl-a three times switches)"));
    type(CTRL_A CTRL_A CTRL_A "y");
    assert_string_equal(domain_reads(), "y");
    assert_string_equal(pressed, "yyy");
    assert_int_equal(param_set(p, "b"), 0);
    type(CTRL_A CTRL_A CTRL_A CTRL_B CTRL_B CTRL_B "y");
    assert_string_equal(domain_reads(), CTRL_A CTRL_A CTRL_A);
    assert_string_equal(pressed, "yyyy");
    type(CTRL_B CTRL_B CTRL_B);
    assert_int_equal(param_set(p, "`"), 0);
    type(CTRL_B CTRL_B CTRL_B CTRL_B);
    assert_string_equal(domain_reads(), CTRL_B CTRL_B CTRL_B CTRL_B);
    assert_int_equal(param_set(p, "ax"), 0);
    console_switch_init();
    type("y");
    assert_string_equal(pressed, "yyyyy");
    type("yyyyyyyyyyyyyyyyyyyyyyyyy"); /* no more wait than there is room for */
    assert_int_equal(strlen(pressed), 5 + 16);
    type(CTRL_A CTRL_A CTRL_A);
    assert_int_equal(param_set(p, "a"), 0);
}

/* What is shown can be set again. */
static void switch_key_shown(void **state)
{
    static const char *const keys[][2] = {{"a", "a"}, {"Bx", "bx"}, {"_", "_"}, {"[x", "[x"},
                                          {"`", "@"}, {"@", "@"},   {"~", "^"}};
    const struct param *p = param_find("conswitch");
    char shown[8];

    for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_int_equal(param_set(p, keys[i][0]), 0);
        param_show(p, shown, sizeof(shown));
        assert_string_equal(shown, keys[i][1]);
        assert_int_equal(param_set(p, shown), 0);
    }
    assert_int_equal(param_set(p, "\x7f"), -XEN_EINVAL);
    assert_int_equal(param_set(p, "a"), 0);
}

static void crash(void **state)
{
    uint64_t before = port_now_ns();

    crash_keys_press(CRASH_HWDOM); /* none are named: a later crash may still press its own */
    assert_string_equal(pressed, "");
    assert_int_equal(param_set(param_find("crash-debug-watchdog"), "y+yz!++y"), 0);
    assert_int_equal(param_set(param_find("crash-debug-panic"), "y"), 0);
    log_levels = (struct log_levels){LOG_NONE, LOG_NONE};
    crash_keys_press(CRASH_WATCHDOG);
    assert_string_equal(pressed, "yyzy");
    assert_int_equal(pressed_at_ns[1] - before, MILLISECS(10));
    assert_int_equal(pressed_at_ns[3] - before, MILLISECS(30));
    assert_non_null(strstr(host_console(), "Debug key 'y'"));
    assert_false(crash_keys_at_work());
    crash_keys_press(CRASH_PANIC);
    assert_string_equal(pressed, "yyzy");
    log_levels = (struct log_levels){LOG_INFO, LOG_INFO};
}

/* Guests that want to know of key q are told (but not in a crash: key_z). */
static void guests_are_told(void **state)
{
    assert_false(evtchn_is_pending(&fake_dom0->evtchn, debug_port));
    debug_key_press('q');
    assert_true(evtchn_is_pending(&fake_dom0->evtchn, debug_port));
}

/* A crash while others hold locks: nobody waits for them. */
static void broken_locks(void **state)
{
    struct spinlock l = SPINLOCK_INIT(domlist);
    unsigned long flags = spin_lock_irqsave(&l);

    locks_break();
    spin_lock(&l);
    spin_unlock(&l);
    spin_lock(&l);
    spin_unlock(&l);
    locks_are_broken = false;
    spin_unlock_irqrestore(&l, flags);
    assert_int_equal(lock_held_count(), 0);
}

static void queues_shown(void **state)
{
    struct sched_vcpu *s = &fake_domain(1, GUEST_PV, 1)->vcpus[0]->sched;

    debug_key_press('r');
    assert_non_null(strstr(host_console(), "runqueue of pCPUs 0xf, pool 0: 0 wait\n"));
    assert_non_null(strstr(host_console(), "    pCPU 3: idle, chosen "));
    assert_null(strstr(host_console(), "waits"));
    s->pause_count = s->pause_flags = 0;
    sched_wake(s);
    debug_key_press('r');
    assert_non_null(strstr(host_console(), "runqueue of pCPUs 0xf, pool 0: 1 wait\n"));
    assert_non_null(strstr(host_console(), "waits d1v0: pCPU "));
    assert_non_null(strstr(host_console(), "idle, told to choose, chosen "));
    s->pause_count = 1;
    sched_sleep(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(switching, start, end),
        cmocka_unit_test_setup_teardown(switch_key_shown, start, end),
        cmocka_unit_test_setup_teardown(crash, start, end),
        cmocka_unit_test_setup_teardown(guests_are_told, start, end),
        cmocka_unit_test_setup_teardown(queues_shown, start, end),
        cmocka_unit_test_setup(broken_locks, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
