/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * null: a pCPU for each vCPU. No queue, no slices, no timer; waking a vCPU takes no lock, its pCPU is told and finds it. For work that wants the
 * shortest worst case, not the best mean.
 *
 * A vCPU gets its pCPU when it first becomes runnable, one that it prefers before one that it may use, and keeps it until it is taken down, ends, or is
 * forbidden it. When there are more vCPUs than pCPUs, the later ones wait in order of arrival and do not run at all; a pCPU that gets free goes to the
 * first of them that prefers it, else the first that may use it. Invariant: p->assigned == v for one pCPU at most, the one that v's target names.
 *
 * In a pool of this policy `idle` is the set of pCPUs without a vCPU, under the pool's lock.
 */
#include <core/sched/sched_policy.h>
#include <core/sched/sched_trace.h>

#define WAITS UINT64_MAX /* target: in pool->unassigned */

struct null_vcpu {
    uint64_t target; /* 0: it wants no pCPU; its pCPU's number + 1; or WAITS. Under the pool's lock. */
};

BUILD_ASSERT(sizeof(struct null_vcpu) <= sizeof(((struct sched_vcpu *)0)->policy_words), "fits");

static struct null_vcpu *nv(struct sched_vcpu *v)
{
    return (struct null_vcpu *)v->policy_words;
}

static bool has_cpu(struct sched_vcpu *v)
{
    return nv(v)->target != 0 && nv(v)->target != WAITS;
}

/* --- one pCPU to one vCPU ---------------------------------------------------------------------------------------------------------------------- */

static void set_assigned(unsigned int cpu, struct sched_vcpu *v)
{
    struct sched_pcpu *p = &per_cpu(sched_pcpu, cpu);
    unsigned long flags = spin_lock_irqsave(&p->rq->lock);

    __atomic_store_n(&p->assigned, v, __ATOMIC_SEQ_CST);
    spin_unlock_irqrestore(&p->rq->lock, flags);
    sched_prod(cpu);
}

