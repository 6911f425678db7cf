/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_op and set_timer_op: polls and what ends them, watchdogs, who may shut whom down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/sched.h>
#include <core/evtchn/evtchn_ops.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))
#define ID       3

static union {
    struct sched_poll poll;
    struct sched_shutdown shutdown;
    struct sched_remote_shutdown remote;
    struct sched_watchdog watchdog;
} * arg;
static evtchn_port_t *ports;
static struct domain *d;
static struct vcpu *v, *dom0_vcpu;

static int start(void **state)
{
    fake_x86_start();
    arg = (void *)fake_window;
    ports = (evtchn_port_t *)(fake_window + 4096);
    dom0_vcpu = current_vcpu();
    d = fake_domain(ID, GUEST_PV, 2);
    v = d->vcpus[0];
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(evtchn_alloc_unbound(&d->evtchn, 0, &ports[i]), 0);
    }
    set_current_vcpu(v);
    return 0;
}

static int end(void **state)
{
    set_current_vcpu(dom0_vcpu);
    fake_x86_end();
    return 0;
}

static long call_at(unsigned int cmd, uint64_t gva)
{
    struct hypercall c = {.arg = {cmd, gva}};
    long rc = do_sched_op(&c);

    assert_int_equal(lock_held_count(), 0);
    return rc;
}

static long call(unsigned int cmd)
{
    return call_at(cmd, GUEST(arg));
}

/* --- polls ---- */

static bool polls(void)
{
    bool flag = (v->sched.pause_flags & VPF_POLLING) != 0;

    assert_int_equal(flag, d->poll_mask[0] & 1);
    return flag;
}

static long poll(evtchn_port_t *list, uint32_t count, uint64_t timeout)
{
    arg->poll = (struct sched_poll){.nr_ports = count, .timeout = timeout};
    set_xen_guest_handle(arg->poll.ports, list);
    return call(SCHEDOP_poll);
}

static void raise(unsigned int i)
{
    __atomic_fetch_or(&d->shared->evtchn_pending[0], 1ul << ports[i], __ATOMIC_SEQ_CST);
    evtchn_wake_pollers(&d->evtchn, ports[i]);
}

static void clear_events(void)
{
    d->shared->evtchn_pending[0] = 0;
    v->info->evtchn_upcall_pending = 0;
}

static void poll_refused(void **state)
{
    evtchn_port_t *edge = (evtchn_port_t *)(fake_window + FAKE_WINDOW) - 1;

    assert_int_equal(poll(ports, 129, 0), -XEN_EINVAL);
    assert_int_equal(poll(ports, ~0u, 0), -XEN_EINVAL);
    assert_false(polls());
    *edge = ports[0];
    assert_int_equal(poll(edge, 2, 0), -XEN_EFAULT);
    assert_false(polls());
    ports[3] = EVTCHN_FIFO_NR_CHANNELS; /* no port */
    assert_int_equal(poll(ports, 4, 0), -XEN_EINVAL);
    assert_false(polls());
    ports[3] = ~0u;
    assert_int_equal(poll(ports, 4, 0), -XEN_EINVAL);
    assert_false(polls());
    assert_int_equal(call_at(SCHEDOP_poll, 8), -XEN_EFAULT);
}

static void poll_one(void **state)
{
    assert_int_equal(poll(ports, 1, 0), 0);
    assert_true(polls());
    raise(1); /* another */
    assert_true(polls());
    raise(0);
    assert_false(polls());
    assert_int_equal(poll(ports, 1, 0), 0); /* it is pending still */
    assert_false(polls());
}

static void poll_several(void **state)
{
    assert_int_equal(poll(ports, 1, 0), 0); /* what was polled before does not matter */
    vcpu_end_poll(v);
    assert_int_equal(poll(ports, 3, 0), 0);
    assert_true(polls());
    raise(2);
    assert_false(polls());
    clear_events();
    assert_int_equal(poll(ports, 3, 0), 0);
    raise(3); /* not polled: the guest looks again */
    assert_false(polls());
    clear_events();
    assert_int_equal(poll(NULL, 0, 0), 0);
    assert_true(polls());
    vcpu_end_poll(v);
    v->info->evtchn_upcall_pending = 1; /* an upcall is to be taken: no sleep */
    v->info->evtchn_upcall_mask = 0;
    assert_int_equal(poll(NULL, 0, 0), 0);
    assert_false(polls());
    v->info->evtchn_upcall_mask = 1;
    assert_int_equal(poll(NULL, 0, 0), 0);
    assert_true(polls());
    vcpu_end_poll(v);
}

static void poll_until(void **state)
{
    assert_int_equal(poll(NULL, 0, port_now_ns() + MILLISECS(5)), 0);
    assert_true(polls());
    host_advance(MILLISECS(4));
    assert_true(polls());
    host_advance(MILLISECS(2));
    assert_false(polls());
    assert_int_equal(poll(ports, 1, 1), 0); /* past: at once */
    host_advance(1);
    assert_false(polls());
    assert_int_equal(poll(ports, 1, ~0ull), 0); /* practically never */
    host_advance(SECONDS(1000));
    assert_true(polls());
    raise(0);
}

