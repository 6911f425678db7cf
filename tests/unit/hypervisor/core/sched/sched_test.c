/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The core of scheduling on simulated pCPUs: run states, hard affinity, yielding, the switch while a vCPU is being saved, random changes. */
#include "rig.h"

static void test_names(void **state)
{
    host_init(1, 1 << 22);
    assert_int_equal(sched_init("no such"), -XEN_ENOENT);
    assert_string_equal(sched_name(0), "credit2");
    assert_int_equal(sched_init("null"), 0);
    assert_int_equal(sched_id(0), XEN_SCHEDULER_NULL);
    assert_int_equal(sched_init("credit2"), 0);
    assert_int_equal(sched_id(0), XEN_SCHEDULER_CREDIT2);
}

static void test_idle_cpus_are_used(void **state)
{
    start(8);
    add_hogs(8);
    run(SECONDS(1));
    for (unsigned int i = 0; i < 8; i++) {
        assert_near(share(&vcpus[i], 0, SECONDS(1)), 1.0, 0.0001);
    }
    for (unsigned int i = 0; i < 8; i++) {
        assert_true(sched_idle_ns(i) < MILLISECS(1));
    }
}

static void test_affinity(void **state)
{
    uint64_t before[2];

    start(4);
    add_hogs(10);
    run(MILLISECS(300));
    assert_int_equal(sched_set_affinity(&vcpus[0].s, CPUSET_NONE, CPUSET_ALL), -XEN_EINVAL);
    assert_int_equal(sched_set_affinity(&vcpus[0].s, cpuset_of(4), CPUSET_ALL), -XEN_EINVAL);
    for (unsigned int i = 0; i < 9; i++) {
        assert_int_equal(sched_set_affinity(&vcpus[i].s, cpuset_of(i < 2 ? 0 : 1 + i % 2), CPUSET_ALL), 0);
    }
    run(MILLISECS(1000)); /* check() sees to the rest: pCPU 3 is left to vCPU 9 */
    assert_ptr_equal(on_cpu[3], &vcpus[9].s);
    before[0] = sched_cpu_time_ns(&vcpus[0].s);
    before[1] = sched_cpu_time_ns(&vcpus[1].s);
    run(SECONDS(1));
    assert_near(share(&vcpus[0], before[0], SECONDS(1)), 0.5, 0.02);
    assert_near(share(&vcpus[1], before[1], SECONDS(1)), 0.5, 0.02);
}

static void test_yield_gives_way(void **state)
{
    unsigned int before;

    start(1);
    for (unsigned int i = 0; i < 2; i++) {
        add(256, 0, 0)->yields = true;
        come_up(&vcpus[i]);
    }
    run(MILLISECS(20));
    before = switches;
    run(MILLISECS(20));
    assert_true(switches - before > 900); /* every 20 us */
    /* alone, it goes on and nothing is done */
    sched_pause(&vcpus[1].s);
    host_run_softirqs();
    host_set_pcpu(0);
    sched_yield_current();
    assert_false(softirq_pending());
}

/* pCPU 1, idle, looks for work in the very moment when pCPU 0 saves a vCPU that it preempted. */
static void steal(struct sched_vcpu *prev)
{
    assert_true(prev->is_queued);
    host_set_pcpu(1);
    irq_enable();
    softirq_raise(SOFTIRQ_SCHEDULE);
    softirq_run();
    assert_true(on_cpu[1]->is_idle); /* not before it is saved */
    irq_disable();
    host_set_pcpu(0);
}

static void test_preempted_vcpu_moves_to_an_idle_cpu(void **state)
{
    struct sim_vcpu *hog, *pinned;

    for (unsigned int i = 0; i < 2; i++) {
        start(2);
        hog = add(256, 0, 0);
        pinned = add(256, 0, 0);
        sched_set_affinity(&hog->s, cpuset_of(0), CPUSET_ALL);
        come_up(hog);
        host_run_softirqs();
        sched_set_affinity(&hog->s, CPUSET_ALL, CPUSET_ALL);
        host_advance(MILLISECS(20));
        assert_ptr_equal(on_cpu[0], &hog->s);
        during_switch = i == 0 ? NULL : steal;
        sched_set_affinity(&pinned->s, cpuset_of(0), CPUSET_ALL);
        come_up(pinned);
        host_run_softirqs();
        check();
        assert_ptr_equal(on_cpu[0], &pinned->s);
        assert_ptr_equal(on_cpu[1], &hog->s);
        assert_null(during_switch);
    }
}

