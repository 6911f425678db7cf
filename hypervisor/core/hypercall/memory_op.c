/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_op, portable part: dispatch, questions about a domain's memory, claims, physmap, resources. Reservations are in memory_reservation.c; what
 * only the architecture knows (memory maps, the machine-to-physical table) goes to arch_memory_op().
 *
 * The low 6 bits of the first argument are the operation, the rest the extent to resume at (only we set it; a guest that does skips work of its own).
 */
#include <abi/memory.h>
#include <base/guest_access.h>
#include <base/log.h>
#include <base/softirq.h>
#include <core/domain/arch.h>
#include <core/gnttab/gnttab_ops.h>
#include <core/hypercall/handlers.h>
#include <core/hypercall/memory_internal.h>

#define RESOURCE_FRAMES_MAX 1024u

int memory_target(domid_t id, struct domain **d)
{
    *d = domain_get_or_self(id);
    if (!*d) {
        return -XEN_ESRCH;
    }
    if (*d != current_domain() && !caller_is_control() && (*d)->id != current_domain()->target) {
        domain_put(*d);
        return -XEN_EPERM;
    }
    return 0;
}

/* --- questions ----------------------------------------------------------------------------------------------------------------------------- */

static long ask_domain(uint64_t op, vaddr_t gva)
{
    struct domain *d;
    domid_t id;
    long rc;

    if (guest_read_obj(&id, gva) != 0) {
        return -XEN_EFAULT;
    }
    rc = memory_target(id, &d);
    if (rc != 0) {
        return rc;
    }
    switch (op) {
    case XENMEM_current_reservation:
        rc = (long)d->mem.tot_pages;
        break;
    case XENMEM_maximum_reservation:
        rc = (long)d->mem.max_pages;
        break;
    default:
        rc = (long)arch_max_gfn(d);
        break;
    }
    domain_put(d);
    return rc;
}

