/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The records of one choice; see sched_trace.h. */
#include <core/sched/sched_trace.h>

static uint32_t domain_of(const struct sched_vcpu *v)
{
    return v->trace_id >> 16;
}

static uint32_t number_of(const struct sched_vcpu *v)
{
    return (uint16_t)v->trace_id;
}

void sched_trace_runstate(const struct sched_vcpu *v, uint8_t state)
{
    TRACE_1(TRC_SCHED_RUNSTATE_CHANGE | (uint32_t)v->runstate << 8 | (uint32_t)state << 4, v->trace_id);
}

void sched_trace_choice(const struct sched_vcpu *prev, const struct sched_vcpu *next, uint64_t now_ns,
                        uint64_t slice_ns)
{
    uint32_t in_state = (uint32_t)(now_ns - prev->runstate_since_ns);
    uint32_t waited = next->runstate == RUNSTATE_runnable ? (uint32_t)(now_ns - next->runstate_since_ns) : 0;

    if (prev == next) {
        TRACE_4(TRC_SCHED_SWITCH_INFCONT, domain_of(prev), number_of(prev), in_state, (uint32_t)slice_ns);
        TRACE_1(TRC_SCHED_CONTINUE_RUNNING, prev->trace_id);
        return;
    }
    TRACE_3(TRC_SCHED_SWITCH_INFPREV, domain_of(prev), number_of(prev), in_state);
    TRACE_4(TRC_SCHED_SWITCH_INFNEXT, domain_of(next), number_of(next), waited, (uint32_t)slice_ns);
    TRACE_4(TRC_SCHED_SWITCH, domain_of(prev), number_of(prev), domain_of(next), number_of(next));
}
