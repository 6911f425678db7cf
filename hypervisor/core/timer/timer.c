/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers. The hardware's deadline of a pCPU (`armed_ns`) is never later than its earliest timer; when timers are stopped or put off it is left
 * early, and the softirq that finds nothing to do arms it anew. Invariant: assigned <= capacity, except for timers that found no memory.
 */
#include <base/context.h>
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/timer/timer.h>
#include <core/timer/tasklet_internal.h>

#define CAPACITY_FIRST 32u

struct timer_cpu {
    struct spinlock lock; /* class timer: guards all below */
    struct heap heap;
    uint32_t assigned;     /* timers whose `cpu` this is */
    uint64_t armed_ns;     /* what port_timer_arm() was told last; 0: nothing */
    bool is_away;          /* its pCPU is offline: pCPU 0 serves the heap */
    struct timer *running; /* whose callback runs on this pCPU; also read without the lock */
};

static DEFINE_PER_CPU(struct timer_cpu, timer_cpu);
static cpuset_t away; /* pCPUs that are away; atomic */

void timer_init_cpu(unsigned int cpu)
{
    struct timer_cpu *c = &per_cpu(timer_cpu, cpu);

    zfree(c->heap.slot); /* a host program starts over */
    cpuset_remove_atomic(&away, cpu);
    *c = (struct timer_cpu){0};
    spin_lock_init(&c->lock, timer);
    heap_init(&c->heap, NULL, 0);
}

/* The pCPU that @t is assigned to, locked. */
static struct timer_cpu *lock_timer(struct timer *t, unsigned long *flags)
{
    for (;;) {
        unsigned int cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
        struct timer_cpu *c = &per_cpu(timer_cpu, cpu);

        *flags = spin_lock_irqsave(&c->lock);
        if (likely(t->cpu == cpu)) {
            return c;
        }
        spin_unlock_irqrestore(&c->lock, *flags);
    }
}

/* Room for one timer more on @c, and count it; the lock is not held. False: no memory. */
static bool reserve(struct timer_cpu *c)
{
    for (;;) {
        unsigned long flags = spin_lock_irqsave(&c->lock);
        uint32_t want = c->heap.capacity ? c->heap.capacity * 2 : CAPACITY_FIRST;
        struct heap_node **slots;

        if (c->assigned < c->heap.capacity) {
            c->assigned++;
            spin_unlock_irqrestore(&c->lock, flags);
            return true;
        }
        spin_unlock_irqrestore(&c->lock, flags);
        slots = zalloc(want * sizeof(*slots));
        if (!slots) {
            return false;
        }
        flags = spin_lock_irqsave(&c->lock);
        if (c->heap.capacity < want) {
            slots = heap_grow(&c->heap, slots, want);
        }
        spin_unlock_irqrestore(&c->lock, flags);
        zfree(slots);
    }
}

/* The earliest deadline of this pCPU may have come nearer: tell the hardware. */
static void arm_local(struct timer_cpu *c)
{
    struct heap_node *first = heap_peek(&c->heap);

    if (first && (c->armed_ns == 0 || first->key < c->armed_ns)) {
        c->armed_ns = MAX(first->key, 1ull);
        port_timer_arm(c->armed_ns);
    }
}

void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned int cpu)
{
    heap_node_init(&t->node);
    t->fn = fn;
    t->arg = arg;
    t->deadline_ns = 0;
    t->cpu = (uint16_t)cpu;
    t->ran_on = (uint16_t)cpu;
    t->state = reserve(&per_cpu(timer_cpu, cpu)) ? TIMER_READY : TIMER_NEW;
}

