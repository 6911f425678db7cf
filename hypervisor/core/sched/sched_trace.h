/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace records of scheduling: the numbers of the policies' own events, which <xen/trace.h> leaves to the policies, and what the files here share. The
 * words of each are as stock xenalyze reads them. What has no counterpart here (a tick, load averages) is not recorded.
 */
#pragma once
#include <core/sched/sched.h>
#include <core/trace/trace.h>

#define TRACE_CREDIT2(n)          TRC_SCHED_CLASS_EVT(CSCHED2, n)
#define TRACE_CREDIT2_CREDIT_BURN TRACE_CREDIT2(3) /* vCPU, credit, budget, -ns it ran */
#define TRACE_CREDIT2_TICKLE      TRACE_CREDIT2(6) /* pCPU */
#define TRACE_CREDIT2_CREDIT_RESET \
    TRACE_CREDIT2(7) /* vCPU, credit before, after: it does not fall further behind */
#define TRACE_CREDIT2_RUNQ_ASSIGN     TRACE_CREDIT2(10) /* vCPU, runqueue */
#define TRACE_CREDIT2_TICKLE_NEW      TRACE_CREDIT2(13) /* vCPU that is queued, its pCPU, credit */
#define TRACE_CREDIT2_MIGRATE         TRACE_CREDIT2(15) /* vCPU, from runqueue, to << 16 */
#define TRACE_CREDIT2_LOAD_CHECK      TRACE_CREDIT2(16) /* runqueue, other << 16, how many more wait there */
#define TRACE_CREDIT2_RUNQ_CANDIDATE  TRACE_CREDIT2(20) /* vCPU chosen, 0, credit */
#define TRACE_CREDIT2_SCHEDULE        TRACE_CREDIT2(21) /* pCPU, runqueue << 16; it idles << 8 */
#define TRACE_CREDIT2_RATELIMIT       TRACE_CREDIT2(22) /* vCPU that goes on, ns it ran */
#define TRACE_CREDIT2_RUNQ_CAND_CHECK TRACE_CREDIT2(23) /* vCPU that waits, the first */

#define TRACE_NULL(n)         TRC_SCHED_CLASS_EVT(SNULL, n)
#define TRACE_NULL_PICKED_CPU TRACE_NULL(1) /* vCPU, pCPU */
#define TRACE_NULL_ASSIGN     TRACE_NULL(2) /* vCPU, pCPU */
#define TRACE_NULL_DEASSIGN   TRACE_NULL(3) /* vCPU, pCPU */
#define TRACE_NULL_MIGRATE    TRACE_NULL(4) /* vCPU, from pCPU, to << 16 */
#define TRACE_NULL_SCHEDULE   TRACE_NULL(5) /* pCPU << 16; vCPU that runs, ~0 none */

/* An event of which the words are the domain and the number of a vCPU. */
#define TRACE_VCPU(event, v) TRACE_2(event, (v)->trace_id >> 16, (uint16_t)(v)->trace_id)

/* A vCPU's run state changes to @state. */
__attribute__((cold)) void sched_trace_runstate(const struct sched_vcpu *v, uint8_t state);

/* The choice is made; run states are still as before. sched_trace.c; @slice_ns: for how long at most. */
__attribute__((cold)) void sched_trace_choice(const struct sched_vcpu *prev, const struct sched_vcpu *next,
                                              uint64_t now_ns, uint64_t slice_ns);
