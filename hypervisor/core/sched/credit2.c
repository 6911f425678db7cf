/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * credit2: fair by weight. Each vCPU has a virtual time that advances while it runs, faster the lower its weight; the queue is ordered by it, and who is
 * furthest behind runs next. (Credit is the same number counted downwards.)
 *
 * - A vCPU that slept comes back at most LAG behind those who wait: it gets a pCPU soon, but has not saved up time.
 * - A choice stands for the rate limit, unless the vCPU stops or yields. A slice lasts until the vCPU is GRANULE ahead of the first waiter.
 * - Virtual times drift apart between vCPUs that cannot compete (hard affinity). Whoever waits too long because of that is let in front, and starts
 *   again from there: nobody starves.
 * - Soft affinity: a pCPU takes who prefers it before who does not, as long as that one is not more than SOFT_LEAD behind. Who runs where it would rather
 *   not gives way when that lets it change places.
 * - Virtual times mean the same on all runqueues of a pool, so a pCPU takes over a vCPU from a runqueue that is behind its own (find_pull()). That is fair
 *   and balances load at once; distance and a move away from a preferred pCPU make it less eager.
 * - Caps: credit2_budget.h. A vCPU whose domain has nothing left is parked: queued for the core, but on no queue.
 */
#include <core/sched/credit2.h>
#include <core/sched/sched_trace.h>

#define LAG_NS           MILLISECS(5)
#define GRANULE_NS       MILLISECS(5)
#define SOFT_LEAD_NS     MILLISECS(10)
#define SLICE_MIN_NS     MICROSECS(500)
#define SLICE_MAX_NS     MILLISECS(10)
#define STARVING_NS      MILLISECS(200) /* plus STARVING_EACH_NS for each that waits */
#define STARVING_EACH_NS MILLISECS(25)
#define STARVING_LOOK    16u
#define PULL_LEAD_NS     MILLISECS(5) /* how far behind another runqueue's vCPU must be, for a distance of 10 */
#define DRIFT_MAX_NS     MILLISECS(100) /* how far behind one that runs, or was pulled, may be */
#define PUBLISH_NS       MILLISECS(1)

BUILD_ASSERT(sizeof(struct credit2_vcpu) <= sizeof(((struct sched_vcpu *)0)->policy_words), "fits");
BUILD_ASSERT(sizeof(struct credit2_rq) <= sizeof(((struct sched_rq *)0)->policy), "fits");

uint64_t credit2_resist_us = 1000, credit2_cap_period_ms = 10;

static void move_forward(uint64_t *at, uint64_t to)
{
    if (credit2_is_before(*at, to, 0)) {
        *at = to;
    }
}

/* Virtual time of @rq has come to @to. The pool's is what a runqueue that idled starts again from. */
static void advance(struct sched_rq *rq, uint64_t to)
{
    move_forward(&crq(rq)->vtime, to);
    if (credit2_is_before(__atomic_load_n(&rq->pool->vtime, __ATOMIC_RELAXED), crq(rq)->vtime, PUBLISH_NS)) {
        __atomic_store_n(&rq->pool->vtime, crq(rq)->vtime, __ATOMIC_RELAXED);
    }
}

/* --- domains, vCPUs, the queue ----------------------------------------------------------------------------------------------------------------- */

static void credit2_rq_init(struct sched_rq *rq)
{
    crq(rq)->vtime = MAX(rq->pool->vtime, LAG_NS);
    list_init(&crq(rq)->by_age);
}

static void set_weight(struct sched_domain *d, uint32_t weight)
{
    struct credit2_domain *cd = d->policy_data;

    d->weight = weight;
    __atomic_store_n(&cd->inv, ((uint64_t)SCHED_WEIGHT_DEFAULT << CREDIT2_INV_SHIFT) / weight,
                     __ATOMIC_RELAXED);
}

static void credit2_domain_destroy(struct sched_domain *d)
{
    credit2_budget_destroy(d);
    zfree(d->policy_data);
    d->policy_data = NULL;
}

