/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of domctl and sysctl. */
#pragma once
#include <core/hypercall/arch.h>
#include <core/hypercall/hypercall.h>

/* One operation on a domain that exists, under the domctl lock. @op is the hypervisor's copy; *@copyback: write it back, whatever the result. */
typedef long domctl_fn(struct domain *d, struct xen_domctl *op, bool *copyback);

/* domctl_create.c */
long domctl_create(struct xen_domctl *op, bool *copyback);
domctl_fn domctl_max_vcpus;
/* domctl_info.c */
void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info);
domctl_fn domctl_get_vcpu_info;
/* domctl_sched.c */
domctl_fn domctl_set_vcpu_affinity, domctl_get_vcpu_affinity, domctl_set_node_affinity,
    domctl_get_node_affinity, domctl_scheduler_op;
/* domctl_rights.c */
domctl_fn domctl_iomem_permission, domctl_irq_permission, domctl_set_target;

/* The vCPU that a tool names. -XEN_EINVAL: beyond the domain's limit; -XEN_ESRCH: not made yet. */
int domctl_vcpu(struct domain *d, uint32_t id, struct vcpu **v);

/* The lock that one tool call at a time has: domctl, and cpupool_op. False: somebody has it; -XEN_ERESTART then. */
bool domctl_try_lock(void);
void domctl_unlock(void);

/* Bits of a tool's bitmap, up to 64; those beyond are dropped, those missing are 0. -XEN_EFAULT. */
int xenctl_bitmap_read(const struct xenctl_bitmap *from, uint64_t *bits);
/* Fill a tool's bitmap with @bits, the rest of it with 0. -XEN_EFAULT; -XEN_EINVAL: absurdly long. */
int xenctl_bitmap_write(const struct xenctl_bitmap *to, uint64_t bits);

/* One more than the highest number of a pCPU, online or not. */
static inline unsigned int pcpu_limit(void)
{
    return 64 - (unsigned int)__builtin_clzll(cpus_present.bits | 1);
}

static inline uint64_t pcpu_limit_mask(void)
{
    return ~0ull >> (64 - pcpu_limit());
}
