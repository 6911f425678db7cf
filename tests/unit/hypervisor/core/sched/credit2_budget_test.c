/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Caps on simulated pCPUs: exact over seconds, shared by a domain's vCPUs, no timer without need. */
#include "rig.h"

static void test_caps(void **state)
{
    static const uint32_t caps[] = {1, 10, 25, 50, 99};

    for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
        start(2); /* one idles: a cap holds nevertheless */
        come_up(add(256, 0, 0));
        assert_int_equal(sched_set_params(&domains[0], 256, caps[i]), 0);
        run(MILLISECS(100));
        assert_near(run_share(&vcpus[0], SECONDS(10)), caps[i] / 100.0, 0.001);
        /* and is gone at once when it is taken away */
        assert_int_equal(sched_set_params(&domains[0], 256, 0), 0);
        host_run_softirqs();
        assert_near(run_share(&vcpus[0], SECONDS(1)), 1.0, 0.0001);
    }
}

/* credit2_cap_period_ms=: how long one runs at a stretch, not how much. */
static void test_period(void **state)
{
    static const uint64_t period_ms[] = {1, 10, 100, 1000};

    for (unsigned int i = 0; i < ARRAY_SIZE(period_ms); i++) {
        credit2_cap_period_ms = period_ms[i];
        start(1);
        come_up(add(256, 0, 0));
        come_up(add(256, MILLISECS(1), MILLISECS(9)));
        assert_int_equal(sched_set_params(&domains[0], 256, 25), 0);
        run(MILLISECS(period_ms[i]));
        assert_near(run_share(&vcpus[0], SECONDS(10)), 0.25, 0.005);
    }
    credit2_cap_period_ms = 10;
}

/* A cap that is set holds from then on: what a vCPU ran before is not owed, and one that runs does not finish its slice first. */
static void test_cap_begins_at_once(void **state)
{
    uint64_t before;

    start(1);
    come_up(add(256, 0, 0));
    for (unsigned int i = 0; i < 5; i++) {
        assert_int_equal(sched_set_params(&domains[0], 256, 0), 0);
        run(MILLISECS(5 + 2 * i));
        assert_int_equal(sched_set_params(&domains[0], 256, 2), 0);
        host_run_softirqs();
        before = sched_cpu_time_ns(&vcpus[0].s);
        assert_near(run_share(&vcpus[0], MILLISECS(10)), 0.02, 0.001);
        run(MILLISECS(190));
        assert_near(share(&vcpus[0], before, MILLISECS(200)), 0.02, 0.002);
    }
}

/* Never more than the cap in a second, whatever it does; a sleeper that needs less is not hindered. */
static void test_cap_of_a_sleeper(void **state)
{
    start(1);
    come_up(add(256, MILLISECS(1), MILLISECS(9)));
    come_up(add(256, 0, 0));
    sched_set_params(&domains[0], 256, 20);
    sched_set_params(&domains[1], 256, 50);
    run(SECONDS(10));
    assert_near(share(&vcpus[0], 0, SECONDS(10)), 0.1, 0.02);
    assert_near(share(&vcpus[1], 0, SECONDS(10)), 0.5, 0.001);
}

/* A domain's vCPUs share its cap. */
static void test_cap_of_several_vcpus(void **state)
{
    uint64_t before = 0, after = 0;

    start(4);
    come_up(add(256, 0, 0));
    add_siblings(2);
    assert_int_equal(sched_set_params(&domains[0], 256, 150), 0);
    run(MILLISECS(100));
    for (unsigned int i = 0; i < 3; i++) {
        before += sched_cpu_time_ns(&vcpus[i].s);
    }
    run(SECONDS(4));
    for (unsigned int i = 0; i < 3; i++) {
        after += sched_cpu_time_ns(&vcpus[i].s);
    }
    assert_near((double)(after - before) / 4e9, 1.5, 0.005);
}

/* However small the cap, each of them gets its part of it. */
static void test_cap_starves_no_vcpu(void **state)
{
    start(4);
    come_up(add(256, 0, 0));
    add_siblings(2);
    assert_int_equal(sched_set_params(&domains[0], 256, 3), 0);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(sched_set_affinity(&vcpus[i].s, cpuset_of(i), CPUSET_ALL), 0);
    }
    run(SECONDS(2));
    for (unsigned int i = 0; i < 3; i++) {
        assert_near(run_share(&vcpus[i], SECONDS(1)), 0.01, 0.001);
    }
}

/* Stopped while parked, started again: nothing is lost. */
static void test_pausing_while_parked(void **state)
{
    start(1);
    come_up(add(256, 0, 0));
    sched_set_params(&domains[0], 256, 10);
    for (unsigned int i = 0; i < 200; i++) {
        run(MICROSECS(700));
        sched_pause(&vcpus[0].s);
        host_run_softirqs();
        run(MICROSECS(1100));
        sched_unpause(&vcpus[0].s);
        host_run_softirqs();
    }
    assert_near(share(&vcpus[0], 0, port_now_ns()), 0.1, 0.01);
    sched_pause(&vcpus[0].s);
    host_run_softirqs();
    sched_vcpu_remove(&vcpus[0].s);
    sched_domain_destroy(&domains[0]);
}

static void test_no_timer_without_need(void **state)
{
    start(1);
    come_up(add(256, MICROSECS(100), MILLISECS(50)));
    sched_set_params(&domains[0], 256, 50);
    run(MILLISECS(20));
    assert_false(timer_is_armed(&((struct credit2_domain *)domains[0].policy_data)->timer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_period),
        cmocka_unit_test(test_cap_begins_at_once),
        cmocka_unit_test(test_cap_of_a_sleeper),
        cmocka_unit_test(test_cap_of_several_vcpus),
        cmocka_unit_test(test_cap_starves_no_vcpu),
        cmocka_unit_test(test_pausing_while_parked),
        cmocka_unit_test(test_no_timer_without_need),
    };

    return cmocka_run_group_tests(tests, NULL, stop_group);
}
