/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers: a callback on a pCPU at a time; a heap for each pCPU. Callbacks run in the timer softirq with interrupts on and no lock held. Lock
 * class timer; any context.
 */
#pragma once
#include <base/lock.h>
#include <lib/heap.h>

struct timer {
    struct heap_node node; /* key: deadline */
    void (*fn)(void *arg);
    void *arg;
    uint64_t deadline_ns;
    uint16_t cpu;
    uint8_t state; /* idle, queued, running, dead */
};

void timer_init_cpu(unsigned int cpu); /* before the first timer on it */
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu);
/* (Re)arm. A deadline in the past fires at once. Ignored on a killed timer. -XEN_ENOMEM when the heap cannot grow. */
int timer_set(struct timer *t, uint64_t deadline_ns);
void timer_stop(struct timer *t);
/* Stop, and wait until a running callback is over (unless called from it); never fires again. */
void timer_kill(struct timer *t);
/* Move to another pCPU, keeping the deadline. */
void timer_migrate(struct timer *t, unsigned int cpu);
bool timer_is_armed(const struct timer *t);

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
