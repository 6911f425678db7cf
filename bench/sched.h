/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures of scheduling that PV and PVH guests share. */
#ifndef BENCH_SCHED_H
#define BENCH_SCHED_H
#include "measure.h"

/* context_switch: the two vCPUs of a guest share one pCPU, each wakes the other and blocks. */
void bench_context_switch(void);
/* wake_timer: a vCPU, blocked on a pCPU without other work, from its timer's deadline to the first instruction of its upcall. */
void bench_wake_timer(void);
/*
 * With a pCPU for each vCPU. wake_event: from one vCPU's sending of an event, after which it blocks, to the first instruction of the upcall of the other, which was
 * blocked. overhead_per_s: what is not the guest's of a thousand million instructions, while one vCPU computes and the other is blocked.
 */
void bench_own_cpus(void);
#endif