static int credit2_domain_init(struct sched_domain *d)
{
    struct credit2_domain *cd = zalloc(sizeof(*cd));

    if (!cd) {
        return -XEN_ENOMEM;
    }
    d->policy_data = cd;
    set_weight(d, d->weight);
    if (!credit2_budget_init(d)) {
        credit2_domain_destroy(d);
        return -XEN_ENOMEM;
    }
    return 0;
}

static int credit2_domain_params(struct sched_domain *d, uint32_t weight, uint32_t cap)
{
    set_weight(d, weight);
    credit2_budget_set(d, cap);
    return 0;
}

static void credit2_vcpu_init(struct sched_rq *rq, struct sched_vcpu *v)
{
    struct credit2_domain *cd = v->dom->policy_data;

    *vtime_of(v) = crq(rq)->vtime;
    cd->vcpu_count++;
    TRACE_2(TRACE_CREDIT2_RUNQ_ASSIGN, v->trace_id, credit2_number(rq));
}

/* Nobody waits: those who run say how far virtual time is, or if nobody does, the pool. */
static void follow_running(struct sched_rq *rq)
{
    uint64_t first = __atomic_load_n(&rq->pool->vtime, __ATOMIC_RELAXED);
    bool any = false;

    for_each_cpu (cpu, rq->cpus) {
        struct sched_vcpu *v = per_cpu(sched_pcpu, cpu).curr;

        if (!v->is_idle && (!any || credit2_is_before(*vtime_of(v), first, 0))) {
            first = *vtime_of(v);
            any = true;
        }
    }
    advance(rq, first);
}

static void insert(struct sched_rq *rq, struct sched_vcpu *v)
{
    v->wait.cpus[WAITQ_LAST] = cpuset_of(v->cpu);
    waitq_insert(&rq->waiting, &v->wait);
    list_add_tail(&credit2_of(v)->by_age, &crq(rq)->by_age);
    __atomic_store_n(&rq->queued_count, rq->queued_count + 1, __ATOMIC_RELAXED);
}

static void take_off(struct sched_rq *rq, struct sched_vcpu *v)
{
    waitq_remove(&rq->waiting, &v->wait);
    list_del(&credit2_of(v)->by_age);
    __atomic_store_n(&rq->queued_count, rq->queued_count - 1, __ATOMIC_RELAXED);
}

/* @v is no further behind its runqueue than @most_ns. */
static void catch_up(struct sched_rq *rq, struct sched_vcpu *v, uint64_t most_ns)
{
    uint64_t to = crq(rq)->vtime - most_ns;

    if (credit2_is_before(*vtime_of(v), to, 0)) {
        if (trace_wants(TRC_SCHED)) {
            credit2_trace_catch_up(rq, v, most_ns);
        }
        *vtime_of(v) = to;
    }
}

static bool credit2_enqueue(struct sched_rq *rq, struct sched_vcpu *v, bool is_wake, uint64_t now)
{
    if (is_wake) {
        if (rq->queued_count == 0) {
            follow_running(rq);
        }
        catch_up(rq, v, LAG_NS);
    }
    /* coming over from another runqueue does not make its wait begin anew */
    credit2_of(v)->queued_at_ns = MAX(credit2_of(v)->queued_at_ns, v->runstate_since_ns);
    if (unlikely(credit2_is_capped(v)) && !credit2_budget_park_unless_left(v, now)) {
        return false;
    }
    insert(rq, v);
    return true;
}

static void credit2_stopped(struct sched_rq *rq, struct sched_vcpu *v)
{
    if (unlikely(credit2_of(v)->budget_ns != 0)) {
        credit2_budget_return(v);
    }
}

static void credit2_dequeue(struct sched_rq *rq, struct sched_vcpu *v)
{
    if (unlikely(credit2_of(v)->is_parked)) {
        credit2_of(v)->is_parked = false;
        return;
    }
    take_off(rq, v);
    credit2_stopped(rq, v);
}

