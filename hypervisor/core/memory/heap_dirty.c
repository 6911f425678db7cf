/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See heap_dirty.h. */
#include <base/frame.h>
#include <core/memory/heap_dirty.h>
#include <lib/string.h>

#define WORD_BITS 64u

uint64_t *heap_dirty_bits;
uint64_t heap_dirty_total;

static uint64_t limit;

uint64_t heap_dirty_words(uint64_t frames)
{
    return DIV_ROUND_UP(frames, WORD_BITS);
}

void heap_dirty_init(uint64_t frames, uint64_t *zeroed)
{
    heap_dirty_bits = zeroed;
    limit = frames;
    heap_dirty_total = 0;
}

/* The bits of @count frames from @frame on that are in its word. */
static uint64_t mask_in_word(uint64_t frame, uint64_t count)
{
    uint64_t first = frame % WORD_BITS, n = MIN(count, WORD_BITS - first);

    return (n == WORD_BITS ? ~0ull : BIT(n) - 1) << first;
}

/* Frames of one word, which may also be about frames that others have. */
static void mark_part(uint64_t frame, uint64_t count)
{
    if (count > 0) {
        __atomic_fetch_or(&heap_dirty_bits[frame / WORD_BITS], mask_in_word(frame, count), __ATOMIC_RELAXED);
    }
}

void heap_dirty_mark(mfn_t start, uint64_t count)
{
    uint64_t whole = MIN(ALIGN_UP(start.n, WORD_BITS), start.n + count), end = start.n + count;
    uint64_t tail = MAX(ALIGN_DOWN(end, WORD_BITS), whole);

    mark_part(start.n, whole - start.n);
    memset(&heap_dirty_bits[whole / WORD_BITS], 0xff, (tail - whole) / 8);
    mark_part(tail, end - tail);
    __atomic_fetch_add(&heap_dirty_total, count, __ATOMIC_RELAXED); /* none of them was dirty before */
}

uint64_t heap_dirty_next(uint64_t from)
{
    while (from < limit) {
        uint64_t left =
            __atomic_load_n(&heap_dirty_bits[from / WORD_BITS], __ATOMIC_RELAXED) >> (from % WORD_BITS);

        if (left) {
            return from + ffs64(left) - 1;
        }
        from = (from / WORD_BITS + 1) * WORD_BITS;
    }
    return HEAP_DIRTY_NONE;
}

/* Those of @mask that are dirty in word @word. */
static void take_in_word(uint64_t word, uint64_t mask, bool clear)
{
    uint64_t taken = __atomic_load_n(&heap_dirty_bits[word], __ATOMIC_RELAXED) & mask;

    if (likely(taken == 0)) {
        return;
    }
    __atomic_fetch_and(&heap_dirty_bits[word], ~taken, __ATOMIC_RELAXED);
    __atomic_fetch_sub(&heap_dirty_total, hweight64(taken), __ATOMIC_RELAXED);
    for (; clear && taken; taken &= taken - 1) {
        port_clear_page(mfn_to_virt(MFN(word * WORD_BITS + ffs64(taken) - 1)));
    }
}

void heap_dirty_take_slow(mfn_t start, unsigned int order, bool clear)
{
    uint64_t word = start.n / WORD_BITS;

    if (order < 6) {
        take_in_word(word, mask_in_word(start.n, 1ull << order), clear);
        return;
    }
    for (uint64_t n = BIT(order - 6); n > 0; n--) {
        take_in_word(word++, ~0ull, clear);
    }
}