static void blocking(void **state)
{
    v->info->evtchn_upcall_mask = 1;
    assert_int_equal(call(SCHEDOP_block), 0);
    assert_int_equal(v->info->evtchn_upcall_mask, 0);
    assert_true(v->sched.pause_flags & VPF_BLOCKED);
    vcpu_unblock(v);
    v->info->evtchn_upcall_mask = 1;
    v->info->evtchn_upcall_pending = 1; /* it waits no longer than it did */
    assert_int_equal(call(SCHEDOP_block), 0);
    assert_false(v->sched.pause_flags & VPF_BLOCKED);
    assert_int_equal(call(SCHEDOP_yield), 0);
}

/* --- shutdown ---- */

static void shutting_down(void **state)
{
    assert_int_equal(call_at(SCHEDOP_shutdown, 8), -XEN_EFAULT);
    assert_int_equal(call_at(SCHEDOP_shutdown_code, 8), -XEN_EFAULT);
    assert_false(d->is_shut_down);
    arg->shutdown.reason = SHUTDOWN_crash;
    assert_int_equal(call(SCHEDOP_shutdown_code), 0);
    assert_false(d->is_shut_down);
    arg->shutdown.reason = SHUTDOWN_reboot;
    assert_int_equal(call(SCHEDOP_shutdown), 0);
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_crash); /* as it was announced */
}

static void shutting_others_down(void **state)
{
    arg->remote = (struct sched_remote_shutdown){.domain_id = 0, .reason = SHUTDOWN_poweroff};
    assert_int_equal(call(SCHEDOP_remote_shutdown), -XEN_EPERM);
    arg->remote.domain_id = ID;
    assert_int_equal(call(SCHEDOP_remote_shutdown), -XEN_EPERM);
    arg->remote.domain_id = DOMID_SELF;
    assert_int_equal(call(SCHEDOP_remote_shutdown), -XEN_ESRCH);
    assert_int_equal(call_at(SCHEDOP_remote_shutdown, 8), -XEN_EFAULT);
    assert_int_equal(call(SCHEDOP_pin_override), -XEN_EPERM);
    set_current_vcpu(dom0_vcpu);
    arg->remote.domain_id = 0; /* the machine goes down another way */
    assert_int_equal(call(SCHEDOP_remote_shutdown), -XEN_EPERM);
    arg->remote.domain_id = 9;
    assert_int_equal(call(SCHEDOP_remote_shutdown), -XEN_ESRCH);
    assert_false(d->is_shut_down);
    arg->remote = (struct sched_remote_shutdown){.domain_id = ID, .reason = SHUTDOWN_reboot};
    assert_int_equal(call(SCHEDOP_remote_shutdown), 0);
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_reboot);
    assert_int_equal(call(SCHEDOP_pin_override), -XEN_ENOSYS);
    assert_int_equal(call(8), -XEN_ENOSYS);
    assert_int_equal(call(~0u), -XEN_ENOSYS);
}

/* --- watchdogs ---- */

static long watchdog(uint32_t id, uint32_t seconds)
{
    arg->watchdog = (struct sched_watchdog){.id = id, .timeout = seconds};
    return call(SCHEDOP_watchdog);
}

static void watchdogs(void **state)
{
    assert_int_equal(watchdog(0, 0), -XEN_EINVAL);
    assert_int_equal(watchdog(1, 5), -XEN_EINVAL); /* nobody took it */
    assert_int_equal(watchdog(3, 5), -XEN_EINVAL);
    assert_int_equal(watchdog(~0u, 5), -XEN_EINVAL);
    assert_int_equal(call_at(SCHEDOP_watchdog, 8), -XEN_EFAULT);
    assert_int_equal(watchdog(0, 5), 1);
    assert_int_equal(watchdog(0, ~0u), 2);
    assert_int_equal(watchdog(0, 5), -XEN_ENOSPC);
    host_advance(SECONDS(4));
    assert_int_equal(watchdog(1, 5), 0); /* fed */
    host_advance(SECONDS(4));
    assert_false(d->is_shut_down);
    assert_int_equal(watchdog(1, 0), 0); /* and given back */
    assert_int_equal(watchdog(1, 5), -XEN_EINVAL);
    host_advance(SECONDS(1000));
    assert_false(d->is_shut_down);
    assert_int_equal(watchdog(0, 1), 1);
    host_advance(SECONDS(1) + 1);
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_watchdog);
}

static void timer(void **state)
{
    struct hypercall c = {.arg = {port_now_ns() + MILLISECS(1)}};

    assert_int_equal(do_set_timer_op(&c), 0);
    assert_true(timer_is_armed(&v->singleshot));
    c.arg[0] = 0;
    assert_int_equal(do_set_timer_op(&c), 0);
    assert_false(timer_is_armed(&v->singleshot));
    c.arg[0] = 1; /* past: at once */
    host_advance(100);
    assert_int_equal(do_set_timer_op(&c), 0);
    host_advance(1);
    assert_false(timer_is_armed(&v->singleshot));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(poll_refused),         T(poll_one),  T(poll_several), T(poll_until), T(blocking), T(shutting_down),
        T(shutting_others_down), T(watchdogs), T(timer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