int timer_set(struct timer *t, uint64_t deadline_ns)
{
    unsigned long flags;
    struct timer_cpu *c;
    unsigned int cpu;

    if (unlikely(t->state != TIMER_READY)) {
        if (t->state == TIMER_DEAD) {
            return 0;
        }
        if (!reserve(&per_cpu(timer_cpu, t->cpu))) {
            return -XEN_ENOMEM;
        }
        t->state = TIMER_READY;
    }
    c = lock_timer(t, &flags);
    cpu = t->cpu;
    if (unlikely(t->state == TIMER_DEAD)) {
        spin_unlock_irqrestore(&c->lock, flags);
        return 0;
    }
    t->deadline_ns = deadline_ns;
    if (heap_is_queued(&t->node)) {
        heap_update(&c->heap, &t->node, deadline_ns);
    } else {
        bool done = heap_insert(&c->heap, &t->node, deadline_ns);

        BUG_ON(!done); /* room was reserved */
    }
    cpu = unlikely(c->is_away) ? 0 : cpu;
    if (cpu == pcpu_id() && likely(!c->is_away)) {
        arm_local(c);
        cpu = MAX_PCPUS;
    } else if (heap_peek(&c->heap) != &t->node) {
        cpu = MAX_PCPUS;
    }
    spin_unlock_irqrestore(&c->lock, flags);
    if (cpu != MAX_PCPUS) {
        softirq_raise_on(cpu, SOFTIRQ_TIMER);
    }
    return 0;
}

void timer_stop(struct timer *t)
{
    unsigned long flags;
    struct timer_cpu *c;

    if (t->state != TIMER_READY) {
        return;
    }
    c = lock_timer(t, &flags);
    if (heap_is_queued(&t->node)) {
        heap_remove(&c->heap, &t->node);
    }
    spin_unlock_irqrestore(&c->lock, flags);
}

void timer_kill(struct timer *t)
{
    unsigned long flags;
    struct timer_cpu *c;
    unsigned int ran_on;

    ASSERT_NOT_IN_IRQ(); /* the callback that it waits for may be what was interrupted */
    if (t->state == TIMER_NEW) {
        t->state = TIMER_DEAD;
        return;
    }
    c = lock_timer(t, &flags);
    if (t->state == TIMER_READY) {
        if (heap_is_queued(&t->node)) {
            heap_remove(&c->heap, &t->node);
        }
        t->state = TIMER_DEAD;
        c->assigned--;
    }
    ran_on = t->ran_on;
    spin_unlock_irqrestore(&c->lock, flags);
    while (ran_on != pcpu_id() &&
           __atomic_load_n(&per_cpu(timer_cpu, ran_on).running, __ATOMIC_ACQUIRE) == t) {
        cpu_relax();
    }
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    struct timer_cpu *to = &per_cpu(timer_cpu, cpu);
    struct timer_cpu *from;
    unsigned long flags;
    bool prod = false;

    if (t->cpu == cpu || t->state == TIMER_DEAD) {
        return;
    }
    if (t->state == TIMER_NEW) {
        t->cpu = (uint16_t)cpu;
        return;
    }
    if (!reserve(to)) {
        return;
    }
    flags = irq_save();
    for (;;) {
        from = &per_cpu(timer_cpu, __atomic_load_n(&t->cpu, __ATOMIC_RELAXED));
        spin_lock_pair(&from->lock, &to->lock);
        if (from == &per_cpu(timer_cpu, t->cpu)) {
            break;
        }
        spin_unlock_pair(&from->lock, &to->lock);
    }
    if (from == to || t->state == TIMER_DEAD) {
        to->assigned--;
    } else {
        from->assigned--;
        t->cpu = (uint16_t)cpu;
        if (heap_is_queued(&t->node)) {
            heap_remove(&from->heap, &t->node);
            heap_insert(&to->heap, &t->node, t->deadline_ns);
            prod = heap_peek(&to->heap) == &t->node;
            cpu = unlikely(to->is_away) ? 0 : cpu;
            if (prod && cpu == pcpu_id() && likely(!to->is_away)) {
                arm_local(to);
                prod = false;
            }
        }
    }
    spin_unlock_pair(&from->lock, &to->lock);
    irq_restore(flags);
    if (prod) {
        softirq_raise_on(cpu, SOFTIRQ_TIMER);
    }
}

unsigned int timer_armed_count(unsigned int cpu, uint64_t *first_ns)
{
    struct timer_cpu *c = &per_cpu(timer_cpu, cpu);
    unsigned long flags = spin_lock_irqsave(&c->lock);
    const struct heap_node *first = heap_peek(&c->heap);
    unsigned int n = c->heap.count;

    *first_ns = first ? first->key : 0;
    spin_unlock_irqrestore(&c->lock, flags);
    return n;
}

