/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ticket spinlocks, with a class each (lock_classes.def). Debug and host builds check at every acquire that the order of classes holds and
 * that the interrupt rule is kept; release builds carry no class.
 */
#pragma once
#include <base/assert.h>
#include <base/contract.h>

enum lock_class {
#define LOCK_CLASS(name, level, irq, what) LOCK_##name,
#include <base/lock_classes.def>
#undef LOCK_CLASS
    LOCK_CLASS_COUNT
};

struct spinlock {
    uint16_t next;    /* ticket to draw */
    uint16_t serving; /* ticket that may enter */
#ifdef ZENDO_DEBUG
    uint32_t class;
#endif
};

#ifdef ZENDO_DEBUG
#define SPINLOCK_INIT(cls) ((struct spinlock){0, 0, LOCK_##cls})
#else
#define SPINLOCK_INIT(cls) ((struct spinlock){0, 0})
#endif
#define spin_lock_init(l, cls) (*(l) = SPINLOCK_INIT(cls))

#ifdef ZENDO_DEBUG
void lock_check_acquire(struct spinlock *l, bool pair);
void lock_check_release(struct spinlock *l);
#else
static inline void lock_check_acquire(struct spinlock *l, bool pair)
{
}
static inline void lock_check_release(struct spinlock *l)
{
}
#endif

/* Locks that this pCPU holds; always 0 in release builds. */
unsigned int lock_held_count(void);

/* After locks_break() nobody waits for a lock: the machine is in panic, this pCPU alone runs, and who holds a lock will never let it go. */
extern bool locks_are_broken;
static inline void locks_break(void)
{
    locks_are_broken = true;
}

static inline void spin_lock_raw(struct spinlock *l)
{
    uint16_t me = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    /* pairs with the release in spin_unlock() */
    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != me) {
        cpu_relax();
        if (unlikely(locks_are_broken)) {
            break;
        }
    }
}

static inline void spin_lock(struct spinlock *l)
{
    lock_check_acquire(l, false);
    spin_lock_raw(l);
}

static inline void spin_unlock(struct spinlock *l)
{
    lock_check_release(l);
    __atomic_store_n(&l->serving, (uint16_t)(l->serving + 1), __ATOMIC_RELEASE);
}

static inline bool spin_trylock(struct spinlock *l)
{
    uint16_t s = __atomic_load_n(&l->serving, __ATOMIC_ACQUIRE);

    if (!__atomic_compare_exchange_n(&l->next, &s, (uint16_t)(s + 1), false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        return false;
    }
    lock_check_acquire(l, true);
    return true;
}

static inline bool spin_is_locked(const struct spinlock *l)
{
    return __atomic_load_n(&l->next, __ATOMIC_RELAXED) != __atomic_load_n(&l->serving, __ATOMIC_RELAXED);
}

static inline unsigned long spin_lock_irqsave(struct spinlock *l)
{
    unsigned long flags = irq_save();

    spin_lock(l);
    return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags)
{
    spin_unlock(l);
    irq_restore(flags);
}

/* Two locks of one class, in address order; @a == @b takes it once. */
static inline void spin_lock_pair(struct spinlock *a, struct spinlock *b)
{
    struct spinlock *first = a < b ? a : b;
    struct spinlock *second = a < b ? b : a;

    spin_lock(first);
    if (second != first) {
        lock_check_acquire(second, true);
        spin_lock_raw(second);
    }
}

static inline void spin_unlock_pair(struct spinlock *a, struct spinlock *b)
{
    if (a != b) {
        spin_unlock(b);
    }
    spin_unlock(a);
}
