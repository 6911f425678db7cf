/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitmaps: everything that walks words. See bitmap.h.
 */
#include <lib/bitmap.h>

/* The bits of word @word that lie below @bit_count. */
static uint64_t valid_mask(size_t word, size_t bit_count)
{
    size_t left = bit_count - word * 64;

    return left >= 64 ? ~UINT64_C(0) : BIT(left) - 1;
}

static uint64_t load(const uint64_t *map, size_t word)
{
    return __atomic_load_n(&map[word], __ATOMIC_RELAXED);
}

void bitmap_zero(uint64_t *map, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        map[i] = 0;
    }
}

void bitmap_fill(uint64_t *map, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        map[i] = valid_mask(i, bit_count);
    }
}

/* The bits of word @word that lie in [@first, @end). */
static uint64_t range_mask(size_t word, size_t first, size_t end)
{
    uint64_t mask = valid_mask(word, end);

    if (first > word * 64) {
        mask &= ~(BIT(first - word * 64) - 1);
    }
    return mask;
}

void bitmap_set_range(uint64_t *map, size_t first, size_t count)
{
    for (size_t i = first / 64; i < BITMAP_WORDS(first + count); i++) {
        map[i] |= range_mask(i, first, first + count);
    }
}

void bitmap_clear_range(uint64_t *map, size_t first, size_t count)
{
    for (size_t i = first / 64; i < BITMAP_WORDS(first + count); i++) {
        map[i] &= ~range_mask(i, first, first + count);
    }
}

/* The lowest bit at or after @from that is set once each word is xored with @flip. */
static size_t find_next(const uint64_t *map, size_t bit_count, size_t from, uint64_t flip)
{
    uint64_t ignore = BIT(from % 64) - 1;

    if (from >= bit_count) {
        return bit_count;
    }
    for (size_t i = from / 64; i < BITMAP_WORDS(bit_count); i++) {
        uint64_t word = (load(map, i) ^ flip) & ~ignore;

        if (word) {
            return MIN(i * 64 + ffs64(word) - 1, bit_count);
        }
        ignore = 0;
    }
    return bit_count;
}

size_t bitmap_find_next(const uint64_t *map, size_t bit_count, size_t from)
{
    return find_next(map, bit_count, from, 0);
}

size_t bitmap_find_next_zero(const uint64_t *map, size_t bit_count, size_t from)
{
    return find_next(map, bit_count, from, ~UINT64_C(0));
}

size_t bitmap_weight(const uint64_t *map, size_t bit_count)
{
    size_t weight = 0;

    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        weight += hweight64(load(map, i) & valid_mask(i, bit_count));
    }
    return weight;
}

bool bitmap_is_empty(const uint64_t *map, size_t bit_count)
{
    return bitmap_find_first(map, bit_count) == bit_count;
}

bool bitmap_is_full(const uint64_t *map, size_t bit_count)
{
    return bitmap_find_first_zero(map, bit_count) == bit_count;
}

bool bitmap_equal(const uint64_t *a, const uint64_t *b, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        if ((load(a, i) ^ load(b, i)) & valid_mask(i, bit_count)) {
            return false;
        }
    }
    return true;
}

bool bitmap_intersects(const uint64_t *a, const uint64_t *b, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        if (load(a, i) & load(b, i) & valid_mask(i, bit_count)) {
            return true;
        }
    }
    return false;
}

bool bitmap_is_subset(const uint64_t *a, const uint64_t *b, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        if (load(a, i) & ~load(b, i) & valid_mask(i, bit_count)) {
            return false;
        }
    }
    return true;
}

void bitmap_copy(uint64_t *dst, const uint64_t *src, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        dst[i] = load(src, i);
    }
}

void bitmap_and(uint64_t *dst, const uint64_t *a, const uint64_t *b, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        dst[i] = load(a, i) & load(b, i);
    }
}

void bitmap_or(uint64_t *dst, const uint64_t *a, const uint64_t *b, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        dst[i] = load(a, i) | load(b, i);
    }
}

void bitmap_andnot(uint64_t *dst, const uint64_t *a, const uint64_t *b, size_t bit_count)
{
    for (size_t i = 0; i < BITMAP_WORDS(bit_count); i++) {
        dst[i] = load(a, i) & ~load(b, i);
    }
}
