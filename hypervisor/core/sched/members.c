/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains to pools, vCPUs to domains, and where vCPUs may run: their affinity within their pool.
 *
 * A pool's list of domains and their lists of vCPUs are under the pool's lock; a domain changes its pool only while none of its vCPUs runs.
 */
#include <core/sched/sched_internal.h>
#include <lib/string.h>

/* --- vCPUs ----------------------------------------------------------------------------------------------------------------------------------------- */

/* Where @v may run and would rather: its affinity within its pool. Not queued. */
static void update_sets(struct sched_vcpu *v)
{
    cpuset_t cpus = v->dom->pool->cpus;
    cpuset_t allowed = cpuset_and(v->hard_affinity, cpus), preferred;

    if (cpuset_is_empty(allowed)) {
        allowed = cpus;
    }
    preferred = cpuset_and(allowed, v->soft_affinity);
    v->wait.cpus[WAITQ_ALLOWED] = allowed;
    v->wait.cpus[WAITQ_PREFERRED] = cpuset_is_empty(preferred) ? allowed : preferred;
}

/* @v's affinity or its pool's pCPUs have changed; under the pool's lock. A queueing policy's. */
static void resettle(struct sched_vcpu *v)
{
    unsigned int cpu;
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);

    if (v->is_queued) {
        v->policy->dequeue(rq, v);
        v->is_queued = false;
    }
    update_sets(v);
    if (!sched_is_current(v)) {
        sched_find_home_locked(rq, v, flags);
        return;
    }
    cpu = v->cpu; /* it may have to go, or somewhere else may be better */
    spin_unlock_irqrestore(&rq->lock, flags);
    sched_prod(cpu);
}

/* The same for a direct policy: it keeps its pCPU if it may and there is none that it would rather have. */
static void reassign(struct sched_vcpu *v)
{
    struct sched_pool *pool = v->dom->pool;
    bool wanted = pool->policy->unassign(pool, v);
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);

    update_sets(v);
    spin_unlock_irqrestore(&rq->lock, flags);
    if (wanted || sched_is_runnable(v)) {
        pool->policy->assign(pool, v);
    }
    pool->policy->settle(pool);
}

void sched_resettle_all(struct sched_pool *pool)
{
    struct sched_domain *d;
    struct sched_vcpu *v;

    list_for_each_entry(d, &pool->domains, in_pool)
    {
        list_for_each_entry(v, &d->vcpus, in_domain)
        {
            (pool->policy->is_direct ? reassign : resettle)(v);
        }
    }
}

int sched_set_affinity(struct sched_vcpu *v, cpuset_t hard, cpuset_t soft)
{
    struct sched_pool *pool = v->dom->pool;
    unsigned long flags = spin_lock_irqsave(&pool->lock);
    int rc = 0;

    if (!cpuset_meets(hard, pool->cpus)) {
        rc = -XEN_EINVAL;
    } else {
        v->hard_affinity = hard;
        v->soft_affinity = soft;
        (pool->policy->is_direct ? reassign : resettle)(v);
    }
    spin_unlock_irqrestore(&pool->lock, flags);
    return rc;
}

/* A first pCPU for a vCPU: one after the other. */
static unsigned int first_cpu(cpuset_t allowed)
{
    static unsigned int last;
    unsigned int cpu = cpuset_next_wrap(allowed, (__atomic_load_n(&last, __ATOMIC_RELAXED) + 1) % MAX_PCPUS);

    __atomic_store_n(&last, cpu, __ATOMIC_RELAXED);
    return cpu;
}

int sched_vcpu_add(struct sched_vcpu *v, struct sched_domain *d)
{
    struct sched_pool *pool = d->pool;
    unsigned long flags;

    *v = (struct sched_vcpu){.dom = d,
                             .trace_id = v->trace_id,
                             .policy = pool->policy,
                             .hard_affinity = CPUSET_ALL,
                             .soft_affinity = CPUSET_ALL,
                             .pause_count = 1,
                             .pause_flags = VPF_DOWN,
                             .runstate = RUNSTATE_offline,
                             .runstate_since_ns = port_now_ns()};
    flags = spin_lock_irqsave(&pool->lock);
    update_sets(v);
    v->cpu = (uint16_t)first_cpu(pool->cpus);
    list_add_tail(&v->in_domain, &d->vcpus);
    pool->policy->vcpu_init(sched_rq_of_cpu(v->cpu), v);
    spin_unlock_irqrestore(&pool->lock, flags);
    return 0;
}

