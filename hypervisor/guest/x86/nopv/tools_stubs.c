/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See stubs.c: what MSRs and domctl ask of PV guests. */
#include <base/assert.h>
#include <guest/x86/common/kinds.h>

void pv_fill_hypercall_page(struct domain *d, void *page)
{
    BUG_ON(true);
}

int pv_set_context(struct x86_vcpu *xv, const struct vcpu_guest_context *ctx)
{
    return -XEN_EOPNOTSUPP;
}

void pv_get_context(struct x86_vcpu *xv, struct vcpu_guest_context *ctx)
{
    BUG_ON(true);
}

void pv_audit_all(void)
{
}

bool pv_is_built(void)
{
    return false;
}
