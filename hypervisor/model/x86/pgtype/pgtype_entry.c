/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single entries: what a guest may write, the references that go with it, and the exchange against other vCPUs and the CPUs' own A and D bits. */
#include <model/x86/pgtype/arch.h>
#include <model/x86/pgtype/pgtype_internal.h>

/* Bits that decide which references a level 1 entry holds. */
#define L1_IDENTITY (PTE_ADDR | PTE_RW | PTE_P)

static int l1_get_uncommon(domid_t owner, uint64_t e)
{
    mfn_t mfn = pte_mfn(e);

    if (owner == DOMID_XEN) { /* holds no reference, as its frames never go */
        return arch_may_map_hypervisor(mfn, e & PTE_RW) ? 0 : -XEN_EPERM;
    }
    if (frame_is_ram(mfn)) {
        return -XEN_EBUSY; /* another's, or in a use that forbids this one */
    }
    if (mfn.n == PTE_ADDR >> PAGE_SHIFT) {
        return -XEN_EINVAL; /* what tools put where a frame is missing */
    }
    return arch_may_map_device(owner, mfn) ? 0 : -XEN_EPERM;
}

/* A present entry in the form in which it is stored: for ring 3 (where the guest's kernel runs too), and not global. */
static inline uint64_t l1_normal(const struct pgtype_ctx *ctx, uint64_t e)
{
    e = (e | PTE_US) & ~PTE_G;
    if (unlikely((e & PTE_CACHE) && !ctx->may_uncache) && pte_mfn(e).n < frame_limit &&
        frame_is_ram(pte_mfn(e))) {
        e &= ~PTE_CACHE;
    }
    return e;
}

static inline int l1_reference(domid_t owner, uint64_t e)
{
    mfn_t mfn = pte_mfn(e);
    bool ok = e & PTE_RW ? frame_get_writable(mfn, owner) : frame_get(mfn, owner);

    return likely(ok) ? 0 : l1_get_uncommon(owner, e);
}

static inline void l1_unreference(uint64_t e)
{
    if (e & PTE_RW) {
        frame_put_writable(pte_mfn(e));
    } else {
        frame_put(pte_mfn(e));
    }
}

/* Memory's entries in validated tables hold a reference, so memory has a count and devices have none. */
static inline bool is_counted(mfn_t mfn)
{
    return mfn.n < frame_limit && frame_refs(frame_read(mfn)) != 0;
}

int pgtype_l1_get(struct pgtype_ctx *ctx, domid_t owner, uint64_t *e)
{
    if (!(*e & PTE_P)) {
        return 0;
    }
    *e = l1_normal(ctx, *e);
    return l1_reference(owner, *e);
}

void pgtype_l1_drop(uint64_t e)
{
    if ((e & PTE_P) && is_counted(pte_mfn(e))) {
        l1_unreference(e);
    }
}

static void l1_put_uncommon(struct pgtype_ctx *ctx, uint64_t e)
{
    if (!is_counted(pte_mfn(e))) {
        return;
    }
    /*
     * Another domain's frame: it may give the frame another use as soon as we drop it, and looks at its own CPUs only. An entry that was
     * never accessed is in no TLB.
     */
    if (e & PTE_A) {
        pgtype_flush_stale(ctx, port_tlb_clock());
    }
    l1_unreference(e);
}

/* Drop what a level 1 entry held that CPUs could use until now. */
static inline void l1_put(struct pgtype_ctx *ctx, uint64_t e)
{
    mfn_t mfn = pte_mfn(e);
    uint64_t s;

    if (unlikely(mfn.n >= frame_limit)) {
        return;
    }
    s = frame_read(mfn);
    if (unlikely(((s ^ FRAME_OWNER(ctx->domain)) & FRAME_OWNER_MASK) || frame_refs(s) == 0)) {
        l1_put_uncommon(ctx, e);
    } else {
        l1_unreference(e);
    }
}

/* The value of *@pte becomes @new (with @keep of the old one's bits); returns what it was. */
static inline uint64_t exchange(uint64_t *pte, uint64_t old, uint64_t new, uint64_t keep)
{
    while (unlikely(!pte_cas(pte, &old, new | (old & keep)))) {
    }
    return old;
}

int pgtype_update_l1(struct pgtype_ctx *ctx, uint64_t *pte, uint64_t new, unsigned int flags)
{
    uint64_t keep = flags & PGT_PRESERVE_AD ? PTE_A | PTE_D : 0;
    uint64_t old = pte_read(pte);

    if (new &PTE_P) {
        int rc;

        new = l1_normal(ctx, new);
        if (!(flags & PGT_REFERENCED)) {
            /* the same frame in the same way: references stay as they are */
            while (!((old ^ new) & L1_IDENTITY)) {
                if (likely(pte_cas(pte, &old, new | (old & keep)))) {
                    return 0;
                }
            }
            rc = l1_reference(ctx->data_owner, new);
            if (unlikely(rc != 0)) {
                return rc;
            }
        }
    } else {
        keep = 0;
    }
    old = exchange(pte, old, new, keep);
    if (old & PTE_P) {
        l1_put(ctx, old);
    }
    return 0;
}

int pgtype_cas_l1(struct pgtype_ctx *ctx, uint64_t *pte, uint64_t *old, uint64_t new)
{
    uint64_t expected = *old;
    int rc = pgtype_l1_get(ctx, ctx->data_owner, &new);

    if (rc != 0) {
        return rc;
    }
    if (!pte_cas(pte, old, new)) {
        pgtype_l1_drop(new);
        return -XEN_EAGAIN;
    }
    if (expected & PTE_P) {
        l1_put(ctx, expected);
    }
    return 0;
}

int pgtype_update_table(struct pgtype_ctx *ctx, mfn_t table, enum frame_type type, unsigned int index,
                        uint64_t new, unsigned int flags)
{
    uint64_t keep = flags & PGT_PRESERVE_AD ? PTE_A : 0;
    uint64_t *pte = &table_of(table)[index];
    uint64_t old = pte_read(pte);
    bool self = false;
    int rc;

    if (pgtype_is_hypervisor_slot(type, index)) {
        return -XEN_EPERM;
    }
    if (new &PTE_P) {
        if (new &PTE_TABLE_REFUSED) {
            return -XEN_EINVAL;
        }
        new |= PTE_US;
        self = is_self_map(type, table, new);
        if (self && (new &PTE_RW)) {
            return -XEN_EINVAL;
        }
        while (!((old ^ new) & (PTE_ADDR | PTE_P))) {
            if (pte_cas(pte, &old, new | (old & keep))) {
                return 0;
            }
        }
        rc = self ? 0 : pgtype_get(ctx, pte_mfn(new), ctx->domain, (enum frame_type)(type - 1), true);
        if (rc != 0) {
            return rc;
        }
    } else {
        keep = 0;
    }
    old = exchange(pte, old, new, keep);
    if (is_self_map(type, table, old)) {
        pgtype_flush_stale(ctx, port_tlb_clock()); /* no last put of a table does it */
    } else if ((old & PTE_P) && pgtype_put(ctx, pte_mfn(old), PGT_LINKED | PGT_PREEMPT) != 0) {
        pgtype_leave(ctx, pte_mfn(old));
    }
    return 0;
}
