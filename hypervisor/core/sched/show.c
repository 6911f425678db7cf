/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log's view of who runs and who waits, for a debug key: what the scheduler believes, so that a vCPU that does not run can be found. A runqueue is locked
 * while its lines are written, so that they agree: its pCPUs may wait as long as the console takes.
 */
#include <base/log.h>
#include <core/sched/sched_internal.h>

#define WAITING_SHOWN 32u

static void show_vcpu(const char *what, struct sched_vcpu *v)
{
    log_info("    %s d%uv%u: pCPU %u, is_queued %u, is_running %#x, key %ld, may use %#lx, prefers %#lx\n",
             what, v->trace_id >> 16, v->trace_id & 0xffff, v->cpu, v->is_queued, v->is_running,
             (long)v->wait.key, (unsigned long)v->wait.cpus[WAITQ_ALLOWED].bits,
             (unsigned long)v->wait.cpus[WAITQ_PREFERRED].bits);
}

static void show_pcpu(const struct sched_pcpu *p, uint64_t now)
{
    const struct sched_pool *pool = p->rq->pool;

    log_info("    pCPU %u:%s%s chosen %ld us ago, slice ends in %ld us, timer %s\n", p->cpu,
             cpuset_has(cpuset_read(&pool->idle), p->cpu) ? " idle," : "",
             cpuset_has(cpuset_read(&pool->tickled), p->cpu) ? " told to choose," : "",
             (long)(now - p->chosen_at_ns) / 1000, (long)(p->slice_end_ns - now) / 1000,
             p->timer_at_ns == 0         ? "off"
             : timer_is_armed(&p->timer) ? "armed"
                                         : "lost");
    if (!p->curr->is_idle) {
        show_vcpu("runs", p->curr);
    }
}

static void show_runqueue(struct sched_rq *rq, uint64_t now)
{
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    struct waitq_node *n = NULL;

    log_info("  runqueue of pCPUs %#lx, pool %u: %u wait\n", (unsigned long)rq->cpus.bits, rq->pool->id,
             rq->queued_count);
    for_each_cpu (cpu, rq->cpus) {
        show_pcpu(&per_cpu(sched_pcpu, cpu), now);
    }
    for (unsigned int i = 0; i < WAITING_SHOWN; i++) {
        n = waitq_find(&rq->waiting, n, false, WAITQ_ALLOWED, CPUSET_ALL);
        if (!n) {
            break;
        }
        show_vcpu("waits", sched_waiting(n));
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

void sched_show(void)
{
    cpuset_t left = cpus_online;

    while (!cpuset_is_empty(left)) {
        struct sched_rq *rq = sched_rq_of_cpu(cpuset_first(left));

        cpuset_remove(&left, cpuset_first(left));
        left = cpuset_minus(left, rq->cpus);
        show_runqueue(rq, port_now_ns());
    }
}
