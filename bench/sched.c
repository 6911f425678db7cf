/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wake-ups, context switches, and what the hypervisor takes of a computing vCPU: see sched.h. */
#include "sched.h"

#define QUIET_NS 2000000UL
#define TIMER_NS 200000UL /* ahead: more than any hypervisor puts timers off by */

static long to0, to1, timer_port;
static volatile u32 up1, turn;
static volatile u64 woken_tsc;

/* Events must be off; they are on again afterwards. */
static void block(void)
{
    if (g.pv) {
        sched_op(SCHEDOP_block, 0);
    } else {
        asm volatile("sti; hlt" ::: "memory");
    }
}
static void poll(evtchn_port_t port)
{
    struct sched_poll p = {.nr_ports = 1};
    set_xen_guest_handle(p.ports, &port);
    sched_op(SCHEDOP_poll, &p);
}
static bool start_second(const char *figure, void (*fn)(void))
{
    to0 = bind_ipi(0);
    to1 = bind_ipi(1);
    up1 = 0;
    if (to0 < 0 || to1 < 0 || cpu_start(1, fn)) {
        bench_skip(figure, "the second vCPU does not start");
        return false;
    }
    while (!up1) {
        sched_op(SCHEDOP_yield, 0);
    }
    return true;
}

/* --- context switches --- */
static void answer_polls(void)
{
    up1 = 1;
    for (;;) {
        port_clear(to1);
        if (turn == 1) {
            turn = 0;
            port_send(to0);
        } else {
            poll(to1);
        }
    }
}
static void op_switch(void)
{
    T0();
    turn = 1;
    port_clear(to0);
    port_send(to1);
    while (turn) {
        poll(to0);
        if (turn) {
            port_clear(to0);
        }
    }
    T1();
    bench_t1 = bench_t0 + (bench_t1 - bench_t0) / 2;
}
void bench_context_switch(void)
{
    if (start_second("context_switch", answer_polls)) {
        bench("context_switch", 301, op_switch);
        vcpu_op(VCPUOP_down, 1, 0);
    }
}

/* --- waking by a timer --- */
static u64 system_time(u64 tsc)
{
    struct vcpu_time_info *t = &vcpu_info(this_cpu())->time;
    u64 delta = tsc - t->tsc_timestamp;
    delta = t->tsc_shift >= 0 ? delta << t->tsc_shift : delta >> -t->tsc_shift;
    return t->system_time + (u64)((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
}
static void op_wake_timer(void)
{
    u32 n = evt_count[timer_port];
    events_off();
    u64 now = bench_rdtsc();
    hc1(__HYPERVISOR_set_timer_op, system_time(now) + TIMER_NS);
    while (evt_count[timer_port] == n) {
        block();
        events_off();
    }
    events_on();
    bench_t0 = now + TIMER_NS; /* a nanosecond is an instruction */
    bench_t1 = upcall_tsc;
}
void bench_wake_timer(void)
{
    timer_port = bind_virq(VIRQ_TIMER, 0);
    vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    port_clear(timer_port);
    port_mask(timer_port, false);
    evt_handler = NULL;
    events_on();
    bench("wake_timer", 301, op_wake_timer);
    events_off();
    port_close(timer_port);
}

/* Blocked for @ns: others get on with their work. */
static void rest(u64 ns)
{
    evtchn_port_t port = to0;
    struct sched_poll p = {.nr_ports = 1, .timeout = now_ns() + ns};
    port_clear(to0);
    set_xen_guest_handle(p.ports, &port);
    sched_op(SCHEDOP_poll, &p);
}

/* --- waking by an event from another pCPU --- */
static void on_port(u32 port)
{
    if (port == to1) {
        woken_tsc = upcall_tsc;
        port_send(to0);
    }
}
static void wait_blocked(void)
{
    port_mask(to1, false);
    for (;;) {
        events_off();
        up1 = 1;
        block();
    }
}
static void op_wake_event(void)
{
    woken_tsc = 0;
    port_clear(to0);
    T0();
    port_send(to1);
    while (!woken_tsc) {
        poll(to0);
    }
    bench_t1 = woken_tsc;
}

/* --- what the hypervisor takes --- */
#define ROUND      100UL /* instructions of one */
#define A_SECOND   1000000000UL
#define PER_SECOND (A_SECOND / ROUND)
static void op_compute(void)
{
    u64 n = PER_SECOND;
    T0();
    asm volatile("1: .rept 98\n nop\n .endr\n dec %0\n jnz 1b" : "+r"(n));
    T1();
}
static void overhead(const char *name)
{
    rest(QUIET_NS); /* until what was printed last is on its way */
    op_compute();
    bench_value(name, bench_t1 - bench_t0 - A_SECOND - 1 - bench_overhead()); /* 1: the loop's set-up */
}
void bench_own_cpus(void)
{
    bench_wake_timer();
    evt_handler = on_port;
    if (start_second("wake_event", wait_blocked)) {
        bench("wake_event", 301, op_wake_event);
        overhead("busy_and_blocked_per_s");
        vcpu_op(VCPUOP_down, 1, 0);
    }
    evt_handler = NULL;
}
