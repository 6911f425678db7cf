/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames: who owns each page of memory, how often it is referenced, and as what.
 *
 * One 64-bit state word a frame, so that every transition is one compare-and-exchange:
 *
 *   bits  0-23  refs       general references; the frame is freed when they reach 0
 *   bits 24-41  type_refs  references to the frame as its type (each also holds a general reference)
 *   bits 42-56  owner      domain id, or DOMID_NONE
 *   bits 57-59  type       enum frame_type; meaningful while type_refs > 0, remembered (validated or not) after
 *   bit  60     validated  a page table or descriptor page whose contents were checked
 *   bit  61     partial    validation or its undoing stopped half-way; frame_aux holds the progress
 *   bit  62     pinned     a guest holds a type reference by an explicit pin
 *   bit  63     allocated  the owner's own reference, dropped when the page is given back
 *
 * A free frame, and one that the hypervisor uses for itself, has owner DOMID_NONE and no references; the allocator keeps nothing else in the state
 * word. A page that the hypervisor shares with a domain
 * (shared info, grant table) is owned by that domain, without `allocated`: the domain can map it, and cannot give it back.
 *
 * The 32-bit auxiliary word belongs to whoever the state says: core/memory while the frame is free or the hypervisor's own (slab pages), validation
 * progress while partial, else the TLB clock (port_tlb_clock) at which the last type reference went; a type may then change only after the
 * pCPUs in port_tlb_stale(that clock) flushed.
 *
 * Page types exist for PV guests only (the rules are in model/x86/pgtype); for others the type is none or writable.
 */
#pragma once
#include <base/assert.h>
#include <base/contract.h>
#include <base/layout.h>
#include <base/types.h>
#include <port/memory.h> /* frame_state(), frame_aux(), mfn_to_virt(), virt_to_mfn() */

enum frame_type {
    FT_NONE = 0,
    FT_L1 = 1,
    FT_L2 = 2,
    FT_L3 = 3,
    FT_L4 = 4,
    FT_SEGDESC = 5,
    FT_WRITABLE = 6,
};

#define FRAME_REF_ONE      (1ull << 0)
#define FRAME_REF_MASK     0xffffffull
#define FRAME_TREF_SHIFT   24
#define FRAME_TREF_ONE     (1ull << FRAME_TREF_SHIFT)
#define FRAME_TREF_MASK    (0x3ffffull << FRAME_TREF_SHIFT)
#define FRAME_OWNER_SHIFT  42
#define FRAME_OWNER_MASK   (0x7fffull << FRAME_OWNER_SHIFT)
#define FRAME_TYPE_SHIFT   57
#define FRAME_TYPE_MASK    (7ull << FRAME_TYPE_SHIFT)
#define FRAME_VALIDATED    (1ull << 60)
#define FRAME_PARTIAL      (1ull << 61)
#define FRAME_PINNED       (1ull << 62)
#define FRAME_ALLOCATED    (1ull << 63)
#define FRAME_OWNER(domid) ((uint64_t)(domid) << FRAME_OWNER_SHIFT)
#define FRAME_TYPE(t)      ((uint64_t)(t) << FRAME_TYPE_SHIFT)

/* Frames below this number have state words; the words of holes in memory read as 0 refs, owner 0 and are never handed out. */
extern uint64_t frame_limit;
/* True when @mfn is RAM that the allocator manages (it has a state word and belongs to a memory range). */
bool frame_is_ram(mfn_t mfn);

static inline uint64_t frame_read(mfn_t mfn)
{
    return __atomic_load_n(frame_state(mfn), __ATOMIC_RELAXED);
}

