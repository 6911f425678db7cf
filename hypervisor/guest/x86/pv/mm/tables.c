/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vCPUs' base tables, lookups of frames and addresses for the rest of the hypervisor, and the teardown of a domain's page tables. */
#include <guest/x86/common/kinds.h>
#include <guest/x86/pv/mm/mm_internal.h>
#include <guest/x86/pv/pv.h>

/* --- base tables ------------------------------------------------------------------------------------------------------------------------- */

/* Drop a table that no CPU has loaded any more. */
static int release_table(struct x86_vcpu *xv, mfn_t l4)
{
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));

    if (mfn_is_invalid(l4) || pgtype_put(&ctx, l4, PGT_PREEMPT) == 0) {
        return 0;
    }
    mm_remember(xv, l4);
    return -XEN_ERESTART;
}

static int take_table(struct x86_vcpu *xv, mfn_t l4, bool preemptible)
{
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));

    return mfn_is_invalid(l4) ? 0 : pgtype_get(&ctx, l4, ctx.domain, FT_L4, preemptible);
}

/*
 * The guest's kernel sees the machine-to-physical table through its own L4 table; its user mode must not. Filling again leaves the other slots
 * as they are.
 */
static void show_m2p(mfn_t l4, bool visible)
{
    uint64_t *table = mfn_to_virt(l4);

    if (visible && table[L4_SLOT_FIRST] == 0) {
        hw_fill_l4(table);
    } else if (!visible && table[L4_SLOT_FIRST] != 0) {
        __atomic_store_n(&table[L4_SLOT_FIRST], 0, __ATOMIC_RELAXED);
    }
}

int pv_new_base_table(struct x86_vcpu *xv, mfn_t l4)
{
    mfn_t old = xv->pv->guest_table;
    int rc = mm_finish(xv);

    if (rc != 0) {
        return rc;
    }
    if (mfn_eq(old, l4)) { /* also after -XEN_ERESTART from below */
        hw_flush_local();
        return 0;
    }
    if (mfn_is_invalid(l4)) {
        return -XEN_EINVAL;
    }
    rc = take_table(xv, l4, true);
    if (rc != 0) {
        return rc;
    }
    show_m2p(l4, true);
    xv->pv->guest_table = l4;
    xv->cr3 = pv_active_table(xv);
    hw_switch_cr3(xv->cr3);
    return release_table(xv, old);
}

int pv_new_user_table(struct x86_vcpu *xv, mfn_t l4)
{
    mfn_t old = xv->pv->guest_table_user;
    int rc = 0;

    if (mfn_eq(old, l4)) {
        return 0;
    }
    rc = take_table(xv, l4, true);
    if (rc != 0) {
        return rc;
    }
    if (!mfn_is_invalid(l4)) {
        show_m2p(l4, mfn_eq(l4, xv->pv->guest_table));
    }
    xv->pv->guest_table_user = l4;
    return release_table(xv, old);
}

int pv_adopt_base_table(struct x86_vcpu *xv, mfn_t l4)
{
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));
    int rc = take_table(xv, l4, false);

    if (rc != 0) {
        return rc;
    }
    rc = pgtype_pin(&ctx, l4, ctx.domain, FT_L4);
    if (rc != 0) {
        pgtype_put(&ctx, l4, 0);
        return rc;
    }
    show_m2p(l4, true);
    xv->pv->guest_table = l4;
    xv->cr3 = l4;
    return 0;
}

static int set_one(struct x86_vcpu *xv, mfn_t *slot, mfn_t l4, bool kernel)
{
    mfn_t old = *slot;
    int rc;

    if (mfn_eq(old, l4)) {
        return 0;
    }
    rc = take_table(xv, l4, true);
    if (rc != 0) {
        return rc;
    }
    if (!mfn_is_invalid(l4)) {
        show_m2p(l4, kernel);
    }
    *slot = l4;
    return release_table(xv, old);
}

int pv_set_base_tables(struct x86_vcpu *xv, mfn_t kernel, mfn_t user)
{
    int rc = mm_finish(xv);

    if (rc == 0) {
        rc = mfn_is_invalid(kernel) ? -XEN_EINVAL : set_one(xv, &xv->pv->guest_table, kernel, true);
    }
    if (rc == 0) {
        rc = set_one(xv, &xv->pv->guest_table_user, user, mfn_eq(user, kernel));
    }
    return rc;
}

/* --- lookups -------------------------------------------------------------------------------------------------------------------------------- */

int pv_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    *mfn = MFN(gfn.n);
    return (write ? frame_get_writable(*mfn, d->id) : frame_get(*mfn, d->id)) ? 0 : -XEN_EINVAL;
}

int pv_get_gva(struct x86_vcpu *xv, vaddr_t gva, bool write, mfn_t *mfn)
{
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));
    mfn_t l1;
    uint64_t *pte = mm_walk(xv->pv->guest_table, ctx.domain, gva, &l1);
    int rc = -XEN_EINVAL;
    uint64_t e;

    if (!pte) {
        return rc;
    }
    e = __atomic_load_n(pte, __ATOMIC_RELAXED);
    if ((e & PTE_P) && (!write || (e & PTE_RW))) {
        rc = pv_get_gfn(xv->v.domain, GFN(pte_mfn(e).n), write, mfn);
    }
    pgtype_put_current(&ctx, l1);
    (void)mm_note_unfinished(xv, &ctx);
    return rc;
}

uint64_t pv_max_gfn(struct domain *d)
{
    uint64_t max_pfn = *(volatile unsigned long *)&d->shared->arch.max_pfn;

    return max_pfn ? max_pfn - 1 : 0;
}

/* --- teardown -------------------------------------------------------------------------------------------------------------------------------- */

static int relinquish_vcpu(struct x86_vcpu *xv)
{
    mfn_t *slots[] = {&xv->pv->guest_table, &xv->pv->guest_table_user};
    int rc = mm_finish(xv);

    pv_drop_descriptors(xv);
    xv->cr3 = INVALID_MFN;
    for (unsigned int i = 0; rc == 0 && i < ARRAY_SIZE(slots); i++) {
        mfn_t l4 = *slots[i];

        *slots[i] = INVALID_MFN;
        rc = release_table(xv, l4);
    }
    return rc;
}

int pv_relinquish(struct x86_domain *xd)
{
    if (DEBUG_CHECKS && !xd->is_audited) {
        xd->is_audited = true;
        BUG_ON(pv_audit(&xd->d) != 0);
    }
    for (unsigned int i = 0; i < xd->d.max_vcpus; i++) {
        struct vcpu *v = xd->d.vcpus[i];
        int rc = v && x86_vcpu(v)->pv ? relinquish_vcpu(x86_vcpu(v)) : 0;

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int pv_drop_types(mfn_t mfn)
{
    uint64_t s = frame_read(mfn);
    struct pgtype_ctx ctx = pgtype_ctx_init((domid_t)frame_owner(s), NULL);

    if (s & FRAME_PINNED) {
        return pgtype_unpin(&ctx, mfn, ctx.domain) == -XEN_ERESTART ? -XEN_ERESTART : 0;
    }
    return s & FRAME_PARTIAL ? pgtype_abandon(&ctx, mfn, true) : 0;
}
