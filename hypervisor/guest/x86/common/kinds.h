/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each kind of guest defines; guest/x86/common dispatches to one of the two by struct domain.kind. A build without a kind links guest/x86/nopv or
 * guest/x86/nopvh instead, which refuse the domain's creation. Meanings and errors: core/domain/arch.h.
 */
#pragma once
#include <core/hypercall/hypercall.h>
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
int pvh_pod_promise(struct x86_domain *xd, gfn_t gfn, unsigned int order);
int pvh_pod_release(struct x86_domain *xd, gfn_t gfn);
bool pvh_pod_reclaim(struct x86_domain *xd, mfn_t mfn);
/* XENMEM_set_pod_target and XENMEM_get_pod_target: p2m.h. */
int pvh_pod_set_target(struct x86_domain *xd, uint64_t pages);
void pvh_pod_counts(const struct x86_domain *xd, uint64_t *cached, uint64_t *promised);
/* The memory for its p2m, in pages: p2m_pool_set(). */
uint64_t pvh_pool_pages(const struct x86_domain *xd);
int pvh_pool_set(struct x86_domain *xd, uint64_t pages);
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

/* VCPUOP_initialise and VCPUOP_send_nmi. */
long pv_vcpu_initialise(struct x86_vcpu *xv, vaddr_t gva);
long pv_send_nmi(struct x86_vcpu *xv);
long pvh_vcpu_initialise(struct x86_vcpu *xv, vaddr_t gva);
long pvh_send_nmi(struct x86_vcpu *xv);
/* Its local APIC has an interrupt or NMI to deliver. */
bool pvh_interrupt_pending(struct x86_vcpu *xv);
/* A hypercall of a vCPU that is not in 64-bit mode: arch_compat_hypercall(). */
long pvh_compat_hypercall(struct x86_vcpu *xv, struct hypercall *c, hypercall_fn *fn);
/* memory_op's architecture part: memory maps and the machine-to-physical table. */
long x86_memory_op(struct hypercall *c, uint64_t op);

/* --- for CPUID, domctl and hvm_op ------------------------------------------------------------------------------------------------------- */
struct cpuid_vcpu;
struct vcpu_guest_context;
/* What is added to the processor's time stamp counter for this vCPU: the domain's offset and what the guest's own writes made of it. */
uint64_t pvh_tsc_offset(const struct x86_vcpu *xv);
/* What a PVH vCPU looks like as a PV context. Its domain is paused. */
void pvh_get_vcpu_context(struct x86_vcpu *xv, struct vcpu_guest_context *c);
/* The general registers, RIP, RSP and RFLAGS of such a context, by which tools tell a guest that its suspension was called off. -XEN_EINVAL. */
int pvh_set_vcpu_context(struct x86_vcpu *xv, const struct vcpu_guest_context *c);
/* Write the hypercall page of the kind at @page. */
void pv_fill_hypercall_page(struct domain *d, void *page);
void pvh_fill_hypercall_page(struct domain *d, void *page);
/* The vCPU's CR4, APIC and XCR0 bits that CPUID shows: osxsave, ospke, apic_enabled, apic_id. */
void pvh_cpuid_state(const struct x86_vcpu *xv, struct cpuid_vcpu *v);
/* The whole state of a vCPU that does not run: XEN_DOMCTL_setvcpucontext, getvcpucontext. Errors: guest/x86/pv/pv.h. */
int pv_set_context(struct x86_vcpu *xv, const struct vcpu_guest_context *ctx);
void pv_get_context(struct x86_vcpu *xv, struct vcpu_guest_context *ctx);
/*
 * The domain's state as save records (<xen/hvm/save.h>: HEADER, per vCPU CPU, MTRR, LAPIC, LAPIC_REGS, then END); it is paused. @buf NULL: *@used is the
 * size that get needs at most. -XEN_ENOSPC: @size is too small. set takes the records that there are, checks all, then commits: -XEN_EINVAL;
 * a CPU record brings its vCPU up (is_initialised, VPF_DOWN off, sched_wake()).
 */
int pvh_get_context(struct x86_domain *xd, void *buf, uint32_t size, uint32_t *used);
int pvh_set_context(struct x86_domain *xd, const void *buf, uint32_t size);
/* Vector for event upcalls: of one vCPU (HVMOP_set_evtchn_upcall_vector), or of the domain (HVM_PARAM_CALLBACK_IRQ; 0 none). -XEN_EINVAL. */
int pvh_set_upcall_vector(struct x86_vcpu *xv, uint8_t vector);
int pvh_set_callback_vector(struct x86_domain *xd, uint8_t vector);
/*
 * The layout of the shared page and the other areas becomes that of the code which the current vCPU runs. Drivers begin by writing the
 * hypercall page or setting HVM_PARAM_CALLBACK_IRQ, so those two are when it is looked at.
 */
void pvh_take_info_width(struct x86_vcpu *xv);
/* HVMOP_flush_tlbs: nothing of the domain's translations stays in any TLB. */
void pvh_flush_tlbs(struct x86_domain *xd);
/* Debug key of debug builds: stop each PV domain but the caller's and check its page types. */
void pv_audit_all(void);
/* This build has PV guests. */
bool pv_is_built(void);
/* The tools replaced the domain's CPU policy; it is paused. */
void pvh_policy_changed(struct x86_domain *xd);
