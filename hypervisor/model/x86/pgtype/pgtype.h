/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page types of PV guests: which frames are page tables of which level, which are descriptor pages, which are writable; never two at once.
 *
 * A PV guest's page tables are the real ones, so each entry is checked before a CPU can use it, and each present entry holds a reference:
 *   level 1, writable    general + type FT_WRITABLE on the frame it maps
 *   level 1, read-only   general on the frame it maps
 *   level 2, 3, 4        general + type of the level below
 * Frames that are no memory (devices) are not counted. The hypervisor's slots of a level 4 table hold no references, and neither does its entry for
 * itself, which must be read-only (a recursive, or linear, map; between different tables of one level there is none).
 *
 * States of a frame used as table or descriptor page (bits of base/frame.h; T = type_refs):
 *   idle       T = 0, type none or writable; free to become anything
 *   busy       T = 1, neither validated nor partial: one pCPU checks it, or takes its entries' references back; others wait or come back
 *   partial    T = 1, partial: the same, stopped half-way for preemption; entries [0, n) hold references, n and the direction are in
 *              frame_aux. The one reference is the state's own. Whoever needs the frame next goes on with it.
 *   validated  T >= 1, may be walked by CPUs and changed entry by entry
 * Invariants: T > 0 means one type; entries change by compare-and-exchange only, and whoever replaced an entry drops the references that
 * the old one held; a table of level n waits only for tables of lower levels, so waits form no circle (no reference is on a table of the
 * entry's own level).
 *
 * No locks. TLBs: a frame that was writable is checked only after the CPUs that may still have writable translations flushed; references of
 * a table that was linked are taken back, and the frame becomes usable as something else, only after those that may still walk it
 * flushed. The time at which the last link went is in frame_aux (a clock, port_tlb_clock()) while the frame is idle or validated.
 *
 * Interrupts must be on (flushes wait for other CPUs).
 */
#pragma once
#include <base/frame.h>
#include <base/layout.h>
#include <model/x86/pgtype/pte.h>

#define PGTYPE_UNFINISHED 2u

struct pgtype_ctx {
    domid_t domain; /* owner of the page tables */
    domid_t
        data_owner; /* of the frames that updated level 1 entries may map; DOMID_IO: devices only; DOMID_XEN: arch_may_map_hypervisor() */
    bool may_uncache; /* level 1 entries may choose another memory type than write-back for memory */
    /* pCPUs that may have translations of the domain: read when needed, since it changes. NULL: all online. */
    const cpuset_t *cpus;
    /*
     * Out: frames whose references could not all be taken back before preemption was due; the operation itself is done. The caller makes
     * sure that pgtype_finish() is called for each before the guest goes on. INVALID_MFN: none. An operation leaves two at most: what the
     * old entry led to, and, when another vCPU took all other references to it meanwhile, the table itself.
     */
    mfn_t unfinished[PGTYPE_UNFINISHED];
};

/* A context for @domain's own tables and frames. */
static inline struct pgtype_ctx pgtype_ctx_init(domid_t domain, const cpuset_t *cpus)
{
    return (struct pgtype_ctx){
        .domain = domain, .data_owner = domain, .cpus = cpus, .unfinished = {INVALID_MFN, INVALID_MFN}};
}

/* @mfn is left unfinished. */
static inline void pgtype_leave(struct pgtype_ctx *ctx, mfn_t mfn)
{
    ctx->unfinished[mfn_is_invalid(ctx->unfinished[0]) ? 0 : 1] = mfn;
}

/*
 * Take a general and a type reference to @mfn of @owner as @type, checking its contents when it is not yet of that type.
 * -XEN_EINVAL: not @owner's, given back, in use as something else, an entry that must not be, or a full counter; -XEN_EBUSY, -XEN_EPERM: an entry of a
 * level 1 table, as pgtype_update_l1();
 * -XEN_ERESTART: come back (@preemptible only); what was done so far is kept.
 */
int pgtype_get(struct pgtype_ctx *ctx, mfn_t mfn, domid_t owner, enum frame_type type, bool preemptible);

/* The reference dropped was (unless this is set, was not) a link that a CPU could walk until now: a table's entry. */
#define PGT_LINKED 1u
/* May stop half-way: then -XEN_ERESTART. */
#define PGT_PREEMPT 2u
/* Drop a general and a type reference. The reference is gone in any case; -XEN_ERESTART: pgtype_finish() it. */
int pgtype_put(struct pgtype_ctx *ctx, mfn_t mfn, unsigned int flags);
/* Go on taking back references that a put left; nothing when there is nothing to do. -XEN_ERESTART: again. */
int pgtype_finish(struct pgtype_ctx *ctx, mfn_t mfn);
/* Take back what an abandoned check or put left, whichever it was. For teardown. -XEN_ERESTART (@preemptible only): again. */
int pgtype_abandon(struct pgtype_ctx *ctx, mfn_t mfn, bool preemptible);

/* The guest's own type reference. Errors as pgtype_get(); -XEN_EINVAL also: pinned already. */
int pgtype_pin(struct pgtype_ctx *ctx, mfn_t mfn, domid_t owner, enum frame_type type);
/* -XEN_EINVAL: not @owner's or not pinned. -XEN_ERESTART: still pinned, again. */
int pgtype_unpin(struct pgtype_ctx *ctx, mfn_t mfn, domid_t owner);

/* Flags of updates. */
#define PGT_PRESERVE_AD 1u /* or the entry's accessed and dirty bits into the new value */
#define PGT_REFERENCED \
    2u /* the references of the new entry are taken already; on an error they are the caller's still */

/*
 * Replace an entry of a level 1 table that the caller holds a type reference of. -XEN_EBUSY: memory that is not the owner's, in use as something else, or
 * whose counter is full; -XEN_EPERM: a device frame that the owner may not map; -XEN_EINVAL: the frame number that stands for none.
 */
int pgtype_update_l1(struct pgtype_ctx *ctx, uint64_t *pte, uint64_t new, unsigned int flags);
/* The same if the entry holds *@old. -XEN_EAGAIN: it does not; *@old is what it holds. */
int pgtype_cas_l1(struct pgtype_ctx *ctx, uint64_t *pte, uint64_t *old, uint64_t new);
/*
 * Drop the references of a level 1 entry, present or not, that was in a validated table and is not any more. Until TLBs are flushed somebody else must
 * hold the frame, unless no CPU can have used the entry.
 */
void pgtype_l1_drop(uint64_t e);
/*
 * Replace entry @index of a table @table of level 2 to 4, referenced by the caller. Errors as pgtype_get(), and -XEN_EPERM: the hypervisor's slot.
 * On -XEN_ERESTART nothing was changed; 0 may come with ctx->unfinished.
 */
int pgtype_update_table(struct pgtype_ctx *ctx, mfn_t table, enum frame_type type, unsigned int index,
                        uint64_t new, unsigned int flags);

/*
 * A descriptor as a guest may have it: code and data are made ring 3 and accessed (so that CPUs never write them); of present system
 * descriptors only the upper halves of others (type 0) pass: no gates, no task state, no local tables. False: refused.
 */
bool pgtype_descriptor_ok(uint64_t *desc);

/* Reference @mfn of @owner as the validated table (or descriptor page) that it is now: its type, or FT_NONE when it is none. */
static inline enum frame_type pgtype_get_current(mfn_t mfn, domid_t owner)
{
    uint64_t s;

    if (unlikely(mfn.n >= frame_limit)) {
        return FT_NONE;
    }
    s = frame_read(mfn);
    do {
        if (unlikely((s & (FRAME_OWNER_MASK | FRAME_VALIDATED)) != (FRAME_OWNER(owner) | FRAME_VALIDATED) ||
                     (s & FRAME_TREF_MASK) == FRAME_TREF_MASK || frame_refs(s) == FRAME_REF_MASK)) {
            return FT_NONE;
        }
    } while (unlikely(!frame_cas(mfn, &s, s + FRAME_REF_ONE + FRAME_TREF_ONE)));
    return frame_type(s);
}

/* Undo it. If it was the last reference after all, and preemption is due: ctx->unfinished. */
static inline void pgtype_put_current(struct pgtype_ctx *ctx, mfn_t mfn)
{
    uint64_t s = frame_read(mfn);

    do {
        if (unlikely(frame_type_refs(s) == 1)) {
            if (pgtype_put(ctx, mfn, PGT_PREEMPT) != 0) {
                pgtype_leave(ctx, mfn);
            }
            return;
        }
    } while (unlikely(!frame_cas(mfn, &s, s - FRAME_REF_ONE - FRAME_TREF_ONE)));
}

static inline bool pgtype_is_hypervisor_slot(enum frame_type type, unsigned int index)
{
    return type == FT_L4 && index - L4_SLOT_FIRST < L4_SLOT_COUNT;
}
