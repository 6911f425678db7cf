/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of scheduling that is the same for every policy: run states, waking and stopping, and the switch itself. Where a vCPU goes is in place.c, between
 * runqueues in balance.c; which pCPUs belong together is in cpu.c, which vCPUs to them in members.c.
 *
 * A vCPU belongs to the runqueue of its `cpu`, which changes under that runqueue's lock only, while the vCPU is not queued. Between two
 * runqueues it may for a moment be runnable but neither queued nor current; everyone who looks at it then under its lock can finish the move.
 */
#include <base/context.h>
#include <base/counters.h>
#include <base/softirq.h>
#include <core/sched/arch.h>
#include <core/sched/sched_internal.h>
#include <core/sched/sched_trace.h>

#define SOFT_TRY_NS \
    MILLISECS(100) /* how often it sends one away that would rather be elsewhere, in case there is room now */

DEFINE_PER_CPU(struct sched_pcpu, sched_pcpu);

/* --- helpers ------------------------------------------------------------------------------------------------------------------------------- */

struct sched_rq *sched_lock_rq(const struct sched_vcpu *v, unsigned long *flags)
{
    for (;;) {
        struct sched_rq *rq = sched_rq_of_cpu(__atomic_load_n(&v->cpu, __ATOMIC_RELAXED));

        *flags = spin_lock_irqsave(&rq->lock);
        if (likely(sched_rq_of_cpu(v->cpu) == rq)) {
            return rq;
        }
        spin_unlock_irqrestore(&rq->lock, *flags);
    }
}

bool sched_is_runnable(const struct sched_vcpu *v)
{
    return (__atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST) |
            __atomic_load_n(&v->pause_count, __ATOMIC_SEQ_CST)) == 0;
}

bool sched_halt_native;

bool sched_may_halt(const struct sched_vcpu *v)
{
    return sched_halt_native && v->policy->is_direct;
}

static void set_runstate(struct sched_vcpu *v, uint8_t state, uint64_t now)
{
    if (trace_wants(TRC_SCHED)) {
        sched_trace_runstate(v, state);
    }
    v->runstate_time_ns[v->runstate] += now - v->runstate_since_ns;
    v->runstate_since_ns = now;
    v->runstate = state;
}

static bool is_waiting(const struct sched_vcpu *v)
{
    return __atomic_load_n(&v->pause_flags, __ATOMIC_RELAXED) & (VPF_BLOCKED | VPF_POLLING);
}

/* The run state of one that is not runnable. */
static uint8_t stopped_state(const struct sched_vcpu *v)
{
    return is_waiting(v) ? RUNSTATE_blocked : RUNSTATE_offline;
}

void sched_prod(unsigned int cpu)
{
    if (cpu != SCHED_NO_CPU) {
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    }
}

/* --- waking and stopping -------------------------------------------------------------------------------------------------------------------- */

/* Direct policies: its pCPU is told, and sees for itself. */
static void wake_direct(struct sched_vcpu *v)
{
    struct sched_pcpu *p = &per_cpu(sched_pcpu, __atomic_load_n(&v->cpu, __ATOMIC_RELAXED));
    struct sched_pool *pool;
    unsigned long flags;

    if (likely(__atomic_load_n(&p->assigned, __ATOMIC_RELAXED) == v)) {
        sched_prod(p->cpu);
        return;
    }
    pool = v->dom->pool;
    flags = spin_lock_irqsave(&pool->lock);
    if (sched_is_runnable(v)) {
        v->policy->assign(pool, v);
    }
    spin_unlock_irqrestore(&pool->lock, flags);
}