void credit2_unpark(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now)
{
    credit2_of(v)->is_parked = false;
    credit2_of(v)->queued_at_ns = now;
    catch_up(rq, v, LAG_NS);
    insert(rq, v);
}

static void credit2_charge(struct sched_rq *rq, struct sched_vcpu *v, uint64_t ns)
{
    *vtime_of(v) += credit2_to_virtual(v, ns);
    if (unlikely(credit2_is_capped(v))) {
        credit2_of(v)->budget_ns -= (int64_t)ns;
    }
    /* one that runs all the time and still falls behind has no claim to more; what others overran their slices by, it may catch up on */
    if (rq->queued_count > 0) {
        move_forward(vtime_of(v), crq(rq)->vtime - DRIFT_MAX_NS);
    }
    if (trace_wants(TRC_SCHED)) {
        credit2_trace_burn(rq, v, ns);
    }
}

/* --- who runs ------------------------------------------------------------------------------------------------------------------------------------ */

/* The first that waits, whose @set has @cpu, and that is not being saved; @after: behind that one. */
static struct sched_vcpu *find_waiting(struct sched_rq *rq, struct sched_vcpu *after, enum waitq_set set,
                                       unsigned int cpu)
{
    struct waitq_node *n = after ? &after->wait : NULL;

    while ((n = waitq_find(&rq->waiting, n, false, set, cpuset_of(cpu))) != NULL) {
        if (!sched_is_being_saved(sched_waiting(n), cpu)) {
            break;
        }
    }
    return sched_waiting(n);
}

/* Whom @cpu should take of those who wait: the first, unless one who prefers this pCPU, or ran here last, is not far behind it. */
static struct sched_vcpu *first_choice(struct sched_rq *rq, unsigned int cpu)
{
    struct sched_vcpu *first = find_waiting(rq, NULL, WAITQ_ALLOWED, cpu), *other;
    bool is_home;

    if (!first) {
        return NULL;
    }
    is_home = cpuset_has(first->wait.cpus[WAITQ_PREFERRED], cpu);
    if (likely(is_home && first->cpu == cpu)) {
        return first;
    }
    other = find_waiting(rq, first, is_home ? WAITQ_LAST : WAITQ_PREFERRED, cpu);
    if (!other || !cpuset_has(other->wait.cpus[WAITQ_PREFERRED], cpu) ||
        credit2_is_before(*vtime_of(first), *vtime_of(other), is_home ? credit2_resist_ns() : SOFT_LEAD_NS)) {
        return first;
    }
    return other;
}

/* One that may run on @cpu and has waited too long. Those who did and may not are other pCPUs' to find; not too many are looked at. */
static struct sched_vcpu *starving(struct sched_rq *rq, unsigned int cpu, uint64_t now)
{
    uint64_t limit = STARVING_NS + rq->queued_count * STARVING_EACH_NS;
    struct list_head *at = crq(rq)->by_age.next;

    for (unsigned int i = 0; i < STARVING_LOOK && at != &crq(rq)->by_age; i++, at = at->next) {
        struct sched_vcpu *v = credit2_vcpu(list_entry(at, struct credit2_vcpu, by_age));

        if (likely(now - credit2_of(v)->queued_at_ns < limit)) {
            return NULL;
        }
        if (cpuset_has(v->wait.cpus[WAITQ_ALLOWED], cpu) && !sched_is_being_saved(v, cpu)) {
            return v;
        }
    }
    return NULL;
}

/* For how long @v may run while @other (NULL: nobody) waits. */
static uint64_t slice(struct sched_vcpu *v, struct sched_vcpu *other)
{
    uint64_t lead;

    if (!other) {
        return SLICE_MAX_NS;
    }
    lead = *vtime_of(other) + GRANULE_NS - *vtime_of(v);
    if ((int64_t)lead <= 0) {
        return SLICE_MIN_NS;
    }
    if (lead >= SECONDS(100)) {
        return SLICE_MAX_NS;
    }
    lead = lead * v->dom->weight / SCHED_WEIGHT_DEFAULT;
    return MIN(MAX(lead, SLICE_MIN_NS), SLICE_MAX_NS);
}

