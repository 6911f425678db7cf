/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl: the state of vCPUs, as builders set it and as saving reads it. The domain is paused meanwhile, so that registers are in the vCPU's struct and
 * stay. <xen/domctl.h>.
 */
#include <abi/hvm_save.h>
#include <base/guest_access.h>
#include <core/domain/arch.h>
#include <guest/x86/common/domctl.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>
#include <model/x86/msr/msr.h>

#define HVM_CONTEXT_MAX (1u << 20)
#define XSTATE_HEADER   16u /* XCR0 and what it ever was, before the XSAVE image */
#define XSTATE_MAX      8192u
#define PV_MSRS_MAX     16u
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
    c = zalloc(sizeof(*c));
    if (!c) {
        return -XEN_ENOMEM;
    }
    rc = guest_read_obj(c, guest_addr(op->u.vcpucontext.ctxt));
    if (rc == 0) {
        domain_pause(&xd->d);
        if (xd->d.dying != DOMAIN_ALIVE) {
            rc = -XEN_EINVAL;
        } else {
            rc = is_pv(&xd->d) ? pv_set_context(xv, c) : pvh_set_vcpu_context(xv, c);
        }
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
    if (is_pv(&xd->d) && !xv->v.is_initialised) {
        return -XEN_ENODATA;
    }
    c = zalloc(sizeof(*c));
    if (!c) {
        return -XEN_ENOMEM;
    }
    domain_pause(&xd->d);
    if (is_pv(&xd->d)) {
        pv_get_context(xv, c);
    } else {
        pvh_get_vcpu_context(xv, c);
    }
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

/* --- extended state: XCR0, what it ever was, then the XSAVE image ---------------------------------------------------------------------------------- */

static uint32_t xstate_needed(const struct x86_vcpu *xv)
{
    return XSTATE_HEADER + fpu_xstate_size(xv);
}

static int write_xstate(struct x86_vcpu *xv, vaddr_t to)
{
    const uint64_t header[2] = {xv->xcr0, xv->xcr0_used};
    uint32_t size = fpu_xstate_size(xv);

    if (size == 0) {
        return guest_clear(to, XSTATE_HEADER);
    }
    if (guest_write_obj(to, &header) != 0) {
        return -XEN_EFAULT;
    }
    return guest_write(to + XSTATE_HEADER, fpu_xstate(xv), size);
}

long x86_get_xstate(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_vcpuextstate *x = &op->u.vcpuextstate;
    uint64_t mask = hw_xstate_components();
    struct x86_vcpu *xv;
    int rc = find(xd, x->vcpu, &xv);

    if (rc != 0) {
        return rc;
    }
    domain_pause(&xd->d);
    if (guest_addr(x->buffer) != 0 && (x->size != 0 || x->xfeature_mask != 0)) {
        rc = x->size == xstate_needed(xv) && x->xfeature_mask == mask
                 ? write_xstate(xv, guest_addr(x->buffer))
                 : -XEN_EINVAL;
    }
    x->xfeature_mask = mask;
    x->size = xstate_needed(xv);
    domain_unpause(&xd->d);
    *copyback = rc == 0;
    return rc;
}

/* @buf: a tool's header and image. */
static int load_xstate(struct x86_domain *xd, struct x86_vcpu *xv, const uint8_t *buf, uint32_t size)
{
    uint64_t header[2];
    int rc;

    memcpy(header, buf, sizeof(header));
    if (header[0] == 0 && header[1] == 0) {
        return 0; /* of a machine without XSAVE: all there is is in the vCPU's context */
    }
    domain_pause(&xd->d);
    rc = fpu_set_xstate(xv, header[0], header[1], buf + XSTATE_HEADER, size - XSTATE_HEADER);
    domain_unpause(&xd->d);
    return rc;
}

long x86_set_xstate(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_vcpuextstate *x = &op->u.vcpuextstate;
    struct x86_vcpu *xv;
    int rc = find(xd, x->vcpu, &xv);
    uint8_t *buf;

    if (rc != 0) {
        return rc;
    }
    if (x->size < XSTATE_HEADER || x->size > XSTATE_MAX) {
        return -XEN_EINVAL;
    }
    buf = zalloc(x->size);
    if (!buf) {
        return -XEN_ENOMEM;
    }
    rc = guest_read(buf, guest_addr(x->buffer), x->size);
    if (rc == 0) {
        rc = load_xstate(xd, xv, buf, (uint32_t)x->size);
    }
    zfree(buf);
    return rc;
}

/* --- MSRs of PV vCPUs that the context has no room for: TSC_AUX ------------------------------------------------------------------------------------ */

static bool has_tsc_aux(const struct x86_domain *xd)
{
    return is_pv(&xd->d) && cpu_policy_has(xd->policy, XEN_X86_FEATURE_RDTSCP);
}

long x86_get_msrs(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;
    struct x86_vcpu *xv;
    int rc = find(xd, m->vcpu, &xv);
    uint32_t count;

    if (rc != 0) {
        return rc;
    }
    count = has_tsc_aux(xd) ? 1 : 0;
    if (guest_addr(m->msrs) != 0) {
        const xen_domctl_vcpu_msr_t aux = {.index = MSR_TSC_AUX, .value = xv->tsc_aux};

        count = count && xv->tsc_aux != 0 ? 1 : 0; /* a register that is 0 need not be carried */
        if (count > m->msr_count) {
            rc = -XEN_ENOBUFS;
        } else if (count && guest_write_obj(guest_addr(m->msrs), &aux) != 0) {
            rc = -XEN_EFAULT;
        }
    }
    m->msr_count = count;
    *copyback = rc == 0;
    return rc;
}

static int load_msr(struct x86_domain *xd, struct x86_vcpu *xv, const xen_domctl_vcpu_msr_t *msr)
{
    if (msr->reserved != 0 || msr->index != MSR_TSC_AUX || !has_tsc_aux(xd) || msr->value >> 32) {
        return -XEN_EINVAL;
    }
    domain_pause(&xd->d);
    xv->tsc_aux = msr->value;
    domain_unpause(&xd->d);
    return 0;
}

long x86_set_msrs(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_vcpu_msrs *m = &op->u.vcpu_msrs;
    uint32_t given = m->msr_count;
    struct x86_vcpu *xv;
    int rc = find(xd, m->vcpu, &xv);

    if (rc != 0) {
        return rc;
    }
    if (given > PV_MSRS_MAX) {
        return -XEN_EINVAL;
    }
    for (uint32_t i = 0; i < given && rc == 0; i++) {
        xen_domctl_vcpu_msr_t msr;

        m->msr_count = i; /* the one that failed */
        rc = guest_read_elem(&msr, guest_addr(m->msrs), i) == 0 ? load_msr(xd, xv, &msr) : -XEN_EFAULT;
    }
    *copyback = rc != 0;
    return rc;
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

/* The record of a type and an instance among @used bytes of them; its length comes with it. NULL: there is none. */
static const uint8_t *find_record(const uint8_t *buf, uint32_t used, uint32_t type, uint32_t instance,
                                  uint32_t *length)
{
    struct hvm_save_descriptor d;

    for (uint32_t at = 0; used - at >= sizeof(d); at += (uint32_t)sizeof(d) + d.length) {
        memcpy(&d, buf + at, sizeof(d));
        ASSERT(d.length <= used - at - sizeof(d));
        if (d.typecode == type && d.instance == instance) {
            *length = d.length;
            return buf + at + sizeof(d);
        }
    }
    return NULL;
}

static int read_record(struct x86_domain *xd, struct xen_domctl_hvmcontext_partial *p, uint32_t needed)
{
    uint8_t *buf = zalloc(needed);
    uint32_t used = 0, length = 0;
    const uint8_t *record;
    int rc;

    if (!buf) {
        return -XEN_ENOMEM;
    }
    rc = pvh_get_context(xd, buf, needed, &used);
    record = rc == 0 ? find_record(buf, used, p->type, p->instance, &length) : NULL;
    if (rc == 0 && !record) {
        rc = -XEN_ENOENT;
    } else if (rc == 0 && guest_addr(p->buffer) != 0) {
        if (p->bufsz < length) {
            rc = -XEN_ENOBUFS;
        } else if (guest_write(guest_addr(p->buffer), record, length) != 0) {
            rc = -XEN_EFAULT;
        }
    }
    p->bufsz = length;
    zfree(buf);
    return rc;
}

long x86_get_hvm_context_partial(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    uint32_t needed = 0;
    int rc;

    if (is_pv(&xd->d) || &xd->d == current_domain()) {
        return -XEN_EINVAL;
    }
    domain_pause(&xd->d);
    rc = pvh_get_context(xd, NULL, 0, &needed);
    if (rc == 0) {
        rc = read_record(xd, &op->u.hvmcontext_partial, needed);
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
