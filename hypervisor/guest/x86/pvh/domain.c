/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PVH domains: creation and teardown, their memory by guest frame number, and what their CPU policy means for control registers. */
#include <abi/grant_table.h>
#include <abi/hvm_params.h>
#include <abi/sched.h>
#include <base/log.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>

#define CR4_ALWAYS 0x7e4ull /* TSD PAE MCE PGE PCE OSFXSR OSXMMEXCPT: every 64-bit processor has them */

/* --- CPU policy ---------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t cr4_of_policy(const struct cpu_policy *p)
{
    static const struct {
        uint8_t bit;
        uint16_t feature;
    } rules[] = {
        {0, XEN_X86_FEATURE_VME},      {1, XEN_X86_FEATURE_VME},    {3, XEN_X86_FEATURE_DE},
        {4, XEN_X86_FEATURE_PSE},      {11, XEN_X86_FEATURE_UMIP},  {16, XEN_X86_FEATURE_FSGSBASE},
        {17, XEN_X86_FEATURE_PCID},    {18, XEN_X86_FEATURE_XSAVE}, {20, XEN_X86_FEATURE_SMEP},
        {21, XEN_X86_FEATURE_SMAP},    {22, XEN_X86_FEATURE_PKU},   {23, XEN_X86_FEATURE_CET_SS},
        {23, XEN_X86_FEATURE_CET_IBT},
    };
    uint64_t bits = CR4_ALWAYS;

    for (unsigned int i = 0; i < ARRAY_SIZE(rules); i++) {
        bits |= cpu_policy_has(p, rules[i].feature) ? BIT(rules[i].bit) : 0;
    }
    return bits;
}

void pvh_policy_changed(struct x86_domain *xd)
{
    struct pvh_domain *pd = xd->pvh;

    pd->cr4_allowed = cr4_of_policy(xd->policy);
    for (unsigned int i = 0; i < xd->d.max_vcpus; i++) {
        struct vcpu *v = xd->d.vcpus[i];

        if (v) {
            struct pvh_vcpu *p = x86_vcpu(v)->pvh;

            p->vlapic.x2apic_allowed = cpu_policy_has(xd->policy, XEN_X86_FEATURE_X2APIC);
            p->vlapic.tsc_deadline = cpu_policy_has(xd->policy, XEN_X86_FEATURE_TSC_DEADLINE);
        }
    }
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------------------- */

int pvh_domain_init(struct x86_domain *xd)
{
    struct pvh_domain *pd;
    int rc;

    if (!vm_available()) {
        return -XEN_EOPNOTSUPP;
    }
    pd = zalloc(sizeof(*pd));
    if (!pd) {
        return -XEN_ENOMEM;
    }
    xd->pvh = pd;
    xd->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
    rc = p2m_init(&pd->p2m, vm_has_1g_pages());
    if (rc == 0) {
        pvh_policy_changed(xd);
    }
    return rc;
}

void pvh_domain_free(struct x86_domain *xd)
{
    while (p2m_teardown(&xd->pvh->p2m) != 0) {
        /* only after a creation that failed: the tables are empty */
    }
    zfree(xd->pvh);
    xd->pvh = NULL;
}

int pvh_relinquish(struct x86_domain *xd)
{
    for (unsigned int i = 0; i < xd->d.max_vcpus; i++) {
        if (xd->d.vcpus[i]) {
            timer_kill(&x86_vcpu(xd->d.vcpus[i])->pvh->timer);
        }
    }
    return p2m_teardown(&xd->pvh->p2m);
}

/* --- memory -------------------------------------------------------------------------------------------------------------------------------------- */

int pvh_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    struct p2m *p = &x86_domain(d)->pvh->p2m;
    struct p2m_leaf l;
    bool ok = false;

    do {
        spin_lock(&p->lock);
        l = p2m_lookup(p, gfn.n);
        if (l.type == P2M_RAM) {
            ok = write ? frame_get_writable(l.mfn, d->id) : frame_get(l.mfn, d->id);
        }
        spin_unlock(&p->lock);
    } while (l.type == P2M_NONE && p2m_pod_populate(p, gfn.n) == 0);
    *mfn = l.mfn;
    return ok ? 0 : -XEN_EINVAL;
}

int pvh_get_gva(struct x86_vcpu *xv, vaddr_t gva, bool write, mfn_t *mfn)
{
    struct pt_result r;

    if (pvh_walk(xv, gva, write ? PT_ACCESS_WRITE : 0, &r) != PT_OK) {
        return -XEN_EFAULT;
    }
    return pvh_get_gfn(xv->v.domain, GFN(r.gpa >> PAGE_SHIFT), write, mfn);
}

int pvh_p2m_add(struct x86_domain *xd, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return p2m_add(xd, &xd->pvh->p2m, gfn.n, mfn, order, P2M_RAM);
}

int pvh_p2m_remove(struct x86_domain *xd, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return p2m_remove(xd, &xd->pvh->p2m, gfn.n, mfn, order, P2M_RAM);
}

