/* SPDX-License-Identifier: GPL-2.0-or-later */
/* credit2 on simulated pCPUs: shares by weight, sleepers, soft affinity, several runqueues. */
#include "rig.h"

static void test_weights_on_one_cpu(void **state)
{
    start(1);
    add_weighted_hogs(3);
    run(SECONDS(5));
    assert_near(share(&vcpus[0], 0, SECONDS(5)), 1.0 / 7, 0.005);
    assert_near(share(&vcpus[1], 0, SECONDS(5)), 2.0 / 7, 0.005);
    assert_near(share(&vcpus[2], 0, SECONDS(5)), 4.0 / 7, 0.005);
    assert_true(switches < 5000); /* slices are not tiny */
}

static void test_weights_on_many_cpus(void **state)
{
    start(4);
    add_weighted_hogs(21);
    run(SECONDS(5));
    for (unsigned int i = 0; i < 21; i++) {
        assert_near(share(&vcpus[i], 0, SECONDS(5)), 4.0 * (1u << (i % 3)) / 49, 0.01);
    }
}

/* A vCPU cannot use more than one pCPU: what it cannot take goes to the others by their weights. */
static void test_heavy_vcpu_takes_one_cpu(void **state)
{
    start(2);
    add_weighted_hogs(3);
    run(SECONDS(3));
    assert_near(share(&vcpus[2], 0, SECONDS(3)), 1.0, 0.02);
    assert_near(share(&vcpus[1], 0, SECONDS(3)), 2.0 / 3, 0.02);
    assert_near(share(&vcpus[0], 0, SECONDS(3)), 1.0 / 3, 0.02);
}

/* A machine that is late: slices end up to 60 ms after their time. The shares are right nevertheless. */
static void test_weights_when_timers_are_late(void **state)
{
    struct random r = random_seed(1);

    start(1);
    come_up(add(256, 0, 0));
    come_up(add(512, 0, 0));
    while (port_now_ns() < SECONDS(20)) {
        host_set_now(port_now_ns() + random_below(&r, MILLISECS(60)));
        host_advance(MICROSECS(100));
    }
    assert_near(share(&vcpus[1], 0, port_now_ns()), 2.0 / 3, 0.01);
    /* so are caps */
    start(1);
    come_up(add(256, 0, 0));
    sched_set_params(&domains[0], 256, 30);
    while (port_now_ns() < SECONDS(20)) {
        host_set_now(port_now_ns() + random_below(&r, MILLISECS(60)));
        host_advance(MICROSECS(100));
    }
    assert_near(share(&vcpus[0], 0, port_now_ns()), 0.3, 0.01);
}

/* One that mostly sleeps gets a pCPU as soon as the rate limit lets it, although hogs fill the machine. */
static void test_sleeper_latency(void **state)
{
    struct sim_vcpu *v;

    start(2);
    add_hogs(8);
    v = add(256, MICROSECS(100), MILLISECS(7));
    come_up(v);
    run(MILLISECS(100)); /* a new one has not lagged behind yet: its first turn is like the others' */
    v->max_wait_ns = 0;
    assert_near(run_share(v, SECONDS(2)), 0.1 / 7.1, 0.003);
    assert_true(v->max_wait_ns <= MILLISECS(1));
}

/* Sleeping short and often gives no more than one's share. */
static void test_sleeping_saves_up_nothing(void **state)
{
    struct sim_vcpu *v;

    start(1);
    come_up(add(256, 0, 0));
    v = add(256, MILLISECS(5), MICROSECS(10));
    come_up(v);
    run(SECONDS(3));
    assert_near(share(v, 0, SECONDS(3)), 0.5, 0.02);
}

/* Nor does sleeping for long. */
static void test_long_sleep_saves_up_nothing(void **state)
{
    struct sim_vcpu *v;

    start(1);
    come_up(add(256, 0, 0));
    v = add(256, 0, 0);
    run(SECONDS(3));
    come_up(v);
    run(MILLISECS(150));
    assert_near(share(v, 0, MILLISECS(150)), 0.5, 0.1);
}

