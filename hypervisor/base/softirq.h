/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Softirqs: work that a pCPU does with interrupts on, before it returns to a guest or idles. Each has one handler, set once at start-up. Raised
 * from any context. pcpu_loop() (hw) and host programs call softirq_run().
 */
#pragma once
#include <base/percpu.h>

enum softirq {
    SOFTIRQ_TIMER,    /* core/timer: expired timers */
    SOFTIRQ_SCHEDULE, /* core/sched: choose who runs */
    SOFTIRQ_TASKLET,  /* core/timer: deferred work */
    SOFTIRQ_MACHINE,  /* hw: what an NMI or a machine check left to say */
    SOFTIRQ_TRACE,    /* a trace buffer of this pCPU is half full: tell the reader */
    SOFTIRQ_LOG,      /* the log's ring has more: tell the reader */
    SOFTIRQ_PARK, /* hw: this pCPU goes offline and halts here; the last, so that all others are looked at before */
    SOFTIRQ_COUNT
};

DECLARE_PER_CPU(uint32_t, softirq_bits);

void softirq_set_handler(enum softirq nr, void (*fn)(void));
/* Mark @nr pending on this pCPU. */
static inline void softirq_raise(enum softirq nr)
{
    __atomic_fetch_or(&this_cpu(softirq_bits), 1u << nr, __ATOMIC_RELAXED);
}
/* Mark @nr pending on @cpu, and make it look. */
void softirq_raise_on(unsigned int cpu, enum softirq nr);
static inline bool softirq_pending(void)
{
    return __atomic_load_n(&this_cpu(softirq_bits), __ATOMIC_RELAXED) != 0;
}
/* Run pending handlers of this pCPU until none is left. Interrupts on. */
void softirq_run(void);

/* True when a long operation should stop and return a continuation. Costs one load. */
static inline bool hypercall_preempt_check(void)
{
    return softirq_pending();
}
