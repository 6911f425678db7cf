/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trace records of credit2; see credit2.h and sched_trace.h. */
#include <core/sched/credit2.h>
#include <core/sched/sched_trace.h>

#define CREDIT_INIT_NS MILLISECS(10)

/* Credit counts down from where the runqueue's first is, in nanoseconds of a vCPU of usual weight. */
static uint32_t credit_of(struct sched_rq *rq, struct sched_vcpu *v)
{
    int64_t credit = (int64_t)(crq(rq)->vtime + CREDIT_INIT_NS - *vtime_of(v));

    return (uint32_t)(int32_t)MIN_T(int64_t, MAX_T(int64_t, credit, INT32_MIN), INT32_MAX);
}

void credit2_trace_catch_up(struct sched_rq *rq, struct sched_vcpu *v, uint64_t most_ns)
{
    TRACE_4(TRACE_CREDIT2_CREDIT_RESET, v->trace_id, credit_of(rq, v), (uint32_t)(CREDIT_INIT_NS + most_ns),
            0);
}

void credit2_trace_burn(struct sched_rq *rq, struct sched_vcpu *v, uint64_t ns)
{
    TRACE_4(TRACE_CREDIT2_CREDIT_BURN, v->trace_id, credit_of(rq, v), (uint32_t)credit2_of(v)->budget_ns,
            0u - (uint32_t)ns);
}

void credit2_trace_choice(struct sched_rq *rq, const struct sched_pcpu *p, struct sched_vcpu *prev,
                          struct sched_vcpu *next)
{
    TRACE_2(TRACE_CREDIT2_SCHEDULE, p->cpu | credit2_number(rq) << 16, (uint32_t)prev->is_idle << 8);
    if (rq->queued_count > 0) {
        TRACE_1(TRACE_CREDIT2_RUNQ_CAND_CHECK, sched_waiting(waitq_end(&rq->waiting, false))->trace_id);
    }
    if (!next->is_idle) {
        TRACE_3(TRACE_CREDIT2_RUNQ_CANDIDATE, next->trace_id, 0, credit_of(rq, next));
    }
}

void credit2_trace_tickle(struct sched_rq *rq, struct sched_vcpu *v, unsigned int cpu)
{
    TRACE_3(TRACE_CREDIT2_TICKLE_NEW, v->trace_id, v->cpu, credit_of(rq, v));
    if (cpu != SCHED_NO_CPU) {
        TRACE_1(TRACE_CREDIT2_TICKLE, cpu);
    }
}
