/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers and time: set_timer_op, single-shot and periodic vCPU timers, vcpu_time_info, the wall clock. */
#include "guest.h"

#define MS 1000000UL

static long timer_port;
static void timer_start(void)
{
    timer_port = bind_virq(VIRQ_TIMER, 0);
    if (timer_port > 0) {
        vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
        port_clear(timer_port);
        port_mask(timer_port, false);
        evt_count[timer_port] = 0;
    }
}
static void timer_stop(void)
{
    set_timer(0);
    vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0);
    events_off();
    port_close(timer_port);
}

TEST(time_info_sane)
{
    struct vcpu_time_info *t = &vcpu_info(0)->time;
    CHECK(t->system_time != 0);
    CHECK(t->tsc_to_system_mul != 0);
    CHECK(!(t->version & 1));
    u64 stamp = t->tsc_timestamp;
    barrier();
    CHECK((int64_t)(rdtsc() - stamp) > -100000000L); /* not far ahead: CPUs' counters may differ a little */
}
TEST(time_monotonic)
{
    u64 last = now_ns();
    for (int i = 0; i < 20000; i++) {
        u64 n = now_ns();
        CHECK(n >= last);
        CHECK(n - last < 5000 * MS);
        last = n;
    }
}
TEST(time_scale)
{ /* the published scale is that of the counter: over 50 ms the version's two ends agree */
    struct vcpu_time_info *t = &vcpu_info(0)->time;
    u64 t0 = now_ns(), c0 = rdtsc();
    while (now_ns() - t0 < 50 * MS) {
        pause();
    }
    u64 c1 = rdtsc(), dt = now_ns() - t0;
    u64 dc = t->tsc_shift >= 0 ? (c1 - c0) << t->tsc_shift : (c1 - c0) >> -t->tsc_shift;
    u64 ns = (dc >> 32) * t->tsc_to_system_mul + ((dc & 0xffffffff) * t->tsc_to_system_mul >> 32);
    CHECK(ns > dt - dt / 20 && ns < dt + dt / 20);
}
TEST(wallclock)
{
    volatile struct shared_info *s = g.shared;
    CHECK(!(s->wc_version & 1));
    u64 wc = s->wc_sec + now_ns() / 1000000000UL;
    CHECK(wc > 1500000000UL && wc < 4000000000UL);
    CHECK(s->wc_nsec < 1000000000UL);
}
TEST(set_timer)
{
    RUN(timer_start());
    CHECK(timer_port > 0);
    events_on();
    u64 at = now_ns() + 5 * MS;
    CHECK_EQ(set_timer(at), 0);
    CHECK(wait_count(&evt_count[timer_port], 1, 2000 * MS));
    CHECK(now_ns() >= at);
    timer_stop();
}
TEST(set_timer_past)
{
    timer_start();
    events_on();
    CHECK_EQ(set_timer(now_ns() - MS), 0);
    CHECK(wait_count(&evt_count[timer_port], 1, 2000 * MS));
    timer_stop();
}
TEST(set_timer_cancel)
{
    timer_start();
    events_on();
    CHECK_EQ(set_timer(now_ns() + 20 * MS), 0);
    CHECK_EQ(set_timer(0), 0);
    CHECK(!wait_count(&evt_count[timer_port], 1, 60 * MS));
    timer_stop();
}
TEST(singleshot)
{
    struct vcpu_set_singleshot_timer t = {.flags = 0};
    timer_start();
    events_on();
    t.timeout_abs_ns = now_ns() + 5 * MS;
    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), 0);
    CHECK(wait_count(&evt_count[timer_port], 1, 2000 * MS));
    CHECK(now_ns() >= t.timeout_abs_ns);
    CHECK(!wait_count(&evt_count[timer_port], 2, 20 * MS)); /* once only */
    timer_stop();
}
TEST(singleshot_stop)
{
    struct vcpu_set_singleshot_timer t = {.flags = 0};
    timer_start();
    events_on();
    t.timeout_abs_ns = now_ns() + 20 * MS;
    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 0, &t), 0);
    CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, 0, 0), 0);
    CHECK(!wait_count(&evt_count[timer_port], 1, 60 * MS));
    timer_stop();
}
TEST(singleshot_future_flag)
{ /* in the past: -ETIME, or the flag is ignored, as the header allows */
    struct vcpu_set_singleshot_timer t = {.timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future};
    long rc = vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
    CHECK(rc == 0 || rc == -XEN_ETIME);
}
TEST(singleshot_other_vcpu)
{
    struct vcpu_set_singleshot_timer t = {.timeout_abs_ns = 1};
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 1, &t), -XEN_EINVAL);
    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, 500, &t), -XEN_ENOENT);
}
TEST(periodic)
{
    struct vcpu_set_periodic_timer t = {.period_ns = 2 * MS};
    timer_start();
    events_on();
    CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &t), 0);
    CHECK(wait_count(&evt_count[timer_port], 5, 5000 * MS));
    CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, 0, 0), 0);
    u32 n = evt_count[timer_port];
    CHECK(!wait_count(&evt_count[timer_port], n + 2, 40 * MS));
    timer_stop();
}
TEST(periodic_too_short)
{
    struct vcpu_set_periodic_timer t = {.period_ns = 1000};
    CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &t), -XEN_EINVAL);
    t.period_ns = ~0ULL;
    CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &t), -XEN_EINVAL);
    t.period_ns = 0;
    CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, 0, &t), -XEN_EINVAL);
}
TEST(block_until_timer)
{
    timer_start();
    events_off();
    u64 at = now_ns() + 10 * MS;
    CHECK_EQ(set_timer(at), 0);
    if (g.pv) {
        CHECK_EQ(sched_op(SCHEDOP_block, 0), 0); /* turns events on */
    } else {
        asm volatile("sti; hlt" ::: "memory");
    }
    CHECK(now_ns() >= at);
    CHECK(wait_count(&evt_count[timer_port], 1, 100 * MS));
    timer_stop();
}