static inline bool frame_cas(mfn_t mfn, uint64_t *old, uint64_t new)
{
    return __atomic_compare_exchange_n(frame_state(mfn), old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline unsigned int frame_refs(uint64_t s)
{
    return s & FRAME_REF_MASK;
}

static inline unsigned int frame_type_refs(uint64_t s)
{
    return (s & FRAME_TREF_MASK) >> FRAME_TREF_SHIFT;
}

static inline unsigned int frame_owner(uint64_t s)
{
    return (s & FRAME_OWNER_MASK) >> FRAME_OWNER_SHIFT;
}

static inline enum frame_type frame_type(uint64_t s)
{
    return (enum frame_type)((s & FRAME_TYPE_MASK) >> FRAME_TYPE_SHIFT);
}

/* Called by frame_put() when the last reference to a frame of @owner goes; defined by core/memory, which gives it back to the heap. */
void frame_release(mfn_t mfn, domid_t owner);

/* The rare parts of the functions below. */
void frame_put_last(mfn_t mfn, uint64_t s);
bool frame_get_writable_slow(mfn_t mfn, domid_t owner);

/*
 * Take a general reference to @mfn if it is RAM owned by @owner and in use. False when it is not, or when the counter is full
 * (a guest can cause both). Any context.
 */
static inline bool frame_get(mfn_t mfn, domid_t owner)
{
    uint64_t s;

    if (unlikely(mfn.n >= frame_limit)) {
        return false;
    }
    s = frame_read(mfn);
    do {
        /* refs - 1 wraps for a free frame: one comparison refuses both 0 and a full counter */
        if (unlikely((s & FRAME_OWNER_MASK) != FRAME_OWNER(owner) ||
                     frame_refs(s) - 1u >= FRAME_REF_MASK - 1u)) {
            return false;
        }
    } while (unlikely(!frame_cas(mfn, &s, s + FRAME_REF_ONE)));
    return true;
}

/* Take another reference to a frame already referenced by the caller; false when the counter is full. */
static inline bool frame_get_again(mfn_t mfn)
{
    uint64_t s = frame_read(mfn);

    do {
        ASSERT(frame_refs(s) > 0);
        if (unlikely(frame_refs(s) == FRAME_REF_MASK)) {
            return false;
        }
    } while (unlikely(!frame_cas(mfn, &s, s + FRAME_REF_ONE)));
    return true;
}

/* Drop a reference; the last one frees the frame: see frame_release() above. Takes the owner's domain_mem lock then. */
static inline void frame_put(mfn_t mfn)
{
    uint64_t s = __atomic_sub_fetch(frame_state(mfn), FRAME_REF_ONE, __ATOMIC_SEQ_CST);

    ASSERT(frame_refs(s) != FRAME_REF_MASK);
    if (unlikely(frame_refs(s) == 0)) {
        frame_put_last(mfn, s);
    }
}

/*
 * Take a general reference and a type reference for FT_WRITABLE (the only type that needs no validation): owner @owner, and not
 * in use as a page table or descriptor page. False otherwise. frame_put_writable() drops both. May flush TLBs: interrupts on,
 * unless the frame is known to be no former page table.
 */
static inline bool frame_get_writable(mfn_t mfn, domid_t owner)
{
    uint64_t s;

    if (unlikely(mfn.n >= frame_limit)) {
        return false;
    }
    s = frame_read(mfn);
    do {
        if (unlikely((s & (FRAME_OWNER_MASK | FRAME_TYPE_MASK | FRAME_PARTIAL)) !=
                         (FRAME_OWNER(owner) | FRAME_TYPE(FT_WRITABLE)) ||
                     frame_refs(s) - 1u >= FRAME_REF_MASK - 1u || (s & FRAME_TREF_MASK) == FRAME_TREF_MASK)) {
            return frame_get_writable_slow(mfn, owner);
        }
    } while (unlikely(!frame_cas(mfn, &s, s + FRAME_REF_ONE + FRAME_TREF_ONE)));
    return true;
}

static inline void frame_put_writable(mfn_t mfn)
{
    uint64_t s = frame_read(mfn);

    do {
        ASSERT(frame_refs(s) > 0 && frame_type_refs(s) > 0 && frame_type(s) == FT_WRITABLE);
        if (frame_type_refs(s) == 1) {
            /* before the count says 0: whoever sees 0 must find the time at which translations may still have existed */
            __atomic_store_n(frame_aux(mfn), port_tlb_clock(), __ATOMIC_RELAXED);
        }
    } while (unlikely(!frame_cas(mfn, &s, s - FRAME_REF_ONE - FRAME_TREF_ONE)));
    if (unlikely(frame_refs(s) == 1)) {
        frame_put_last(mfn, s - FRAME_REF_ONE - FRAME_TREF_ONE);
    }
}

/* Clear `allocated`: true for the one caller who may then drop the owner's reference with frame_put(). The caller holds a reference. */
static inline bool frame_take_allocated(mfn_t mfn)
{
    return __atomic_fetch_and(frame_state(mfn), ~FRAME_ALLOCATED, __ATOMIC_SEQ_CST) & FRAME_ALLOCATED;
}
