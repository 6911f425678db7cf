/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: where vCPUs may run, and their share. Also the tools' bitmaps. */
#include <base/guest_access.h>
#include <core/trace/trace.h>
#include <core/hypercall/domctl_internal.h>

#define BITMAP_BITS_MAX 65536u

/* --- bitmaps ------------------------------------------------------------------------------------------------------------------------------------- */

int xenctl_bitmap_read(const struct xenctl_bitmap *from, uint64_t *bits)
{
    uint32_t nr = MIN(from->nr_bits, 64u);

    *bits = 0;
    if (nr == 0) {
        return 0;
    }
    if (guest_read(bits, guest_addr(from->bitmap), (nr + 7) / 8) != 0) {
        return -XEN_EFAULT;
    }
    *bits &= ~0ull >> (64 - nr);
    return 0;
}

int xenctl_bitmap_write(const struct xenctl_bitmap *to, uint64_t bits)
{
    uint32_t nr = MIN(to->nr_bits, 64u);
    uint32_t bytes = (nr + 7) / 8;

    if (to->nr_bits > BITMAP_BITS_MAX) {
        return -XEN_EINVAL;
    }
    if (nr == 0) {
        return 0;
    }
    bits &= ~0ull >> (64 - nr);
    if (guest_write(guest_addr(to->bitmap), &bits, bytes) != 0) {
        return -XEN_EFAULT;
    }
    return guest_clear(guest_addr(to->bitmap) + bytes, (to->nr_bits + 7) / 8 - bytes) == 0 ? 0 : -XEN_EFAULT;
}

/* --- affinity -------------------------------------------------------------------------------------------------------------------------------------- */

/* The vCPU, after a look at the flags and maps. */
static int affinity_target(struct domain *d, const struct xen_domctl_vcpuaffinity *a, struct vcpu **v)
{
    bool hard = a->flags & XEN_VCPUAFFINITY_HARD;
    bool soft = a->flags & XEN_VCPUAFFINITY_SOFT;

    if ((!hard && !soft) || (hard && guest_addr(a->cpumap_hard.bitmap) == 0) ||
        (soft && guest_addr(a->cpumap_soft.bitmap) == 0)) {
        return -XEN_EINVAL;
    }
    return domctl_vcpu(d, a->vcpu, v);
}

long domctl_set_vcpu_affinity(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    cpuset_t hard, soft;
    struct vcpu *v;
    int rc = affinity_target(d, a, &v);

    if (rc != 0) {
        return rc;
    }
    hard = v->sched.hard_affinity;
    soft = v->sched.soft_affinity;
    if (a->flags & XEN_VCPUAFFINITY_HARD) {
        rc = xenctl_bitmap_read(&a->cpumap_hard, &hard.bits);
    }
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        rc = xenctl_bitmap_read(&a->cpumap_soft, &soft.bits);
    }
    if (rc == 0) {
        rc = sched_set_affinity(&v->sched, hard, soft);
        domain_update_nodes(d);
    }
    /* back go the effective ones */
    hard = cpuset_and(hard, cpus_online);
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_HARD)) {
        rc = xenctl_bitmap_write(&a->cpumap_hard, hard.bits);
    }
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        rc = xenctl_bitmap_write(&a->cpumap_soft, cpuset_and(soft, hard).bits);
    }
    return rc;
}

long domctl_get_vcpu_affinity(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    struct vcpu *v;
    int rc = affinity_target(d, a, &v);

    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_HARD)) {
        rc = xenctl_bitmap_write(&a->cpumap_hard, v->sched.hard_affinity.bits & pcpu_limit_mask());
    }
    if (rc == 0 && (a->flags & XEN_VCPUAFFINITY_SOFT)) {
        rc = xenctl_bitmap_write(&a->cpumap_soft, v->sched.soft_affinity.bits & pcpu_limit_mask());
    }
    return rc;
}

long domctl_set_node_affinity(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    uint64_t nodes;
    int rc = xenctl_bitmap_read(&op->u.nodeaffinity.nodemap, &nodes);

    return rc != 0 ? rc : domain_set_nodes(d, nodes);
}

long domctl_get_node_affinity(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    return xenctl_bitmap_write(&op->u.nodeaffinity.nodemap, domain_nodes(d));
}

/* --- parameters -------------------------------------------------------------------------------------------------------------------------------------- */

static long credit2(struct domain *d, struct xen_domctl_scheduler_op *s, bool *copyback)
{
    struct xen_domctl_sched_credit2 *p = &s->u.credit2;

    switch (s->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        p->weight = (uint16_t)d->sched.weight;
        p->cap = (uint16_t)d->sched.cap;
        *copyback = true;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        TRACE_1(TRC_SCHED_ADJDOM, d->id);
        return sched_set_params(&d->sched, p->weight ? p->weight : d->sched.weight, p->cap);
    default:
        return -XEN_EINVAL; /* parameters are the domain's, not the vCPU's */
    }
}

long domctl_scheduler_op(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;
    unsigned int id = sched_id(sched_domain_pool(&d->sched));

    if (s->sched_id != id || s->cmd > XEN_DOMCTL_SCHEDOP_getvcpuinfo) {
        return -XEN_EINVAL;
    }
    if (id == XEN_SCHEDULER_CREDIT2) {
        return credit2(d, s, copyback);
    }
    return -XEN_EOPNOTSUPP; /* the others have no parameters */
}
