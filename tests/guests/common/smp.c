/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two vCPUs: events and timers of each, IPIs both ways, moving a channel, blocking and waking. */
#include "guest.h"

#define SEC 1000000000UL
#define MS  1000000UL

static volatile u32 state, command, at_cpu1, ready;
static long ipi0, ipi1;

enum { RUN_SPIN, RUN_ECHO, RUN_BLOCK, RUN_TIMER };
static void on_port(u32 port)
{
    if (this_cpu() == 1) {
        at_cpu1++;
        if (port == ipi1 && command == RUN_ECHO) {
            port_send(ipi0);
        }
    }
}
static void second(void)
{
    events_on();
    state = 1;
    for (;;) {
        if (command == RUN_BLOCK) {
            events_off(); /* an event from here on is there when the vCPU blocks, and both ways of blocking let it in */
            ready++;
            if (g.pv) {
                sched_op(SCHEDOP_block, 0);
            } else {
                asm volatile("sti; hlt" ::: "memory");
            }
            state++;
        }
        pause();
    }
}
static void up(void)
{
    if (state) {
        evt_handler = on_port;
        return;
    }
    evt_handler = on_port;
    ipi0 = bind_ipi(0);
    ipi1 = bind_ipi(1);
    CHECK(ipi0 > 0 && ipi1 > 0);
    port_mask(ipi0, false);
    port_mask(ipi1, false);
    CHECK_EQ(cpu_start(1, second), 0);
    CHECK(wait_count(&state, 1, 5 * SEC));
}
TEST(starts)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(up());
}
TEST(ipi_to_spinning)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(up());
    command = RUN_SPIN;
    for (int i = 1; i <= 20; i++) {
        evt_count[ipi1] = 0;
        CHECK_EQ(port_send(ipi1), 0);
        CHECK(wait_count(&evt_count[ipi1], 1, 5 * SEC));
    }
    CHECK(wait_count(&at_cpu1, 20, 5 * SEC)); /* the handler runs after the count */
}
TEST(ipi_echo)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(up());
    command = RUN_ECHO;
    events_on();
    for (u32 i = 1; i <= 20; i++) {
        evt_count[ipi0] = 0;
        CHECK_EQ(port_send(ipi1), 0);
        CHECK(wait_count(&evt_count[ipi0], 1, 5 * SEC));
    }
    events_off();
}
TEST(wake_blocked)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(up());
    ready = 0;
    command = RUN_BLOCK;
    for (u32 i = 1; i <= 10; i++) {
        CHECK(wait_count(&ready, i, 5 * SEC));
        u32 before = state;
        u64 t = now_ns();
        while (now_ns() - t < 2 * MS) {
            pause(); /* let it block */
        }
        CHECK_EQ(port_send(ipi1), 0);
        CHECK(wait_count(&state, before + 1, 5 * SEC));
    }
    command = RUN_SPIN;
    CHECK_EQ(port_send(ipi1), 0);
}
TEST(runstate_of_other)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(up());
    struct vcpu_runstate_info r;
    CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, 1, &r), 0);
    CHECK(r.time[RUNSTATE_running] > 0);
    CHECK(r.time[RUNSTATE_offline] > 0);
}
TEST(virq_on_second)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(up());
    long p = bind_virq(VIRQ_TIMER, 1);
    CHECK(p > 0);
    struct evtchn_bind_vcpu b = {.port = p, .vcpu = 0};
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &b), -XEN_EINVAL); /* a per-vCPU VIRQ stays */
    struct vcpu_set_periodic_timer t = {.period_ns = 2 * MS};
    CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 1, &t), 0);
    port_mask(p, false);
    u32 before = at_cpu1;
    CHECK(wait_count(&evt_count[p], 3, 5 * SEC));
    CHECK(at_cpu1 > before);
    CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 1, 0), 0);
    CHECK_EQ(port_close(p), 0);
}
TEST(yield_race)
{ /* both send to each other while both call: nothing is lost at the end */
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(up());
    command = RUN_ECHO;
    events_on();
    for (int i = 0; i < 300; i++) {
        port_send(ipi1);
        sched_op(SCHEDOP_yield, 0);
    }
    evt_count[ipi0] = 0;
    CHECK_EQ(port_send(ipi1), 0);
    CHECK(wait_count(&evt_count[ipi0], 1, 5 * SEC));
    events_off();
}
TEST(other_goes_down)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(up());
    CHECK_EQ(vcpu_op(VCPUOP_down, 1, 0), 0);
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0);
    u32 n = at_cpu1;
    CHECK_EQ(port_send(ipi1), 0);
    u64 t = now_ns();
    while (now_ns() - t < 10 * MS) {
        pause();
    }
    CHECK_EQ(at_cpu1, n);
    CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), 0);
    CHECK(wait_count(&at_cpu1, n + 1, 5 * SEC));
}
