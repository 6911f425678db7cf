/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/domain and core/hypercall need from the guest layer (guest/<arch>). */
#pragma once
#include <core/domain/domain.h>

/* Allocate the architecture's struct around a zeroed struct domain / struct vcpu; NULL when memory is out. */
struct domain *arch_domain_alloc(void);
struct vcpu *arch_vcpu_alloc(void);
/* Fill in and check the architecture's part. Errors as domain_create()/vcpu_create(). */
int arch_domain_init(struct domain *d, const struct domain_config *c);
int arch_vcpu_init(struct vcpu *v);
/* Release what init took; called once, when nothing runs and nothing maps it any more. */
void arch_vcpu_free(struct vcpu *v);
void arch_domain_free(struct domain *d);
/* One resumable step of teardown before the frames go: drop page tables, p2m, vCPU references. 0 or -XEN_ERESTART. */
int arch_domain_relinquish(struct domain *d);
/* Passed to domain_mem_relinquish() for this domain; NULL when its kind has none. */
int (*arch_drop_types(const struct domain *d))(mfn_t mfn);

/* @v has an event: make it take its upcall soon if it runs on another pCPU (it was woken already). Any context. */
void arch_vcpu_kick(struct vcpu *v);

/*
 * Memory by guest frame number. Look up @gfn of @d and take a reference to the frame (with a writable type when @write). -XEN_EINVAL: nothing there,
 * not the domain's, or not writable. PV: gfn is the machine frame. arch_put_gfn() undoes it.
 */
int arch_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn);
void arch_put_gfn(struct domain *d, mfn_t mfn, bool write);
/* Reference a page by the current vCPU's virtual address (for areas that guests register): page and offset. */
int arch_get_gva(struct vcpu *v, vaddr_t gva, bool write, mfn_t *mfn, uint32_t *offset);

/* Guest-physical map of an auto-translated domain. PV answers -XEN_EOPNOTSUPP where it has no meaning. */
int arch_p2m_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
int arch_p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
/*
 * Populate on demand. Promise memory at 2^order guest frames, which the domain takes out of a cache of its own when it first uses them: -XEN_EINVAL,
 * -XEN_EBUSY (something is there), -XEN_ENOMEM, -XEN_EOPNOTSUPP. Take a promise back: -XEN_EINVAL when nothing was promised at @gfn. Offer the cache a page
 * that was just removed and that the caller has a reference to: true if it keeps it, else it is to be given back as others are.
 */
int arch_pod_promise(struct domain *d, gfn_t gfn, unsigned int order);
int arch_pod_release(struct domain *d, gfn_t gfn);
bool arch_pod_reclaim(struct domain *d, mfn_t mfn);
bool arch_pod_has_promises(const struct domain *d);
/* Highest guest frame in use. */
uint64_t arch_max_gfn(struct domain *d);

/* Copy @time's fields that depend on the clock hardware: tsc stamp, multiplier, shift. */
void arch_fill_time(struct vcpu *v, struct vcpu_time_info *time);

/* Write @info to @gva of the current vCPU in the layout that its domain reads (domain_set_info_width()). -XEN_EFAULT. */
int arch_write_runstate(const struct domain *d, vaddr_t gva, const struct vcpu_runstate_info *info);

/* VCPUOP_initialise: the state at @gva is a vCPU's whole context. -XEN_EEXIST: it has one already. May return -XEN_ERESTART. One caller at a time for a vCPU. */
long arch_vcpu_initialise(struct vcpu *v, vaddr_t gva);
/* Raise an NMI in @v. */
long arch_vcpu_send_nmi(struct vcpu *v);
/* Something besides event channels waits to interrupt @v (a PVH guest's local APIC). */
bool arch_vcpu_interrupt_pending(struct vcpu *v);

/* Operations of memory_op that only the architecture has: memory maps, the machine-to-physical table. */
struct hypercall;
long arch_memory_op(struct hypercall *c, uint64_t op);
