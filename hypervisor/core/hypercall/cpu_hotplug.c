/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pCPUs go offline and come back. One that goes leaves its pool, as with cpupool_op, so that it idles and no vCPU is sent there; device interrupts are
 * sent elsewhere; pCPU 0 serves its timers; then it is parked. What was under way to it meanwhile it still does. Nothing here can fail half-way.
 */
#include <core/hypercall/cpu_hotplug.h>
#include <core/hypercall/sysctl_internal.h>
#include <base/log.h>

int cpu_take_offline(unsigned int cpu)
{
    int rc;

    if (cpu == 0 || cpu >= MAX_PCPUS || !cpuset_has(cpus_present, cpu)) {
        return -XEN_EINVAL;
    }
    if (!cpuset_has(cpus_online, cpu)) {
        return -XEN_EEXIST;
    }
    rc = sched_cpu_pool(cpu) == SCHED_POOL_ANY ? 0 : sched_pool_remove_cpu(0, cpu);
    if (rc != 0) {
        return rc;
    }
    sched_cpu_leave(cpu);
    arch_cpu_leave(cpu);
    port_cpu_park(cpu);
    timer_cpu_leave(cpu);
    domain_update_all_nodes();
    log_info("CPU %u is offline\n", cpu);
    domain_send_global_virq(VIRQ_PCPU_STATE);
    return 0;
}

int cpu_bring_online(unsigned int cpu)
{
    if (cpu >= MAX_PCPUS || !cpuset_has(cpus_present, cpu)) {
        return -XEN_EINVAL;
    }
    if (cpuset_has(cpus_online, cpu)) {
        return -XEN_EEXIST;
    }
    port_cpu_unpark(cpu);
    timer_cpu_return(cpu);
    sched_cpu_return(cpu);
    domain_update_all_nodes();
    log_info("CPU %u is online\n", cpu);
    domain_send_global_virq(VIRQ_PCPU_STATE);
    return 0;
}

long sysctl_cpu_hotplug(struct xen_sysctl *op, bool *copyback)
{
    const struct xen_sysctl_cpu_hotplug *h = &op->u.cpu_hotplug;

    switch (h->op) {
    case XEN_SYSCTL_CPU_HOTPLUG_ONLINE:
        return cpu_bring_online(h->cpu);
    case XEN_SYSCTL_CPU_HOTPLUG_OFFLINE:
        return cpu_take_offline(h->cpu);
    default:
        return -XEN_EOPNOTSUPP; /* threads of a core are CPUs like any other */
    }
}
