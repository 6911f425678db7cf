/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual address space of the hypervisor: docs/architecture.md, "Address space". Shared by C, assembly and the linker script. */
#pragma once

#define L4_SLOT_FIRST 256
#define L4_SLOT_COUNT 16

#define VA_M2P_RO           0xffff800000000000
#define VA_M2P_RW           0xffff808000000000
#define VA_FRAME_STATE      0xffff810000000000
#define VA_FRAME_AUX        0xffff818000000000
#define VA_DYNAMIC          0xffff820000000000
#define VA_IMAGE_BASE       0xffff828040000000
#define VA_IMAGE            0xffff828040200000
#define VA_DIRECT           0xffff830000000000
#define VA_DIRECT_END       0xffff880000000000
#define VA_HYPERVISOR_START VA_M2P_RO
#define VA_HYPERVISOR_END   VA_DIRECT_END

#define IMAGE_LOAD_PA 0x200000

/* A pCPU's stack block: aligned to its size, interrupt-stack-table stacks at the bottom, struct cpu_info at the very top. */
#define STACK_ORDER 3
#define STACK_SIZE  (4096 << STACK_ORDER)

/* Per-pCPU descriptor windows in VA_DYNAMIC: 16 pages of GDT (14 the guest's, 1 ours) then 16 pages of LDT. */
#define VA_DESC_WINDOWS   VA_DYNAMIC
#define DESC_WINDOW_PAGES 32
#define VA_DYNAMIC_FREE   (VA_DYNAMIC + 0x10000000)
