/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a pCPU is in the middle of, for the checks of debug and host builds: interrupt handlers say so, and what waits for other pCPUs, sleeps or reaches
 * guest memory asserts that it may. Release builds keep no record: in_irq() is false there, and only assertions may use it.
 */
#pragma once
#include <base/lock.h>

#ifdef ZENDO_DEBUG
/* Around every interrupt handler; interrupts off. They may nest. */
void irq_context_enter(void);
void irq_context_exit(void);
bool in_irq(void);
#else
static inline void irq_context_enter(void)
{
}
static inline void irq_context_exit(void)
{
}
static inline bool in_irq(void)
{
    return false;
}
#endif

/* This code must not be reached from an interrupt handler. */
#define ASSERT_NOT_IN_IRQ() ASSERT(!in_irq())
/* It waits for other pCPUs, which may be waiting for this one to take an interrupt. */
#define ASSERT_MAY_WAIT() ASSERT(!in_irq() && irqs_enabled())
/* It ends what this pCPU was doing, or gives it to another vCPU: no lock may be taken along. */
#define ASSERT_MAY_LEAVE() ASSERT(!in_irq() && lock_held_count() == 0)
