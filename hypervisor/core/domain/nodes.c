/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On which memory nodes a domain's memory shall be: where the tools said, else where its vCPUs are meant to run. `mem.nodes` is read without a lock by
 * whoever allocates; it is a wish, so a moment's old value does no harm.
 */
#include <core/domain/domain.h>
#include <core/numa/numa.h>

/* The pCPUs that its vCPUs may use, or those of them that they prefer, when there are any. */
static cpuset_t meant_cpus(const struct domain *d)
{
    cpuset_t hard = CPUSET_NONE, soft = CPUSET_NONE;
    struct sched_pool_info pool;

    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        const struct vcpu *v = __atomic_load_n(&d->vcpus[i], __ATOMIC_ACQUIRE);

        if (v) {
            hard = cpuset_or(hard, v->sched.hard_affinity);
            soft = cpuset_or(soft, v->sched.soft_affinity);
        }
    }
    if (cpuset_is_empty(hard)) {
        hard = CPUSET_ALL; /* it has no vCPUs yet */
    }
    if (sched_pool_info(sched_domain_pool(&d->sched), &pool) == 0) {
        hard = cpuset_and(hard, pool.cpus);
    }
    soft = cpuset_and(hard, soft);
    return cpuset_is_empty(soft) ? hard : soft;
}

void domain_update_nodes(struct domain *d)
{
    if (numa_nodes > 1 && !d->has_set_nodes) {
        __atomic_store_n(&d->mem.nodes, numa_nodes_of(meant_cpus(d)), __ATOMIC_RELAXED);
    }
}

void domain_update_all_nodes(void)
{
    struct domain *d = numa_nodes > 1 ? domain_next(0) : NULL;

    while (d) {
        domid_t next = d->id + 1;

        domain_update_nodes(d);
        domain_put(d);
        d = domain_next(next);
    }
}

int domain_set_nodes(struct domain *d, uint64_t nodes)
{
    uint64_t known = nodes & numa_all_nodes();

    if (known == 0) {
        return -XEN_EINVAL;
    }
    d->has_set_nodes = nodes != ~0ull;
    __atomic_store_n(&d->mem.nodes, known, __ATOMIC_RELAXED);
    domain_update_nodes(d);
    return 0;
}

uint64_t domain_nodes(const struct domain *d)
{
    uint64_t nodes = __atomic_load_n(&d->mem.nodes, __ATOMIC_RELAXED);

    return nodes ? nodes : numa_all_nodes();
}
