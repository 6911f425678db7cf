/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole tables: taking and giving back the references of their entries, stopping on the way when preemption is due. */
#include <base/softirq.h>
#include <model/x86/pgtype/pgtype_internal.h>

static int l1_up(struct pgtype_ctx *ctx, uint64_t *t, unsigned int *n)
{
    for (; *n < PTE_ENTRIES; (*n)++) {
        uint64_t e = pte_read(&t[*n]);
        int rc;

        if (!(e & PTE_P)) {
            continue;
        }
        rc = pgtype_l1_get(ctx, ctx->domain, &e);
        if (rc != 0) {
            return rc;
        }
        __atomic_store_n(&t[*n], e, __ATOMIC_RELAXED);
    }
    return 0;
}

static int descriptors_up(uint64_t *t, unsigned int *n)
{
    for (; *n < PTE_ENTRIES; (*n)++) {
        uint64_t desc = pte_read(&t[*n]);

        if (!pgtype_descriptor_ok(&desc)) {
            return -XEN_EINVAL;
        }
        __atomic_store_n(&t[*n], desc, __ATOMIC_RELAXED);
    }
    return 0;
}

static int table_entry_up(struct pgtype_ctx *ctx, mfn_t mfn, enum frame_type type, uint64_t e,
                          bool preemptible)
{
    if (is_self_map(type, mfn, e)) {
        return e & PTE_RW ? -XEN_EINVAL : 0;
    }
    return pgtype_get(ctx, pte_mfn(e), ctx->domain, (enum frame_type)(type - 1), preemptible);
}

int pgtype_table_up(struct pgtype_ctx *ctx, mfn_t mfn, enum frame_type type, unsigned int *n,
                    bool preemptible)
{
    uint64_t *t = table_of(mfn);

    if (type == FT_L1) {
        return l1_up(ctx, t, n);
    }
    if (type == FT_SEGDESC) {
        return descriptors_up(t, n);
    }
    while (*n < PTE_ENTRIES) {
        uint64_t e = pte_read(&t[*n]);
        int rc;

        if ((e & PTE_P) && !pgtype_is_hypervisor_slot(type, *n)) {
            if (e & PTE_TABLE_REFUSED) {
                return -XEN_EINVAL;
            }
            rc = table_entry_up(ctx, mfn, type, e, preemptible);
            if (rc != 0) {
                return rc;
            }
            __atomic_store_n(&t[*n], e | PTE_US, __ATOMIC_RELAXED);
        }
        (*n)++;
        if (preemptible && *n < PTE_ENTRIES && hypercall_preempt_check()) {
            return -XEN_ERESTART;
        }
    }
    return 0;
}

static void l1_down(const uint64_t *t, unsigned int *n)
{
    while (*n > 0) {
        pgtype_l1_drop(pte_read(&t[--*n]));
    }
}

/*
 * The entries from @n on hold no references, but work on the frame of entry @n may have stopped half-way: in checking it (we did not get our
 * reference), or in taking it back (ours is spent). Nobody else need ever come by, so clear it up here; if it is another's unfinished
 * work, that one begins again.
 */
static int clear_boundary(struct pgtype_ctx *ctx, const uint64_t *t, enum frame_type type, unsigned int n,
                          bool preemptible)
{
    uint64_t e;
    mfn_t child;

    if (n >= PTE_ENTRIES || pgtype_is_hypervisor_slot(type, n)) {
        return 0;
    }
    e = pte_read(&t[n]);
    child = pte_mfn(e);
    if (!(e & PTE_P) || child.n >= frame_limit ||
        frame_type(frame_read(child)) != (enum frame_type)(type - 1)) {
        return 0;
    }
    return pgtype_abandon(ctx, child, preemptible);
}

int pgtype_table_down(struct pgtype_ctx *ctx, mfn_t mfn, enum frame_type type, unsigned int *n,
                      bool preemptible)
{
    uint64_t *t = table_of(mfn);
    int rc;

    if (type == FT_L1) {
        l1_down(t, n);
        return 0;
    }
    if (type == FT_SEGDESC) {
        *n = 0;
        return 0;
    }
    rc = clear_boundary(ctx, t, type, *n, preemptible);
    while (rc == 0 && *n > 0) {
        uint64_t e = pte_read(&t[--*n]);

        if ((e & PTE_P) && !pgtype_is_hypervisor_slot(type, *n) && !is_self_map(type, mfn, e)) {
            rc = pgtype_put(ctx, pte_mfn(e), preemptible ? PGT_PREEMPT : 0);
        }
        if (rc == 0 && preemptible && *n > 0 && hypercall_preempt_check()) {
            rc = -XEN_ERESTART;
        }
    }
    if (rc == 0 && type == FT_L4) {
        for (unsigned int i = L4_SLOT_FIRST; i < L4_SLOT_FIRST + L4_SLOT_COUNT; i++) {
            t[i] = 0;
        }
    }
    return rc;
}
