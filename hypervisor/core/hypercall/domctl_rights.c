/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl: rights to device memory and physical interrupts, and to be another domain's device model. A domain can be given only what the caller has itself. The
 * domain is paused meanwhile: its vCPUs look at the sets without a lock.
 */
#include <core/hypercall/domctl_internal.h>

static long change(struct domain *d, struct rangeset *of_caller, struct rangeset *set, const struct range *r,
                   bool allow)
{
    int rc;

    if (!rangeset_contains(of_caller, r->first, r->last)) {
        return -XEN_EPERM;
    }
    domain_pause(d);
    rc = allow ? rangeset_add(set, r->first, r->last) : rangeset_remove(set, r->first, r->last);
    domain_unpause(d);
    return rc;
}

long domctl_iomem_permission(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;
    struct range r = {p->first_mfn, p->first_mfn + p->nr_mfns - 1};

    if (p->nr_mfns == 0 || r.last < r.first) {
        return -XEN_EINVAL;
    }
    return change(d, &current_domain()->iomem, &d->iomem, &r, p->allow_access);
}

long domctl_irq_permission(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_irq_permission *p = &op->u.irq_permission;
    struct range r = {p->pirq, p->pirq};

    return change(d, &current_domain()->irqs, &d->irqs, &r, p->allow_access);
}

/* The id is kept, not a reference: a device model does not keep its guest alive. */
long domctl_set_target(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    struct domain *target = domain_get(op->u.set_target.target);
    long rc = 0;

    if (!target) {
        return -XEN_ESRCH;
    }
    spin_lock(&d->lock);
    if (target == d || d->target != DOMID_NONE || target->is_control) {
        rc = -XEN_EINVAL;
    } else {
        d->target = target->id;
    }
    spin_unlock(&d->lock);
    domain_put(target);
    return rc;
}
