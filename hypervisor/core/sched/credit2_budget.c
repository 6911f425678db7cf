/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Caps of credit2; see credit2.h. */
#include <core/sched/credit2.h>

#define CHUNK_MIN_NS     MICROSECS(500)
#define LATE_PERIODS_MAX 20ull

static struct credit2_domain *cd(const struct sched_vcpu *v)
{
    return v->dom->policy_data;
}

/*
 * Begin the period that @now is in, if it has not begun. What is owed is paid back period by period; what was not used is not kept, unless somebody waited
 * for it: that our timer came late is not the domain's fault. Under the lock.
 */
static void renew(struct credit2_domain *d, uint64_t now)
{
    uint64_t period = credit2_period_ns(), periods, keep = 1;

    if (now < d->period_end_ns) {
        return;
    }
    periods = (now - d->period_end_ns) / period + 1;
    d->period_end_ns += periods * period;
    if (d->is_waited_for) {
        keep = MIN(periods, LATE_PERIODS_MAX);
        d->is_waited_for = false;
    }
    d->left_ns += (int64_t)(MIN(periods, 1000ull) * d->total_ns);
    d->left_ns = MIN(d->left_ns, (int64_t)(keep * d->total_ns));
}

bool credit2_budget_take(struct sched_vcpu *v, uint64_t now)
{
    struct credit2_vcpu *cv = credit2_of(v);
    struct credit2_domain *d = cd(v);
    int64_t chunk;

    if (cv->budget_ns > 0) {
        return true;
    }
    spin_lock(&d->lock);
    d->left_ns += cv->budget_ns; /* what it owes; before the new period, which pays it */
    cv->budget_ns = 0;
    renew(d, now);
    chunk = MAX_T(int64_t, (int64_t)(d->total_ns / MAX(d->vcpu_count, 1u)), (int64_t)CHUNK_MIN_NS);
    chunk = MIN(chunk, d->left_ns);
    if (chunk > 0) {
        cv->budget_ns = chunk;
        d->left_ns -= chunk;
    }
    spin_unlock(&d->lock);
    return chunk > 0;
}

void credit2_budget_return(struct sched_vcpu *v)
{
    struct credit2_domain *d = cd(v);

    spin_lock(&d->lock);
    d->left_ns += credit2_of(v)->budget_ns;
    credit2_of(v)->budget_ns = 0;
    spin_unlock(&d->lock);
}

bool credit2_budget_park_unless_left(struct sched_vcpu *v, uint64_t now)
{
    struct credit2_domain *d = cd(v);
    bool has_left;

    spin_lock(&d->lock);
    renew(d, now);
    has_left = d->left_ns > 0 || d->total_ns == 0;
    if (!has_left) {
        credit2_of(v)->is_parked = true;
        d->is_waited_for = true;
        if (!timer_is_armed(&d->timer)) {
            (void)timer_set(&d->timer, d->period_end_ns); /* room was reserved when the cap was set */
        }
    }
    spin_unlock(&d->lock);
    return has_left;
}

/*
 * Let the parked vCPUs of @dom, whose pool's lock is held, queue again, as long as there is something for them; and those that run without a
 * budget ask for one.
 */
static void unpark_all(struct sched_domain *dom)
{
    struct sched_vcpu *v;

    list_for_each_entry(v, &dom->vcpus, in_domain)
    {
        unsigned int cpu = SCHED_NO_CPU;
        unsigned long flags;
        struct sched_rq *rq = sched_lock_rq(v, &flags);

        if (credit2_of(v)->is_parked) {
            uint64_t now = port_now_ns();

            if (!credit2_is_capped(v) || credit2_budget_take(v, now) ||
                credit2_budget_park_unless_left(v, now)) {
                credit2_unpark(rq, v, now);
                cpu = sched_choose_tickle(rq, v, now);
            }
        } else if (sched_is_current(v) && credit2_is_capped(v) && credit2_of(v)->budget_ns <= 0) {
            cpu = v->cpu;
        }
        spin_unlock_irqrestore(&rq->lock, flags);
        sched_prod(cpu);
    }
}

static void period_over(void *arg)
{
    struct sched_domain *dom = arg;
    struct sched_pool *pool = dom->pool;
    unsigned long flags = spin_lock_irqsave(&pool->lock);

    /* when it is not enough for all, another is the first each time */
    list_move_tail(dom->vcpus.next, &dom->vcpus);

    unpark_all(dom);
    spin_unlock_irqrestore(&pool->lock, flags);
}

bool credit2_budget_init(struct sched_domain *dom)
{
    struct credit2_domain *d = dom->policy_data;

    spin_lock_init(&d->lock, schedbudget);
    timer_init(&d->timer, period_over, dom, pcpu_id());
    return d->timer.state == TIMER_READY;
}

void credit2_budget_destroy(struct sched_domain *dom)
{
    timer_kill(&((struct credit2_domain *)dom->policy_data)->timer);
}

/* What the vCPUs of @dom, whose pool's lock is held, ran until now was under the cap that they had; they start afresh. */
static void forget_budgets(struct sched_domain *dom)
{
    struct sched_vcpu *v;

    list_for_each_entry(v, &dom->vcpus, in_domain)
    {
        unsigned long flags;
        struct sched_rq *rq = sched_lock_rq(v, &flags);

        if (sched_is_current(v)) {
            sched_charge(rq, v, port_now_ns());
        }
        credit2_of(v)->budget_ns = 0;
        spin_unlock_irqrestore(&rq->lock, flags);
    }
}

static void set_total(struct credit2_domain *d, uint32_t cap)
{
    spin_lock(&d->lock);
    __atomic_store_n(&d->total_ns, credit2_period_ns() * cap / 100, __ATOMIC_RELAXED);
    d->left_ns = (int64_t)d->total_ns;
    d->period_end_ns = port_now_ns() + credit2_period_ns();
    spin_unlock(&d->lock);
}

void credit2_budget_set(struct sched_domain *dom, uint32_t cap)
{
    struct credit2_domain *d = dom->policy_data;
    struct sched_pool *pool = dom->pool;
    unsigned long flags = spin_lock_irqsave(&pool->lock);

    if (cap != dom->cap || d->total_ns == 0) {
        forget_budgets(dom);
        dom->cap = cap;
        set_total(d, cap);
        unpark_all(dom);
    }
    spin_unlock_irqrestore(&pool->lock, flags);
}
