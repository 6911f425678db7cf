/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Accounts: how long a vCPU was in each run state, up to now. sched.c changes the states; they are read here under the runqueue's lock. */
#include <core/sched/sched_internal.h>

void sched_runstate(const struct sched_vcpu *v, struct vcpu_runstate_info *out)
{
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);
    uint64_t now = port_now_ns();

    out->state = v->runstate;
    out->state_entry_time = v->runstate_since_ns;
    for (unsigned int i = 0; i < ARRAY_SIZE(out->time); i++) {
        out->time[i] = v->runstate_time_ns[i];
    }
    out->time[v->runstate] += now - v->runstate_since_ns;
    spin_unlock_irqrestore(&rq->lock, flags);
}

uint64_t sched_cpu_time_ns(const struct sched_vcpu *v)
{
    struct vcpu_runstate_info info;

    sched_runstate(v, &info);
    return info.time[RUNSTATE_running];
}

uint64_t sched_idle_ns(unsigned int cpu)
{
    return sched_cpu_time_ns(per_cpu(sched_pcpu, cpu).idle);
}

bool sched_cpu_is_idle(unsigned int cpu)
{
    const struct sched_vcpu *idle = per_cpu(sched_pcpu, cpu).idle;

    return idle && __atomic_load_n(&idle->is_running, __ATOMIC_RELAXED) != 0;
}
