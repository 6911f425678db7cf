/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null on simulated pCPUs: a pCPU each, the waiting list, what is preferred, what it records. */
#include "rig.h"
#include <hypervisor/trace_reader.h>

static void test_null_one_each(void **state)
{
    start_machine("null", 4, 64);
    for (unsigned int i = 0; i < 4; i++) {
        come_up(add(0, i % 2 ? MICROSECS(100) : 0, MICROSECS(400)));
    }
    run(SECONDS(1));
    for (unsigned int i = 0; i < 4; i++) {
        assert_near(share(&vcpus[i], 0, SECONDS(1)), i % 2 ? 0.2 : 1.0, 0.001);
        assert_int_equal(per_cpu(sched_pcpu, i).timer_at_ns, 0); /* no timer of ours */
        for (unsigned int k = 0; k < i; k++) {
            assert_int_not_equal(vcpus[i].s.cpu, vcpus[k].s.cpu);
        }
    }
    assert_int_equal(sched_set_params(&domains[0], 512, 0), -XEN_EOPNOTSUPP);
}

static void go_down(struct sim_vcpu *v)
{
    __atomic_fetch_or(&v->s.pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
    host_set_pcpu(v->s.cpu); /* as its own hypercall does */
    sched_sleep(&v->s);
    host_set_pcpu(0);
    host_run_softirqs();
    check();
}

/* The ones too many wait until a pCPU is free for them: hot-unplugged, removed, or not theirs any more. */
static void test_null_waiting_list(void **state)
{
    start_machine("null", 2, 64);
    for (unsigned int i = 0; i < 5; i++) {
        come_up(add(0, 0, 0));
        run(MILLISECS(1));
    }
    sched_set_affinity(&vcpus[4].s, CPUSET_ALL, cpuset_of(vcpus[0].s.cpu));
    run(MILLISECS(10));
    for (unsigned int i = 2; i < 5; i++) {
        assert_int_equal(sched_cpu_time_ns(&vcpus[i].s), 0);
    }
    go_down(&vcpus[1]); /* vCPU 2 is the first of those that have no other wish */
    assert_ptr_equal(on_cpu[vcpus[1].s.cpu], &vcpus[2].s);
    go_down(&vcpus[0]); /* vCPU 4 prefers this one, vCPU 3 came first */
    assert_ptr_equal(on_cpu[vcpus[0].s.cpu], &vcpus[4].s);
    sched_set_affinity(&vcpus[4].s, cpuset_of(vcpus[2].s.cpu), CPUSET_ALL); /* gives way, and waits */
    run(MILLISECS(1));
    assert_ptr_equal(on_cpu[vcpus[0].s.cpu], &vcpus[3].s);
    host_set_pcpu(0);
    sched_pause_nosync(&vcpus[2].s); /* pausing keeps the pCPU */
    host_run_softirqs();
    check();
    assert_int_equal(sched_cpu_time_ns(&vcpus[4].s) < MILLISECS(2), 1);
    sched_vcpu_remove(&vcpus[2].s);
    host_run_softirqs();
    check();
    assert_ptr_equal(on_cpu[vcpus[4].s.cpu], &vcpus[4].s);
    /* back again: it waits */
    __atomic_fetch_and(&vcpus[1].s.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
    sched_wake(&vcpus[1].s);
    run(MILLISECS(1));
    assert_int_equal(vcpus[1].s.runstate, RUNSTATE_offline);
}

static void test_null_prefers_soft(void **state)
{
    start_machine("null", 4, 64);
    for (unsigned int i = 0; i < 3; i++) {
        add(0, 0, 0);
        sched_set_affinity(&vcpus[i].s, (cpuset_t){0xe}, cpuset_of(3));
        come_up(&vcpus[i]);
        run(MICROSECS(10));
    }
    assert_int_equal(vcpus[0].s.cpu, 3);
    assert_true(vcpus[1].s.cpu == 1 || vcpus[1].s.cpu == 2);
    go_down(&vcpus[0]);
    sched_set_affinity(&vcpus[1].s, (cpuset_t){0xe}, cpuset_of(3)); /* looked at again: now it is free */
    run(MICROSECS(10));
    assert_int_equal(vcpus[1].s.cpu, 3);
}

/* --- trace records: numbers and words as stock xenalyze reads them ---- */

#define NULL_EVENT(n) (0x00022a00u + (n))
#define PICKED_CPU    NULL_EVENT(1)
#define ASSIGN        NULL_EVENT(2)
#define DEASSIGN      NULL_EVENT(3)
#define MIGRATE       NULL_EVENT(4)
#define SCHEDULE      NULL_EVENT(5)

#define VCPU(n) (0x00050000u + (n))

static void nothing(void)
{
}

static void start_traced(unsigned int cpus)
{
    start_machine("null", cpus, 64);
    softirq_set_handler(SOFTIRQ_TRACE, nothing);
    assert_int_equal(trace_set_size(1), 0);
    trace_set_events(0x00022000); /* the policies' own */
    assert_int_equal(trace_enable(), 0);
}

static struct sim_vcpu *add_traced(void)
{
    struct sim_vcpu *v = add(0, 0, 0);

    v->s.trace_id = VCPU(vcpu_count - 1);
    return v;
}

struct expected {
    uint32_t event, words[2];
};

/* What the pCPU recorded since the last time is this, and nothing else. */
static void expect(unsigned int cpu, const struct expected *e, unsigned int count)
{
    take(cpu);
    assert_int_equal(seen_count, count);
    for (unsigned int i = 0; i < count; i++) {
        assert_int_equal(seen[i].event, e[i].event);
        assert_int_equal(seen[i].count, 2);
        assert_true(seen[i].has_time);
        assert_int_equal(seen[i].words[0], e[i].words[0]);
        assert_int_equal(seen[i].words[1], e[i].words[1]);
    }
}

#define EXPECT(cpu, ...)                                \
    expect(cpu, (const struct expected[]){__VA_ARGS__}, \
           sizeof((const struct expected[]){__VA_ARGS__}) / sizeof(struct expected))

static void test_null_records(void **state)
{
    unsigned int from, to;

    start_traced(2);
    (void)add_traced();
    from = vcpus[0].s.cpu;
    to = 1 - from;
    sched_set_affinity(&vcpus[0].s, cpuset_of(to), CPUSET_ALL);
    host_set_pcpu(from);
    come_up(&vcpus[0]);
    EXPECT(from, {PICKED_CPU, {VCPU(0), to}}, {ASSIGN, {VCPU(0), to}}, {MIGRATE, {VCPU(0), from | to << 16}});
    host_run_softirqs();
    EXPECT(to, {SCHEDULE, {to << 16, VCPU(0)}});
    go_down(&vcpus[0]);
    EXPECT(to, {SCHEDULE, {to << 16, ~0u}}, {DEASSIGN, {VCPU(0), to}}, {SCHEDULE, {to << 16, ~0u}});
    trace_reset();
}

/* One that waits for a pCPU records nothing until it gets one, and then that it is assigned: it was chosen, it did not choose. */
static void test_null_records_waiting(void **state)
{
    unsigned int from;

    start_traced(1);
    come_up(add_traced());
    host_run_softirqs();
    take(0);
    (void)add_traced();
    from = vcpus[1].s.cpu;
    assert_int_equal(from, 0);
    come_up(&vcpus[1]);
    host_run_softirqs();
    EXPECT(0);
    go_down(&vcpus[0]);
    EXPECT(0, {SCHEDULE, {0, ~0u}}, {DEASSIGN, {VCPU(0), 0}}, {ASSIGN, {VCPU(1), 0}},
           {SCHEDULE, {0, VCPU(1)}});
    trace_set_events(0x0001f000); /* another class: none of these */
    go_down(&vcpus[1]);
    EXPECT(0);
    trace_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_one_each),        cmocka_unit_test(test_null_waiting_list),
        cmocka_unit_test(test_null_prefers_soft),    cmocka_unit_test(test_null_records),
        cmocka_unit_test(test_null_records_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, stop_group);
}
