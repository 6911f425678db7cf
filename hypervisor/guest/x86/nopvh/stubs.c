/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked instead of guest/x86/pvh in a build without PVH guests: creating one is refused, so nothing else here is ever reached.
 */
#include <base/assert.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/pvh/pvh.h>

int pvh_domain_init(struct x86_domain *xd)
{
    return -XEN_EOPNOTSUPP;
}

void pvh_domain_free(struct x86_domain *xd)
{
    BUG_ON(true);
}

int pvh_vcpu_init(struct x86_vcpu *xv)
{
    return -XEN_EOPNOTSUPP;
}

void pvh_vcpu_free(struct x86_vcpu *xv)
{
    BUG_ON(true);
}

int pvh_relinquish(struct x86_domain *xd)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_get_gva(struct x86_vcpu *xv, vaddr_t gva, bool write, mfn_t *mfn)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_p2m_add(struct x86_domain *xd, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_p2m_remove(struct x86_domain *xd, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return -XEN_EOPNOTSUPP;
}

uint64_t pvh_tsc_offset(const struct x86_vcpu *xv)
{
    return 0;
}

int pvh_pod_promise(struct x86_domain *xd, gfn_t gfn, unsigned int order)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_pod_release(struct x86_domain *xd, gfn_t gfn)
{
    return -XEN_EOPNOTSUPP;
}

bool pvh_pod_reclaim(struct x86_domain *xd, mfn_t mfn)
{
    return false;
}

uint64_t pvh_max_gfn(struct x86_domain *xd)
{
    return 0;
}

void pvh_switch_from(struct x86_vcpu *xv)
{
    BUG_ON(true);
}

void pvh_switch_to(struct x86_vcpu *xv)
{
    BUG_ON(true);
}

int pvh_gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_guest_read(struct x86_vcpu *xv, void *dst, vaddr_t gva, size_t size)
{
    return -XEN_EOPNOTSUPP;
}

int pvh_guest_write(struct x86_vcpu *xv, vaddr_t gva, const void *src, size_t size)
{
    return -XEN_EOPNOTSUPP;
}

long pvh_compat_hypercall(struct x86_vcpu *xv, struct hypercall *c, hypercall_fn *fn)
{
    return -XEN_EOPNOTSUPP;
}

void pvh_upcall_pending(struct x86_vcpu *xv)
{
    BUG_ON(true);
}

long pvh_vcpu_initialise(struct x86_vcpu *xv, vaddr_t gva)
{
    return -XEN_EOPNOTSUPP;
}

long pvh_send_nmi(struct x86_vcpu *xv)
{
    return -XEN_EOPNOTSUPP;
}

bool pvh_interrupt_pending(struct x86_vcpu *xv)
{
    return false;
}

void pvh_run(struct x86_vcpu *xv)
{
    BUG_ON(true);
}
