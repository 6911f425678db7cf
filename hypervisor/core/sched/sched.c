/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of scheduling that is the same for every policy: run states, waking and stopping, affinity, and the switch itself.
 *
 * For now all pCPUs share one runqueue; everything goes through the runqueue of a vCPU's pCPU, so that there can be more.
 */
#include <base/softirq.h>
#include <core/sched/arch.h>
#include <core/sched/sched_policy.h>
#include <lib/string.h>

DEFINE_PER_CPU(struct sched_pcpu, sched_pcpu);

static struct sched_rq runqueue = {.lock = SPINLOCK_INIT(sched)};
static const struct sched_policy *policy = &sched_credit2;
static const struct sched_policy *const policies[] = {&sched_credit2};

/* --- helpers ------------------------------------------------------------------------------------------------------------------------------- */

static struct sched_rq *lock_rq_of(const struct sched_vcpu *v, unsigned long *flags)
{
    for (;;) {
        unsigned int cpu = __atomic_load_n(&v->cpu, __ATOMIC_RELAXED);
        struct sched_rq *rq = per_cpu(sched_pcpu, cpu).rq;

        *flags = spin_lock_irqsave(&rq->lock);
        if (likely(per_cpu(sched_pcpu, v->cpu).rq == rq)) {
            return rq;
        }
        spin_unlock_irqrestore(&rq->lock, *flags);
    }
}

static bool is_queued(const struct sched_vcpu *v)
{
    return !list_is_empty(&v->queue);
}

static bool is_current(const struct sched_vcpu *v)
{
    return per_cpu(sched_pcpu, v->cpu).curr == v;
}

bool sched_is_runnable(const struct sched_vcpu *v)
{
    return (__atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST) |
            __atomic_load_n(&v->pause_count, __ATOMIC_SEQ_CST)) == 0;
}