void sched_wake(struct sched_vcpu *v)
{
    unsigned int cpu = SCHED_NO_CPU;
    unsigned long flags;
    struct sched_rq *rq;

    TRACE_VCPU(TRC_SCHED_WAKE, v);
    count(COUNTER_wakes);
    if (v->policy->is_direct && sched_is_runnable(v)) {
        wake_direct(v);
        return;
    }
    rq = sched_lock_best_rq(v, &flags);
    if (sched_is_runnable(v)) {
        if (!v->is_queued && !sched_is_current(v) && !v->policy->is_direct) {
            uint64_t now = port_now_ns();

            set_runstate(v, RUNSTATE_runnable, now);
            v->is_queued = true;
            if (v->policy->enqueue(rq, v, true, now)) {
                cpu = sched_choose_tickle(rq, v, now);
            }
            rq->stats.wakes++;
        }
    } else if (v->runstate == RUNSTATE_blocked && !is_waiting(v)) {
        set_runstate(v, RUNSTATE_offline, port_now_ns()); /* nothing to wait for, but paused */
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    sched_prod(cpu);
}

/* A vCPU of a direct policy that was taken down gives its pCPU back. */
static void give_back(struct sched_vcpu *v)
{
    struct sched_pool *pool = v->dom->pool;
    unsigned long flags = spin_lock_irqsave(&pool->lock);

    if (__atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST) & VPF_DOWN && v->policy->unassign(pool, v)) {
        v->policy->settle(pool);
    }
    spin_unlock_irqrestore(&pool->lock, flags);
}

static bool is_to_give_back(const struct sched_vcpu *v)
{
    return v->policy->is_direct && __atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST) & VPF_DOWN;
}

