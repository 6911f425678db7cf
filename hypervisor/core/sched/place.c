/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a vCPU that wants to run goes to, and which pCPU is told to choose anew because of it: the runqueue it waits on, an idle pCPU for it, or a busy one that the
 * policy names. Nothing here chooses who runs.
 *
 * A pCPU that was told is in its pool's `tickled` until it chose; nobody tells it a second time.
 */
#include <core/sched/sched_internal.h>
#include <core/trace/trace.h>

static cpuset_t free_cpus(const struct sched_pool *pool)
{
    return cpuset_minus(cpuset_read(&pool->idle), cpuset_read(&pool->tickled));
}

/* Of @from, for @v: its last pCPU, else one of @rq, else the nearest. SCHED_NO_CPU: @from is empty. */
static unsigned int nearest(const struct sched_rq *rq, const struct sched_vcpu *v, cpuset_t from)
{
    unsigned int best, near;

    if (cpuset_has(from, v->cpu)) {
        return v->cpu;
    }
    best = cpuset_first(cpuset_and(from, rq->cpus));
    if (best != MAX_PCPUS || cpuset_is_empty(from)) {
        return best;
    }
    near = ~0u;
    for_each_cpu (cpu, from) {
        unsigned int distance = sched_distance(cpu, rq);

        if (distance < near) {
            near = distance;
            best = cpu;
        }
    }
    return best;
}

/* An idle pCPU of the pool for @v, a preferred one before a near one. */
static unsigned int idle_for(const struct sched_rq *rq, const struct sched_vcpu *v, cpuset_t free)
{
    cpuset_t liked = cpuset_and(free, v->wait.cpus[WAITQ_PREFERRED]);

    return nearest(rq, v, cpuset_is_empty(liked) ? cpuset_and(free, v->wait.cpus[WAITQ_ALLOWED]) : liked);
}

/* No pCPU that @v prefers idles: on which runqueue, by one of its pCPUs, should it wait? */
static unsigned int shortest_queue(const struct sched_rq *rq, const struct sched_vcpu *v)
{
    cpuset_t left = v->wait.cpus[WAITQ_PREFERRED];
    unsigned int best = SCHED_NO_CPU;
    uint32_t best_load = 0;

    if (cpuset_meets(left, rq->cpus)) {
        return nearest(rq, v, cpuset_and(left, rq->cpus));
    }
    left = cpuset_and(left, rq->pool->cpus);
    while (!cpuset_is_empty(left)) {
        unsigned int cpu = cpuset_first(left);
        const struct sched_rq *other = sched_rq_of_cpu(cpu);
        uint32_t load = __atomic_load_n(&other->queued_count, __ATOMIC_RELAXED);

        if (best == SCHED_NO_CPU || load < best_load) {
            best = cpu;
            best_load = load;
        }
        left = cpuset_minus(left, other->cpus);
        cpuset_remove(&left, cpu);
    }
    return best;
}

/* @v, neither queued nor current, shall be on @cpu's runqueue. Under the lock of @rq, which it is on. */
static void send_to(struct sched_rq *rq, struct sched_vcpu *v, unsigned int cpu)
{
    struct sched_rq *to = sched_rq_of_cpu(cpu);

    if (to != rq) {
        v->policy->moved(rq, to, v);
    }
    __atomic_store_n(&v->cpu, (uint16_t)cpu, __ATOMIC_RELAXED);
}

static unsigned int best_to_tell(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now)
{
    unsigned int cpu = idle_for(rq, v, free_cpus(rq->pool));

    if (cpu == SCHED_NO_CPU || !cpuset_has(v->wait.cpus[WAITQ_PREFERRED], cpu)) {
        unsigned int better = v->policy->tickle(rq, v, cpu != SCHED_NO_CPU, now);

        cpu = better != SCHED_NO_CPU ? better : cpu;
    }
    return cpu;
}

unsigned int sched_choose_tickle(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now)
{
    unsigned int cpu;

    do {
        cpu = best_to_tell(rq, v, now);
        if (cpu == SCHED_NO_CPU) {
            return cpu;
        }
    } while (unlikely(!cpuset_add_first(&rq->pool->tickled, cpu))); /* another runqueue told it just now */
    if (unlikely(!cpuset_has(rq->cpus, cpu))) {
        __atomic_store_n(&per_cpu(sched_pcpu, cpu).told_by, rq, __ATOMIC_RELAXED);
    }
    if (trace_wants(TRC_SCHED)) {
        v->policy->trace_tickle(rq, v, cpu);
    }
    return cpu;
}

unsigned int sched_requeue(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now)
{
    v->is_queued = true;
    return v->policy->enqueue(rq, v, false, now) ? sched_choose_tickle(rq, v, now) : SCHED_NO_CPU;
}

struct sched_rq *sched_lock_best_rq(struct sched_vcpu *v, unsigned long *flags)
{
    struct sched_rq *rq = sched_lock_rq(v, flags);
    unsigned int cpu;

    if (likely(rq->pool->rq_count <= 1) || v->is_queued || sched_is_current(v) || !sched_is_runnable(v)) {
        return rq;
    }
    cpu = idle_for(rq, v, free_cpus(rq->pool));
    if (cpu == SCHED_NO_CPU || !cpuset_has(v->wait.cpus[WAITQ_PREFERRED], cpu)) {
        cpu = shortest_queue(rq, v); /* perhaps someone gives way there; if not, the idle pCPU takes it */
    }
    if (cpu == SCHED_NO_CPU || sched_rq_of_cpu(cpu) == rq) {
        return rq;
    }
    send_to(rq, v, cpu);
    spin_unlock_irqrestore(&rq->lock, *flags);
    return sched_lock_rq(v, flags);
}

void sched_find_home_locked(struct sched_rq *rq, struct sched_vcpu *v, unsigned long flags)
{
    unsigned int cpu = SCHED_NO_CPU;

    if (!v->is_queued && !sched_is_current(v) && !cpuset_has(v->wait.cpus[WAITQ_PREFERRED], v->cpu)) {
        unsigned int to = shortest_queue(rq, v);

        if (to != SCHED_NO_CPU) {
            send_to(rq, v, to);
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    rq = sched_lock_rq(v, &flags);
    if (sched_is_runnable(v) && !v->is_queued && !sched_is_current(v)) {
        cpu = sched_requeue(rq, v, port_now_ns());
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    sched_prod(cpu);
}

void sched_find_home(struct sched_vcpu *v)
{
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);

    sched_find_home_locked(rq, v, flags);
}

cpuset_t sched_spread(struct sched_rq *rq, uint64_t now)
{
    cpuset_t told = CPUSET_NONE, free;
    struct waitq_node *n = NULL;

    while (!cpuset_is_empty(free = free_cpus(rq->pool)) &&
           (n = waitq_find(&rq->waiting, n, false, WAITQ_ALLOWED, free)) != NULL) {
        unsigned int cpu = sched_choose_tickle(rq, sched_waiting(n), now);
        uint16_t saver;

        if (cpu == SCHED_NO_CPU) {
            continue;
        }
        saver = sched_is_being_saved(sched_waiting(n), cpu)
                    ? __atomic_load_n(&sched_waiting(n)->is_running, __ATOMIC_SEQ_CST)
                    : 0;
        if (saver == 0) {
            cpuset_add(&told, cpu);
        } else if (saver >> 1 != cpu + 1) {
            cpuset_remove_atomic(&rq->pool->tickled, cpu); /* it is another pCPU that will be told */
        }
    }
    return told;
}
