/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What model/x86/pgtype asks of this layer: its arch.h. */
#include <guest/x86/common/hw_contract.h>
#include <model/x86/pgtype/arch.h>

/* The machine-to-physical table, which has a slot of its own, is for the guest's kernel only: base tables get it in tables.c. */
void arch_fill_l4(uint64_t *l4)
{
    hw_fill_l4(l4);
    l4[L4_SLOT_FIRST] = 0;
}

bool arch_may_map_device(domid_t who, mfn_t mfn)
{
    struct domain *d = domain_get_or_self(who == DOMID_IO ? (domid_t)DOMID_SELF : who);
    bool ok;

    if (!d) {
        return false;
    }
    spin_lock(&d->lock);
    ok = rangeset_has(&d->iomem, mfn.n);
    spin_unlock(&d->lock);
    domain_put(d);
    return ok;
}
