/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See stubs.c: what CPUID, domctl and hvm_op ask of PVH guests. */
#include <base/assert.h>
#include <guest/x86/common/kinds.h>

void pvh_fill_hypercall_page(struct domain *d, void *page)
{
    BUG_ON(true);
}

int pvh_pod_set_target(struct x86_domain *xd, uint64_t pages)
{
    return -XEN_EOPNOTSUPP;
}

void pvh_pod_counts(const struct x86_domain *xd, uint64_t *cached, uint64_t *promised)
{
    *cached = *promised = 0;
}

uint64_t pvh_pool_pages(const struct x86_domain *xd)
{
    return 0;
}

int pvh_pool_set(struct x86_domain *xd, uint64_t pages)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_set_vcpu_context(struct x86_vcpu *xv, const struct vcpu_guest_context *c)
{
    return -XEN_EOPNOTSUPP;
}

void pvh_get_vcpu_context(struct x86_vcpu *xv, struct vcpu_guest_context *c)
{
    BUG_ON(true);
}

void pvh_cpuid_state(const struct x86_vcpu *xv, struct cpuid_vcpu *v)
{
    BUG_ON(true);
}

int pvh_get_context(struct x86_domain *xd, void *buf, uint32_t size, uint32_t *used)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_set_context(struct x86_domain *xd, const void *buf, uint32_t size)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_set_upcall_vector(struct x86_vcpu *xv, uint8_t vector)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_set_callback_vector(struct x86_domain *xd, uint8_t vector)
{
    return -XEN_EOPNOTSUPP;
}

void pvh_policy_changed(struct x86_domain *xd)
{
    BUG_ON(true);
}

void pvh_flush_tlbs(struct x86_domain *xd)
{
    BUG_ON(true);
}

void pvh_take_info_width(struct x86_vcpu *xv)
{
    BUG_ON(true);
}