bool timer_is_armed(const struct timer *t)
{
    return t->state == TIMER_READY && heap_is_queued(&t->node);
}

unsigned int timer_count(unsigned int cpu)
{
    return __atomic_load_n(&per_cpu(timer_cpu, cpu).assigned, __ATOMIC_RELAXED);
}

/* Run on this pCPU, which has @me, what is due in @c, which is locked. */
static void run_due(struct timer_cpu *me, struct timer_cpu *c, unsigned long *flags)
{
    uint64_t now = port_now_ns();
    uint32_t budget =
        c->heap.count + 1; /* a callback that sets its timer to the past must not keep the pCPU here */
    struct heap_node *first;

    while (budget-- > 0 && (first = heap_peek(&c->heap)) != NULL && first->key <= now) {
        struct timer *t = heap_entry(heap_pop(&c->heap), struct timer, node);
        void (*fn)(void *) = t->fn;
        void *arg = t->arg;

        t->ran_on = (uint16_t)pcpu_id();
        me->running = t;
        spin_unlock_irqrestore(&c->lock, *flags);
        fn(arg); /* may set, kill and even free the timer */
        *flags = spin_lock_irqsave(&c->lock);
        /* pairs with timer_kill() */
        __atomic_store_n(&me->running, NULL, __ATOMIC_RELEASE);
    }
}

/* What is due of the pCPUs that are away; the first deadline that is left of theirs, UINT64_MAX when there is none. pCPU 0. */
static uint64_t run_others(struct timer_cpu *me)
{
    uint64_t first_ns = UINT64_MAX;

    for_each_cpu (cpu, cpuset_read(&away)) {
        struct timer_cpu *c = &per_cpu(timer_cpu, cpu);
        unsigned long flags = spin_lock_irqsave(&c->lock);
        const struct heap_node *first;

        if (c->is_away) {
            run_due(me, c, &flags);
            first = heap_peek(&c->heap);
            first_ns = first ? MIN(first_ns, first->key) : first_ns;
        }
        spin_unlock_irqrestore(&c->lock, flags);
    }
    return first_ns;
}

/* SOFTIRQ_TIMER: run what is due; then arm the hardware for the next. */
static void run_timers(void)
{
    struct timer_cpu *c = &this_cpu(timer_cpu);
    uint64_t others_ns = UINT64_MAX;
    unsigned long flags;

    if (pcpu_id() == 0 && unlikely(!cpuset_is_empty(away))) {
        others_ns = run_others(c);
    }
    flags = spin_lock_irqsave(&c->lock);
    if (likely(!c->is_away)) {
        run_due(c, c, &flags);
        c->armed_ns = 0;
        arm_local(c);
        if (unlikely(others_ns != UINT64_MAX) && (c->armed_ns == 0 || others_ns < c->armed_ns)) {
            c->armed_ns = MAX(others_ns, 1ull);
            port_timer_arm(c->armed_ns);
        }
    }
    spin_unlock_irqrestore(&c->lock, flags);
}

static void set_away(unsigned int cpu, bool is_away)
{
    struct timer_cpu *c = &per_cpu(timer_cpu, cpu);
    unsigned long flags;

    (is_away ? cpuset_add_atomic : cpuset_remove_atomic)(&away, cpu);
    flags = spin_lock_irqsave(&c->lock);
    c->is_away = is_away;
    c->armed_ns = 0;
    spin_unlock_irqrestore(&c->lock, flags);
    softirq_raise_on(is_away ? 0 : cpu, SOFTIRQ_TIMER);
}

void timer_cpu_leave(unsigned int cpu)
{
    BUG_ON(cpu == 0);
    set_away(cpu, true);
}

void timer_cpu_return(unsigned int cpu)
{
    set_away(cpu, false);
}

void timer_init_all(void)
{
    softirq_set_handler(SOFTIRQ_TIMER, run_timers);
    softirq_set_handler(SOFTIRQ_TASKLET, tasklet_run);
}
