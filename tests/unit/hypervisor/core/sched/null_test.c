/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null on simulated pCPUs: a pCPU each, the waiting list, what is preferred. */
#include "rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_one_each),
        cmocka_unit_test(test_null_waiting_list),
        cmocka_unit_test(test_null_prefers_soft),
    };

    return cmocka_run_group_tests(tests, NULL, stop_group);
}
