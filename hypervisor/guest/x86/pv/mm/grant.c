/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant mappings of the current PV domain: an entry that holds references of its own, like any other, on the granter's frame. Found by virtual
 * address or by the entry's machine address. ABI: <xen/grant_table.h>, GNTMAP_*.
 */
#include <abi/grant_table.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/pv/mm/mm_internal.h>

#define AVAIL_SHIFT 9

/* The entry that @addr names, its table referenced. */
static uint64_t *find_entry(struct x86_vcpu *xv, uint64_t addr, uint32_t flags, mfn_t *l1)
{
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));
    enum frame_type type;

    if (!(flags & GNTMAP_contains_pte)) {
        return mm_walk(xv->pv->guest_table, ctx.domain, addr, l1);
    }
    if (addr % sizeof(uint64_t) != 0) {
        return NULL;
    }
    *l1 = paddr_to_mfn(addr);
    type = pgtype_get_current(*l1, ctx.domain);
    if (type == FT_L1) {
        return (uint64_t *)mfn_to_virt(*l1) + (addr & ~PAGE_MASK) / sizeof(uint64_t);
    }
    if (type != FT_NONE) {
        pgtype_put_current(&ctx, *l1);
        (void)mm_note_unfinished(xv, &ctx);
    }
    return NULL;
}

static void put_entry(struct x86_vcpu *xv, struct pgtype_ctx *ctx, mfn_t l1)
{
    pgtype_put_current(ctx, l1);
    (void)mm_note_unfinished(xv, ctx); /* the next mm hypercall finishes */
}

int pv_gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    struct x86_vcpu *xv = current_x86();
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));
    uint64_t e = mfn_to_paddr(mfn) | PTE_P | PTE_A | PTE_NX;
    mfn_t l1;
    uint64_t *pte = find_entry(xv, addr, flags, &l1);
    int rc;

    if (!pte) {
        return GNTST_bad_virt_addr;
    }
    e |= flags & GNTMAP_readonly ? 0 : PTE_RW | PTE_D;
    e |= (uint64_t)((flags >> _GNTMAP_guest_avail0) & 7) << AVAIL_SHIFT;
    ctx.data_owner = (domid_t)frame_owner(frame_read(mfn));
    rc = pgtype_update_l1(&ctx, pte, e, 0);
    put_entry(xv, &ctx, l1);
    return rc == 0 ? GNTST_okay : GNTST_general_error;
}

/* Take the entry of @va out of the tables, for its mapping to move. */
static int detach(struct x86_vcpu *xv, struct pgtype_ctx *ctx, vaddr_t va, uint64_t *e)
{
    mfn_t l1;
    uint64_t *pte = mm_walk(xv->pv->guest_table, ctx->domain, va, &l1);

    if (!pte) {
        return GNTST_bad_virt_addr;
    }
    *e = __atomic_exchange_n(pte, 0, __ATOMIC_SEQ_CST);
    put_entry(xv, ctx, l1);
    return *e & PTE_P ? GNTST_okay : GNTST_bad_virt_addr;
}

/* Does @e map @mfn as @flags say? */
static bool maps(uint64_t e, mfn_t mfn, uint32_t flags)
{
    return (e & PTE_P) && mfn_eq(pte_mfn(e), mfn) && !(e & PTE_RW) == !!(flags & GNTMAP_readonly);
}

/* The entry, if it is the mapping, becomes @new, whose references are the caller's to give. */
static bool replace(uint64_t *pte, mfn_t mfn, uint32_t flags, uint64_t new, uint64_t *old)
{
    *old = __atomic_load_n(pte, __ATOMIC_RELAXED);
    do {
        if (!maps(*old, mfn, flags)) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(pte, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return true;
}

int pv_gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr)
{
    struct x86_vcpu *xv = current_x86();
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));
    uint64_t new = 0, old;
    mfn_t l1;
    uint64_t *pte = find_entry(xv, addr, flags, &l1);
    int rc = GNTST_okay;

    if (!pte) {
        return GNTST_bad_virt_addr;
    }
    if (!maps(__atomic_load_n(pte, __ATOMIC_RELAXED), mfn, flags)) {
        rc = GNTST_general_error;
    } else if (new_addr != 0) {
        rc = detach(xv, &ctx, new_addr, &new);
    }
    if (rc == GNTST_okay) {
        /* the grant's own references hold the frame until gnttab_flush_removed() */
        if (replace(pte, mfn, flags, new, &old)) {
            pgtype_l1_drop(old);
        } else {
            rc = GNTST_general_error;
            pgtype_l1_drop(new);
        }
    }
    put_entry(xv, &ctx, l1);
    return rc;
}