void sched_sleep(struct sched_vcpu *v)
{
    unsigned int cpu = SCHED_NO_CPU;
    bool is_on_cpu = false;
    unsigned long flags;
    struct sched_rq *rq;

    if (__atomic_load_n(&this_cpu(sched_pcpu).curr, __ATOMIC_RELAXED) == v) {
        softirq_raise(SOFTIRQ_SCHEDULE);
        return;
    }
    rq = sched_lock_rq(v, &flags);
    if (!sched_is_runnable(v)) {
        if (v->is_queued) {
            v->policy->dequeue(rq, v);
            v->is_queued = false;
        }
        is_on_cpu = sched_is_current(v);
        if (is_on_cpu || __atomic_load_n(&v->is_running, __ATOMIC_RELAXED) & SCHED_HELD) {
            cpu = v->cpu;
        } else if (v->runstate == RUNSTATE_runnable) {
            set_runstate(v, stopped_state(v), port_now_ns());
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    sched_prod(cpu);
    if (!is_on_cpu && is_to_give_back(v)) {
        give_back(v);
    }
}

void sched_sleep_sync(struct sched_vcpu *v)
{
    ASSERT(this_cpu(sched_pcpu).curr != v);
    ASSERT_MAY_WAIT();
    sched_hold_end_here();
    sched_sleep(v);
    /* pairs with the release after its state was saved; ends early when somebody woke it again */
    while (!sched_is_runnable(v) && __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
}

void sched_pause_nosync(struct sched_vcpu *v)
{
    TRACE_VCPU(TRC_SCHED_SLEEP, v);
    __atomic_fetch_add(&v->pause_count, 1, __ATOMIC_SEQ_CST);
    sched_sleep(v);
}

void sched_pause(struct sched_vcpu *v)
{
    sched_pause_nosync(v);
    if (this_cpu(sched_pcpu).curr != v) {
        sched_sleep_sync(v);
    }
}

void sched_unpause(struct sched_vcpu *v)
{
    uint32_t before = __atomic_fetch_sub(&v->pause_count, 1, __ATOMIC_SEQ_CST);

    ASSERT(before > 0);
    if (before == 1) {
        sched_wake(v);
    }
}

void sched_yield_current(void)
{
    struct sched_pcpu *p = &this_cpu(sched_pcpu);

    if (__atomic_load_n(&p->rq->queued_count, __ATOMIC_RELAXED) > 0) {
        p->is_yielding = true;
        softirq_raise(SOFTIRQ_SCHEDULE);
    }
    TRACE_VCPU(TRC_SCHED_YIELD, p->curr);
}

/* --- the choice and the switch ---------------------------------------------------------------------------------------------------------------- */

/* @prev gives up @p. True when it must look for another runqueue, as no pCPU of this one is left to it. Under the lock. */
static bool put_back(struct sched_rq *rq, struct sched_pcpu *p, struct sched_vcpu *prev, uint64_t now)
{
    const struct sched_policy *policy = prev->policy;

    policy->stopped(rq, prev);
    if (!sched_is_runnable(prev)) {
        set_runstate(prev, stopped_state(prev), now);
        return false;
    }
    set_runstate(prev, RUNSTATE_runnable, now);
    if (policy->is_direct) {
        return false;
    }
    if (unlikely(p->is_sending_away || !cpuset_meets(prev->wait.cpus[WAITQ_ALLOWED], rq->cpus))) {
        return true;
    }
    prev->is_queued = true;
    (void)policy->enqueue(rq, prev, false, now); /* spread() tells who should know */
    return false;
}

/* Take @p from @prev and give it to @next, on paper. Under the lock; the same return value as put_back(). */
static bool exchange(struct sched_rq *rq, struct sched_pcpu *p, struct sched_vcpu *prev,
                     struct sched_vcpu *next, uint64_t now)
{
    bool homeless = false;

    /* first, so that who looks at prev's `cpu` from now on does not take it for current */
    p->curr = next;
    if (prev->is_idle) {
        set_runstate(prev, RUNSTATE_runnable, now);
    } else {
        homeless = put_back(rq, p, prev, now);
    }
    if (prev->is_idle != next->is_idle && !rq->pool->policy->is_direct) {
        (next->is_idle ? cpuset_add_atomic : cpuset_remove_atomic)(&rq->pool->idle, p->cpu);
    }
    if (!next->is_idle && next->cpu != p->cpu) {
        __atomic_store_n(&next->cpu, (uint16_t)p->cpu, __ATOMIC_RELAXED);
        rq->stats.migrations++;
    }
    sched_hold_switch(p, prev, next);
    next->is_queued = false;
    set_runstate(next, RUNSTATE_running, now);
    next->last_run_ns = now;
    __atomic_store_n(&next->is_running, SCHED_RUNNING, __ATOMIC_RELAXED);
    p->chosen_at_ns = now;
    rq->stats.switches++;
    count(COUNTER_switches);
    return homeless;
}

/* The hardware's part. @resumes: @next was held. Interrupts off, no lock. */
static void switch_vcpu(const struct sched_pcpu *p, struct sched_vcpu *prev, struct sched_vcpu *next,
                        bool resumes)
{
    ASSERT_MAY_LEAVE();
    if (!prev->is_idle) {
        arch_runstate_changed(prev);
    }
    if (resumes) {
        arch_resume(next);
    } else if (p->held) {
        arch_hold(prev, next);
    } else {
        arch_context_switch(prev, next);
        if (!prev->is_idle) {
            sched_saved(prev);
        }
    }
    if (!next->is_idle) {
        arch_runstate_changed(next);
    }
}

static void slice_over(void *arg)
{
    struct sched_pcpu *p = arg;

    TRACE_0(TRC_SCHED_S_TIMER_FN);
    p->timer_at_ns = 0;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* An earlier deadline that is armed already is left: when it comes, the choice is made again and arms the right one. Saves most arming. */
static void arm_slice(struct sched_pcpu *p)
{
    if (p->slice_end_ns != UINT64_MAX && (p->timer_at_ns == 0 || p->slice_end_ns < p->timer_at_ns)) {
        p->timer_at_ns = p->slice_end_ns;
        (void)timer_set(&p->timer, p->slice_end_ns); /* room was reserved in sched_cpu_up() */
    }
}

void sched_init_slice_timer(struct sched_pcpu *p)
{
    timer_init(&p->timer, slice_over, p, p->cpu);
}

static bool may_go_on(const struct sched_pcpu *p, const struct sched_vcpu *curr)
{
    return !curr->is_idle && !p->is_sending_away && sched_is_runnable(curr);
}

/* @v runs on @p, and would rather run on pCPUs that have another runqueue. Should it be sent there again? */
static bool sends_away(const struct sched_rq *rq, struct sched_pcpu *p, const struct sched_vcpu *v,
                       uint64_t now)
{
    if (likely(cpuset_meets(v->wait.cpus[WAITQ_PREFERRED], rq->cpus)) || now < p->soft_try_at_ns) {
        return false;
    }
    p->soft_try_at_ns = now + SOFT_TRY_NS;
    return true;
}

/* Who runs next on @p, of @rq, which is locked and may have been unlocked meanwhile. */
static struct sched_vcpu *choose(struct sched_rq *rq, struct sched_pcpu *p, uint64_t now)
{
    const struct sched_policy *policy = rq->pool->policy;
    struct sched_vcpu *prev = p->curr, *next;
    bool is_alone = likely(rq->pool->rq_count <= 1) || policy->is_direct;

    if (!cpuset_has(rq->cpus, p->cpu)) {
        return p->idle; /* on its way out of the pool */
    }
    p->is_sending_away = false;
    if (!is_alone && !prev->is_idle) {
        sched_balance(rq, p, now);
        p->is_sending_away = sched_is_runnable(prev) && sends_away(rq, p, prev, now);
    }
    next = policy->pick(rq, p, may_go_on(p, prev) ? prev : NULL, now);
    if (!next && !is_alone && sched_pull_for_idle(rq, p, now)) {
        next = policy->pick(rq, p, may_go_on(p, prev) ? prev : NULL, now);
    }
    return next ? next : p->idle;
}

/* Interrupts off. */
static struct sched_rq *lock_own_rq(const struct sched_pcpu *p)
{
    for (;;) {
        struct sched_rq *rq = __atomic_load_n(&p->rq, __ATOMIC_RELAXED);

        spin_lock(&rq->lock);
        if (likely(__atomic_load_n(&p->rq, __ATOMIC_RELAXED) == rq)) {
            return rq;
        }
        spin_unlock(&rq->lock);
    }
}

/* SOFTIRQ_SCHEDULE: who runs on this pCPU from now on. */
static void schedule(void)
{
    struct sched_pcpu *p = &this_cpu(sched_pcpu);
    struct sched_vcpu *prev, *next, *held = p->held;
    cpuset_t told = CPUSET_NONE;
    bool homeless = false;
    struct sched_rq *rq, *told_by = NULL;
    unsigned long flags;
    uint64_t now;

    flags = irq_save();
    rq = lock_own_rq(p);
    now = port_now_ns();
    prev = p->curr;
    if (!rq->pool->policy->is_direct) {
        /* looked at first: the word is shared by the whole pool, and mostly not set for this one */
        if (cpuset_has(cpuset_read(&rq->pool->tickled), p->cpu)) {
            cpuset_remove_atomic(&rq->pool->tickled, p->cpu);
        }
        if (unlikely(__atomic_load_n(&p->told_by, __ATOMIC_RELAXED))) {
            told_by = __atomic_exchange_n(&p->told_by, NULL, __ATOMIC_RELAXED);
        }
        if (!prev->is_idle) {
            sched_charge(rq, prev, now);
        }
    }
    next = choose(rq, p, now);
    p->is_yielding = false;
    if (trace_wants(TRC_SCHED)) {
        rq->pool->policy->trace_choice(rq, p, prev, next);
        sched_trace_choice(prev, next, now, p->slice_end_ns - now);
    }
    if (next != prev) {
        homeless = exchange(rq, p, prev, next, now);
    }
    if (rq->queued_count > 0) {
        told = sched_spread(rq, now);
    }
    spin_unlock(&rq->lock);

    sched_prod_all(told);
    if (unlikely(told_by) && !next->is_idle) {
        sched_pass_on(told_by, now);
    }
    if (!next->is_idle) {
        arm_slice(p);
    }
    if (held && p->held == held && (!next->is_idle || !sched_hold_stays(p, held))) {
        sched_hold_end(p);
    }
    if (next != prev) {
        /* before its state is let go: it cannot end meanwhile */
        if (unlikely(homeless)) {
            sched_find_home(prev);
        } else if (!prev->is_idle && unlikely(is_to_give_back(prev))) {
            give_back(prev);
        }
        switch_vcpu(p, prev, next, next == held);
    }
    irq_restore(flags);
}

void sched_start(void)
{
    softirq_set_handler(SOFTIRQ_SCHEDULE, schedule);
}
