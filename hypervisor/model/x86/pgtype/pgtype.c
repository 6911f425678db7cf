/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transitions of a frame between the states that pgtype.h lists. */
#include <base/softirq.h>
#include <model/x86/pgtype/arch.h>
#include <model/x86/pgtype/pgtype_internal.h>

#define ONE_OF_EACH (FRAME_REF_ONE + FRAME_TREF_ONE)
#define WAIT_SPINS  1000u

void pgtype_flush_stale(struct pgtype_ctx *ctx, uint32_t stamp)
{
    cpuset_t cpus = ctx->cpus ? (cpuset_t){__atomic_load_n(&ctx->cpus->bits, __ATOMIC_SEQ_CST)} : cpus_online;

    cpus = port_tlb_stale(cpus, stamp);
    if (!cpuset_is_empty(cpus)) {
        port_flush_tlb(cpus);
    }
}

/* --- ends of being busy --------------------------------------------------------------------------------------------------------------- */

static void publish(mfn_t mfn, uint32_t stamp)
{
    __atomic_store_n(frame_aux(mfn), stamp, __ATOMIC_RELAXED);
    __atomic_fetch_or(frame_state(mfn), FRAME_VALIDATED, __ATOMIC_SEQ_CST);
}

static void park(mfn_t mfn, uint32_t progress)
{
    __atomic_store_n(frame_aux(mfn), progress, __ATOMIC_RELAXED);
    __atomic_fetch_or(frame_state(mfn), FRAME_PARTIAL, __ATOMIC_SEQ_CST);
}

/* To idle, with the state's own references. */
static void retire(mfn_t mfn)
{
    __atomic_store_n(frame_aux(mfn), port_tlb_clock(), __ATOMIC_RELAXED);
    __atomic_fetch_and(frame_state(mfn), ~(FRAME_TYPE_MASK | FRAME_TREF_MASK | FRAME_PINNED),
                       __ATOMIC_SEQ_CST);
    frame_put(mfn);
}

/*
 * Work on a busy frame from @progress. 0: validated and its one reference the caller's, or (going down) idle. -XEN_ERESTART: parked.
 * Other errors: idle.
 */
static int work(struct pgtype_ctx *ctx, mfn_t mfn, enum frame_type type, uint32_t progress, uint32_t stamp,
                bool preemptible)
{
    unsigned int n = progress & PROGRESS_COUNT;
    int rc = 0;

    if (!(progress & PROGRESS_DOWN)) {
        rc = pgtype_table_up(ctx, mfn, type, &n, preemptible);
        if (rc == 0) {
            publish(mfn, stamp);
            return 0;
        }
        if (rc == -XEN_ERESTART) {
            park(mfn, n);
            return rc;
        }
        progress = PROGRESS_DOWN | PROGRESS_FAILED;
    }
    if (pgtype_table_down(ctx, mfn, type, &n, preemptible) != 0) {
        park(mfn, n | (progress & ~PROGRESS_COUNT));
        return -XEN_ERESTART;
    }
    retire(mfn);
    if (rc == 0 && (progress & PROGRESS_FAILED)) {
        rc = -XEN_EINVAL;
    }
    return rc;
}

/* --- taking --------------------------------------------------------------------------------------------------------------------------- */

/* @was: the state before it became ours. */
static int check_contents(struct pgtype_ctx *ctx, mfn_t mfn, uint64_t was, enum frame_type type,
                          bool preemptible)
{
    uint32_t stamp;

    if (frame_type(was) == FT_WRITABLE) {
        stamp = __atomic_load_n(frame_aux(mfn), __ATOMIC_RELAXED);
        pgtype_flush_stale(ctx, stamp);
    } else {
        stamp = port_tlb_clock();
    }
    if (type == FT_L4) {
        arch_fill_l4(table_of(mfn));
    }
    return work(ctx, mfn, type, 0, stamp, preemptible);
}

