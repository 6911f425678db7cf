/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: a domain's CPU policy, out as leaves and MSRs, in the same way. <xen/domctl.h>, XEN_DOMCTL_get_cpu_policy and set_cpu_policy. */
#include <base/guest_access.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/domctl.h>
#include <guest/x86/common/kinds.h>

/* --- out ------------------------------------------------------------------------------------------------------------------------------------------ */

struct array_out {
    vaddr_t at;
    uint32_t room;
    uint32_t used;
};

static int put_leaf(void *arg, const xen_cpuid_leaf_t *leaf)
{
    struct array_out *o = arg;

    if (o->used == o->room) {
        return -XEN_ENOBUFS;
    }
    return guest_write_elem(o->at, o->used++, leaf) == 0 ? 0 : -XEN_EFAULT;
}

static int put_msr(void *arg, const xen_msr_entry_t *msr)
{
    struct array_out *o = arg;

    if (o->used == o->room) {
        return -XEN_ENOBUFS;
    }
    return guest_write_elem(o->at, o->used++, msr) == 0 ? 0 : -XEN_EFAULT;
}

int x86_policy_to_tool(const struct cpu_policy *p, vaddr_t leaves, uint32_t *nr_leaves, vaddr_t msrs,
                       uint32_t *nr_msrs)
{
    struct array_out l = {leaves, *nr_leaves, CPU_POLICY_MAX_LEAVES};
    struct array_out m = {msrs, *nr_msrs, CPU_POLICY_MAX_MSRS};
    int rc = 0;

    if (leaves != 0) {
        l.used = 0;
        rc = cpu_policy_each_leaf(p, put_leaf, &l);
    }
    if (rc == 0 && msrs != 0) {
        m.used = 0;
        rc = cpu_policy_each_msr(p, put_msr, &m);
    }
    if (rc == 0) {
        *nr_leaves = l.used;
        *nr_msrs = m.used;
    }
    return rc;
}

long x86_get_policy(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_cpu_policy *c = &op->u.cpu_policy;
    int rc = x86_policy_to_tool(xd->policy, guest_addr(c->leaves), &c->nr_leaves, guest_addr(c->msrs),
                                &c->nr_msrs);

    *copyback = rc == 0;
    return rc;
}

/* --- in -------------------------------------------------------------------------------------------------------------------------------------------- */

static int take_leaves(struct cpu_policy *p, const struct xen_domctl_cpu_policy *c,
                       struct cpu_policy_error *err)
{
    for (uint32_t i = 0; i < c->nr_leaves; i++) {
        xen_cpuid_leaf_t leaf;
        int rc;

        if (guest_read_elem(&leaf, guest_addr(c->leaves), i) != 0) {
            return -XEN_EFAULT;
        }
        rc = cpu_policy_set_leaf(p, &leaf);
        if (rc != 0) {
            err->leaf = leaf.leaf;
            err->subleaf = leaf.subleaf;
            return rc;
        }
    }
    return 0;
}

static int take_msrs(struct cpu_policy *p, const struct xen_domctl_cpu_policy *c,
                     struct cpu_policy_error *err)
{
    for (uint32_t i = 0; i < c->nr_msrs; i++) {
        xen_msr_entry_t msr;
        int rc;

        if (guest_read_elem(&msr, guest_addr(c->msrs), i) != 0) {
            return -XEN_EFAULT;
        }
        rc = cpu_policy_set_msr(p, &msr);
        if (rc != 0) {
            err->msr = msr.idx;
            return rc;
        }
    }
    return 0;
}

/* @p becomes the domain's policy with the tool's changes, if the machine can do it. */
static int build(const struct x86_domain *xd, const struct xen_domctl_cpu_policy *c, struct cpu_policy *p,
                 struct cpu_policy_error *err)
{
    const struct cpu_policy *max = cpuid_max_policy(&xd->d);
    int rc;

    *p = *xd->policy;
    rc = take_leaves(p, c, err);
    if (rc == 0) {
        rc = take_msrs(p, c, err);
    }
    if (rc == 0) {
        rc = cpu_policy_check(max, p, err);
    }
    if (rc == 0) {
        cpu_policy_clamp(p, max);
    }
    return rc;
}

static int replace(struct x86_domain *xd, const struct xen_domctl_cpu_policy *c, struct cpu_policy_error *err)
{
    struct cpu_policy *p = zalloc(sizeof(*p));
    int rc;

    if (!p) {
        return -XEN_ENOMEM;
    }
    rc = build(xd, c, p, err);
    if (rc == 0) {
        domain_pause(&xd->d);
        *xd->policy = *p;
        if (!is_pv(&xd->d)) {
            pvh_policy_changed(xd);
        }
        domain_unpause(&xd->d);
    }
    zfree(p);
    return rc;
}

long x86_set_policy(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_cpu_policy *c = &op->u.cpu_policy;
    struct cpu_policy_error err = CPU_POLICY_NO_ERROR;
    int rc;

    if (&xd->d == current_domain()) {
        return -XEN_EINVAL;
    }
    if (c->nr_leaves > CPU_POLICY_MAX_LEAVES || c->nr_msrs > CPU_POLICY_MAX_MSRS) {
        return -XEN_E2BIG;
    }
    rc = replace(xd, c, &err);
    c->err_leaf = err.leaf;
    c->err_subleaf = err.subleaf;
    c->err_msr = err.msr;
    *copyback = rc != 0;
    return rc;
}
