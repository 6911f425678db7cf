/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segment selectors: those from 0xe000 on are fixed by the PV ABI (<xen/arch-x86/xen-x86_64.h>) or fill the same page. */
#pragma once

#define SEL_KERNEL_CS  0xe008
#define SEL_KERNEL_DS  0xe010
#define SEL_RING3_CS32 0xe023
#define SEL_RING3_SS   0xe02b
#define SEL_RING3_CS64 0xe033
#define SEL_TSS        0xe040
#define SEL_LDT        0xe050

/* In regs.entry_vector: how the vCPU came in, and so how it may go back. */
#define VECTOR_SYSCALL   0x100
#define VECTOR_SYSCALL32 0x101
#define VECTOR_NONE      0x200
