/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/sched needs from above, for programs without a guest layer. */
#include <core/sched/arch.h>

#define WEAK __attribute__((weak))

WEAK void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next)
{
}

WEAK void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *idle)
{
}

WEAK void arch_resume(struct sched_vcpu *held)
{
}

WEAK void arch_release(struct sched_vcpu *held, struct sched_vcpu *idle)
{
}

WEAK void arch_runstate_changed(struct sched_vcpu *v)
{
}