/* Groups that cannot compete drift apart in virtual time; one that changes sides neither starves nor starves others. */
static void test_changing_sides(void **state)
{
    start(2);
    for (unsigned int i = 0; i < 12; i++) {
        come_up(add(256, 0, 0));
        sched_set_affinity(&vcpus[i].s, cpuset_of(i != 0), CPUSET_ALL);
    }
    run(SECONDS(10)); /* vCPU 0 had 11 times what the others got */
    sched_set_affinity(&vcpus[0].s, cpuset_of(1), CPUSET_ALL);
    sched_set_affinity(&vcpus[1].s, cpuset_of(0), CPUSET_ALL);
    sched_set_affinity(&vcpus[2].s, cpuset_of(0), CPUSET_ALL);
    run(SECONDS(2));
    assert_near(run_share(&vcpus[0], SECONDS(2)), 0.1, 0.02);
    for (unsigned int i = 0; i < 12; i++) {
        assert_true(vcpus[i].max_wait_ns < MILLISECS(800));
    }
}

static void test_extreme_weights_do_not_starve(void **state)
{
    start(1);
    come_up(add(1, 0, 0));
    come_up(add(65535, 0, 0));
    come_up(add(65535, 0, 0));
    run(SECONDS(10));
    assert_true(vcpus[0].max_wait_ns < SECONDS(1));
    assert_true(share(&vcpus[0], 0, SECONDS(10)) < 0.02);
    assert_near(share(&vcpus[1], 0, SECONDS(10)), 0.495, 0.02);
}

/* How much of the time from now on, for @ns, @v runs on a pCPU of @cpus. */
static double run_inside(struct sim_vcpu *v, cpuset_t cpus, uint64_t ns)
{
    uint64_t inside = 0, all = 0, end = port_now_ns() + ns;

    while (port_now_ns() < end) {
        uint64_t at = port_now_ns(), ran = sched_cpu_time_ns(&v->s);
        bool is_inside = on_cpu[v->s.cpu] == &v->s && cpuset_has(cpus, v->s.cpu);

        host_advance_to(MIN(next_action(end), host_next_deadline()));
        ran = sched_cpu_time_ns(&v->s) - ran;
        assert_true(ran <= port_now_ns() - at);
        all += ran;
        inside += is_inside ? ran : 0;
        behave();
    }
    return (double)inside / (double)all;
}

/* Two hogs, two pCPUs: each can be where it likes to be, wherever they were before. */
static void test_soft_affinity_by_swapping(void **state)
{
    start(2);
    add_hogs(2);
    run(MILLISECS(50));
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(sched_set_affinity(&vcpus[0].s, CPUSET_ALL, cpuset_of(i % 2)), 0);
        run(MILLISECS(30));
        assert_true(run_inside(&vcpus[0], cpuset_of(i % 2), SECONDS(1)) > 0.95);
        assert_near(share(&vcpus[1], 0, port_now_ns()), 1.0, 0.05); /* not at the other's expense */
    }
}

/* With more vCPUs than pCPUs there is room inside for one of four: it stays there. */
static void test_soft_affinity_among_many(void **state)
{
    start(4);
    add_hogs(10);
    sched_set_affinity(&vcpus[3].s, CPUSET_ALL, cpuset_of(2));
    run(MILLISECS(100));
    assert_true(run_inside(&vcpus[3], cpuset_of(2), SECONDS(2)) > 0.95);
    for (unsigned int i = 0; i < 10; i++) {
        assert_near(share(&vcpus[i], 0, port_now_ns()), 0.4, 0.03);
    }
}

