/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * credit2: which busy pCPU gives way to a vCPU that has just been queued. First one whose vCPU could as well run elsewhere, so that both get a place; else one
 * whose vCPU is ahead of the new one. Only hints are read of other pCPUs: who is told chooses for itself.
 */
#include <core/sched/credit2.h>

#define UNLIMITED_NS SECONDS(1000000) /* more than any lead: not held by the rate limit */

/*
 * The pCPU of @cpus whose vCPU is furthest ahead of @v, if any is ahead: one that has had its pCPU for the rate limit before one that would keep it for now,
 * and of these @v's last.
 */
static unsigned int find_preemptible(const struct sched_rq *rq, cpuset_t cpus, struct sched_vcpu *v,
                                     uint64_t now)
{
    unsigned int best = SCHED_NO_CPU;
    uint64_t most = 0;

    for_each_cpu (cpu, cpus) {
        const struct sched_pcpu *p = &per_cpu(sched_pcpu, cpu);
        uint64_t ahead;

        if (p->curr->is_idle) {
            continue;
        }
        ahead = *vtime_of(p->curr) + credit2_to_virtual(p->curr, now - p->curr->last_run_ns) - *vtime_of(v);
        if ((int64_t)ahead <= (int64_t)CREDIT2_MARGIN_NS) {
            continue;
        }
        ahead += cpu == v->cpu ? credit2_resist_ns() : 0;
        ahead += now - p->chosen_at_ns >= rq->pool->ratelimit_ns ? UNLIMITED_NS : 0;
        if (ahead > most) {
            best = cpu;
            most = ahead;
        }
    }
    return best;
}

unsigned int credit2_tickle(struct sched_rq *rq, struct sched_vcpu *v, bool has_idle, uint64_t now)
{
    cpuset_t liked = cpuset_and(rq->cpus, v->wait.cpus[WAITQ_PREFERRED]);
    cpuset_t idle = cpuset_read(&rq->pool->idle), tickled = cpuset_read(&rq->pool->tickled);
    cpuset_t busy = cpuset_minus(rq->cpus, cpuset_or(idle, tickled));
    unsigned int cpu;

    if (!cpuset_is_empty(cpuset_minus(idle, tickled))) {
        for_each_cpu (c, cpuset_and(liked, busy)) {
            struct sched_vcpu *curr = per_cpu(sched_pcpu, c).curr;

            if (!curr->is_idle && credit2_has_other_place(rq, curr, c)) {
                return c;
            }
        }
        if (has_idle) {
            return SCHED_NO_CPU;
        }
    }
    cpu = find_preemptible(rq, cpuset_and(liked, busy), v, now);
    return cpu != SCHED_NO_CPU
               ? cpu
               : find_preemptible(rq, cpuset_and(v->wait.cpus[WAITQ_ALLOWED], cpuset_minus(busy, liked)), v,
                                  now);
}
