/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of core/sched that serve every policy have of each other. Policies see sched_policy.h only. */
#pragma once
#include <core/sched/sched_policy.h>

/* --- sched.c ---------------------------------------------------------------------------------------------------------------------------------- */

/* Registers the softirq's handler. */
void sched_start(void);
void sched_init_slice_timer(struct sched_pcpu *p);

/* @prev's state is in memory: others may take it, and it may even be gone. Whoever wanted it meanwhile is told. */
static inline void sched_saved(struct sched_vcpu *prev)
{
    /* pairs with sched_is_being_saved() */
    uint16_t was = __atomic_exchange_n(&prev->is_running, 0, __ATOMIC_SEQ_CST) & (uint16_t)~SCHED_HELD;

    if (unlikely(was != SCHED_RUNNING)) {
        sched_prod((was >> 1) - 1u);
    }
}

static inline void sched_prod_all(cpuset_t cpus)
{
    for_each_cpu (cpu, cpus) {
        sched_prod(cpu);
    }
}

/* --- place.c ------------------------------------------------------------------------------------------------------------------------------------- */

/* Lock the runqueue on which @v, if it needs one now, should wait. */
struct sched_rq *sched_lock_best_rq(struct sched_vcpu *v, unsigned long *flags);
/* @v, runnable, is neither queued nor current: put it on @rq, that of its pCPU, which is locked; returns whom to prod, or SCHED_NO_CPU. */
unsigned int sched_requeue(struct sched_rq *rq, struct sched_vcpu *v, uint64_t now_ns);
/* @v may not use the pCPU that it is at, or is runnable and not queued: to another pCPU, and on its queue. No runqueue's lock held. */
void sched_find_home(struct sched_vcpu *v);
/* sched_find_home() for who has the lock of @v's runqueue @rq, which it gives back: nobody can queue @v by its old pCPU in between. */
void sched_find_home_locked(struct sched_rq *rq, struct sched_vcpu *v, unsigned long flags);
/*
 * Runnable vCPUs wait while pCPUs idle (one was just put back, or a tickled pCPU took another): whom to tell. One that is still being saved is
 * announced by its saver. Under the lock.
 */
cpuset_t sched_spread(struct sched_rq *rq, uint64_t now_ns);

/* --- balance.c: for this pCPU ------------------------------------------------------------------------------------------------------------------ */

/* This pCPU is about to idle: take over from the others, the nearest first. True: somebody who can run. Locked; may have been unlocked meanwhile. */
bool sched_pull_for_idle(struct sched_rq *rq, struct sched_pcpu *p, uint64_t now_ns);
/* Now and then a busy pCPU compares its runqueue with the next one of the pool, in turn, and takes over who is worse off there. Locked, as above. */
void sched_balance(struct sched_rq *rq, struct sched_pcpu *p, uint64_t now_ns);
/*
 * This pCPU was told to come for a vCPU of @other, not its own runqueue, and may have found something else to do: who still waits there is announced again.
 * No lock held, interrupts off.
 */
void sched_pass_on(struct sched_rq *other, uint64_t now_ns);

/* --- pool.c, cpu.c, members.c ----------------------------------------------------------------------------------------------------------------------- */

/* NULL: there is none. Under the tools' lock. */
struct sched_pool *sched_find_pool(uint32_t id);
/* Before the first pCPU: no runqueue is in use; pCPUs in no pool are in @no_pool. */
void sched_init_cpus(struct sched_pool *no_pool);
/* The pCPUs of @pool have changed: each of its vCPUs goes where it may run. Under the pool's lock. */
void sched_resettle_all(struct sched_pool *pool);

/* --- hold.c; what each switch does is here, to be inlined. Interrupts off ------------------------------------------------------------------------- */

/* Will @v, which waits or is about to, go on at @p as soon as it may? Else its state belongs into memory. */
static inline bool sched_hold_stays(const struct sched_pcpu *p, const struct sched_vcpu *v)
{
    return __atomic_load_n(&p->assigned, __ATOMIC_SEQ_CST) == v &&
           __atomic_load_n(&v->pause_count, __ATOMIC_SEQ_CST) == 0 &&
           (__atomic_load_n(&v->pause_flags, __ATOMIC_SEQ_CST) & ~(VPF_BLOCKED | VPF_POLLING)) == 0;
}

/* @p, this pCPU, goes from @prev to @next: note whether it holds @prev from now on, and that it holds @next no more. Under the lock. */
static inline void sched_hold_switch(struct sched_pcpu *p, struct sched_vcpu *prev,
                                     const struct sched_vcpu *next)
{
    if (next == p->held) {
        p->held = NULL;
    } else if (next->is_idle && sched_hold_stays(p, prev)) {
        p->held = prev;
        __atomic_fetch_or(&prev->is_running, SCHED_HELD, __ATOMIC_SEQ_CST);
    }
}

/* Save the vCPU that @p, this pCPU, holds: others may take it from now on, and it may even be gone. */
void sched_hold_end(struct sched_pcpu *p);
/* The same for this pCPU, if it holds one; interrupts on or off. Who waits for another pCPU to save a vCPU must not keep one from being saved here. */
void sched_hold_end_here(void);
