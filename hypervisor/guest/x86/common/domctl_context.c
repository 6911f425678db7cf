/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl: the state of vCPUs, as builders set it and as saving reads it. The domain is paused, so that registers are in the vCPU's struct and stay. The
 * vectors of FPU state are FXSAVE only, part of the vCPU's context: there are no extended states and no MSRs to carry.
 */
#include <base/guest_access.h>
#include <core/domain/arch.h>
#include <guest/x86/common/domctl.h>
#include <guest/x86/common/kinds.h>
#include <lib/string.h>

#define HVM_CONTEXT_MAX (1u << 20)
#define XSTATE_HEADER   16u /* XCR0 and what it ever was, before the XSAVE image */
#define EXT_CONTEXT_MIN ((uint32_t)offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap))

static int find(struct x86_domain *xd, uint32_t id, struct x86_vcpu **xv)
{
    struct vcpu *v = id < xd->d.max_vcpus ? xd->d.vcpus[id] : NULL;

    if (!v || &xd->d == current_domain()) {
        return -XEN_EINVAL;
    }
    *xv = x86_vcpu(v);
    return 0;
}

/* --- the context of a PV vCPU ------------------------------------------------------------------------------------------------------------------- */

static void set_online(struct vcpu *v, bool online)
{
    if (!online) {
        __atomic_fetch_or(&v->sched.pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
        sched_sleep(&v->sched);
    } else if (__atomic_fetch_and(&v->sched.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN) {
        sched_wake(&v->sched);
    }
}

long x86_set_vcpu_context(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct vcpu_guest_context *c;
    struct x86_vcpu *xv;
    int rc = find(xd, op->u.vcpucontext.vcpu, &xv);

    if (rc != 0) {
        return rc;
    }
    if (!is_pv(&xd->d)) {
        return -XEN_EOPNOTSUPP; /* XEN_DOMCTL_sethvmcontext does it */
    }
    c = zalloc(sizeof(*c));
    if (!c) {
        return -XEN_ENOMEM;
    }
    rc = guest_read_obj(c, guest_addr(op->u.vcpucontext.ctxt));
    if (rc == 0) {
        domain_pause(&xd->d);
        rc = xd->d.dying == DOMAIN_ALIVE ? pv_set_context(xv, c) : -XEN_EINVAL;
        if (rc == 0) {
            set_online(&xv->v, c->flags & VGCF_online);
        }
        domain_unpause(&xd->d);
    }
    zfree(c);
    return rc;
}

long x86_get_vcpu_context(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct vcpu_guest_context *c;
    struct x86_vcpu *xv;
    int rc = find(xd, op->u.vcpucontext.vcpu, &xv);

    if (rc != 0) {
        return rc;
    }
    if (!is_pv(&xd->d)) {
        return -XEN_EOPNOTSUPP;
    }
    if (!xv->v.is_initialised) {
        return -XEN_ENODATA;
    }
    c = zalloc(sizeof(*c));
    if (!c) {
        return -XEN_ENOMEM;
    }
    domain_pause(&xd->d);
    pv_get_context(xv, c);
    domain_unpause(&xd->d);
    rc = guest_write_obj(guest_addr(op->u.vcpucontext.ctxt), c) == 0 ? 0 : -XEN_EFAULT;
    zfree(c);
    return rc;
}

/* --- what the context has no room for ----------------------------------------------------------------------------------------------------------- */

long x86_set_ext_context(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
    struct x86_vcpu *xv;
    int rc = find(xd, e->vcpu, &xv);

    if (rc != 0) {
        return rc;
    }
    if (e->size < EXT_CONTEXT_MIN) {
        return -XEN_EINVAL;
    }
    if (!is_pv(&xd->d)) {
        return e->syscall32_callback_eip == 0 && e->sysenter_callback_eip == 0 ? 0 : -XEN_EINVAL;
    }
    if (!is_canonical(e->syscall32_callback_eip) || !is_canonical(e->sysenter_callback_eip)) {
        return -XEN_EINVAL;
    }
    domain_pause(&xd->d);
    xv->pv->callbacks[PV_CB_SYSCALL32] =
        (struct pv_callback){e->syscall32_callback_eip, e->syscall32_disables_events != 0};
    xv->pv->callbacks[PV_CB_SYSENTER] =
        (struct pv_callback){e->sysenter_callback_eip, e->sysenter_disables_events != 0};
    domain_unpause(&xd->d);
    return 0;
}

long x86_get_ext_context(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_ext_vcpucontext *e = &op->u.ext_vcpucontext;
    uint32_t id = e->vcpu;
    struct x86_vcpu *xv;
    int rc = find(xd, id, &xv);

    if (rc != 0) {
        return rc;
    }
    memset(e, 0, sizeof(*e));
    e->vcpu = id;
    e->size = sizeof(*e);
    if (is_pv(&xd->d)) {
        const struct pv_callback *syscall32 = &xv->pv->callbacks[PV_CB_SYSCALL32];
        const struct pv_callback *sysenter = &xv->pv->callbacks[PV_CB_SYSENTER];

        e->syscall32_callback_eip = syscall32->rip;
        e->syscall32_disables_events = syscall32->mask_events;
        e->sysenter_callback_eip = sysenter->rip;
        e->sysenter_disables_events = sysenter->mask_events;
    }
    *copyback = true;
    return 0;
}

long x86_get_xstate(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_vcpuextstate *x = &op->u.vcpuextstate;
    struct x86_vcpu *xv;
    int rc = find(xd, x->vcpu, &xv);

    if (rc != 0) {
        return rc;
    }
    if (guest_addr(x->buffer) != 0) {
        if (x->size != XSTATE_HEADER) {
            return -XEN_EINVAL;
        }
        if (guest_clear(guest_addr(x->buffer), XSTATE_HEADER) != 0) {
            return -XEN_EFAULT;
        }
    }
    x->xfeature_mask = 0;
    x->size = XSTATE_HEADER;
    *copyback = true;
    return 0;
}

long x86_set_xstate(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_vcpuextstate *x = &op->u.vcpuextstate;
    uint64_t header[2];
    struct x86_vcpu *xv;
    int rc = find(xd, x->vcpu, &xv);

    if (rc != 0) {
        return rc;
    }
    if (x->size < XSTATE_HEADER) {
        return -XEN_EINVAL;
    }
    if (guest_read_obj(&header, guest_addr(x->buffer)) != 0) {
        return -XEN_EFAULT;
    }
    return header[0] == 0 && header[1] == 0 ? 0 : -XEN_EOPNOTSUPP;
}

long x86_get_msrs(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct x86_vcpu *xv;
    int rc = find(xd, op->u.vcpu_msrs.vcpu, &xv);

    op->u.vcpu_msrs.msr_count = 0;
    *copyback = rc == 0;
    return rc;
}

long x86_set_msrs(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct x86_vcpu *xv;
    int rc = find(xd, op->u.vcpu_msrs.vcpu, &xv);

    if (rc != 0 || op->u.vcpu_msrs.msr_count == 0) {
        return rc;
    }
    op->u.vcpu_msrs.msr_count = 0; /* the first one is not to be had */
    *copyback = true;
    return -XEN_EINVAL;
}

/* --- records of a PVH domain ---------------------------------------------------------------------------------------------------------------------- */

/* Into a buffer of the hypervisor's, then to the tool. */
static int read_records(struct x86_domain *xd, struct xen_domctl_hvmcontext *h, uint32_t needed)
{
    void *buf = zalloc(needed);
    uint32_t used = 0;
    int rc;

    if (!buf) {
        return -XEN_ENOMEM;
    }
    rc = pvh_get_context(xd, buf, needed, &used);
    if (rc == 0 && guest_write(guest_addr(h->buffer), buf, MIN(used, needed)) != 0) {
        rc = -XEN_EFAULT;
    }
    h->size = MIN(used, needed);
    zfree(buf);
    return rc;
}

long x86_get_hvm_context(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_hvmcontext *h = &op->u.hvmcontext;
    uint32_t needed = 0;
    int rc;

    if (is_pv(&xd->d) || &xd->d == current_domain()) {
        return -XEN_EINVAL;
    }
    domain_pause(&xd->d);
    rc = pvh_get_context(xd, NULL, 0, &needed);
    if (rc == 0) {
        ASSERT(needed <= HVM_CONTEXT_MAX);
        if (guest_addr(h->buffer) == 0) {
            h->size = needed;
        } else {
            rc = h->size < needed ? -XEN_ENOSPC : read_records(xd, h, needed);
        }
    }
    domain_unpause(&xd->d);
    *copyback = rc == 0;
    return rc;
}

long x86_set_hvm_context(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_hvmcontext *h = &op->u.hvmcontext;
    void *buf;
    int rc;

    if (is_pv(&xd->d) || &xd->d == current_domain() || h->size == 0 || h->size > HVM_CONTEXT_MAX) {
        return -XEN_EINVAL;
    }
    buf = zalloc(h->size);
    if (!buf) {
        return -XEN_ENOMEM;
    }
    rc = guest_read(buf, guest_addr(h->buffer), h->size);
    if (rc == 0) {
        domain_pause(&xd->d);
        rc = xd->d.dying == DOMAIN_ALIVE ? pvh_set_context(xd, buf, h->size) : -XEN_EINVAL;
        domain_unpause(&xd->d);
    }
    zfree(buf);
    return rc;
}
