/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that nobody uses, linked through their own first word: last in, first out. The caller has the lock, and no guest has the frames mapped. */
#pragma once
#include <base/frame.h>

struct frame_list {
    mfn_t first; /* meaningful while count > 0 */
    uint64_t count;
};

static inline void frame_list_push(struct frame_list *l, mfn_t mfn)
{
    *(uint64_t *)mfn_to_virt(mfn) = l->first.n;
    l->first = mfn;
    l->count++;
}

/* INVALID_MFN when it is empty. The first word of what comes out is 0. */
static inline mfn_t frame_list_pop(struct frame_list *l)
{
    mfn_t mfn = l->first;
    uint64_t *next;

    if (l->count == 0) {
        return INVALID_MFN;
    }
    next = mfn_to_virt(mfn);
    l->first = MFN(*next);
    *next = 0;
    l->count--;
    return mfn;
}
