/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the runqueues of a pool: a pCPU without work, or one whose vCPUs are better off, takes over who waits elsewhere. Whom, the policy says.
 *
 * Two runqueues are locked at once only here and when a pCPU changes its own, both with spin_lock_pair().
 */
#include <core/sched/sched_internal.h>

#define BALANCE_NS MILLISECS(10) /* how often a pCPU compares its runqueue with another */

/*
 * Take a vCPU over from @other, if there is one to take that can run: what comes over but cannot (its budget is used up) is passed over. @p's runqueue @rq is
 * locked, and may have been unlocked meanwhile.
 */
static bool pull_from(struct sched_rq *other, struct sched_rq *rq, struct sched_pcpu *p, bool is_idle,
                      uint64_t now)
{
    const struct sched_policy *policy = rq->pool->policy;
    struct sched_vcpu *v;
    bool is_ready = false;

    spin_unlock(&rq->lock);
    spin_lock_pair(&rq->lock, &other->lock);
    while (!is_ready && (v = policy->find_pull(other, rq, p, is_idle)) != NULL) {
        policy->dequeue(other, v);
        policy->moved(other, rq, v);
        __atomic_store_n(&v->cpu, (uint16_t)p->cpu, __ATOMIC_RELAXED);
        is_ready = policy->enqueue(rq, v, false, now);
        rq->stats.migrations++;
        rq->stats.pulls++;
    }
    spin_unlock(&other->lock);
    return is_ready;
}

/* Does somebody wait on @other for whom no idle pCPU of its own is on its way? A hint. */
static bool has_work(const struct sched_rq *other)
{
    uint32_t queued = __atomic_load_n(&other->queued_count, __ATOMIC_RELAXED);

    return queued != 0 &&
           queued > cpuset_count(cpuset_and(other->cpus, cpuset_and(cpuset_read(&other->pool->idle),
                                                                    cpuset_read(&other->pool->tickled))));
}

bool sched_pull_for_idle(struct sched_rq *rq, struct sched_pcpu *p, uint64_t now)
{
    cpuset_t left = cpuset_minus(rq->pool->cpus, rq->cpus);

    while (!cpuset_is_empty(left)) {
        struct sched_rq *best = NULL;
        unsigned int near = ~0u;

        for (cpuset_t look = left; !cpuset_is_empty(look);) {
            unsigned int cpu = cpuset_first(look);
            struct sched_rq *other = sched_rq_of_cpu(cpu);
            unsigned int distance = sched_distance(p->cpu, other);

            look = cpuset_minus(look, other->cpus);
            cpuset_remove(&look, cpu);
            if (other->pool != rq->pool || !has_work(other)) {
                left = cpuset_minus(left, other->cpus);
                cpuset_remove(&left, cpu);
            } else if (distance < near) {
                near = distance;
                best = other;
            }
        }
        if (!best) {
            return false;
        }
        left = cpuset_minus(left, best->cpus);
        if (pull_from(best, rq, p, true, now)) {
            return true;
        }
    }
    return false;
}

void sched_balance(struct sched_rq *rq, struct sched_pcpu *p, uint64_t now)
{
    cpuset_t others = cpuset_minus(rq->pool->cpus, rq->cpus);
    struct sched_rq *other;
    unsigned int cpu;

    if (now < p->balance_at_ns || cpuset_is_empty(others)) {
        return;
    }
    p->balance_at_ns = now + BALANCE_NS;
    cpu = cpuset_next_wrap(others, p->balance_next);
    other = sched_rq_of_cpu(cpu);
    p->balance_next = cpu + 1;
    while (cpuset_has(other->cpus, p->balance_next % MAX_PCPUS) && p->balance_next < MAX_PCPUS) {
        p->balance_next++;
    }
    if (other->pool == rq->pool && __atomic_load_n(&other->queued_count, __ATOMIC_RELAXED) > 0) {
        (void)pull_from(other, rq, p, false, now);
    }
}

void sched_pass_on(struct sched_rq *other, uint64_t now)
{
    cpuset_t told = CPUSET_NONE;

    spin_lock(&other->lock);
    if (other->pool && has_work(other)) {
        told = sched_spread(other, now);
    }
    spin_unlock(&other->lock);
    sched_prod_all(told);
}
