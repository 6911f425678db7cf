/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of the architecture's domctl. All run under the domctl lock; see core/hypercall/arch.h. */
#pragma once
#include <abi/domctl.h>
#include <guest/x86/common/x86_domain.h>

typedef long x86_domctl_fn(struct x86_domain *xd, struct xen_domctl *op, bool *copyback);

/* domctl_context.c: states of vCPUs and domains */
x86_domctl_fn x86_set_vcpu_context, x86_get_vcpu_context, x86_set_ext_context, x86_get_ext_context;
x86_domctl_fn x86_set_xstate, x86_get_xstate, x86_set_msrs, x86_get_msrs, x86_get_hvm_context,
    x86_get_hvm_context_partial, x86_set_hvm_context;
/* domctl_memory.c: frames, pools, rights */
x86_domctl_fn x86_hypercall_init, x86_get_page_info, x86_shadow_op, x86_get_pool, x86_set_pool,
    x86_ioport_permission;
x86_domctl_fn x86_memory_mapping;
/* domctl_tsc.c */
x86_domctl_fn x86_set_tsc_info, x86_get_tsc_info;
/* domctl_policy.c */
x86_domctl_fn x86_get_policy, x86_set_policy;

/* The leaves and MSRs of @p to a tool's arrays, a NULL one asking for its size: *@nr_leaves, *@nr_msrs say what is there and then what was written.
 * -XEN_ENOBUFS: too short; -XEN_EFAULT. Also for sysctl. */
struct cpu_policy;
int x86_policy_to_tool(const struct cpu_policy *p, vaddr_t leaves, uint32_t *nr_leaves, vaddr_t msrs,
                       uint32_t *nr_msrs);
