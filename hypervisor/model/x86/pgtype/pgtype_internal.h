/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of this folder. */
#pragma once
#include <model/x86/pgtype/pgtype.h>

/* Progress of a busy or partial frame, in frame_aux: how many entries hold references, and where it is going. */
#define PROGRESS_COUNT  0x3ffu
#define PROGRESS_DOWN   0x400u
#define PROGRESS_FAILED 0x800u /* going down because an entry was refused: say so at the end */

static inline uint64_t *table_of(mfn_t mfn)
{
    return mfn_to_virt(mfn);
}

static inline bool pte_cas(uint64_t *pte, uint64_t *old, uint64_t new)
{
    return __atomic_compare_exchange_n(pte, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline uint64_t pte_read(const uint64_t *pte)
{
    return __atomic_load_n(pte, __ATOMIC_RELAXED);
}

/*
 * A level 4 table's entry for itself: all tables then appear, read-only, in the range of that slot. It holds no reference, since a table would never go
 * otherwise; it must not be writable, since it would make tables writable.
 */
static inline bool is_self_map(enum frame_type type, mfn_t table, uint64_t e)
{
    return type == FT_L4 && (e & PTE_P) && mfn_eq(pte_mfn(e), table);
}

/* Flush the CPUs that may have translations of the domain from when the clock was @stamp. */
void pgtype_flush_stale(struct pgtype_ctx *ctx, uint32_t stamp);

/* Check and reference the entries from *@n on; *@n is the number done. 0, -XEN_ERESTART, or the error of entry *@n. The frame is busy and ours. */
int pgtype_table_up(struct pgtype_ctx *ctx, mfn_t mfn, enum frame_type type, unsigned int *n,
                    bool preemptible);
/* Take back the references of entries [0, *@n), the last first. 0 or -XEN_ERESTART. */
int pgtype_table_down(struct pgtype_ctx *ctx, mfn_t mfn, enum frame_type type, unsigned int *n,
                      bool preemptible);

/* A level 1 entry as it may be written: *@e is changed to what will be. 0 when absent or referenced; errors as pgtype_update_l1(). */
int pgtype_l1_get(struct pgtype_ctx *ctx, domid_t owner, uint64_t *e);