static long claim_pages(vaddr_t gva)
{
    struct xen_memory_reservation r;
    struct domain *d;
    long rc;

    if (!caller_is_control()) {
        return -XEN_EPERM;
    }
    if (guest_read_obj(&r, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (guest_addr(r.extent_start) != 0 || r.extent_order != 0 || r.mem_flags != 0) {
        return -XEN_EINVAL;
    }
    d = domain_get(r.domid);
    if (!d) {
        return -XEN_ESRCH;
    }
    rc = domain_mem_set_claim(&d->mem, r.nr_extents);
    domain_put(d);
    return rc;
}

/* --- physmap of auto-translated domains ------------------------------------------------------------------------------------------------- */

/* The frame that @space and @idx name, without a reference: the domain owns it for as long as it lives. */
static int physmap_source(struct domain *d, unsigned int space, uint64_t idx, mfn_t *mfn)
{
    switch (space) {
    case XENMAPSPACE_shared_info:
        *mfn = d->shared_mfn;
        return idx == 0 ? 0 : -XEN_EINVAL;
    case XENMAPSPACE_grant_table:
        if (idx >= XENMAPIDX_grant_table_status) {
            return -XEN_EINVAL; /* version 1 has no status frames, no table so many frames */
        }
        return gnttab_frame_mfn(&d->gnttab, (uint32_t)idx, mfn);
    default:
        return -XEN_EOPNOTSUPP;
    }
}

static int add_one(struct domain *d, unsigned int space, uint64_t idx, uint64_t gfn)
{
    mfn_t mfn;
    int rc;

    if (d->kind == GUEST_PV) {
        return -XEN_EINVAL; /* a PV domain's physmap is its own affair */
    }
    rc = physmap_source(d, space, idx, &mfn);
    return rc != 0 ? rc : arch_p2m_add(d, GFN(gfn), mfn, 0);
}

static long add_to_physmap(vaddr_t gva)
{
    struct xen_add_to_physmap x;
    struct domain *d;
    long rc;

    if (guest_read_obj(&x, gva) != 0) {
        return -XEN_EFAULT;
    }
    rc = memory_target(x.domid, &d);
    if (rc != 0) {
        return rc;
    }
    rc = add_one(d, x.space, x.idx, x.gpfn);
    domain_put(d);
    return rc;
}

static long add_batch(struct hypercall *c, const struct xen_add_to_physmap_batch *x, struct domain *d,
                      uint64_t start)
{
    for (uint64_t i = start; i < x->size; i++) {
        xen_ulong_t idx;
        xen_pfn_t gpfn;
        int err;

        if (i != start && hypercall_preempt_check()) {
            return memory_resume_at(c, i);
        }
        if (guest_read_elem(&idx, guest_addr(x->idxs), i) != 0 ||
            guest_read_elem(&gpfn, guest_addr(x->gpfns), i) != 0) {
            return -XEN_EFAULT;
        }
        err = add_one(d, x->space, idx, gpfn);
        if (guest_write_elem(guest_addr(x->errs), i, &err) != 0) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

static long add_to_physmap_batch(struct hypercall *c, uint64_t start)
{
    struct xen_add_to_physmap_batch x;
    struct domain *d;
    long rc;

    if (guest_read_obj(&x, c->arg[1]) != 0) {
        return -XEN_EFAULT;
    }
    if (start > x.size) {
        return -XEN_EINVAL;
    }
    rc = memory_target(x.domid, &d);
    if (rc != 0) {
        return rc;
    }
    rc = add_batch(c, &x, d, start);
    domain_put(d);
    return rc;
}

static long remove_from_physmap(vaddr_t gva)
{
    struct xen_remove_from_physmap x;
    struct domain *d;
    mfn_t mfn;
    long rc;

    if (guest_read_obj(&x, gva) != 0) {
        return -XEN_EFAULT;
    }
    rc = memory_target(x.domid, &d);
    if (rc != 0) {
        return rc;
    }
    rc = arch_get_gfn(d, GFN(x.gpfn), false, &mfn);
    if (rc == 0) {
        rc = arch_p2m_remove(d, GFN(x.gpfn), mfn, 0);
        arch_put_gfn(d, mfn, false);
    }
    domain_put(d);
    return rc;
}

/* --- resources ------------------------------------------------------------------------------------------------------------------------------ */

static long write_frames(const struct xen_mem_acquire_resource *x, struct domain *d)
{
    if (x->nr_frames > RESOURCE_FRAMES_MAX || x->frame > RESOURCE_FRAMES_MAX) {
        return -XEN_E2BIG;
    }
    for (uint32_t i = 0; i < x->nr_frames; i++) {
        xen_pfn_t frame;
        mfn_t mfn;
        int rc = gnttab_frame_mfn(&d->gnttab, (uint32_t)x->frame + i, &mfn);

        if (rc != 0) {
            return rc;
        }
        frame = mfn.n;
        if (guest_write_elem(guest_addr(x->frame_list), i, &frame) != 0) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

static long resource_of(struct xen_mem_acquire_resource *x, struct domain *d, vaddr_t gva)
{
    if (x->type != XENMEM_resource_grant_table) {
        return -XEN_EOPNOTSUPP;
    }
    if (x->id != XENMEM_resource_grant_table_id_shared) {
        return -XEN_EINVAL;
    }
    if (guest_addr(x->frame_list) == 0) {
        if (x->nr_frames != 0) {
            return -XEN_EINVAL;
        }
        x->nr_frames = d->gnttab.max_frames;
        return guest_write_obj(gva, x) == 0 ? 0 : -XEN_EFAULT;
    }
    if (current_domain()->kind != GUEST_PV) {
        return -XEN_EOPNOTSUPP; /* the caller's physmap would have to take another domain's frames */
    }
    return write_frames(x, d);
}

static long acquire_resource(vaddr_t gva)
{
    struct xen_mem_acquire_resource x;
    struct domain *d;
    long rc;

    if (guest_read_obj(&x, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (x.pad != 0) {
        return -XEN_EINVAL;
    }
    d = domain_get(x.domid);
    if (!d) {
        return -XEN_ESRCH;
    }
    rc = caller_is_control() || d->id == current_domain()->target ? resource_of(&x, d, gva) : -XEN_EPERM;
    domain_put(d);
    return rc;
}

long memory_resume_at(struct hypercall *c, uint64_t extent)
{
    c->arg[0] = (c->arg[0] & MEMOP_OP_MASK) | extent << MEMOP_EXTENT_SHIFT;
    return -XEN_ERESTART;
}

long do_memory_op(struct hypercall *c)
{
    uint64_t op = c->arg[0] & MEMOP_OP_MASK;
    uint64_t start = c->arg[0] >> MEMOP_EXTENT_SHIFT;
    vaddr_t gva = c->arg[1];

    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return memory_reservation(c, op, start);
    case XENMEM_exchange:
        return memory_exchange(c);
    case XENMEM_maximum_ram_page:
        return (long)frame_limit; /* as on Xen: one past the last */
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return ask_domain(op, gva);
    case XENMEM_claim_pages:
        return claim_pages(gva);
    case XENMEM_add_to_physmap:
        return add_to_physmap(gva);
    case XENMEM_add_to_physmap_batch:
        return add_to_physmap_batch(c, start);
    case XENMEM_remove_from_physmap:
        return remove_from_physmap(gva);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
        return 0; /* no two domains ever share a page without knowing it: there are none */
    case XENMEM_acquire_resource:
        return acquire_resource(gva);
    case XENMEM_get_vnumainfo:
        /* what libxl asks first of a guest that it saves: refused here, before the guest is stopped. -XEN_EOPNOTSUPP would say "go on" */
        log_once(log_info,
                 "A guest's virtual nodes were asked for: saving and migrating guests is not built\n");
        return -XEN_ENOSYS;
    default:
        return arch_memory_op(c, op);
    }
}
