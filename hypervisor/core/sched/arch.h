/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/sched needs from above. */
#pragma once
#include <core/sched/sched.h>

/*
 * Make @next the current vCPU of this pCPU instead of @prev (they differ; either may be idle). Interrupts off. Returns normally: register state
 * lives in the vCPUs. Defined by guest/<arch>.
 */
void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next);
/* Called with interrupts off after every change of the current vCPU's run state that its guest may watch (registered runstate area). */
void arch_runstate_changed(struct sched_vcpu *v);
