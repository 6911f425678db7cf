/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptor tables, traps and the switch between vCPUs, on this pCPU. */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* Set up this pCPU's GDT page, TSS, IDT, system-call entry. Its descriptor window's page tables exist, the heap works. Interrupts off. */
void trap_init_bsp(void);
void trap_init_ap(void);

/* @from in the form that panics print. */
struct panic_regs;
void trap_panic_regs(struct panic_regs *to, const struct x86_regs *from);

/* Run softirqs, resume the current vCPU; idle when there is none. The end of every entry, and of every pCPU's start-up. */
_Noreturn void pcpu_loop(void);