static void test_pausing(void **state)
{
    struct sim_vcpu *v;
    struct vcpu_runstate_info info;

    start(2);
    v = add(256, 0, 0);
    assert_int_equal(v->s.runstate, RUNSTATE_offline);
    come_up(v);
    run(MILLISECS(1));
    host_set_pcpu(v->s.cpu ^ 1);
    sched_pause(&v->s); /* waits for the other pCPU */
    assert_false(v->s.is_running);
    assert_int_equal(v->s.runstate, RUNSTATE_offline);
    sched_pause_nosync(&v->s);
    sched_unpause(&v->s);
    assert_false(sched_is_runnable(&v->s));
    /* blocked and paused is blocked; when what it waited for comes, it is offline; unpaused it runs */
    __atomic_fetch_or(&v->s.pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
    sched_unpause(&v->s);
    sched_sleep_sync(&v->s);
    __atomic_fetch_and(&v->s.pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
    sched_wake(&v->s);
    host_run_softirqs();
    assert_true(v->s.is_running);
    host_advance(MILLISECS(3));
    __atomic_fetch_or(&v->s.pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
    sched_sleep(&v->s);
    host_run_softirqs();
    assert_int_equal(v->s.runstate, RUNSTATE_blocked);
    host_advance(MILLISECS(2));
    sched_pause(&v->s);
    assert_int_equal(v->s.runstate, RUNSTATE_blocked);
    __atomic_fetch_and(&v->s.pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
    sched_wake(&v->s);
    assert_int_equal(v->s.runstate, RUNSTATE_offline);
    sched_runstate(&v->s, &info);
    assert_int_equal(info.time[RUNSTATE_blocked], MILLISECS(2));
    assert_int_equal(info.time[RUNSTATE_running], MILLISECS(4));
    sched_vcpu_remove(&v->s);
}

static void test_parameters(void **state)
{
    struct sched_domain d;

    start(1);
    sched_domain_init(&d, 0);
    assert_int_equal(d.weight, 256);
    assert_int_equal(sched_set_params(&d, 0, 0), -XEN_EINVAL);
    assert_int_equal(sched_set_params(&d, 65536, 0), -XEN_EINVAL);
    assert_int_equal(d.weight, 256);
    assert_int_equal(sched_set_params(&d, 100, 50), 0);
    assert_int_equal(d.weight, 100);
    assert_int_equal(d.cap, 50);
    sched_domain_destroy(&d);
}

/* Everything at once, by chance: check() judges. */
static void test_random(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct random r = random_seed(seed);

        start(1 + (unsigned int)random_below(&r, CPUS_MAX));
        add_random(&r, 48);
        for (unsigned int i = 0; i < 48; i++) {
            vcpus[i].yields = random_below(&r, 10) == 0;
        }
        for (unsigned int step = 0; step < 150; step++) {
            struct sim_vcpu *v = &vcpus[random_below(&r, vcpu_count)];
            uint64_t set = random_u64(&r) & cpus_online.bits & random_u64(&r);

            host_set_pcpu((unsigned int)random_below(&r, cpu_count));
            switch (random_below(&r, 4)) {
            case 0:
                sched_set_affinity(&v->s, (cpuset_t){set ? set : 1}, CPUSET_ALL);
                break;
            case 1:
                sched_set_params(v->s.dom, 1 + (uint32_t)random_below(&r, 65535), 0);
                break;
            case 2:
                sched_pause(&v->s);
                host_run_softirqs();
                run(random_below(&r, MILLISECS(2)));
                sched_unpause(&v->s);
                break;
            default:
                break;
            }
            host_run_softirqs();
            check();
            run(random_below(&r, MILLISECS(5)));
        }
        for (unsigned int i = 0; i < vcpu_count; i++) {
            host_set_pcpu(0);
            remove_vcpu(&vcpus[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_idle_cpus_are_used),
        cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_yield_gives_way),
        cmocka_unit_test(test_preempted_vcpu_moves_to_an_idle_cpu),
        cmocka_unit_test(test_pausing),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, stop_group);
}
