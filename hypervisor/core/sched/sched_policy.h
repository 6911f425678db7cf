/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a scheduling policy is: a table of functions that choose; core/sched/sched.c does what was chosen. A policy touches no hardware and reads no
 * clock: time is handed in. It owns the order of the runqueue and the `policy` words of vCPUs and domains; all is under the runqueue's lock.
 *
 * A vCPU is on the runqueue exactly while it is runnable and not current on a pCPU. `is_running` of a queued vCPU means that another pCPU is still saving
 * it: pick() must then leave it, and say so with sched_is_being_saved().
 */
#pragma once
#include <base/percpu.h>
#include <core/sched/sched.h>

#define SCHED_NO_CPU MAX_PCPUS

/* pCPUs that share a queue. */
struct sched_rq {
    struct spinlock
        lock; /* class sched; guards all below, the vCPUs of these pCPUs and their struct sched_pcpu */
    cpuset_t cpus;
    cpuset_t idle;         /* run their idle vCPU */
    cpuset_t tickled;      /* told to choose anew, and did not yet */
    uint32_t queued_count; /* also read without the lock, as a hint */
    struct list_head queue;
    uint64_t policy[4]; /* the policy's own */
    struct sched_stats stats;
};

struct sched_pcpu {
    struct sched_rq *rq;     /* constant */
    unsigned int cpu;        /* constant */
    struct sched_vcpu *idle; /* constant */
    struct sched_vcpu *curr;
    uint64_t chosen_at_ns; /* when curr got the pCPU */
    uint64_t slice_end_ns; /* when to choose anew; set by pick() */
    bool is_yielding;

    /* this pCPU's alone */
    uint64_t timer_at_ns; /* deadline that `timer` is armed for, 0 none */
    struct timer timer;
};

DECLARE_PER_CPU(struct sched_pcpu, sched_pcpu);

struct sched_policy {
    const char *name;
    unsigned int id; /* XEN_SCHEDULER_* */
    void (*rq_init)(struct sched_rq *rq);
    void (*domain_changed)(struct sched_domain *d); /* new, or its weight changed */
    void (*vcpu_init)(struct sched_rq *rq, struct sched_vcpu *v);
    /* Put @v, runnable, on the queue; @is_wake: it was not runnable before. */
    void (*enqueue)(struct sched_rq *rq, struct sched_vcpu *v, bool is_wake, uint64_t now_ns);
    void (*dequeue)(struct sched_rq *rq, struct sched_vcpu *v);
    /* @v ran for @ns. */
    void (*charge)(struct sched_rq *rq, struct sched_vcpu *v, uint64_t ns);
    /*
     * Who runs on @p now: @curr (NULL when it may not go on), or a vCPU that is taken off the queue, or NULL to idle. Sets p->slice_end_ns unless idle.
     */
    struct sched_vcpu *(*pick)(struct sched_rq *rq, struct sched_pcpu *p, struct sched_vcpu *curr,
                               uint64_t now_ns);
    /* Which pCPU should choose anew because @v is on the queue; SCHED_NO_CPU: none, it waits its turn. */
    unsigned int (*tickle)(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now_ns);
};

extern const struct sched_policy sched_credit2;

/* @v, queued, is still being saved by another pCPU? Then it will be offered again when that is over. For pick(); under the lock. */
static inline bool sched_is_being_saved(struct sched_vcpu *v)
{
    uint8_t was = SCHED_RUNNING;

    if (likely(__atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE) == 0)) {
        return false;
    }
    /* once it is awaited, or became so here, only the saving pCPU changes it: to 0 */
    return __atomic_compare_exchange_n(&v->is_running, &was, SCHED_RUNNING | SCHED_SAVE_AWAITED, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE) ||
           was != 0;
}