/* All like the same pCPU and another idles: nobody waits for the liked one. check() says so; and both get all they want. */
static void test_soft_affinity_is_left_when_full(void **state)
{
    uint64_t before;

    start(2);
    add_hogs(2);
    sched_set_affinity(&vcpus[0].s, CPUSET_ALL, cpuset_of(0));
    sched_set_affinity(&vcpus[1].s, CPUSET_ALL, cpuset_of(0));
    run(MILLISECS(20));
    before = sched_cpu_time_ns(&vcpus[0].s) + sched_cpu_time_ns(&vcpus[1].s);
    run(SECONDS(1));
    assert_near((double)(sched_cpu_time_ns(&vcpus[0].s) + sched_cpu_time_ns(&vcpus[1].s) - before), 2e9, 1e7);
    assert_true(switches < 400); /* they do not fight for it */
}

static void test_sleepers_wake_where_they_like(void **state)
{
    struct sim_vcpu *v;

    start(4);
    add_hogs(2);
    v = add(256, MICROSECS(300), MILLISECS(2));
    come_up(v);
    sched_set_affinity(&v->s, CPUSET_ALL, cpuset_of(3));
    run(MILLISECS(50));
    assert_true(run_inside(v, cpuset_of(3), SECONDS(1)) > 0.95);
}

static void test_runqueues(void **state)
{
    start_machine("credit2", 16, 4);
    assert_ptr_equal(per_cpu(sched_pcpu, 0).rq, per_cpu(sched_pcpu, 3).rq);
    assert_ptr_not_equal(per_cpu(sched_pcpu, 3).rq, per_cpu(sched_pcpu, 4).rq);
    assert_int_equal(sched_distance(0, per_cpu(sched_pcpu, 1).rq), 0);
    assert_int_equal(sched_distance(0, per_cpu(sched_pcpu, 4).rq), 10);
    assert_true(sched_distance(0, per_cpu(sched_pcpu, 8).rq) > 10);
    start_machine("credit2", 16, 64);
    assert_ptr_equal(per_cpu(sched_pcpu, 0).rq, per_cpu(sched_pcpu, 15).rq);
}

/* Whatever they start on, hogs of different weights get their shares of the whole machine. */
static void test_weights_across_runqueues(void **state)
{
    static const unsigned int sockets[] = {1, 2, 4};

    for (unsigned int k = 0; k < ARRAY_SIZE(sockets); k++) {
        uint64_t before[21];

        start_machine("credit2", 4, sockets[k]);
        add_weighted_hogs(21);
        run(SECONDS(2));
        for (unsigned int i = 0; i < 21; i++) {
            before[i] = sched_cpu_time_ns(&vcpus[i].s);
        }
        run(SECONDS(10));
        for (unsigned int i = 0; i < 21; i++) {
            assert_near(share(&vcpus[i], before[i], SECONDS(10)), 4.0 * (1u << (i % 3)) / 49, 0.01);
        }
    }
}

static void test_three_hogs_on_two_runqueues(void **state)
{
    struct sched_stats st;

    start_machine("credit2", 2, 1);
    add_hogs(3);
    run(SECONDS(10));
    for (unsigned int i = 0; i < 3; i++) {
        assert_near(share(&vcpus[i], 0, SECONDS(10)), 2.0 / 3, 0.01);
    }
    sched_get_stats(&st);
    assert_true(st.pulls > 10 && st.pulls < 2000); /* fair, and not by moving all the time */
}

static void test_soft_affinity_across_runqueues(void **state)
{
    start_machine("credit2", 4, 2);
    for (unsigned int i = 0; i < 4; i++) {
        come_up(add(256, i ? 0 : MILLISECS(3), MILLISECS(1)));
    }
    run(MILLISECS(100));
    sched_set_affinity(&vcpus[0].s, CPUSET_ALL, (cpuset_t){0xc});
    run(MILLISECS(100));
    sched_set_affinity(&vcpus[1].s, CPUSET_ALL, (cpuset_t){0x3});
    run(MILLISECS(100));
    assert_true(run_inside(&vcpus[0], (cpuset_t){0xc}, SECONDS(2)) > 0.90);
}