/* @v is the choice for @p, for so long unless its budget ends sooner. */
static struct sched_vcpu *chosen(struct sched_pcpu *p, struct sched_vcpu *v, uint64_t ns, uint64_t now)
{
    if (v && unlikely(credit2_is_capped(v))) {
        ns = MIN_T(uint64_t, ns, (uint64_t)MAX_T(int64_t, credit2_of(v)->budget_ns, 1));
    }
    p->slice_end_ns = now + ns;
    return v;
}

/* Does @curr go on although @first waits? */
static bool keeps(const struct sched_pcpu *p, struct sched_vcpu *curr, struct sched_vcpu *first, uint64_t now)
{
    uint64_t margin = now >= p->slice_end_ns ? 0 : CREDIT2_MARGIN_NS;

    return !credit2_is_before(*vtime_of(first), *vtime_of(curr), margin);
}

/* @v runs where it would rather not, and nobody waits: is there a pCPU that it prefers whose vCPU could as well come here? */
static unsigned int place_to_swap(struct sched_rq *rq, struct sched_vcpu *v, unsigned int here)
{
    cpuset_t better = cpuset_and(v->wait.cpus[WAITQ_PREFERRED], rq->cpus);

    for_each_cpu (cpu, better) {
        struct sched_vcpu *other = per_cpu(sched_pcpu, cpu).curr;

        if (cpu != here && (other->is_idle || cpuset_has(other->wait.cpus[WAITQ_PREFERRED], here) ||
                            (!cpuset_has(other->wait.cpus[WAITQ_PREFERRED], cpu) &&
                             cpuset_has(other->wait.cpus[WAITQ_ALLOWED], here)))) {
            return cpu;
        }
    }
    return SCHED_NO_CPU;
}

/* Take @v's domain's time for it. False: nothing is left, and it is parked. */
static bool may_spend(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now)
{
    if (likely(!credit2_is_capped(v)) || credit2_budget_take(v, now)) {
        return true;
    }
    take_off(rq, v);
    if (credit2_budget_park_unless_left(v, now)) {
        insert(rq, v); /* something came in just now */
        return credit2_budget_take(v, now);
    }
    return false;
}

static struct sched_vcpu *credit2_pick(struct sched_rq *rq, struct sched_pcpu *p, struct sched_vcpu *curr,
                                       uint64_t now)
{
    struct sched_vcpu *first, *hungry, *next;

    if (curr && (!cpuset_has(curr->wait.cpus[WAITQ_ALLOWED], p->cpu) ||
                 (credit2_is_capped(curr) && !credit2_budget_take(curr, now)))) {
        curr = NULL;
    }
    do {
        first = rq->queued_count > 0 ? first_choice(rq, p->cpu) : NULL;
    } while (first && !may_spend(rq, first, now));
    if (!first) {
        if (curr && unlikely(!cpuset_has(curr->wait.cpus[WAITQ_PREFERRED], p->cpu)) &&
            place_to_swap(rq, curr, p->cpu) != SCHED_NO_CPU) {
            return NULL; /* it waits for that pCPU, and this one for its vCPU */
        }
        return chosen(p, curr, SLICE_MAX_NS, now);
    }
    advance(rq, waitq_end(&rq->waiting, false)->key);
    if (curr && credit2_has_other_place(rq, curr, p->cpu)) {
        next = cpuset_has(first->wait.cpus[WAITQ_PREFERRED], p->cpu)
                   ? first
                   : find_waiting(rq, first, WAITQ_PREFERRED, p->cpu);
        if (next && (next == first || may_spend(rq, next, now))) {
            take_off(rq, next);
            return chosen(p, next, SLICE_MAX_NS, now); /* both can run where they would rather */
        }
    }
    if (curr && !p->is_yielding && now - p->chosen_at_ns < rq->pool->ratelimit_ns) {
        TRACE_2(TRACE_CREDIT2_RATELIMIT, curr->trace_id, (uint32_t)(now - p->chosen_at_ns));
        return chosen(p, curr, p->chosen_at_ns + rq->pool->ratelimit_ns - now, now);
    }
    hungry = starving(rq, p->cpu, now);
    if (hungry && !may_spend(rq, hungry, now)) {
        hungry = NULL;
    }
    next = hungry ? hungry : first;
    if (hungry) {
        *vtime_of(hungry) = curr && credit2_is_before(*vtime_of(curr), *vtime_of(first), 0)
                                ? *vtime_of(curr)
                                : *vtime_of(first);
    } else if (curr && !p->is_yielding && keeps(p, curr, first, now)) {
        return chosen(p, curr, slice(curr, first), now);
    }
    take_off(rq, next);
    return chosen(p, next,
                  slice(next, curr                   ? curr
                              : rq->queued_count > 0 ? first_choice(rq, p->cpu)
                                                     : NULL),
                  now);
}

