/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linked instead of guest/x86/pv in a build without PV guests: creating one is refused, so nothing else here is ever reached.
 */
#include <base/assert.h>
#include <core/hypercall/handlers.h>
#include <guest/x86/common/kinds.h>

int pv_domain_init(struct x86_domain *xd)
{
    return -XEN_EOPNOTSUPP;
}

int pv_vcpu_init(struct x86_vcpu *xv)
{
    return -XEN_EOPNOTSUPP;
}

void pv_vcpu_free(struct x86_vcpu *xv)
{
    BUG_ON(true);
}

int pv_relinquish(struct x86_domain *xd)
{
    return -XEN_EOPNOTSUPP;
}

int pv_drop_types(mfn_t mfn)
{
    return -XEN_EOPNOTSUPP;
}

int pv_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    return -XEN_EOPNOTSUPP;
}

int pv_get_gva(struct x86_vcpu *xv, vaddr_t gva, bool write, mfn_t *mfn)
{
    return -XEN_EOPNOTSUPP;
}

uint64_t pv_max_gfn(struct domain *d)
{
    return 0;
}

void pv_switch_from(struct x86_vcpu *xv)
{
    BUG_ON(true);
}

void pv_switch_to(struct x86_vcpu *xv)
{
    BUG_ON(true);
}

int pv_gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    return -XEN_EOPNOTSUPP;
}

int pv_gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr)
{
    return -XEN_EOPNOTSUPP;
}

long pv_vcpu_initialise(struct x86_vcpu *xv, vaddr_t gva)
{
    return -XEN_EOPNOTSUPP;
}

long pv_send_nmi(struct x86_vcpu *xv)
{
    return -XEN_EOPNOTSUPP;
}

/* Hypercalls of PV guests: the table's kinds keep every other guest from them. */
#define HYPERCALL(nr, name, kinds, who, text) ABSENT_##kinds(name)
#define ABSENT_BOTH(name)
#define ABSENT_PVH(name)
#define ABSENT_PV(name)                 \
    long do_##name(struct hypercall *c) \
    {                                   \
        return -XEN_ENOSYS;             \
    }
#include <abi/hypercalls.def>
#undef HYPERCALL