static void set_runstate(struct sched_vcpu *v, uint8_t state, uint64_t now)
{
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

/* Which pCPU must be told about @v, which is queued. Under the lock; the telling is for after it. */
static unsigned int choose_tickle(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now)
{
    unsigned int cpu = policy->tickle(rq, v, now);

    if (cpu != SCHED_NO_CPU) {
        rq->tickled.bits |= 1ull << cpu;
    }
    return cpu;
}

static void tickle(unsigned int cpu)
{
    if (cpu != SCHED_NO_CPU) {
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    }
}

/* --- waking and stopping -------------------------------------------------------------------------------------------------------------------- */

void sched_wake(struct sched_vcpu *v)
{
    unsigned int cpu = SCHED_NO_CPU;
    unsigned long flags;
    struct sched_rq *rq = lock_rq_of(v, &flags);

    if (sched_is_runnable(v)) {
        if (!is_queued(v) && !is_current(v)) {
            uint64_t now = port_now_ns();

            set_runstate(v, RUNSTATE_runnable, now);
            policy->enqueue(rq, v, true, now);
            cpu = choose_tickle(rq, v, now);
            rq->stats.wakes++;
        }
    } else if (v->runstate == RUNSTATE_blocked && !is_waiting(v)) {
        set_runstate(v, RUNSTATE_offline, port_now_ns()); /* nothing to wait for, but paused */
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    tickle(cpu);
}

void sched_sleep(struct sched_vcpu *v)
{
    unsigned int cpu = SCHED_NO_CPU;
    unsigned long flags;
    struct sched_rq *rq;

    if (__atomic_load_n(&this_cpu(sched_pcpu).curr, __ATOMIC_RELAXED) == v) {
        softirq_raise(SOFTIRQ_SCHEDULE);
        return;
    }
    rq = lock_rq_of(v, &flags);
    if (!sched_is_runnable(v)) {
        if (is_queued(v)) {
            policy->dequeue(rq, v);
            set_runstate(v, stopped_state(v), port_now_ns());
        } else if (is_current(v)) {
            cpu = v->cpu;
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    tickle(cpu);
}

void sched_sleep_sync(struct sched_vcpu *v)
{
    ASSERT(this_cpu(sched_pcpu).curr != v);
    sched_sleep(v);
    /* pairs with the release after its state was saved; ends early when somebody woke it again */
    while (!sched_is_runnable(v) && __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
}

void sched_pause_nosync(struct sched_vcpu *v)
{
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
}

/* --- the choice and the switch ---------------------------------------------------------------------------------------------------------------- */

static void slice_over(void *arg)
{
    struct sched_pcpu *p = arg;

    p->timer_at_ns = 0;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* An earlier deadline that is armed already is left: when it comes, the choice is made again and arms the right one. Saves most arming. */
static void arm_slice(struct sched_pcpu *p)
{
    if (p->timer_at_ns == 0 || p->slice_end_ns < p->timer_at_ns) {
        p->timer_at_ns = p->slice_end_ns;
        (void)timer_set(&p->timer, p->slice_end_ns); /* room was reserved in sched_cpu_up() */
    }
}

/* Runnable vCPUs wait while pCPUs idle (one was just put back, or a tickled pCPU took another): whom to tell. Under the lock. */
static cpuset_t spread(struct sched_rq *rq, uint64_t now)
{
    cpuset_t told = CPUSET_NONE;
    struct sched_vcpu *v;

    list_for_each_entry(v, &rq->queue, queue)
    {
        cpuset_t free = {rq->idle.bits & ~rq->tickled.bits};

        if (cpuset_is_empty(free)) {
            break;
        }
        if (!cpuset_is_empty(cpuset_and(free, v->hard_affinity)) && !sched_is_being_saved(v)) {
            told.bits |= 1ull << choose_tickle(rq, v, now);
        }
    }
    return told;
}

static void tickle_all(cpuset_t cpus)
{
    for (; cpus.bits; cpus.bits &= cpus.bits - 1) {
        tickle((unsigned int)__builtin_ctzll(cpus.bits));
    }
}

/* @prev's state is in memory: others may take it, and it may even be gone. */
static void switch_done(struct sched_rq *rq, struct sched_vcpu *prev)
{
    /* pairs with sched_is_being_saved() */
    uint8_t was = __atomic_exchange_n(&prev->is_running, 0, __ATOMIC_SEQ_CST);
    cpuset_t told;

    if (likely(!(was & SCHED_SAVE_AWAITED))) {
        return;
    }
    spin_lock(&rq->lock);
    told = spread(rq, port_now_ns());
    spin_unlock(&rq->lock);
    tickle_all(told);
}

/* Take @p from @prev and give it to @next, on paper. Under the lock. */
static void exchange(struct sched_rq *rq, struct sched_pcpu *p, struct sched_vcpu *prev,
                     struct sched_vcpu *next, uint64_t now)
{
    uint64_t bit = 1ull << p->cpu;

    if (prev->is_idle) {
        rq->idle.bits &= ~bit;
        set_runstate(prev, RUNSTATE_runnable, now);
    } else if (sched_is_runnable(prev)) {
        set_runstate(prev, RUNSTATE_runnable, now);
        policy->enqueue(rq, prev, false, now);
    } else {
        set_runstate(prev, stopped_state(prev), now);
    }
    if (next->is_idle) {
        rq->idle.bits |= bit;
    } else if (next->cpu != p->cpu) {
        __atomic_store_n(&next->cpu, (uint16_t)p->cpu, __ATOMIC_RELAXED);
        rq->stats.migrations++;
    }
    set_runstate(next, RUNSTATE_running, now);
    next->last_run_ns = now;
    __atomic_store_n(&next->is_running, SCHED_RUNNING, __ATOMIC_RELAXED);
    p->curr = next;
    p->chosen_at_ns = now;
    rq->stats.switches++;
}

/* The hardware's part. Interrupts off, no lock. */
static void switch_vcpu(struct sched_rq *rq, struct sched_vcpu *prev, struct sched_vcpu *next)
{
    if (!prev->is_idle) {
        arch_runstate_changed(prev);
    }
    arch_context_switch(prev, next);
    if (!prev->is_idle) {
        switch_done(rq, prev);
    }
    if (!next->is_idle) {
        arch_runstate_changed(next);
    }
}

/* SOFTIRQ_SCHEDULE: who runs on this pCPU from now on. */
static void schedule(void)
{
    struct sched_pcpu *p = &this_cpu(sched_pcpu);
    struct sched_rq *rq = p->rq;
    struct sched_vcpu *prev, *next;
    cpuset_t told = CPUSET_NONE;
    uint64_t now;

    irq_disable();
    spin_lock(&rq->lock);
    now = port_now_ns();
    prev = p->curr;
    rq->tickled.bits &= ~(1ull << p->cpu);
    if (!prev->is_idle) {
        policy->charge(rq, prev, now - prev->last_run_ns);
        prev->last_run_ns = now;
    }
    next = policy->pick(rq, p, !prev->is_idle && sched_is_runnable(prev) ? prev : NULL, now);
    p->is_yielding = false;
    if (!next) {
        next = p->idle;
    }
    if (next != prev) {
        exchange(rq, p, prev, next, now);
    }
    if (rq->queued_count > 0) {
        told = spread(rq, now);
    }
    spin_unlock(&rq->lock);

    tickle_all(told);
    if (!next->is_idle) {
        arm_slice(p);
    }
    if (next != prev) {
        switch_vcpu(rq, prev, next);
    }
    irq_enable();
}

/* --- start-up, domains, vCPUs ------------------------------------------------------------------------------------------------------------------ */

int sched_init(const char *name)
{
    int rc = name && name[0] ? -XEN_ENOENT : 0;

    policy = policies[0];
    for (unsigned int i = 0; rc != 0 && i < ARRAY_SIZE(policies); i++) {
        if (strcmp(policies[i]->name, name) == 0) {
            policy = policies[i];
            rc = 0;
        }
    }
    runqueue = (struct sched_rq){.lock = SPINLOCK_INIT(sched)};
    list_init(&runqueue.queue);
    policy->rq_init(&runqueue);
    softirq_set_handler(SOFTIRQ_SCHEDULE, schedule);
    return rc;
}

void sched_cpu_up(unsigned int cpu, struct sched_vcpu *idle)
{
    struct sched_pcpu *p = &per_cpu(sched_pcpu, cpu);
    unsigned long flags;

    *idle = (struct sched_vcpu){
        .is_idle = true, .cpu = (uint16_t)cpu, .is_running = SCHED_RUNNING, .hard_affinity = cpuset_of(cpu)};
    idle->soft_affinity = CPUSET_ALL;
    idle->runstate = RUNSTATE_running;
    idle->runstate_since_ns = port_now_ns();
    list_init(&idle->queue);
    *p = (struct sched_pcpu){.rq = &runqueue, .cpu = cpu, .idle = idle, .curr = idle};
    timer_init(&p->timer, slice_over, p, cpu);
    flags = spin_lock_irqsave(&runqueue.lock);
    runqueue.cpus.bits |= 1ull << cpu;
    runqueue.idle.bits |= 1ull << cpu;
    spin_unlock_irqrestore(&runqueue.lock, flags);
}

int sched_domain_init(struct sched_domain *d)
{
    *d = (struct sched_domain){.weight = 256};
    policy->domain_changed(d);
    return 0;
}

void sched_domain_destroy(struct sched_domain *d)
{
}

/* A first pCPU for a vCPU: one after the other of @allowed. */
static unsigned int first_cpu(cpuset_t allowed)
{
    static unsigned int last;
    unsigned int from = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) % MAX_PCPUS;
    uint64_t above = allowed.bits & (~0ull << from);

    if (above == 0) {
        above = allowed.bits;
        from = 0;
    }
    from = (unsigned int)__builtin_ctzll(above);
    __atomic_store_n(&last, from, __ATOMIC_RELAXED);
    return from;
}

int sched_vcpu_add(struct sched_vcpu *v, struct sched_domain *d)
{
    *v = (struct sched_vcpu){.dom = d, .hard_affinity = CPUSET_ALL, .soft_affinity = CPUSET_ALL};
    v->cpu = (uint16_t)first_cpu(runqueue.cpus);
    v->pause_count = 1;
    v->pause_flags = VPF_DOWN;
    v->runstate = RUNSTATE_offline;
    v->runstate_since_ns = port_now_ns();
    list_init(&v->queue);
    policy->vcpu_init(&runqueue, v);
    return 0;
}

void sched_vcpu_remove(struct sched_vcpu *v)
{
    unsigned long flags;
    struct sched_rq *rq;

    if (!v->dom) {
        return; /* never added */
    }
    rq = lock_rq_of(v, &flags);
    BUG_ON(is_queued(v) || is_current(v));
    spin_unlock_irqrestore(&rq->lock, flags);
    while (__atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
    v->dom = NULL;
}

int sched_set_affinity(struct sched_vcpu *v, cpuset_t hard, cpuset_t soft)
{
    unsigned int cpu = SCHED_NO_CPU;
    unsigned long flags;
    struct sched_rq *rq;
    cpuset_t allowed = cpuset_and(hard, runqueue.cpus);

    if (cpuset_is_empty(allowed)) {
        return -XEN_EINVAL;
    }
    rq = lock_rq_of(v, &flags);
    v->hard_affinity = hard;
    v->soft_affinity = soft;
    if (is_queued(v)) {
        cpu = choose_tickle(rq, v, port_now_ns());
    } else if (is_current(v) && !cpuset_has(hard, v->cpu)) {
        cpu = v->cpu;
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    tickle(cpu);
    return 0;
}

int sched_set_params(struct sched_domain *d, uint32_t weight, uint32_t cap)
{
    if (weight < 1 || weight > 65535) {
        return -XEN_EINVAL;
    }
    if (cap != 0) {
        return -XEN_EOPNOTSUPP;
    }
    d->weight = weight;
    policy->domain_changed(d);
    return 0;
}

/* --- accounts -------------------------------------------------------------------------------------------------------------------------------------- */

void sched_runstate(const struct sched_vcpu *v, struct vcpu_runstate_info *out)
{
    unsigned long flags;
    struct sched_rq *rq = lock_rq_of(v, &flags);
    uint64_t now = port_now_ns();

    out->state = v->runstate;
    out->state_entry_time = v->runstate_since_ns;
    for (unsigned int i = 0; i < ARRAY_SIZE(out->time); i++) {
        out->time[i] = v->runstate_time_ns[i];
    }
    out->time[v->runstate] += now - v->runstate_since_ns;
    spin_unlock_irqrestore(&rq->lock, flags);
}

uint64_t sched_cpu_time_ns(const struct sched_vcpu *v)
{
    struct vcpu_runstate_info info;

    sched_runstate(v, &info);
    return info.time[RUNSTATE_running];
}

uint64_t sched_idle_ns(unsigned int cpu)
{
    return sched_cpu_time_ns(per_cpu(sched_pcpu, cpu).idle);
}

void sched_get_stats(struct sched_stats *out)
{
    unsigned long flags = spin_lock_irqsave(&runqueue.lock);

    *out = runqueue.stats;
    spin_unlock_irqrestore(&runqueue.lock, flags);
}

unsigned int sched_id(void)
{
    return policy->id;
}

const char *sched_name(void)
{
    return policy->name;
}