int pvh_pod_promise(struct x86_domain *xd, gfn_t gfn, unsigned int order)
{
    return p2m_pod_promise(&xd->pvh->p2m, gfn.n, order);
}

int pvh_pod_release(struct x86_domain *xd, gfn_t gfn)
{
    return p2m_pod_release(xd, &xd->pvh->p2m, gfn.n);
}

bool pvh_pod_reclaim(struct x86_domain *xd, mfn_t mfn)
{
    return p2m_pod_reclaim(&xd->pvh->p2m, mfn);
}

int pvh_pod_set_target(struct x86_domain *xd, uint64_t pages)
{
    return p2m_pod_set_target(xd, &xd->pvh->p2m, pages);
}

void pvh_pod_counts(const struct x86_domain *xd, uint64_t *cached, uint64_t *promised)
{
    *cached = xd->pvh->p2m.pod.cached;
    *promised = xd->pvh->p2m.pod.promised;
}

uint64_t pvh_pool_pages(const struct x86_domain *xd)
{
    return p2m_pool_pages(&xd->pvh->p2m);
}

int pvh_pool_set(struct x86_domain *xd, uint64_t pages)
{
    return p2m_pool_set(&xd->pvh->p2m, pages);
}

void pvh_flush_tlbs(struct x86_domain *xd)
{
    p2m_flush(xd, &xd->pvh->p2m);
}

uint64_t pvh_max_gfn(struct x86_domain *xd)
{
    return xd->pvh->p2m.max_gfn;
}

/* --- event upcalls and the hypercall page -------------------------------------------------------------------------------------------------------- */

int pvh_set_upcall_vector(struct x86_vcpu *xv, uint8_t vector)
{
    if (vector < 16) {
        return -XEN_EINVAL;
    }
    __atomic_store_n(&xv->pvh->upcall_vector, vector, __ATOMIC_RELAXED);
    if (*(volatile uint8_t *)&xv->v.info->evtchn_upcall_pending) {
        pvh_post(xv, POST_UPCALL);
    }
    return 0;
}

int pvh_set_callback_vector(struct x86_domain *xd, uint8_t vector)
{
    if (vector != 0 && vector < 16) {
        return -XEN_EINVAL;
    }
    __atomic_store_n(&xd->pvh->callback_vector, vector, __ATOMIC_RELAXED);
    return 0;
}

void pvh_take_info_width(struct x86_vcpu *xv)
{
    domain_set_info_width(xv->v.domain, xv->pvh->vm.mode != INSN_MODE_64);
}

/* 32 bytes for each hypercall: mov $nr, %eax; vmmcall; ret. There is no iret for such guests. */
void pvh_fill_hypercall_page(struct domain *d, void *page)
{
    static const uint8_t call[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3};
    static const uint8_t none[] = {0x0f, 0x0b};

    memset(page, 0xcc, PAGE_SIZE);
    for (uint32_t nr = 0; nr < PAGE_SIZE / 32; nr++) {
        uint8_t *stub = (uint8_t *)page + nr * 32;

        if (nr == __HYPERVISOR_iret) {
            memcpy(stub, none, sizeof(none));
        } else {
            memcpy(stub, call, sizeof(call));
            memcpy(stub + 1, &nr, sizeof(nr));
        }
    }
}

/* --- grant mappings of the current domain ---------------------------------------------------------------------------------------------------------- */

static enum p2m_type grant_type(uint32_t flags)
{
    return flags & GNTMAP_readonly ? P2M_GRANT_RO : P2M_GRANT_RW;
}

int pvh_gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    struct x86_domain *xd = x86_domain(current_domain());
    domid_t owner = (domid_t)frame_owner(frame_read(mfn));
    enum p2m_type type = grant_type(flags);

    if (flags & GNTMAP_contains_pte) {
        return GNTST_general_error;
    }
    if (type == P2M_GRANT_RW ? !frame_get_writable(mfn, owner) : !frame_get(mfn, owner)) {
        return GNTST_general_error;
    }
    if (p2m_add(xd, &xd->pvh->p2m, addr >> PAGE_SHIFT, mfn, 0, type) == 0) {
        return GNTST_okay;
    }
    if (type == P2M_GRANT_RW) {
        frame_put_writable(mfn);
    } else {
        frame_put(mfn);
    }
    return GNTST_general_error;
}

int pvh_gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr)
{
    struct x86_domain *xd = x86_domain(current_domain());
    enum p2m_type type = grant_type(flags);

    if (new_addr != 0) {
        return GNTST_general_error; /* moves virtual mappings, which such a guest does itself */
    }
    if (p2m_remove_lazily(&xd->pvh->p2m, addr >> PAGE_SHIFT, mfn, type) != 0) {
        return GNTST_general_error;
    }
    /* the grant's own references hold the frame until gnttab_flush_removed() */
    if (type == P2M_GRANT_RW) {
        frame_put_writable(mfn);
    } else {
        frame_put(mfn);
    }
    return GNTST_okay;
}
