/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GNTTABOP_copy: bytes from a page to a page, each a grant reference or a frame of the caller's own. A page is pinned only while requests in a row use it, so
 * the many small copies that a network driver makes into one page pay for it once.
 */
#include <core/domain/arch.h>
#include <core/gnttab/gnttab_ops.h>
#include <core/hypercall/grant_op.h>
#include <lib/string.h>

/* One side of a copy and the page behind it. */
struct copy_end {
    bool write; /* constant */
    bool held;  /* the rest is valid */
    bool is_ref;
    domid_t domid;    /* as the request says it */
    uint64_t frame;   /* reference or frame number */
    struct domain *d; /* referenced */
    mfn_t mfn;
};

static void end_release(struct copy_end *e)
{
    if (!e->held) {
        return;
    }
    e->held = false;
    if (e->is_ref) {
        gnttab_unpin(&e->d->gnttab, e->frame, e->write);
    } else {
        arch_put_gfn(e->d, e->mfn, e->write);
    }
    domain_put(e->d);
}

static int end_pin(struct copy_end *e)
{
    if (e->is_ref) {
        return gnttab_pin(&e->d->gnttab, e->frame, current_domain()->id, e->write, &e->mfn);
    }
    return arch_get_gfn(e->d, GFN(e->frame), e->write, &e->mfn) == 0 ? GNTST_okay : GNTST_bad_page;
}

/* Hold what the request names, unless the one before named the same. Grant status. */
static int end_hold(struct copy_end *e, const struct gnttab_copy_ptr *p, bool is_ref)
{
    uint64_t frame = is_ref ? p->u.ref : p->u.gmfn;
    int status;

    if (e->held && e->is_ref == is_ref && e->domid == p->domid && e->frame == frame) {
        return GNTST_okay;
    }
    end_release(e);
    if (!is_ref && p->domid != DOMID_SELF) {
        return GNTST_permission_denied;
    }
    e->d = domain_get_or_self(p->domid);
    if (!e->d) {
        return GNTST_bad_domain;
    }
    e->is_ref = is_ref;
    e->domid = p->domid;
    e->frame = frame;
    status = end_pin(e);
    if (status != GNTST_okay) {
        domain_put(e->d);
        return status;
    }
    e->held = true;
    return GNTST_okay;
}

static int copy_one(const struct gnttab_copy *op, struct copy_end *source, struct copy_end *dest)
{
    const uint8_t *from;
    uint8_t *to;
    int status;

    if (!range_fits(op->source.offset, op->len, PAGE_SIZE) ||
        !range_fits(op->dest.offset, op->len, PAGE_SIZE)) {
        return GNTST_bad_copy_arg;
    }
    status = end_hold(source, &op->source, op->flags & GNTCOPY_source_gref);
    if (status == GNTST_okay) {
        status = end_hold(dest, &op->dest, op->flags & GNTCOPY_dest_gref);
    }
    if (status != GNTST_okay) {
        return status;
    }
    from = (const uint8_t *)mfn_to_virt(source->mfn) + op->source.offset;
    to = (uint8_t *)mfn_to_virt(dest->mfn) + op->dest.offset;
    if (unlikely(mfn_eq(source->mfn, dest->mfn))) {
        memmove(to, from, op->len);
    } else {
        memcpy(to, from, op->len);
    }
    return GNTST_okay;
}

long grant_copy_list(struct grant_list *l)
{
    struct copy_end source = {.write = false}, dest = {.write = true};
    long rc = 0;

    do {
        struct gnttab_copy op;
        int16_t status;

        if (guest_read_obj(&op, grant_list_at(l)) != 0) {
            rc = -XEN_EFAULT;
            break;
        }
        status = copy_one(&op, &source, &dest);
        if (guest_write_obj(grant_list_at(l) + offsetof(struct gnttab_copy, status), &status) != 0) {
            rc = -XEN_EFAULT;
            break;
        }
        grant_list_advance(l);
    } while (grant_list_more(l));
    end_release(&source);
    end_release(&dest);
    return rc;
}
