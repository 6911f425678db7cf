/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which free frames may hold something: a bit each, set when memory is added and when a domain is taken down, taken by whoever owns the frame, with
 * atomic operations. Everything else is cleared before it is free: a free frame that is not dirty is all zeroes. Private to the heap.
 */
#pragma once
#include <base/types.h>

#define HEAP_DIRTY_NONE (~0ull)

/* Words for frames below @limit. */
uint64_t heap_dirty_words(uint64_t limit);
/* Over zeroed @words. */
void heap_dirty_init(uint64_t limit, uint64_t *words);
/* The caller owns the frames, and none of them is dirty yet. */
void heap_dirty_mark(mfn_t start, uint64_t count);
/* A bit for each frame, and how many are set: atomic. */
extern uint64_t *heap_dirty_bits;
extern uint64_t heap_dirty_total;
/* How many are dirty. */
static inline uint64_t heap_dirty_count(void)
{
    return __atomic_load_n(&heap_dirty_total, __ATOMIC_RELAXED);
}
/* The first dirty frame from @from on; HEAP_DIRTY_NONE. */
uint64_t heap_dirty_next(uint64_t from);
/* The caller owns the 2^order frames, aligned to their size: they are dirty no more; with @clear those that were are filled with zeroes. */
void heap_dirty_take_slow(mfn_t start, unsigned int order, bool clear);
static inline void heap_dirty_take(mfn_t start, unsigned int order, bool clear)
{
    if (unlikely(heap_dirty_count() != 0) &&
        (order != 0 ||
         (__atomic_load_n(&heap_dirty_bits[start.n / 64], __ATOMIC_RELAXED) >> (start.n % 64) & 1))) {
        heap_dirty_take_slow(start, order, clear);
    }
}