/* @v is at @cpu from now on, or, while it still runs elsewhere, as soon as it stops there (null_stopped()). */
static void set_cpu(struct sched_vcpu *v, unsigned int cpu)
{
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);

    if (v->cpu != cpu) {
        TRACE_2(TRACE_NULL_MIGRATE, v->trace_id, v->cpu | (uint32_t)cpu << 16);
    }
    if (per_cpu(sched_pcpu, v->cpu).curr != v) {
        __atomic_store_n(&v->cpu, (uint16_t)cpu, __ATOMIC_SEQ_CST);
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

static unsigned int free_cpu_for(const struct sched_pool *pool, const struct sched_vcpu *v)
{
    for (unsigned int set = WAITQ_PREFERRED + 1; set-- > 0;) {
        cpuset_t free = cpuset_and(v->wait.cpus[set], pool->idle);

        if (!cpuset_is_empty(free)) {
            return cpuset_has(free, v->cpu) ? v->cpu : cpuset_first(free);
        }
    }
    return SCHED_NO_CPU;
}

static void give(struct sched_pool *pool, struct sched_vcpu *v, unsigned int cpu)
{
    if (nv(v)->target == WAITS) {
        waitq_remove(&pool->unassigned, &v->wait);
    }
    TRACE_2(TRACE_NULL_ASSIGN, v->trace_id, cpu);
    cpuset_remove(&pool->idle, cpu);
    nv(v)->target = cpu + 1;
    set_cpu(v, cpu);
    set_assigned(cpu, v);
}

static void null_assign(struct sched_pool *pool, struct sched_vcpu *v)
{
    unsigned int cpu;

    if (has_cpu(v)) {
        sched_prod((unsigned int)nv(v)->target - 1);
        return;
    }
    cpu = free_cpu_for(pool, v);
    if (cpu != SCHED_NO_CPU) {
        TRACE_2(TRACE_NULL_PICKED_CPU, v->trace_id, cpu);
        give(pool, v, cpu);
    } else if (nv(v)->target != WAITS) {
        nv(v)->target = WAITS;
        v->wait.key = pool->arrivals++;
        if (cpuset_equal(v->wait.cpus[WAITQ_PREFERRED], v->wait.cpus[WAITQ_ALLOWED])) {
            v->wait.cpus[WAITQ_PREFERRED] =
                CPUSET_NONE; /* who would take any goes after who prefers the one that gets free */
        }
        waitq_insert(&pool->unassigned, &v->wait);
    }
}

static bool null_unassign(struct sched_pool *pool, struct sched_vcpu *v)
{
    uint64_t target = nv(v)->target;

    nv(v)->target = 0;
    if (target == WAITS) {
        waitq_remove(&pool->unassigned, &v->wait);
    } else if (target != 0) {
        TRACE_2(TRACE_NULL_DEASSIGN, v->trace_id, (uint32_t)target - 1);
        set_assigned((unsigned int)target - 1, NULL);
        if (cpuset_has(pool->cpus, (unsigned int)target - 1)) {
            cpuset_add(&pool->idle, (unsigned int)target - 1);
        }
    }
    return target != 0;
}

/* Free pCPUs go to those who wait. */
static void null_settle(struct sched_pool *pool)
{
    for_each_cpu (cpu, pool->idle) {
        struct waitq_node *n = waitq_find(&pool->unassigned, NULL, false, WAITQ_PREFERRED, cpuset_of(cpu));

        n = n ? n : waitq_find(&pool->unassigned, NULL, false, WAITQ_ALLOWED, cpuset_of(cpu));
        if (n) {
            give(pool, sched_waiting(n), cpu);
        }
    }
}

/* --- the policy ------------------------------------------------------------------------------------------------------------------------------------ */

static int null_domain_init(struct sched_domain *d)
{
    d->policy_data = NULL;
    return 0;
}

static void null_domain_destroy(struct sched_domain *d)
{
}

static int null_domain_params(struct sched_domain *d, uint32_t weight, uint32_t cap)
{
    return -XEN_EOPNOTSUPP;
}

static void null_rq_init(struct sched_rq *rq)
{
}

static void null_vcpu_init(struct sched_rq *rq, struct sched_vcpu *v)
{
    nv(v)->target = 0;
}

static struct sched_vcpu *null_pick(struct sched_rq *rq, struct sched_pcpu *p, struct sched_vcpu *curr,
                                    uint64_t now)
{
    struct sched_vcpu *v = p->assigned;

    p->slice_end_ns = UINT64_MAX;
    if (!v || v == curr) {
        return v;
    }
    /* current and not runnable, or another that may still be saved elsewhere */
    return sched_is_runnable(v) && v != p->curr && (v == p->held || !sched_is_being_saved(v, p->cpu)) ? v
                                                                                                      : NULL;
}

static void null_stopped(struct sched_rq *rq, struct sched_vcpu *v)
{
    uint64_t target = nv(v)->target;

    if (target != 0 && target != WAITS) {
        __atomic_store_n(&v->cpu, (uint16_t)(target - 1), __ATOMIC_SEQ_CST);
    }
}

static void trace_choice(struct sched_rq *rq, const struct sched_pcpu *p, struct sched_vcpu *prev,
                         struct sched_vcpu *next)
{
    TRACE_2(TRACE_NULL_SCHEDULE, (uint32_t)p->cpu << 16, next->is_idle ? ~0u : next->trace_id);
}

const struct sched_policy sched_null = {
    .name = "null",
    .id = XEN_SCHEDULER_NULL,
    .is_direct = true,
    .domain_init = null_domain_init,
    .domain_destroy = null_domain_destroy,
    .domain_params = null_domain_params,
    .rq_init = null_rq_init,
    .vcpu_init = null_vcpu_init,
    .pick = null_pick,
    .stopped = null_stopped,
    .assign = null_assign,
    .unassign = null_unassign,
    .settle = null_settle,
    .trace_choice = trace_choice,
};
