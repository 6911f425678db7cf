/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * credit2: fair by weight. Each vCPU has a virtual time that advances while it runs, faster the lower its weight; the queue is ordered by it, and who is
 * furthest behind runs next. (Credit is the same number counted downwards.)
 *
 * - A vCPU that slept comes back at most LAG behind those who wait: it gets a pCPU soon, but has not saved up time.
 * - A choice stands for RATE_LIMIT, unless the vCPU stops or yields. A slice lasts until the vCPU is GRANULE ahead of the first waiter.
 * - Virtual times drift apart between vCPUs that cannot compete (hard affinity). Whoever waits too long because of that is let in front, and starts
 *   again from there: nobody starves.
 */
#include <core/sched/sched_policy.h>

#define WEIGHT_DEFAULT   256ull
#define INV_SHIFT        24
#define LAG_NS           MILLISECS(5)
#define GRANULE_NS       MILLISECS(5)
#define MARGIN_NS        MICROSECS(500) /* an advantage below this does not end a slice early */
#define RATE_LIMIT_NS    MILLISECS(1)
#define SLICE_MIN_NS     MICROSECS(500)
#define SLICE_MAX_NS     MILLISECS(10)
#define CHARGE_MAX_NS    SECONDS(1)
#define STARVING_NS      MILLISECS(200) /* plus STARVING_EACH_NS for each that waits */
#define STARVING_EACH_NS MILLISECS(25)

struct credit2_vcpu {
    uint64_t vtime;
    uint64_t queued_at_ns;
};

struct credit2_rq {
    uint64_t vtime; /* never goes back: how far the first of those who wait has been */
};

struct credit2_domain {
    uint64_t inv; /* virtual time for each nanosecond, << INV_SHIFT */
};

BUILD_ASSERT(sizeof(struct credit2_vcpu) <= sizeof(((struct sched_vcpu *)0)->policy), "fits");
BUILD_ASSERT(sizeof(struct credit2_rq) <= sizeof(((struct sched_rq *)0)->policy), "fits");
BUILD_ASSERT(sizeof(struct credit2_domain) <= sizeof(((struct sched_domain *)0)->policy_data), "fits");

static struct credit2_vcpu *cv(struct sched_vcpu *v)
{
    return (struct credit2_vcpu *)v->policy;
}

static struct credit2_rq *crq(struct sched_rq *rq)
{
    return (struct credit2_rq *)rq->policy;
}

static uint64_t to_virtual(const struct sched_vcpu *v, uint64_t ns)
{
    const struct credit2_domain *d = (const struct credit2_domain *)v->dom->policy_data;

    return (MIN_T(uint64_t, ns, CHARGE_MAX_NS) * d->inv) >> INV_SHIFT;
}

/* Is virtual time @a earlier than @b by more than @margin? */
static bool is_before(uint64_t a, uint64_t b, uint64_t margin)
{
    return (int64_t)(b - a) > (int64_t)margin;
}

static void move_forward(uint64_t *at, uint64_t to)
{
    if (is_before(*at, to, 0)) {
        *at = to;
    }
}

static void credit2_rq_init(struct sched_rq *rq)
{
    crq(rq)->vtime = LAG_NS;
}

static void credit2_domain_changed(struct sched_domain *d)
{
    ((struct credit2_domain *)d->policy_data)->inv = (WEIGHT_DEFAULT << INV_SHIFT) / d->weight;
}

static void credit2_vcpu_init(struct sched_rq *rq, struct sched_vcpu *v)
{
    cv(v)->vtime = crq(rq)->vtime;
}

/* Nobody waits: those who run say how far virtual time is. */
static void follow_running(struct sched_rq *rq)
{
    uint64_t busy = rq->cpus.bits & ~rq->idle.bits;
    uint64_t first = 0;
    bool any = false;

    for (; busy; busy &= busy - 1) {
        struct sched_vcpu *v = per_cpu(sched_pcpu, (unsigned int)__builtin_ctzll(busy)).curr;

        if (!v->is_idle && (!any || is_before(cv(v)->vtime, first, 0))) {
            first = cv(v)->vtime;
            any = true;
        }
    }
    if (any) {
        move_forward(&crq(rq)->vtime, first);
    }
}

static void credit2_enqueue(struct sched_rq *rq, struct sched_vcpu *v, bool is_wake, uint64_t now)
{
    struct list_head *at = rq->queue.prev;

    if (is_wake) {
        if (rq->queued_count == 0) {
            follow_running(rq);
        }
        move_forward(&cv(v)->vtime, crq(rq)->vtime - LAG_NS);
    }
    cv(v)->queued_at_ns = now;
    while (at != &rq->queue &&
           is_before(cv(v)->vtime, cv(list_entry(at, struct sched_vcpu, queue))->vtime, 0)) {
        at = at->prev;
    }
    list_add(&v->queue, at);
    __atomic_store_n(&rq->queued_count, rq->queued_count + 1, __ATOMIC_RELAXED);
}

static void credit2_dequeue(struct sched_rq *rq, struct sched_vcpu *v)
{
    list_del(&v->queue);
    __atomic_store_n(&rq->queued_count, rq->queued_count - 1, __ATOMIC_RELAXED);
}

static void credit2_charge(struct sched_rq *rq, struct sched_vcpu *v, uint64_t ns)
{
    cv(v)->vtime += to_virtual(v, ns);
    /* one that runs all the time and still falls behind has no claim to more */
    if (rq->queued_count > 0) {
        move_forward(&cv(v)->vtime, crq(rq)->vtime - LAG_NS);
    }
}

