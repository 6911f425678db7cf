/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pCPUs offline and online by sysctl and by platform_op: who may, which, what the tools see, and where vCPUs are meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/platform.h>
#include <abi/sysctl.h>
#include <core/evtchn/evtchn_ops.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))

static int start(void **state)
{
    fake_x86_start();
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    assert_int_equal(cpus_online.bits, cpus_present.bits);
    return 0;
}

static long sysctl(uint32_t op, uint32_t cpu)
{
    struct xen_sysctl *s = (struct xen_sysctl *)fake_window;

    s->cmd = XEN_SYSCTL_cpu_hotplug;
    s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    s->u.cpu_hotplug.op = op;
    s->u.cpu_hotplug.cpu = cpu;
    return fake_call(do_sysctl, GUEST(s), 0);
}

static long offline(uint32_t cpu)
{
    return sysctl(XEN_SYSCTL_CPU_HOTPLUG_OFFLINE, cpu);
}

static long online(uint32_t cpu)
{
    return sysctl(XEN_SYSCTL_CPU_HOTPLUG_ONLINE, cpu);
}

static long platform(uint32_t cmd, uint32_t cpu)
{
    struct xen_platform_op *p = (struct xen_platform_op *)fake_window;

    p->cmd = cmd;
    p->interface_version = XENPF_INTERFACE_VERSION;
    p->u.cpu_ol.cpuid = cpu;
    return fake_call(do_platform_op, GUEST(p), 0);
}

static void refusals(void **state)
{
    assert_int_equal(offline(0), -XEN_EINVAL);
    assert_int_equal(offline(FAKE_CPUS), -XEN_EINVAL);
    assert_int_equal(offline(~0u), -XEN_EINVAL);
    assert_int_equal(online(FAKE_CPUS), -XEN_EINVAL);
    assert_int_equal(online(~0u), -XEN_EINVAL);
    assert_int_equal(online(1), -XEN_EEXIST);
    assert_int_equal(sysctl(XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(sysctl(XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(sysctl(9, 1), -XEN_EOPNOTSUPP);
    fake_dom0->is_control = false;
    assert_int_equal(offline(1), -XEN_EPERM);
    fake_dom0->is_control = true;
    assert_int_equal(cpus_online.bits, cpus_present.bits);
}

/* The hardware domain was told (VIRQ_PCPU_STATE) since the last time. */
static bool was_told(uint32_t port)
{
    bool was = evtchn_is_pending(&fake_dom0->evtchn, port);

    fake_dom0->shared->evtchn_pending[port / 64] &= ~(1ul << port % 64);
    return was;
}

static void there_and_back(void **state)
{
    struct xen_sysctl *s = (struct xen_sysctl *)fake_window;
    struct sched_pool_info pool;
    uint32_t port;

    assert_int_equal(evtchn_bind_virq(&fake_dom0->evtchn, VIRQ_PCPU_STATE, 0, &port), 0);
    assert_int_equal(offline(3), 0);
    assert_true(was_told(port));
    assert_int_equal(offline(3), -XEN_EEXIST);
    assert_false(was_told(port));
    assert_false(cpuset_has(cpus_online, 3));
    assert_false(cpuset_has(sched_free_cpus(), 3));
    assert_int_equal(sched_pool_info(0, &pool), 0);
    assert_int_equal(pool.cpus.bits, 7);
    assert_int_equal(sched_pool_add_cpu(0, 3), -XEN_EINVAL);
    s->cmd = XEN_SYSCTL_physinfo;
    assert_int_equal(fake_call(do_sysctl, GUEST(s), 0), 0);
    assert_int_equal(s->u.physinfo.nr_cpus, 3);
    assert_int_equal(s->u.physinfo.max_cpu_id, 3);
    assert_int_equal(online(3), 0);
    assert_true(was_told(port));
    assert_int_equal(sched_pool_info(0, &pool), 0);
    assert_int_equal(pool.cpus.bits, 15);
}

static void pools(void **state)
{
    uint32_t id = SCHED_POOL_ANY;

    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_NULL), 0);
    assert_int_equal(sched_pool_remove_cpu(0, 2), 0);
    assert_int_equal(offline(2), 0); /* of no pool */
    assert_int_equal(online(2), 0);
    assert_int_equal(sched_cpu_pool(2), 0);
    assert_int_equal(sched_pool_remove_cpu(0, 2), 0);
    assert_int_equal(sched_pool_add_cpu(id, 2), 0);
    assert_int_equal(offline(2), -XEN_ENODEV);
    assert_int_equal(sched_pool_remove_cpu(id, 2), 0);
    assert_int_equal(sched_pool_add_cpu(0, 2), 0);
    assert_int_equal(sched_pool_destroy(id), 0);
}

/* All but pCPU 0, whose pool has a domain; pCPU 0 elsewhere: the last one stays. */
static void the_last(void **state)
{
    uint32_t id = SCHED_POOL_ANY;

    for (uint32_t cpu = 1; cpu < FAKE_CPUS; cpu++) {
        assert_int_equal(offline(cpu), 0);
    }
    assert_int_equal(cpus_online.bits, 1);
    assert_int_equal(online(1), 0);
    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_CREDIT2), 0);
    assert_int_equal(sched_pool_remove_cpu(0, 0), 0);
    assert_int_equal(sched_pool_add_cpu(id, 0), 0);
    assert_int_equal(offline(1), -XEN_EBUSY);
    assert_int_equal(sched_pool_remove_cpu(id, 0), 0);
    assert_int_equal(sched_pool_add_cpu(0, 0), 0);
    assert_int_equal(sched_pool_destroy(id), 0);
}

/* Linux' files: what is so already is no error. */
static void by_platform_op(void **state)
{
    struct xen_platform_op *p = (struct xen_platform_op *)fake_window;

    assert_int_equal(platform(XENPF_cpu_offline, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(platform(XENPF_cpu_offline, ~0u), -XEN_EINVAL);
    assert_int_equal(platform(XENPF_cpu_online, FAKE_CPUS), -XEN_EINVAL);
    assert_int_equal(platform(XENPF_cpu_online, 1), 0);
    assert_int_equal(platform(XENPF_cpu_offline, 1), 0);
    assert_int_equal(platform(XENPF_cpu_offline, 1), 0);
    memset(&p->u, 0, sizeof(p->u));
    p->u.pcpu_info.xen_cpuid = 1;
    p->cmd = XENPF_get_cpuinfo;
    assert_int_equal(fake_call(do_platform_op, GUEST(p), 0), 0);
    assert_int_equal(p->u.pcpu_info.flags, 0);
    assert_int_equal(platform(XENPF_cpu_online, 1), 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(refusals), T(there_and_back), T(pools), T(the_last), T(by_platform_op),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
