/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU pools on simulated pCPUs: errors, moves of pCPUs and domains, everything at once by chance. */
#include "rig.h"

static void remove_cpu(uint32_t pool, unsigned int cpu)
{
    int rc;

    while ((rc = sched_pool_remove_cpu(pool, cpu)) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    assert_int_equal(rc, 0);
    host_run_softirqs();
    check();
}

static void move(unsigned int i, uint32_t pool)
{
    sched_pause(&vcpus[i].s);
    host_run_softirqs();
    assert_int_equal(sched_domain_move(&domains[i], pool), 0);
    sched_unpause(&vcpus[i].s);
    host_run_softirqs();
    check();
}

static void test_pool_errors(void **state)
{
    uint32_t id = 0;
    struct sched_pool_info info;

    start(2);
    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_CREDIT2), -XEN_EEXIST);
    id = SCHED_POOL_ANY;
    assert_int_equal(sched_pool_create(&id, 99), -XEN_EINVAL);
    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_NULL), 0);
    assert_int_equal(id, 1);
    assert_int_equal(sched_pool_info(1, &info), 0);
    assert_int_equal(info.policy_id, XEN_SCHEDULER_NULL);
    assert_int_equal(sched_pool_info(2, &info), -XEN_ENOENT);
    assert_int_equal(sched_pool_add_cpu(7, 0), -XEN_ENOENT);
    assert_int_equal(sched_pool_add_cpu(1, 0), -XEN_ENODEV);
    assert_int_equal(sched_pool_add_cpu(1, 2), -XEN_EINVAL);
    assert_int_equal(sched_pool_remove_cpu(1, 0), -XEN_ENODEV);
    assert_int_equal(sched_pool_remove_cpu(0, 9), -XEN_EINVAL);
    assert_int_equal(sched_pool_destroy(0), -XEN_EBUSY);
    assert_int_equal(sched_pool_destroy(3), -XEN_ENOENT);
    add(256, 0, 0);
    assert_int_equal(sched_domain_move(&domains[0], 1), -XEN_ENODEV);
    assert_int_equal(sched_domain_move(&domains[0], 2), -XEN_ENOENT);
    remove_cpu(0, 1);
    assert_int_equal(sched_pool_remove_cpu(0, 0), -XEN_EBUSY);
    assert_int_equal(cpuset_first(sched_free_cpus()), 1);
    assert_int_equal(sched_pool_add_cpu(1, 1), 0);
    assert_int_equal(sched_pool_destroy(1), -XEN_EBUSY);
    remove_cpu(1, 1);
    assert_int_equal(sched_pool_destroy(1), 0);
    assert_int_equal(sched_pool_set_ratelimit(0, 99), -XEN_EINVAL);
    assert_int_equal(sched_pool_set_ratelimit(0, 0), 0);
    assert_int_equal(sched_pool_set_ratelimit(1, 1000), -XEN_ESRCH);
}

static void test_pools(void **state)
{
    uint32_t id = SCHED_POOL_ANY;

    start(4);
    add_hogs(6);
    sched_set_params(&domains[5], 512, 30);
    run(MILLISECS(100));
    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_NULL), 0);
    remove_cpu(0, 3);
    remove_cpu(0, 2);
    run(MILLISECS(100));
    assert_true(on_cpu[2]->is_idle && on_cpu[3]->is_idle);
    assert_int_equal(sched_pool_add_cpu(id, 2), 0);
    move(0, id);
    move(1, id);
    run(MILLISECS(10));
    assert_ptr_equal(on_cpu[2], &vcpus[0].s);
    assert_int_equal(sched_pool_add_cpu(id, 3), 0);
    run(MILLISECS(10));
    assert_ptr_equal(on_cpu[3], &vcpus[1].s); /* it waited for this */
    assert_near(run_share(&vcpus[0], SECONDS(1)), 1.0, 0.0001);
    move(0, 0);
    assert_true(on_cpu[2]->is_idle);
    remove_cpu(id, 2);
    assert_int_equal(sched_pool_add_cpu(0, 2), 0);
    host_run_softirqs();
    assert_near(run_share(&vcpus[5], SECONDS(3)), 0.3, 0.003); /* its cap is what it was */
    assert_int_equal(domains[5].weight, 512);
    move(1, 0);
    remove_cpu(id, 3);
    assert_int_equal(sched_pool_destroy(id), 0);
}

