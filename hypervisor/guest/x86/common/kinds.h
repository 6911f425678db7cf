/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each kind of guest defines; guest/x86/common dispatches to one of the two by struct domain.kind. A build without a kind links guest/x86/nopv or
 * guest/x86/nopvh instead, which refuse the domain's creation. Meanings and errors: core/domain/arch.h.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>

int pv_domain_init(struct x86_domain *xd);
int pv_vcpu_init(struct x86_vcpu *xv);
void pv_vcpu_free(struct x86_vcpu *xv);
int pv_relinquish(struct x86_domain *xd);
int pv_drop_types(mfn_t mfn);
int pv_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn);
int pv_get_gva(struct x86_vcpu *xv, vaddr_t gva, bool write, mfn_t *mfn);
uint64_t pv_max_gfn(struct domain *d);
void pv_switch_from(struct x86_vcpu *xv);
void pv_switch_to(struct x86_vcpu *xv);
int pv_gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags);
int pv_gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr);

int pvh_domain_init(struct x86_domain *xd);
void pvh_domain_free(struct x86_domain *xd);
int pvh_vcpu_init(struct x86_vcpu *xv);
void pvh_vcpu_free(struct x86_vcpu *xv);
int pvh_relinquish(struct x86_domain *xd);
int pvh_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn);
int pvh_get_gva(struct x86_vcpu *xv, vaddr_t gva, bool write, mfn_t *mfn);
int pvh_p2m_add(struct x86_domain *xd, gfn_t gfn, mfn_t mfn, unsigned int order);
int pvh_p2m_remove(struct x86_domain *xd, gfn_t gfn, mfn_t mfn, unsigned int order);
uint64_t pvh_max_gfn(struct x86_domain *xd);
void pvh_switch_from(struct x86_vcpu *xv);
void pvh_switch_to(struct x86_vcpu *xv);
int pvh_gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags);
int pvh_gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr);
/* Copies between the hypervisor and the current PVH vCPU's virtual addresses: base/guest_access.h. */
int pvh_guest_read(struct x86_vcpu *xv, void *dst, vaddr_t gva, size_t size);
int pvh_guest_write(struct x86_vcpu *xv, vaddr_t gva, const void *src, size_t size);
/* Interrupt for a pending event channel upcall. */
void pvh_upcall_pending(struct x86_vcpu *xv);
