/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/sched needs from above. */
#pragma once
#include <core/sched/sched.h>

/*
 * Make @next the current vCPU of this pCPU instead of @prev (they differ; either may be idle). Interrupts off. Returns normally: register state
 * lives in the vCPUs. Defined by guest/<arch>.
 */
void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next);
/*
 * The same in two halves, for a vCPU that will go on here soon: @idle becomes current, and all of @prev's state stays in the processor. Then either
 * arch_resume(), @held is current again, or arch_release(), its state is in memory and @idle goes on. Interrupts off.
 */
void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *idle);
void arch_resume(struct sched_vcpu *held);
void arch_release(struct sched_vcpu *held, struct sched_vcpu *idle);
/* Called with interrupts off after every change of the current vCPU's run state that its guest may watch (registered runstate area). */
void arch_runstate_changed(struct sched_vcpu *v);