/* --- between runqueues -------------------------------------------------------------------------------------------------------------------------------- */

/* How far behind the vCPU that runs on @p must @v be for @p to take it over from another runqueue at this distance? */
static uint64_t reluctance(const struct sched_vcpu *v, const struct sched_pcpu *p, unsigned int distance)
{
    uint64_t lead = PULL_LEAD_NS * distance / 10;
    bool is_home = cpuset_has(v->wait.cpus[WAITQ_PREFERRED], v->cpu);

    if (cpuset_has(v->wait.cpus[WAITQ_PREFERRED], p->cpu)) {
        return is_home ? lead : 0;
    }
    return is_home ? lead + SOFT_LEAD_NS : lead;
}

static struct sched_vcpu *credit2_find_pull(struct sched_rq *other, struct sched_rq *rq, struct sched_pcpu *p,
                                            bool is_idle)
{
    struct sched_vcpu *v = first_choice(other, p->cpu);

    TRACE_2(TRACE_CREDIT2_LOAD_CHECK, credit2_number(rq) | credit2_number(other) << 16,
            other->queued_count - rq->queued_count);
    if (!v || is_idle) {
        return v;
    }
    return credit2_is_before(*vtime_of(v), *vtime_of(p->curr),
                             reluctance(v, p, sched_distance(p->cpu, other)))
               ? v
               : NULL;
}

static void credit2_moved(struct sched_rq *from, struct sched_rq *to, struct sched_vcpu *v)
{
    uint64_t there = __atomic_load_n(&crq(to)->vtime, __ATOMIC_RELAXED);

    TRACE_2(TRACE_CREDIT2_MIGRATE, v->trace_id, credit2_number(from) | credit2_number(to) << 16);
    move_forward(vtime_of(v), there - DRIFT_MAX_NS);
    if (to->queued_count > 0 && credit2_is_before(there + DRIFT_MAX_NS, *vtime_of(v), 0)) {
        *vtime_of(v) = there + DRIFT_MAX_NS;
    }
}

const struct sched_policy sched_credit2 = {
    .name = "credit2",
    .id = XEN_SCHEDULER_CREDIT2,
    .trace_choice = credit2_trace_choice,
    .trace_tickle = credit2_trace_tickle,
    .domain_init = credit2_domain_init,
    .domain_destroy = credit2_domain_destroy,
    .domain_params = credit2_domain_params,
    .rq_init = credit2_rq_init,
    .vcpu_init = credit2_vcpu_init,
    .pick = credit2_pick,
    .enqueue = credit2_enqueue,
    .dequeue = credit2_dequeue,
    .charge = credit2_charge,
    .stopped = credit2_stopped,
    .tickle = credit2_tickle,
    .find_pull = credit2_find_pull,
    .moved = credit2_moved,
};