/* Until the frame is no longer busy as @type. -XEN_ERESTART when that takes long. */
static int wait_while_busy(mfn_t mfn, enum frame_type type, bool preemptible)
{
    for (unsigned int i = 0; i < WAIT_SPINS || !preemptible; i++) {
        uint64_t s = frame_read(mfn);

        if ((s & (FRAME_VALIDATED | FRAME_PARTIAL)) || frame_type_refs(s) != 1 || frame_type(s) != type) {
            return 0;
        }
        if (preemptible && hypercall_preempt_check()) {
            break;
        }
        cpu_relax();
    }
    return -XEN_ERESTART;
}

/* True: *@rc is the answer. False: the frame has changed, look again. */
static bool resume(struct pgtype_ctx *ctx, mfn_t mfn, uint64_t s, enum frame_type type, bool preemptible,
                   int *rc)
{
    uint32_t progress;

    if (!frame_cas(mfn, &s, s & ~FRAME_PARTIAL)) {
        return false;
    }
    progress = __atomic_load_n(frame_aux(mfn), __ATOMIC_RELAXED);
    *rc = work(ctx, mfn, type, progress, port_tlb_clock(), preemptible);
    /* what had been going down is idle now: begin again */
    return !(progress & PROGRESS_DOWN) || *rc != 0;
}

int pgtype_get(struct pgtype_ctx *ctx, mfn_t mfn, domid_t owner, enum frame_type type, bool preemptible)
{
    uint64_t s;
    int rc;

    if (type == FT_WRITABLE) {
        return frame_get_writable(mfn, owner) ? 0 : -XEN_EINVAL;
    }
    if (mfn.n >= frame_limit) {
        return -XEN_EINVAL;
    }
    for (;;) {
        s = frame_read(mfn);
        if ((s & FRAME_OWNER_MASK) != FRAME_OWNER(owner) || frame_refs(s) - 1u >= FRAME_REF_MASK - 1u) {
            return -XEN_EINVAL;
        }
        if (frame_type_refs(s) == 0) {
            /* pages that the hypervisor shares with the domain are not `allocated`: it writes to them */
            if (!(s & FRAME_ALLOCATED)) {
                return -XEN_EINVAL;
            }
            if (frame_cas(mfn, &s,
                          ((s & ~(FRAME_TYPE_MASK | FRAME_VALIDATED)) | FRAME_TYPE(type)) + ONE_OF_EACH)) {
                return check_contents(ctx, mfn, s, type, preemptible);
            }
        } else if (frame_type(s) != type) {
            return -XEN_EINVAL;
        } else if (s & FRAME_VALIDATED) {
            if ((s & FRAME_TREF_MASK) == FRAME_TREF_MASK) {
                return -XEN_EINVAL;
            }
            if (frame_cas(mfn, &s, s + ONE_OF_EACH)) {
                return 0;
            }
        } else if (s & FRAME_PARTIAL) {
            if (resume(ctx, mfn, s, type, preemptible, &rc)) {
                return rc;
            }
        } else {
            rc = wait_while_busy(mfn, type, preemptible);
            if (rc != 0) {
                return rc;
            }
        }
    }
}

/* --- giving back ------------------------------------------------------------------------------------------------------------------------ */

/* The frame was just made busy by its last user. */
static int take_back(struct pgtype_ctx *ctx, mfn_t mfn, enum frame_type type, bool preemptible)
{
    pgtype_flush_stale(ctx, __atomic_load_n(frame_aux(mfn), __ATOMIC_RELAXED));
    return work(ctx, mfn, type, PTE_ENTRIES | PROGRESS_DOWN, 0, preemptible);
}

