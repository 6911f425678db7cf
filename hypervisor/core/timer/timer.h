/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers: a callback on a pCPU at a time; a heap for each pCPU. Callbacks run in the timer softirq with interrupts on and no lock held. Lock
 * class timer; any context. Room in a pCPU's heap is reserved when a timer is assigned to it, so that arming cannot fail for want of memory.
 */
#pragma once
#include <base/lock.h>
#include <lib/heap.h>

enum timer_state { TIMER_NEW, TIMER_READY, TIMER_DEAD };

struct timer {
    struct heap_node node; /* key: deadline */
    void (*fn)(void *arg);
    void *arg;
    uint64_t deadline_ns;
    uint16_t cpu;    /* under that pCPU's heap lock, which also guards all above */
    uint16_t ran_on; /* pCPU where the callback ran last */
    uint8_t state;   /* enum timer_state */
};

/* Before the first timer on @cpu, once it is online. */
void timer_init_cpu(unsigned int cpu);
/* Once, or again after timer_kill(). */
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu);
/* (Re)arm. A deadline in the past fires at once. Ignored on a killed timer. -XEN_ENOMEM when timer_init() had found no memory, and still there is none. */
int timer_set(struct timer *t, uint64_t deadline_ns);
void timer_stop(struct timer *t);
/* Stop, and wait until a running callback is over (unless called from it); never fires again. A zeroed timer may be killed. */
void timer_kill(struct timer *t);
/* Move to another pCPU, keeping the deadline; it stays where it is when there is no memory. */
void timer_migrate(struct timer *t, unsigned int cpu);
/*
 * @cpu goes offline: pCPU 0, which cannot, runs its timers' callbacks from now on; no timer moves, so nothing can fail. And @cpu does it again.
 */
void timer_cpu_leave(unsigned int cpu);
void timer_cpu_return(unsigned int cpu);
bool timer_is_armed(const struct timer *t);
/* Timers, armed or not, that @cpu has room for. */
unsigned int timer_count(unsigned int cpu);
/* How many timers wait on @cpu, and the first one's deadline (0: none). */
unsigned int timer_armed_count(unsigned int cpu, uint64_t *first_ns);

/* Deferred work in softirq context. */
struct tasklet {
    struct tasklet *next;
    void (*fn)(void *arg);
    void *arg;
    bool queued;
};
void tasklet_init(struct tasklet *t, void (*fn)(void *), void *arg);
/* Run it once on this pCPU soon; a second call before it ran does nothing. */
void tasklet_schedule(struct tasklet *t);
/* Registers the softirq handlers. */
void timer_init_all(void);
