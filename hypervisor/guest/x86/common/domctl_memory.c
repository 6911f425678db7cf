/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: hypercall pages, what frames are used for, the pool of paging memory, port and device memory rights. */
#include <base/guest_access.h>
#include <base/log.h>
#include <core/domain/arch.h>
#include <guest/x86/common/domctl.h>
#include <guest/x86/common/kinds.h>

#define FRAMES_MAX    1024u
#define PREEMPT_EVERY 64u
#define PORTS         0x10000u
#define MIB_SHIFT     20
#define MIB_MASK      0xfffffull
#define POOL_MAX      (1ull << 40)

long x86_hypercall_init(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct domain *d = &xd->d;
    mfn_t mfn;
    int rc;

    if (d == current_domain()) {
        return -XEN_EINVAL;
    }
    rc = arch_get_gfn(d, GFN(op->u.hypercall_init.gmfn), true, &mfn);
    if (rc != 0) {
        return rc;
    }
    if (is_pv(d)) {
        pv_fill_hypercall_page(d, mfn_to_virt(mfn));
    } else {
        pvh_fill_hypercall_page(d, mfn_to_virt(mfn));
    }
    arch_put_gfn(d, mfn, true);
    return 0;
}

/* --- frames ------------------------------------------------------------------------------------------------------------------------------------ */

static uint32_t table_type(uint64_t state)
{
    uint32_t type = frame_type(state) >= FT_L1 && frame_type(state) <= FT_L4 && frame_type_refs(state) > 0
                        ? frame_type(state)
                        : 0;

    return type << XEN_DOMCTL_PFINFO_LTAB_SHIFT |
           (type && (state & FRAME_PINNED) ? XEN_DOMCTL_PFINFO_LPINTAB : 0);
}

static uint32_t page_info(struct domain *d, uint64_t gfn)
{
    uint32_t info = XEN_DOMCTL_PFINFO_NOTAB;
    mfn_t mfn;

    if (arch_get_gfn(d, GFN(gfn), false, &mfn) != 0) {
        return XEN_DOMCTL_PFINFO_XTAB;
    }
    if (is_pv(d)) {
        info = table_type(frame_read(mfn));
    }
    arch_put_gfn(d, mfn, false);
    return info;
}

/* The request shrinks as it is worked off, which is how it is resumed. */
long x86_get_page_info(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_getpageframeinfo3 *g = &op->u.getpageframeinfo3;
    vaddr_t at = guest_addr(g->array);
    uint64_t count = g->num;

    if (count > FRAMES_MAX) {
        return -XEN_E2BIG;
    }
    for (uint64_t i = 0; i < count; i++) {
        xen_pfn_t frame;

        if (i != 0 && i % PREEMPT_EVERY == 0 && hypercall_preempt_check()) {
            g->num = count - i;
            set_xen_guest_handle(g->array, (void *)(uintptr_t)(at + i * sizeof(frame)));
            *copyback = true;
            return -XEN_ERESTART;
        }
        if (guest_read_elem(&frame, at, i) != 0) {
            return -XEN_EFAULT;
        }
        frame = page_info(&xd->d, frame);
        if (guest_write_elem(at, i, &frame) != 0) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

/* --- the pool ------------------------------------------------------------------------------------------------------------------------------------ */

long x86_get_pool(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    if (is_pv(&xd->d)) {
        return -XEN_EOPNOTSUPP;
    }
    op->u.paging_mempool.size = pvh_pool_pages(xd) << PAGE_SHIFT;
    *copyback = true;
    return 0;
}

long x86_set_pool(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    uint64_t size = op->u.paging_mempool.size;

    if (is_pv(&xd->d)) {
        return -XEN_EOPNOTSUPP;
    }
    if ((size & ~PAGE_MASK) || size > POOL_MAX) {
        return -XEN_EINVAL;
    }
    return pvh_pool_set(xd, size >> PAGE_SHIFT);
}

long x86_shadow_op(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_shadow_op *s = &op->u.shadow_op;

    if (&xd->d == current_domain()) {
        return -XEN_EINVAL;
    }
    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
        s->mb = is_pv(&xd->d) ? 0 : (uint32_t)(((pvh_pool_pages(xd) << PAGE_SHIFT) + MIB_MASK) >> MIB_SHIFT);
        *copyback = true;
        return 0;
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
        if (is_pv(&xd->d)) {
            return -XEN_EOPNOTSUPP;
        }
        return pvh_pool_set(xd, (uint64_t)s->mb << (MIB_SHIFT - PAGE_SHIFT));
    default:
        log_once(log_info, "Logging of dirty memory was asked for (live migration), which is not built\n");
        return -XEN_EOPNOTSUPP;
    }
}

/* --- rights ---------------------------------------------------------------------------------------------------------------------------------------- */

long x86_ioport_permission(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;
    uint32_t last = p->first_port + p->nr_ports - 1;
    int rc;

    if (p->nr_ports == 0 || p->first_port >= PORTS || p->nr_ports > PORTS - p->first_port ||
        &xd->d == current_domain()) {
        return -XEN_EINVAL;
    }
    if (!rangeset_contains(&x86_domain(current_domain())->ioports, p->first_port, last)) {
        return -XEN_EPERM;
    }
    domain_pause(&xd->d); /* its vCPUs look at the set without a lock */
    rc = p->allow_access ? rangeset_add(&xd->ioports, p->first_port, last)
                         : rangeset_remove(&xd->ioports, p->first_port, last);
    domain_unpause(&xd->d);
    return rc;
}

/* A PV guest maps device memory by itself, once it has the right; into a PVH guest nothing of the kind is mapped. */
long x86_memory_mapping(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_memory_mapping *m = &op->u.memory_mapping;

    if (m->nr_mfns == 0 || m->first_mfn + m->nr_mfns - 1 < m->first_mfn ||
        m->first_gfn + m->nr_mfns - 1 < m->first_gfn) {
        return -XEN_EINVAL;
    }
    if (!rangeset_contains(&current_domain()->iomem, m->first_mfn, m->first_mfn + m->nr_mfns - 1)) {
        return -XEN_EPERM;
    }
    return is_pv(&xd->d) ? 0 : -XEN_ENOSYS;
}
