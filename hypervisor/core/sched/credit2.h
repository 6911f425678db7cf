/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of credit2 share. credit2.c: order and choice. credit2_tickle.c: who is told of a vCPU that waits. credit2_budget.c: caps.
 *
 * A cap of n percent gives a domain n percent of credit2_cap_period_ms in each period, which its vCPUs take in chunks when they are chosen and bring back when
 * they stop. Time is never lost to rounding: what a vCPU ran over its chunk is owed, and periods stay on their grid. What is not used in a period is
 * not saved up. A timer is armed only while a vCPU is parked.
 */
#pragma once
#include <core/sched/sched_policy.h>

#define CREDIT2_INV_SHIFT     24
#define CREDIT2_MARGIN_NS     MICROSECS(500) /* an advantage below this does not end a slice early */
#define CREDIT2_CHARGE_MAX_NS SECONDS(1)

struct credit2_vcpu {
    uint64_t queued_at_ns;
    int64_t budget_ns;       /* taken for it and not yet used; negative: owed */
    struct list_head by_age; /* in its runqueue's */
    bool is_parked;          /* is_queued, but in no queue: waits for the next period */
};

struct credit2_domain {
    uint64_t inv; /* virtual time for each nanosecond, << CREDIT2_INV_SHIFT */

    struct spinlock lock; /* class schedbudget; guards all below */
    uint64_t total_ns;    /* for a period; 0: no cap. Also read without the lock. */
    int64_t left_ns;
    uint64_t period_end_ns;
    bool is_waited_for;  /* a vCPU was parked in this period */
    uint32_t vcpu_count; /* how many share it; under the pool's lock */
    struct timer timer;  /* at period_end_ns while a vCPU is parked */
};

/* Of two that wait for a pCPU, one that ran there last goes before one that is no further behind than this. */
static inline uint64_t credit2_resist_ns(void)
{
    return MICROSECS(__atomic_load_n(&credit2_resist_us, __ATOMIC_RELAXED));
}

static inline uint64_t credit2_period_ns(void)
{
    return MILLISECS(credit2_cap_period_ms);
}

static inline struct credit2_vcpu *credit2_of(struct sched_vcpu *v)
{
    return (struct credit2_vcpu *)v->policy_words;
}

static inline struct sched_vcpu *credit2_vcpu(struct credit2_vcpu *cv)
{
    return (struct sched_vcpu *)((uint8_t *)cv - offsetof(struct sched_vcpu, policy_words));
}

struct credit2_rq {
    uint64_t
        vtime; /* never goes back: how far the first of those who wait has been; others read it as a hint */
    struct list_head
        by_age; /* those who wait, by how long they do; who came over from another runqueue is last */
};

static inline struct credit2_rq *crq(struct sched_rq *rq)
{
    return (struct credit2_rq *)rq->policy;
}

static inline uint64_t *vtime_of(struct sched_vcpu *v)
{
    return &v->wait.key;
}

static inline bool credit2_is_capped(const struct sched_vcpu *v)
{
    return __atomic_load_n(&((const struct credit2_domain *)v->dom->policy_data)->total_ns,
                           __ATOMIC_RELAXED) != 0;
}

static inline uint64_t credit2_to_virtual(const struct sched_vcpu *v, uint64_t ns)
{
    const struct credit2_domain *d = v->dom->policy_data;

    return (MIN_T(uint64_t, ns, CREDIT2_CHARGE_MAX_NS) * d->inv) >> CREDIT2_INV_SHIFT;
}

/* Is virtual time @a earlier than @b by more than @margin? */
static inline bool credit2_is_before(uint64_t a, uint64_t b, uint64_t margin)
{
    return (int64_t)(b - a) > (int64_t)margin;
}

/* Could @v, which runs on @cpu, run as well or better on an idle pCPU? */
static inline bool credit2_has_other_place(const struct sched_rq *rq, const struct sched_vcpu *v,
                                           unsigned int cpu)
{
    cpuset_t free = cpuset_minus(cpuset_read(&rq->pool->idle), cpuset_read(&rq->pool->tickled));

    return cpuset_meets(
        v->wait.cpus[cpuset_has(v->wait.cpus[WAITQ_PREFERRED], cpu) ? WAITQ_PREFERRED : WAITQ_ALLOWED], free);
}

/* The policy's: sched_policy.h. */
unsigned int credit2_tickle(struct sched_rq *rq, struct sched_vcpu *v, bool has_idle, uint64_t now_ns);

/* --- caps: credit2_budget.c ------------------------------------------------------------------------------------------------------------------------ */

/* False: no memory. */
bool credit2_budget_init(struct sched_domain *d);
void credit2_budget_destroy(struct sched_domain *d);
/* @cap in percent of a pCPU, 0 none; at once. No lock held. */
void credit2_budget_set(struct sched_domain *d, uint32_t cap);

/* What follows is for @v of a capped domain, under its runqueue's lock. */

/* See that @v has something to spend. False: its domain has nothing left in this period. */
bool credit2_budget_take(struct sched_vcpu *v, uint64_t now_ns);
/* What is left of @v's chunk, or owed. */
void credit2_budget_return(struct sched_vcpu *v);
/* True: its domain has something left. False: @v is parked now, until the next period. */
bool credit2_budget_park_unless_left(struct sched_vcpu *v, uint64_t now_ns);

/* credit2.c: @v, parked, may run again. Under its runqueue's lock; the caller tickles. */
void credit2_unpark(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now_ns);

/* --- trace records: credit2_trace.c, all under the runqueue's lock ------------------------------------------------------------------------------- */

/* What names a runqueue: its first pCPU. */
static inline uint32_t credit2_number(const struct sched_rq *rq)
{
    return rq ? cpuset_first(rq->cpus) : MAX_PCPUS;
}

/* @v was further behind than @most_ns, and is about to be put there. */
__attribute__((cold)) void credit2_trace_catch_up(struct sched_rq *rq, struct sched_vcpu *v,
                                                  uint64_t most_ns);
/* @v was charged for @ns. */
__attribute__((cold)) void credit2_trace_burn(struct sched_rq *rq, struct sched_vcpu *v, uint64_t ns);
/* The policy's: sched_policy.h. */
void credit2_trace_choice(struct sched_rq *rq, const struct sched_pcpu *p, struct sched_vcpu *prev,
                          struct sched_vcpu *next);
void credit2_trace_tickle(struct sched_rq *rq, struct sched_vcpu *v, unsigned int cpu);