/* Hogs that share a runqueue mostly stay where they are. */
static void test_hogs_stay(void **state)
{
    struct sched_stats before, after;

    start(8);
    add_weighted_hogs(24);
    run(SECONDS(1));
    sched_get_stats(&before);
    run(SECONDS(5));
    sched_get_stats(&after);
    assert_true((after.migrations - before.migrations) * 2 < after.switches - before.switches);
}

/* The more resistance, the fewer moves (sched_credit2_migrate_resist=). */
static void test_migration_resistance(void **state)
{
    static const uint64_t resist_us[] = {0, 1000, 20000};
    uint64_t moves[ARRAY_SIZE(resist_us)];

    for (unsigned int i = 0; i < ARRAY_SIZE(resist_us); i++) {
        struct sched_stats before, after;

        credit2_resist_us = resist_us[i];
        start(4);
        for (unsigned int v = 0; v < 11; v++) {
            come_up(add(256u << (v % 3), v % 2 ? 0 : MILLISECS(3), MILLISECS(1)));
        }
        run(SECONDS(1));
        sched_get_stats(&before);
        run(SECONDS(5));
        sched_get_stats(&after);
        moves[i] = after.migrations - before.migrations;
    }
    credit2_resist_us = 1000;
    assert_true(moves[0] > moves[1] && moves[1] > moves[2]);
}

/* Of the pCPUs whose vCPU is ahead, one is told whose vCPU need not stay for the rate limit. */
static void test_wake_up_avoids_the_rate_limit(void **state)
{
    struct sim_vcpu *v;

    start(8);
    add_hogs(24);
    v = add(256, MICROSECS(50), MICROSECS(3300));
    come_up(v);
    run(SECONDS(1));
    v->max_wait_ns = 0;
    run(SECONDS(5));
    assert_int_equal(v->max_wait_ns, 0);
}

/* Only one pCPU, with a heavy vCPU on it all the time, is all that two light ones have: the one in front waits no longer than the one behind. */
static void test_two_light_ones_beside_a_heavy_one(void **state)
{
    start(1);
    come_up(add(65535, 0, 0));
    come_up(add(1, 0, 0));
    come_up(add(6, 0, 0));
    run(SECONDS(20));
    for (unsigned int i = 1; i < 3; i++) {
        assert_true(vcpus[i].max_wait_ns < MILLISECS(400));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_on_one_cpu),
        cmocka_unit_test(test_weights_on_many_cpus),
        cmocka_unit_test(test_heavy_vcpu_takes_one_cpu),
        cmocka_unit_test(test_weights_when_timers_are_late),
        cmocka_unit_test(test_sleeper_latency),
        cmocka_unit_test(test_sleeping_saves_up_nothing),
        cmocka_unit_test(test_long_sleep_saves_up_nothing),
        cmocka_unit_test(test_changing_sides),
        cmocka_unit_test(test_extreme_weights_do_not_starve),
        cmocka_unit_test(test_hogs_stay),
        cmocka_unit_test(test_migration_resistance),
        cmocka_unit_test(test_wake_up_avoids_the_rate_limit),
        cmocka_unit_test(test_two_light_ones_beside_a_heavy_one),
        cmocka_unit_test(test_soft_affinity_by_swapping),
        cmocka_unit_test(test_soft_affinity_among_many),
        cmocka_unit_test(test_soft_affinity_is_left_when_full),
        cmocka_unit_test(test_sleepers_wake_where_they_like),
        cmocka_unit_test(test_runqueues),
        cmocka_unit_test(test_weights_across_runqueues),
        cmocka_unit_test(test_three_hogs_on_two_runqueues),
        cmocka_unit_test(test_soft_affinity_across_runqueues),
    };

    return cmocka_run_group_tests(tests, NULL, stop_group);
}