/* The first that waits and may run on @cpu. */
static struct sched_vcpu *first_waiting(struct sched_rq *rq, unsigned int cpu)
{
    struct sched_vcpu *v;

    list_for_each_entry(v, &rq->queue, queue)
    {
        if (likely(cpuset_has(v->hard_affinity, cpu)) && !sched_is_being_saved(v)) {
            return v;
        }
    }
    return NULL;
}

/* One that has waited too long. Who has no prospect by its virtual time is the last of those who may run on @cpu, sooner or later. */
static struct sched_vcpu *starving(struct sched_rq *rq, unsigned int cpu, uint64_t now)
{
    uint64_t limit = STARVING_NS + rq->queued_count * STARVING_EACH_NS;
    struct sched_vcpu *v;

    list_for_each_entry_reverse(v, &rq->queue, queue)
    {
        if (likely(cpuset_has(v->hard_affinity, cpu))) {
            return unlikely(now - cv(v)->queued_at_ns >= limit) && !sched_is_being_saved(v) ? v : NULL;
        }
    }
    return NULL;
}

/* For how long @v may run while @other (NULL: nobody) waits. */
static uint64_t slice(const struct sched_vcpu *v, uint64_t vtime, struct sched_vcpu *other)
{
    uint64_t lead;

    if (!other) {
        return SLICE_MAX_NS;
    }
    lead = cv(other)->vtime + GRANULE_NS - vtime;
    if ((int64_t)lead <= 0) {
        return SLICE_MIN_NS;
    }
    if (lead >= SECONDS(100)) {
        return SLICE_MAX_NS;
    }
    lead = lead * v->dom->weight / WEIGHT_DEFAULT;
    return MIN(MAX(lead, SLICE_MIN_NS), SLICE_MAX_NS);
}

/* Does @curr go on although @first waits? */
static bool keeps(const struct sched_pcpu *p, struct sched_vcpu *curr, struct sched_vcpu *first, uint64_t now)
{
    uint64_t margin = now >= p->slice_end_ns ? 0 : MARGIN_NS;

    return !is_before(cv(first)->vtime, cv(curr)->vtime, margin);
}

static struct sched_vcpu *credit2_pick(struct sched_rq *rq, struct sched_pcpu *p, struct sched_vcpu *curr,
                                       uint64_t now)
{
    struct sched_vcpu *first, *hungry, *next;

    if (curr && !cpuset_has(curr->hard_affinity, p->cpu)) {
        curr = NULL;
    }
    first = rq->queued_count > 0 ? first_waiting(rq, p->cpu) : NULL;
    if (!first) {
        p->slice_end_ns = now + SLICE_MAX_NS;
        return curr;
    }
    move_forward(&crq(rq)->vtime, cv(list_first_entry(&rq->queue, struct sched_vcpu, queue))->vtime);
    if (curr && !p->is_yielding && now - p->chosen_at_ns < RATE_LIMIT_NS) {
        p->slice_end_ns = p->chosen_at_ns + RATE_LIMIT_NS;
        return curr;
    }
    hungry = starving(rq, p->cpu, now);
    next = hungry ? hungry : first;
    if (hungry) {
        cv(hungry)->vtime =
            curr && is_before(cv(curr)->vtime, cv(first)->vtime, 0) ? cv(curr)->vtime : cv(first)->vtime;
    } else if (curr && !p->is_yielding && keeps(p, curr, first, now)) {
        p->slice_end_ns = now + slice(curr, cv(curr)->vtime, first);
        return curr;
    }
    credit2_dequeue(rq, next);
    p->slice_end_ns = now + slice(next, cv(next)->vtime,
                                  curr                   ? curr
                                  : rq->queued_count > 0 ? first_waiting(rq, p->cpu)
                                                         : NULL);
    return next;
}

/* The pCPU of @cpus whose vCPU is furthest ahead of @v, if any is ahead. */
static unsigned int find_preemptible(uint64_t cpus, struct sched_vcpu *v, uint64_t now)
{
    unsigned int best = SCHED_NO_CPU;
    uint64_t best_vtime = cv(v)->vtime + MARGIN_NS;

    for (; cpus; cpus &= cpus - 1) {
        unsigned int cpu = (unsigned int)__builtin_ctzll(cpus);
        struct sched_vcpu *curr = per_cpu(sched_pcpu, cpu).curr;
        uint64_t vtime;

        if (curr->is_idle) {
            continue;
        }
        vtime = cv(curr)->vtime + to_virtual(curr, now - curr->last_run_ns);
        if (is_before(best_vtime, vtime, 0)) {
            best = cpu;
            best_vtime = vtime;
        }
    }
    return best;
}

static unsigned int credit2_tickle(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now)
{
    uint64_t allowed = rq->cpus.bits & v->hard_affinity.bits;
    uint64_t idle = rq->idle.bits & allowed & ~rq->tickled.bits;

    if (idle) {
        if (idle & v->soft_affinity.bits) {
            idle &= v->soft_affinity.bits;
        }
        return (idle >> v->cpu) & 1 ? v->cpu : (unsigned int)__builtin_ctzll(idle);
    }
    return find_preemptible(allowed & ~rq->idle.bits & ~rq->tickled.bits, v, now);
}

const struct sched_policy sched_credit2 = {
    .name = "credit2",
    .id = XEN_SCHEDULER_CREDIT2,
    .rq_init = credit2_rq_init,
    .domain_changed = credit2_domain_changed,
    .vcpu_init = credit2_vcpu_init,
    .enqueue = credit2_enqueue,
    .dequeue = credit2_dequeue,
    .charge = credit2_charge,
    .pick = credit2_pick,
    .tickle = credit2_tickle,
};
