/* SPDX-License-Identifier: GPL-2.0-or-later */
/* console_io: what guests write is shown harmless and with their number, what was typed is for the hardware domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <base/log.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/hypercall/console_input.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))
#define PV       3

static struct domain *pv;
static struct vcpu *dom0_vcpu;

static int start(void **state)
{
    fake_x86_start();
    dom0_vcpu = current_vcpu();
    pv = fake_domain(PV, GUEST_PV, 1);
    return 0;
}

static int end(void **state)
{
    set_current_vcpu(dom0_vcpu);
    fake_x86_end();
    return 0;
}

static void as(struct domain *d)
{
    set_current_vcpu(d->vcpus[0]);
}

static long console(uint64_t op, uint64_t count, uint64_t gva)
{
    struct hypercall c = {.arg = {op, count, gva}};
    long rc;

    while ((rc = do_console_io(&c)) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    return rc;
}

static void console_writes(void **state)
{
    static const char text[] = "one\ntwo\x1b[2J\rthree";

    memcpy(fake_window, text, sizeof(text));
    log_guest_levels = (struct log_levels){LOG_INFO, LOG_INFO};
    as(pv);
    host_console_clear();
    assert_int_equal(console(CONSOLEIO_write, sizeof(text) - 1, GUEST(fake_window)), 0);
    assert_non_null(strstr(host_console(), "(d3) one\n"));
    assert_non_null(strstr(host_console(), "(d3) two [2J three\n")); /* nothing that a terminal would obey */
    assert_null(strchr(host_console(), 0x1b));
    assert_int_equal(console(CONSOLEIO_write, 16, GUEST(fake_window + FAKE_WINDOW - 8)), -XEN_EFAULT);
    assert_int_equal(console(CONSOLEIO_write, 1ull << 32, 8), 0); /* of 32 bits: none */
    assert_int_equal(console(CONSOLEIO_write, ~0u, GUEST(fake_window + FAKE_WINDOW - 8)), -XEN_EFAULT);
    assert_int_equal(console(2, 1, GUEST(fake_window)), -XEN_ENOSYS);
    set_current_vcpu(dom0_vcpu);
    host_console_clear();
    assert_int_equal(console(CONSOLEIO_write, sizeof(text) - 1, GUEST(fake_window)), 0);
    assert_string_equal(host_console(), text); /* its own terminal */
}

static void console_reads(void **state)
{
    as(pv);
    assert_int_equal(console(CONSOLEIO_read, 4, GUEST(fake_window)), -XEN_EPERM);
    set_current_vcpu(dom0_vcpu);
    assert_int_equal(console(CONSOLEIO_read, 4, GUEST(fake_window)), 0);
    for (unsigned int i = 0; i < 2000; i++) { /* more than fits: the first stay */
        console_input_push((char)('a' + i % 26));
    }
    assert_int_equal(console(CONSOLEIO_read, 3, GUEST(fake_window)), 3);
    assert_memory_equal(fake_window, "abc", 3);
    assert_int_equal(console(CONSOLEIO_read, ~0u, GUEST(fake_window)), 1021);
    assert_int_equal(fake_window[1020], 'a' + 1023 % 26);
    console_input_push('x');
    assert_int_equal(console(CONSOLEIO_read, 1, 8), -XEN_EFAULT);
    (void)console(CONSOLEIO_read, 2000, GUEST(fake_window));
}

static bool told(uint32_t port)
{
    bool was = evtchn_is_pending(&fake_dom0->evtchn, port);

    fake_dom0->shared->evtchn_pending[port / 64] &= ~(1ul << port % 64);
    return was;
}

static void log_reader_is_told(void **state)
{
    uint32_t port;

    set_current_vcpu(dom0_vcpu);
    console_io_init();
    assert_int_equal(evtchn_bind_virq(&fake_dom0->evtchn, VIRQ_CON_RING, 0, &port), 0);
    log_info("a line");
    assert_false(told(port)); /* not by whoever writes: he may hold any lock */
    host_run_softirqs();
    assert_true(told(port));
    host_run_softirqs();
    assert_false(told(port));
    log_raw("a guest's\n", 10); /* is not in the ring */
    host_run_softirqs();
    assert_false(told(port));
    log_debug("a line that the console does not get");
    host_run_softirqs();
    assert_true(told(port));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(console_writes), T(console_reads), T(log_reader_is_told)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
