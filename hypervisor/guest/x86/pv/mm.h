/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PV memory management, as the rest of the PV layer uses it. */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* A page fault that is the hypervisor's to settle (a write to a page table that the guest may make, a lazily mapped LDT page). True: retry the instruction. */
bool pv_mm_fault(struct x86_vcpu *xv, uint64_t cr2, uint32_t error);
/*
 * Reference the tables of a vCPU that does not run: its kernel's L4, and its user mode's (INVALID_MFN none). May be called again with the same
 * arguments after -XEN_ERESTART. -XEN_EINVAL: not page tables of the domain.
 */
int pv_set_base_tables(struct x86_vcpu *xv, mfn_t kernel, mfn_t user);
/* Replace the vCPU's GDT: @ents descriptors in @frames. The vCPU is the current one or does not run. -XEN_EINVAL. */
int pv_set_gdt_frames(struct x86_vcpu *xv, const unsigned long *frames, unsigned int ents);
/* Replace the kernel's L4 table of the current vCPU (mmuext NEW_BASEPTR). -XEN_EINVAL; -XEN_ERESTART. */
int pv_new_base_table(struct x86_vcpu *xv, mfn_t l4);
/* For a vCPU that never ran: reference and pin @l4, whose hypervisor slots are filled, as its kernel table. */
int pv_adopt_base_table(struct x86_vcpu *xv, mfn_t l4);
/* Check every page type and count of @d, none of whose vCPUs runs; slow. The number of errors, which are in the log; 0 also when there is no memory for it. */
unsigned int pv_audit(struct domain *d);
/* Write the hypercall page; NULL does nothing. */
void pv_fill_hypercall_page(struct domain *d, void *page);
