/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_op: yield, block, poll; runstate. */
#include "guest.h"

#define MS 1000000UL

TEST(yield)
{
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(sched_op(SCHEDOP_yield, 0), 0);
    }
}
TEST(block_with_pending_event)
{ /* returns at once */
    if (!g.pv) {
        SKIP("PV only");
    }
    long p = bind_ipi(0);
    port_mask(p, false);
    events_off();
    CHECK_EQ(port_send(p), 0);
    CHECK_EQ(sched_op(SCHEDOP_block, 0), 0);
    CHECK(events_enabled());
    CHECK_EQ(evt_count[p], 1);
    events_off();
    CHECK_EQ(port_close(p), 0);
}
TEST(poll_pending)
{
    evtchn_port_t ports[1];
    long p = bind_ipi(0);
    ports[0] = p;
    struct sched_poll poll = {.nr_ports = 1, .timeout = now_ns() + 2000 * MS};
    set_xen_guest_handle(poll.ports, ports);
    CHECK_EQ(port_send(p), 0);
    u64 t0 = now_ns();
    CHECK_EQ(sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(now_ns() - t0 < 1000 * MS);
    CHECK_EQ(port_close(p), 0);
}
TEST(poll_timeout)
{
    evtchn_port_t ports[1];
    long p = bind_ipi(0);
    ports[0] = p;
    struct sched_poll poll = {.nr_ports = 1};
    set_xen_guest_handle(poll.ports, ports);
    poll.timeout = now_ns() + 10 * MS;
    CHECK_EQ(sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(now_ns() >= poll.timeout);
    CHECK_EQ(port_close(p), 0);
}
TEST(poll_errors)
{
    evtchn_port_t ports[2] = {0x7fffffff, 0};
    struct sched_poll poll = {.nr_ports = 129, .timeout = 1};
    set_xen_guest_handle(poll.ports, ports);
    CHECK_EQ(sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    poll.nr_ports = 1;
    poll.timeout = now_ns() + 5 * MS;
    CHECK_EQ(sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL);
    set_xen_guest_handle(poll.ports, (void *)NOWHERE);
    CHECK_EQ(sched_op(SCHEDOP_poll, &poll), -XEN_EFAULT);
}
/* Without ports any event of the domain ends it, also a masked one. The console's and the store's, which the tools send when they like and nobody here
 * takes, can do so once each. */
TEST(poll_no_ports)
{
    struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + 3 * MS};
    int woken = 0;
    do {
        CHECK_EQ(sched_op(SCHEDOP_poll, &poll), 0);
    } while (now_ns() < poll.timeout && woken++ < 2);
    CHECK(now_ns() >= poll.timeout);
}
TEST(poll_no_ports_ends_by_any_event)
{
    long p = bind_virq(VIRQ_TIMER, 0);
    u64 t0 = now_ns();
    struct sched_poll poll = {.nr_ports = 0, .timeout = t0 + 5000 * MS};
    CHECK(p > 0);
    CHECK_EQ(hc1(__HYPERVISOR_set_timer_op, t0 + MS), 0);
    for (int woken = 0; !port_pending(p) && woken <= 2; woken++) {
        CHECK_EQ(sched_op(SCHEDOP_poll, &poll), 0);
    }
    CHECK(port_pending(p));
    CHECK(now_ns() < poll.timeout);
    CHECK_EQ(port_close(p), 0);
}
TEST(shutdown_code_errors)
{
    CHECK_EQ(sched_op(SCHEDOP_shutdown, (void *)NOWHERE), -XEN_EFAULT);
}
TEST(pin_override_refused)
{
    struct sched_pin_override p = {.pcpu = 0};
    if (g.dom0) {
        SKIP("it may");
    }
    CHECK_EQ(sched_op(SCHEDOP_pin_override, &p), -XEN_EPERM);
}
TEST(remote_shutdown_errors)
{
    struct sched_remote_shutdown s = {.domain_id = 31000};
    CHECK_EQ(sched_op(SCHEDOP_remote_shutdown, &s), -XEN_ESRCH);
}
TEST(watchdog)
{
    struct sched_watchdog w = {.id = 99, .timeout = 10};
    CHECK_EQ(sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
    w.id = 0;
    w.timeout = 100;
    long id = sched_op(SCHEDOP_watchdog, &w);
    CHECK(id > 0);
    w.id = id;
    CHECK_EQ(sched_op(SCHEDOP_watchdog, &w), 0);
    w.timeout = 0;
    CHECK_EQ(sched_op(SCHEDOP_watchdog, &w), 0);
}
TEST(runstate)
{
    static struct vcpu_runstate_info r;
    CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &r), 0);
    CHECK_EQ(r.state, RUNSTATE_running);
    u64 sum = r.time[0] + r.time[1] + r.time[2] + r.time[3];
    CHECK(sum > 0 && sum <= now_ns() + MS);
    CHECK(r.time[RUNSTATE_running] > 0);
    u64 t = r.time[RUNSTATE_running];
    CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 0, &r), 0);
    CHECK(r.time[RUNSTATE_running] >= t);
}
TEST(runstate_area)
{
    static struct vcpu_runstate_info r;
    struct vcpu_register_runstate_memory_area a;
    a.addr.v = &r;
    CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &a), 0);
    CHECK_EQ(r.state, RUNSTATE_running);
    u64 t = r.time[RUNSTATE_blocked];
    /* on a busy machine the time may be over before the call is made, which then does not block */
    for (u64 ms = 5; ms < 2000 && r.time[RUNSTATE_blocked] == t; ms *= 2) {
        struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + ms * MS};
        CHECK_EQ(sched_op(SCHEDOP_poll, &poll), 0);
    }
    CHECK(r.time[RUNSTATE_blocked] > t);
}
TEST(physid)
{
    struct vcpu_get_physid p = {0};
    long rc = vcpu_op(VCPUOP_get_physid, 0, &p);
    CHECK(rc == 0 || rc == -XEN_EINVAL || rc == -XEN_ENOSYS);
}
