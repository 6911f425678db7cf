/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of hw/x86/trap, and with entry.S. */
#pragma once
#include <guest/x86/common/hw_contract.h>

/* Used by the system-call stub of one pCPU; 64 bytes apart. */
struct syscall_slot {
    uint64_t scratch;
    uint64_t regs_end;
    uint64_t pad[6];
};
extern struct syscall_slot syscall_slots[];

/* Page-table flags for a hypervisor data page: present, writable, accessed, dirty, no-execute. */
#define PTE_HYPERVISOR_RW 0x8000000000000063ull
/* The same, read-only. */
#define PTE_HYPERVISOR_RO 0x8000000000000021ull

#define GDT_OUR_PAGE 14 /* of the window; the guest's pages are before it */
/* The table entry for a page of the GDT where the guest has none: of descriptors that are not there, so that no selector leads to a page fault. */
uint64_t gdt_empty_page(void);

/* Guest traps of this pCPU push their frame below @regs_end from now on. */
void trap_set_entry_frame(void *regs_end);
/* Our page of this pCPU's GDT. */
uint64_t *gdt_entry(uint16_t selector);
void gdt_set_system(uint16_t selector, uint64_t base, uint32_t limit, unsigned int type);

/* Called by entry.S. */
void trap_from_guest(struct x86_regs *regs);
void trap_from_hypervisor(struct x86_regs *regs);
struct x86_regs *trap_ist(struct x86_regs *regs);
struct x86_regs *trap_current_regs(void);

void hw_load_ds(uint32_t sel);
void hw_load_es(uint32_t sel);
void hw_load_fs(uint32_t sel);
void hw_load_gs(uint32_t sel);
