/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a scheduling policy is: a table of functions that choose; core/sched/sched.c does what was chosen. A policy touches no hardware and reads no
 * clock: time is handed in. It owns the order of the runqueue and the `policy` words of runqueues, vCPUs and domains.
 *
 * Two kinds. A queueing policy: a vCPU is queued (is_queued) exactly while it is runnable and not current on a pCPU. `is_running` of a queued vCPU means
 * that another pCPU is still saving it: pick() must then leave it, and say so with sched_is_being_saved(). A direct one (is_direct) gives each vCPU
 * a pCPU for good: nothing is ever queued, and waking takes no lock.
 */
#pragma once
#include <base/percpu.h>
#include <core/sched/sched.h>

#define SCHED_NO_CPU               MAX_PCPUS
#define SCHED_RATELIMIT_DEFAULT_NS MILLISECS(1)

/* pCPUs that share a queue. */
struct sched_rq {
    struct spinlock
        lock; /* class sched; guards all below, the vCPUs of these pCPUs and their struct sched_pcpu */
    struct sched_pool *pool;
    cpuset_t cpus;
    struct sched_topology group; /* of its first pCPU */
    struct waitq waiting;
    uint32_t queued_count; /* in `waiting`; also read without the lock, as a hint */
    uint64_t policy[4];    /* the policy's own */
    struct sched_stats stats;
};

struct sched_pcpu {
    struct sched_rq *rq;     /* changes only while this pCPU idles, under the old one's lock */
    unsigned int cpu;        /* constant */
    struct sched_vcpu *idle; /* constant */
    struct sched_vcpu *curr;
    struct sched_vcpu *assigned; /* direct policies: whom this pCPU belongs to */
    uint64_t chosen_at_ns;       /* when curr got the pCPU */
    uint64_t slice_end_ns;       /* when to choose anew; set by pick(); UINT64_MAX never */
    uint64_t balance_at_ns;      /* when to look at another runqueue next */
    unsigned int balance_next;   /* which one */
    uint64_t soft_try_at_ns;     /* when to send a vCPU away next that prefers another runqueue's pCPUs */
    struct sched_rq
        *told_by; /* atomic; another runqueue, one of whose vCPUs this pCPU was told to come for */
    bool is_yielding;
    bool is_sending_away; /* just now: whoever is current */

    /* this pCPU's alone */
    struct sched_vcpu *held; /* idles, and this one's state is in the registers */
    uint64_t timer_at_ns;    /* deadline that `timer` is armed for, 0 none */
    struct timer timer;
};

DECLARE_PER_CPU(struct sched_pcpu, sched_pcpu);

struct sched_pool {
    uint32_t id;                       /* constant */
    const struct sched_policy *policy; /* constant */
    uint64_t ratelimit_ns;             /* atomic */
    struct list_head entry; /* in the list of pools, by number; only one pCPU at a time changes or walks it */

    struct spinlock lock; /* class schedpool */
    cpuset_t cpus;
    struct list_head domains;
    uint32_t domain_count;
    struct waitq unassigned; /* direct policies: vCPUs for which no pCPU was free, by arrival */
    uint64_t arrivals;

    /* atomic, and hints only */
    cpuset_t idle;     /* run their idle vCPU; null: have no vCPU, under the lock */
    cpuset_t tickled;  /* told to choose anew, and did not yet */
    uint64_t vtime;    /* credit2: how far the furthest runqueue is */
    uint32_t rq_count; /* runqueues with pCPUs */
};

struct sched_policy {
    const char *name;
    unsigned int id; /* XEN_SCHEDULER_* */
    bool is_direct;

    /* --- every policy */
    /* @d came into a pool of this policy; -XEN_ENOMEM. And left it, all vCPUs gone. No lock. */
    int (*domain_init)(struct sched_domain *d);
    void (*domain_destroy)(struct sched_domain *d);
    /* Use @weight and @cap, which are in range, from now on, and note them in @d; -XEN_EOPNOTSUPP, -XEN_ENOMEM: nothing changed. No lock. */
    int (*domain_params)(struct sched_domain *d, uint32_t weight, uint32_t cap);
    void (*rq_init)(struct sched_rq *rq);
    /* @v is new in the pool, its `cpu` chosen; not runnable. Under the pool's lock. */
    void (*vcpu_init)(struct sched_rq *rq, struct sched_vcpu *v);
    /* Who runs on @p now: @curr (NULL when it may not go on), or a vCPU that is taken off the queue, or NULL to idle. Sets p->slice_end_ns unless idle. */
    struct sched_vcpu *(*pick)(struct sched_rq *rq, struct sched_pcpu *p, struct sched_vcpu *curr,
                               uint64_t now_ns);

