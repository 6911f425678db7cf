/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What model/x86/pgtype asks of this layer: its arch.h. */
#include <core/trace/trace.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/memory_map.h>
#include <model/x86/pgtype/arch.h>

/* The machine-to-physical table, which has a slot of its own, is for the guest's kernel only: base tables get it in tables.c. */
void arch_fill_l4(uint64_t *l4)
{
    hw_fill_l4(l4);
    l4[L4_SLOT_FIRST] = 0;
}

static bool is_machine_to_physical(mfn_t mfn)
{
    for (uint64_t at = 0; at < frame_limit * sizeof(uint64_t); at += X86_M2P_CHUNK_BYTES) {
        mfn_t first = x86_m2p_frame(at);

        if (!mfn_is_invalid(first) && mfn.n >= first.n &&
            mfn.n - first.n < X86_M2P_CHUNK_BYTES >> PAGE_SHIFT) {
            return mfn_eq(x86_m2p_frame(at + ((mfn.n - first.n) << PAGE_SHIFT)), mfn);
        }
    }
    return false;
}

bool arch_may_map_hypervisor(mfn_t mfn, bool write)
{
    return trace_may_map(mfn, write) || (!write && is_machine_to_physical(mfn));
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