static void wait_until_saved(const struct sched_vcpu *v)
{
    while (__atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
}

void sched_vcpu_remove(struct sched_vcpu *v)
{
    struct sched_pool *pool;
    unsigned long flags, inner;
    struct sched_rq *rq;

    if (!v->dom) {
        return; /* never added */
    }
    pool = v->dom->pool;
    flags = spin_lock_irqsave(&pool->lock);
    if (pool->policy->is_direct && pool->policy->unassign(pool, v)) {
        pool->policy->settle(pool);
    }
    list_del(&v->in_domain);
    rq = sched_lock_rq(v, &inner);
    BUG_ON(v->is_queued || per_cpu(sched_pcpu, v->cpu).curr == v);
    spin_unlock_irqrestore(&rq->lock, inner);
    spin_unlock_irqrestore(&pool->lock, flags);
    wait_until_saved(v);
    v->dom = NULL;
}

/* --- domains ----------------------------------------------------------------------------------------------------------------------------------------- */

static void link_domain(struct sched_domain *d, struct sched_pool *pool)
{
    unsigned long flags = spin_lock_irqsave(&pool->lock);

    d->pool = pool;
    __atomic_store_n(&d->pool_id, pool->id, __ATOMIC_RELAXED);
    list_add_tail(&d->in_pool, &pool->domains);
    pool->domain_count++;
    spin_unlock_irqrestore(&pool->lock, flags);
}

static void unlink_domain(struct sched_domain *d)
{
    unsigned long flags = spin_lock_irqsave(&d->pool->lock);

    list_del(&d->in_pool);
    d->pool->domain_count--;
    spin_unlock_irqrestore(&d->pool->lock, flags);
}

/* A pool in which vCPUs can run. -XEN_ENOENT, -XEN_ENODEV: it has no pCPU. */
static int usable_pool(uint32_t id, struct sched_pool **pool)
{
    *pool = sched_find_pool(id);
    if (!*pool) {
        return -XEN_ENOENT;
    }
    return cpuset_is_empty((*pool)->cpus) ? -XEN_ENODEV : 0;
}

int sched_domain_init(struct sched_domain *d, uint32_t id)
{
    struct sched_pool *pool;
    int rc = usable_pool(id, &pool);

    *d = (struct sched_domain){.weight = SCHED_WEIGHT_DEFAULT};
    list_init(&d->vcpus);
    if (rc != 0) {
        return rc;
    }
    d->pool = pool;
    rc = pool->policy->domain_init(d);
    if (rc != 0) {
        d->pool = NULL;
        return rc;
    }
    link_domain(d, pool);
    return 0;
}

void sched_domain_destroy(struct sched_domain *d)
{
    if (!d->pool) {
        return;
    }
    BUG_ON(!list_is_empty(&d->vcpus));
    d->pool->policy->domain_destroy(d);
    unlink_domain(d);
    d->pool = NULL;
}

uint32_t sched_domain_pool(const struct sched_domain *d)
{
    return __atomic_load_n(&d->pool_id, __ATOMIC_RELAXED);
}

int sched_set_params(struct sched_domain *d, uint32_t weight, uint32_t cap)
{
    if (weight < 1 || weight > SCHED_WEIGHT_MAX) {
        return -XEN_EINVAL;
    }
    return d->pool->policy->domain_params(d, weight, cap);
}

/* @v, which does not run and is not queued, goes over to the pool that its domain is in now. Under that pool's lock. */
static void adopt(struct sched_vcpu *v)
{
    struct sched_pool *pool = v->dom->pool;
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);

    BUG_ON(v->is_queued || v->is_running);
    v->policy = pool->policy;
    update_sets(v);
    memset(v->policy_words, 0, sizeof(v->policy_words));
    __atomic_store_n(&v->cpu, (uint16_t)first_cpu(v->wait.cpus[WAITQ_PREFERRED]), __ATOMIC_RELAXED);
    pool->policy->vcpu_init(sched_rq_of_cpu(v->cpu), v);
    spin_unlock_irqrestore(&rq->lock, flags);
}

static void unassign_all(struct sched_domain *d)
{
    unsigned long flags = spin_lock_irqsave(&d->pool->lock);
    struct sched_vcpu *v;

    list_for_each_entry(v, &d->vcpus, in_domain)
    {
        if (d->pool->policy->is_direct && d->pool->policy->unassign(d->pool, v)) {
            d->pool->policy->settle(d->pool);
        }
    }
    spin_unlock_irqrestore(&d->pool->lock, flags);
}

int sched_domain_move(struct sched_domain *d, uint32_t id)
{
    struct sched_pool *from = d->pool, *to;
    void *old_data = d->policy_data, *new_data;
    struct sched_vcpu *v;
    unsigned long flags;
    int rc = usable_pool(id, &to);

    if (rc != 0 || to == from) {
        return rc;
    }
    rc = to->policy->domain_init(d);
    new_data = d->policy_data;
    d->policy_data = old_data;
    if (rc != 0) {
        return rc;
    }
    unassign_all(d);
    from->policy->domain_destroy(d);
    unlink_domain(d);
    d->policy_data = new_data;
    link_domain(d, to);
    flags = spin_lock_irqsave(&to->lock);
    list_for_each_entry(v, &d->vcpus, in_domain)
    {
        adopt(v);
    }
    spin_unlock_irqrestore(&to->lock, flags);
    if (to->policy->domain_params(d, d->weight, d->cap) != 0) {
        d->cap = 0;
    }
    return 0;
}