int pgtype_put(struct pgtype_ctx *ctx, mfn_t mfn, unsigned int flags)
{
    uint64_t s = frame_read(mfn);

    ASSERT(frame_type_refs(s) > 0);
    if (frame_type(s) == FT_WRITABLE) {
        frame_put_writable(mfn);
        return 0;
    }
    ASSERT(s & FRAME_VALIDATED);
    if (flags & PGT_LINKED) {
        __atomic_store_n(frame_aux(mfn), port_tlb_clock(), __ATOMIC_RELAXED);
    }
    for (;;) {
        if (frame_type_refs(s) == 1) {
            if (frame_cas(mfn, &s, s & ~FRAME_VALIDATED)) {
                return take_back(ctx, mfn, frame_type(s), flags & PGT_PREEMPT);
            }
        } else if (frame_cas(mfn, &s, s - ONE_OF_EACH)) {
            return 0;
        }
    }
}

/* Go on with a partial frame: only if it is going down, or in any case (@abandon: down). */
static int resume_down(struct pgtype_ctx *ctx, mfn_t mfn, bool abandon, bool preemptible)
{
    uint64_t s;
    uint32_t progress;

    if (mfn.n >= frame_limit) {
        return 0;
    }
    s = frame_read(mfn);
    if (!(s & FRAME_PARTIAL) || frame_owner(s) != ctx->domain || !frame_cas(mfn, &s, s & ~FRAME_PARTIAL)) {
        return 0;
    }
    progress = __atomic_load_n(frame_aux(mfn), __ATOMIC_RELAXED);
    if (!(progress & PROGRESS_DOWN) && !abandon) {
        park(mfn, progress);
        return 0;
    }
    return work(ctx, mfn, frame_type(s), progress | PROGRESS_DOWN, 0, preemptible) == -XEN_ERESTART
               ? -XEN_ERESTART
               : 0;
}

int pgtype_finish(struct pgtype_ctx *ctx, mfn_t mfn)
{
    return resume_down(ctx, mfn, false, true);
}

int pgtype_abandon(struct pgtype_ctx *ctx, mfn_t mfn, bool preemptible)
{
    return resume_down(ctx, mfn, true, preemptible);
}

/* --- pins --------------------------------------------------------------------------------------------------------------------------------- */

int pgtype_pin(struct pgtype_ctx *ctx, mfn_t mfn, domid_t owner, enum frame_type type)
{
    int rc = pgtype_get(ctx, mfn, owner, type, true);

    if (rc != 0) {
        return rc;
    }
    if (__atomic_fetch_or(frame_state(mfn), FRAME_PINNED, __ATOMIC_SEQ_CST) & FRAME_PINNED) {
        pgtype_put_current(ctx, mfn);
        return -XEN_EINVAL;
    }
    return 0;
}

int pgtype_unpin(struct pgtype_ctx *ctx, mfn_t mfn, domid_t owner)
{
    uint64_t s;
    int rc;

    if (mfn.n >= frame_limit) {
        return -XEN_EINVAL;
    }
    for (;;) {
        s = frame_read(mfn);
        if ((s & (FRAME_OWNER_MASK | FRAME_PINNED)) != (FRAME_OWNER(owner) | FRAME_PINNED)) {
            return -XEN_EINVAL;
        }
        if (s & FRAME_PARTIAL) {
            /* pinned and going down: an unpin that stopped half-way; retire() takes the bit away */
            if (frame_cas(mfn, &s, s & ~FRAME_PARTIAL)) {
                return work(ctx, mfn, frame_type(s), __atomic_load_n(frame_aux(mfn), __ATOMIC_RELAXED), 0,
                            true);
            }
        } else if (!(s & FRAME_VALIDATED)) {
            rc = wait_while_busy(mfn, frame_type(s), true);
            if (rc != 0) {
                return rc;
            }
        } else if (frame_type_refs(s) > 1) {
            if (frame_cas(mfn, &s, (s & ~FRAME_PINNED) - ONE_OF_EACH)) {
                return 0;
            }
        } else if (frame_cas(mfn, &s, s & ~FRAME_VALIDATED)) {
            return take_back(ctx, mfn, frame_type(s), true);
        }
    }
}
