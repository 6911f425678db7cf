/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rare transitions of a frame's state word; the frequent ones are inline in frame.h. */
#include <base/contract.h>
#include <base/frame.h>

uint64_t frame_limit;

void frame_put_last(mfn_t mfn, uint64_t s)
{
    ASSERT(frame_type_refs(s) == 0 && !(s & (FRAME_PINNED | FRAME_ALLOCATED | FRAME_PARTIAL)));
    frame_release(mfn, (domid_t)frame_owner(s));
}

static bool was_special(uint64_t s)
{
    return frame_type(s) != FT_NONE && frame_type(s) != FT_WRITABLE;
}

/*
 * A former page table or descriptor page may still be known to some TLB as such: a guest that writes to it could then make up translations. So its
 * validation is forgotten first (nobody can use it as a table again without a new one), then the TLBs that may know it are flushed.
 * False: something happened to the frame meanwhile, look again.
 */
static bool leave_special_type(mfn_t mfn, uint64_t *s)
{
    uint32_t stamp = __atomic_load_n(frame_aux(mfn), __ATOMIC_RELAXED);
    cpuset_t stale;

    if (*s & FRAME_VALIDATED) {
        if (!frame_cas(mfn, s, *s & ~FRAME_VALIDATED)) {
            return false;
        }
        *s &= ~FRAME_VALIDATED;
    }
    stale = port_tlb_stale(cpus_online, stamp);
    if (!cpuset_is_empty(stale)) {
        port_flush_tlb(stale);
    }
    /* another use as a table in between ended with a later stamp */
    return __atomic_load_n(frame_aux(mfn), __ATOMIC_RELAXED) == stamp;
}

bool frame_get_writable_slow(mfn_t mfn, domid_t owner)
{
    uint64_t s = frame_read(mfn);

    for (;;) {
        uint64_t new;

        if (frame_owner(s) != owner || frame_refs(s) == 0 || frame_refs(s) == FRAME_REF_MASK ||
            (s & FRAME_PARTIAL)) {
            return false;
        }
        if (frame_type_refs(s) > 0 &&
            (frame_type(s) != FT_WRITABLE || (s & FRAME_TREF_MASK) == FRAME_TREF_MASK)) {
            return false;
        }
        if (was_special(s) && !leave_special_type(mfn, &s)) {
            s = frame_read(mfn);
            continue;
        }
        new = (s & ~(FRAME_TYPE_MASK | FRAME_VALIDATED)) | FRAME_TYPE(FT_WRITABLE);
        if (frame_cas(mfn, &s, new + FRAME_REF_ONE + FRAME_TREF_ONE)) {
            return true;
        }
    }
}
