/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Under a direct policy a pCPU idles with the state of the vCPU that it belongs to in its registers, so that waking it is no context switch. p->held is that
 * vCPU and this pCPU's alone; SCHED_HELD in its is_running tells others that sched_sleep() must have it saved.
 *
 * Invariant: a held vCPU is assigned to this pCPU and only waits for an event. Who takes it away, pauses it or takes it down sees to it that schedule() comes
 * here, which ends the hold.
 */
#include <core/sched/arch.h>
#include <core/sched/sched_internal.h>

void sched_hold_end(struct sched_pcpu *p)
{
    struct sched_vcpu *v = p->held;

    p->held = NULL;
    arch_release(v, p->idle);
    sched_saved(v);
}

void sched_hold_end_here(void)
{
    unsigned long flags = irq_save();
    struct sched_pcpu *p = &this_cpu(sched_pcpu);

    if (p->held) {
        sched_hold_end(p);
    }
    irq_restore(flags);
}