    /* Write trace records about the choice of @next on @p, of @rq, where @prev runs until now. Under the runqueue's lock. */
    void (*trace_choice)(struct sched_rq *rq, const struct sched_pcpu *p, struct sched_vcpu *prev,
                         struct sched_vcpu *next);

    /* --- queueing policies, all under the runqueue's lock */
    /* Put @v, runnable, on the queue; @is_wake: it was not runnable before. False: it cannot run yet, nobody need be told. */
    bool (*enqueue)(struct sched_rq *rq, struct sched_vcpu *v, bool is_wake, uint64_t now_ns);
    void (*dequeue)(struct sched_rq *rq, struct sched_vcpu *v);
    /* @v ran for @ns. */
    void (*charge)(struct sched_rq *rq, struct sched_vcpu *v, uint64_t ns);
    /* @v, charged, leaves its pCPU. Direct policies too. */
    void (*stopped)(struct sched_rq *rq, struct sched_vcpu *v);
    /*
     * Which busy pCPU of @rq should choose anew because @v is on the queue; SCHED_NO_CPU: none, it waits its turn. @has_idle: there is an idle one
     * for it, though not one that it prefers.
     */
    unsigned int (*tickle)(struct sched_rq *rq, struct sched_vcpu *v, bool has_idle, uint64_t now_ns);
    /* Write trace records about @v, which is on the queue, and @cpu, which is told; SCHED_NO_CPU: none. */
    void (*trace_tickle)(struct sched_rq *rq, struct sched_vcpu *v, unsigned int cpu);
    /* Whom @p, of runqueue @rq, should take over from @other, both locked; NULL: nobody. @is_idle: @p has nothing to do. Not taken off yet. */
    struct sched_vcpu *(*find_pull)(struct sched_rq *other, struct sched_rq *rq, struct sched_pcpu *p,
                                    bool is_idle);
    /* @v, not queued, changes from @from, which may be NULL, to @to; only the lock of the one of them it is in is held. */
    void (*moved)(struct sched_rq *from, struct sched_rq *to, struct sched_vcpu *v);

    /* --- direct policies, all under the pool's lock */
    /* Find @v, runnable or to be so, a pCPU; if there is none, it waits for one. */
    void (*assign)(struct sched_pool *pool, struct sched_vcpu *v);
    /* Take @v's pCPU away, or its place among those that wait for one; settle() must follow. False: it had neither. */
    bool (*unassign)(struct sched_pool *pool, struct sched_vcpu *v);
    /* Free pCPUs go to those who wait. */
    void (*settle)(struct sched_pool *pool);
};

extern const struct sched_policy sched_credit2;
extern const struct sched_policy sched_null;

/* --- what core/sched offers to policies ----------------------------------------------------------------------------------------------------------- */

static inline struct sched_vcpu *sched_waiting(struct waitq_node *n)
{
    return n ? container_of(n, struct sched_vcpu, wait) : NULL;
}

static inline struct sched_rq *sched_rq_of_cpu(unsigned int cpu)
{
    return __atomic_load_n(&per_cpu(sched_pcpu, cpu).rq, __ATOMIC_RELAXED);
}

/* Does @v have the pCPU that it is at? Under the runqueue's lock. */
static inline bool sched_is_current(const struct sched_vcpu *v)
{
    return per_cpu(sched_pcpu, v->cpu).curr == v;
}

/* @v, current, of a queueing policy, has run until @now_ns. Under the runqueue's lock. */
static inline void sched_charge(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now_ns)
{
    v->policy->charge(rq, v, now_ns - v->last_run_ns);
    v->last_run_ns = now_ns;
}

/* The runqueue of @v's pCPU, locked, interrupts off. */
struct sched_rq *sched_lock_rq(const struct sched_vcpu *v, unsigned long *flags);

/*
 * @v, which this pCPU @cpu wants, is still being saved by another one? Then @cpu will be told when that is over. For pick(); under the lock.
 */
static inline bool sched_is_being_saved(struct sched_vcpu *v, unsigned int cpu)
{
    uint16_t was = __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE);

    /* until it is 0, or one waits for it already */
    while (unlikely((was & ~SCHED_HELD) == SCHED_RUNNING)) {
        if (__atomic_compare_exchange_n(&v->is_running, &was, (uint16_t)(was | (cpu + 1) << 1), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
            return true;
        }
    }
    return was != 0;
}

/* How far @cpu is from the pCPUs of @rq: 0 none, the same runqueue; else as in the SLIT, 10 the same node. */
unsigned int sched_distance(unsigned int cpu, const struct sched_rq *rq);

/* Tell @cpu, unless it is SCHED_NO_CPU, to choose anew. */
void sched_prod(unsigned int cpu);
/* Whom to tell that @v is on @rq's queue, which is locked; the telling, sched_prod(), is for after it. */
unsigned int sched_choose_tickle(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now_ns);
