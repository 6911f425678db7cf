/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The checker of lock order and of the interrupt rule, and the record of interrupt context (context.h); debug and host builds only. Each pCPU remembers the locks that it holds, in the order of taking.
 */
#include <base/context.h>
#include <base/lock.h>
#include <base/percpu.h>

bool locks_are_broken;

#ifdef ZENDO_DEBUG

#define HELD_MAX 16

struct held_locks {
    unsigned int count;
    struct spinlock *lock[HELD_MAX];
};

static DEFINE_PER_CPU(struct held_locks, held_locks);
static DEFINE_PER_CPU(uint32_t, irq_depth);

static const struct {
    uint8_t level;
    char irq;
} classes[LOCK_CLASS_COUNT] = {
#define LOCK_CLASS(name, lvl, irq_rule, what) [LOCK_##name] = {lvl, irq_rule},
#include <base/lock_classes.def>
#undef LOCK_CLASS
};

void lock_check_acquire(struct spinlock *l, bool pair)
{
    bool irqs_were_on = irqs_enabled();
    unsigned long flags = irq_save();
    struct held_locks *h = &this_cpu(held_locks);

    if (locks_are_broken) {
        irq_restore(flags);
        return;
    }
    BUG_ON(l->class >= LOCK_CLASS_COUNT);
    BUG_ON(classes[l->class].irq == 'i' && irqs_were_on);
    BUG_ON(classes[l->class].irq == 'p' && in_irq());
    for (unsigned int i = 0; i < h->count; i++) {
        BUG_ON(h->lock[i] == l);
        BUG_ON(!pair && classes[h->lock[i]->class].level >= classes[l->class].level);
    }
    BUG_ON(h->count == HELD_MAX);
    h->lock[h->count++] = l;
    irq_restore(flags);
}

void lock_check_release(struct spinlock *l)
{
    unsigned long flags = irq_save();
    struct held_locks *h = &this_cpu(held_locks);
    unsigned int i = h->count;

    if (locks_are_broken) {
        irq_restore(flags);
        return;
    }
    do {
        BUG_ON(i == 0); /* not held by this pCPU */
        i--;
    } while (h->lock[i] != l);
    h->count--;
    for (; i < h->count; i++) {
        h->lock[i] = h->lock[i + 1];
    }
    irq_restore(flags);
}

unsigned int lock_held_count(void)
{
    return this_cpu(held_locks).count;
}

void irq_context_enter(void)
{
    BUG_ON(irqs_enabled());
    this_cpu(irq_depth)++;
}

void irq_context_exit(void)
{
    BUG_ON(irqs_enabled() || this_cpu(irq_depth) == 0);
    this_cpu(irq_depth)--;
}

bool in_irq(void)
{
    return this_cpu(irq_depth) != 0;
}

#else

unsigned int lock_held_count(void)
{
    return 0;
}

#endif