/* As core/hypercall does it. One pCPU besides pCPU 0 stays. */
static void go_offline_or_online(unsigned int cpu)
{
    if (!cpuset_has(cpus_online, cpu)) {
        port_cpu_unpark(cpu);
        timer_cpu_return(cpu);
        sched_cpu_return(cpu);
        assert_int_equal(sched_cpu_pool(cpu), 0);
    } else if (cpu != 0 && cpu != pcpu_id() && cpuset_count(cpus_online) > 2 &&
               (sched_cpu_pool(cpu) == SCHED_POOL_ANY || sched_pool_remove_cpu(0, cpu) == 0)) {
        sched_cpu_leave(cpu);
        port_cpu_park(cpu);
        timer_cpu_leave(cpu);
        assert_ptr_equal(on_cpu[cpu], &idle[cpu]);
        assert_false(cpuset_has(sched_free_cpus(), cpu));
        assert_int_equal(sched_pool_add_cpu(0, cpu), -XEN_EINVAL);
    }
}

/* Everything at once on pools of both kinds, by chance: check() judges. */
static void test_random_pools(void **state)
{
    for (uint64_t seed = 1; seed <= 15; seed++) {
        struct random r = random_seed(seed);
        uint32_t other = SCHED_POOL_ANY;

        start_machine("credit2", 4 + (unsigned int)random_below(&r, CPUS_MAX - 4),
                      1 + (unsigned int)random_below(&r, 4));
        assert_int_equal(sched_pool_create(&other, seed % 2 ? XEN_SCHEDULER_NULL : XEN_SCHEDULER_CREDIT2), 0);
        add_random(&r, 24);
        for (unsigned int step = 0; step < 200; step++) {
            unsigned int i = (unsigned int)random_below(&r, vcpu_count);
            unsigned int cpu = (unsigned int)random_below(&r, cpu_count);
            uint32_t pool = random_below(&r, 2) ? other : 0;

            do {
                host_set_pcpu((unsigned int)random_below(&r, cpu_count));
            } while (!cpuset_has(cpus_online, pcpu_id()));
            switch (random_below(&r, 7)) {
            case 0:
                (void)sched_set_affinity(&vcpus[i].s, (cpuset_t){random_u64(&r)},
                                         (cpuset_t){random_u64(&r) & random_u64(&r)});
                break;
            case 1:
                (void)sched_set_params(&domains[i], 1 + (uint32_t)random_below(&r, 1000),
                                       (uint32_t)random_below(&r, 120));
                break;
            case 2:
                while (sched_pool_remove_cpu(pool, cpu) == -XEN_ERESTART) {
                    host_run_softirqs();
                }
                break;
            case 3:
                (void)sched_pool_add_cpu(pool, cpu);
                break;
            case 4:
                go_offline_or_online(cpu);
                break;
            default:
                if (on_cpu[pcpu_id()] == &vcpus[i].s) {
                    host_set_pcpu(cpuset_first(cpuset_minus(cpus_online, cpuset_of(pcpu_id()))));
                }
                sched_pause(&vcpus[i].s);
                (void)sched_domain_move(&domains[i], pool);
                sched_unpause(&vcpus[i].s);
                break;
            }
            host_run_softirqs();
            check();
            run(random_below(&r, MILLISECS(3)));
        }
        host_set_pcpu(0);
        for (unsigned int i = 0; i < vcpu_count; i++) {
            remove_vcpu(&vcpus[i]);
            sched_domain_destroy(&domains[i]);
        }
        for (unsigned int c = 0; c < cpu_count; c++) {
            (void)sched_pool_remove_cpu(other, c);
            if (!cpuset_has(cpus_online, c)) {
                go_offline_or_online(c);
            }
        }
        assert_int_equal(sched_pool_destroy(other), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_errors),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_random_pools),
    };

    return cmocka_run_group_tests(tests, NULL, stop_group);
}
