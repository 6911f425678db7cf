/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bitmaps over uint64_t words: bit n is bit n % 64 of word n / 64.
 *
 * Declare one with DECLARE_BITMAP(name, bit_count). Every function takes the number of bits; bits at and
 * above it in the last word are ignored by the queries and left as they are by set/clear of single bits.
 * Plain functions need the caller's lock; the bitmap_atomic_* and bitmap_test_and_* ones are sequentially
 * consistent and need none.
 */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include <lib/bits.h>

#define BITMAP_WORDS(bit_count)         (((bit_count) + 63) / 64)
#define DECLARE_BITMAP(name, bit_count) uint64_t name[BITMAP_WORDS(bit_count)]

static inline void bitmap_set(uint64_t *map, size_t bit)
{
    map[bit / 64] |= BIT(bit % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t bit)
{
    map[bit / 64] &= ~BIT(bit % 64);
}

static inline void bitmap_assign(uint64_t *map, size_t bit, bool value)
{
    if (value) {
        bitmap_set(map, bit);
    } else {
        bitmap_clear(map, bit);
    }
}

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
    return __atomic_load_n(&map[bit / 64], __ATOMIC_RELAXED) & BIT(bit % 64);
}

static inline void bitmap_atomic_set(uint64_t *map, size_t bit)
{
    __atomic_fetch_or(&map[bit / 64], BIT(bit % 64), __ATOMIC_SEQ_CST);
}

static inline void bitmap_atomic_clear(uint64_t *map, size_t bit)
{
    __atomic_fetch_and(&map[bit / 64], ~BIT(bit % 64), __ATOMIC_SEQ_CST);
}

/* Set, clear or flip the bit in one step; each returns what it was. */
static inline bool bitmap_test_and_set(uint64_t *map, size_t bit)
{
    return __atomic_fetch_or(&map[bit / 64], BIT(bit % 64), __ATOMIC_SEQ_CST) & BIT(bit % 64);
}

static inline bool bitmap_test_and_clear(uint64_t *map, size_t bit)
{
    return __atomic_fetch_and(&map[bit / 64], ~BIT(bit % 64), __ATOMIC_SEQ_CST) & BIT(bit % 64);
}

static inline bool bitmap_test_and_flip(uint64_t *map, size_t bit)
{
    return __atomic_fetch_xor(&map[bit / 64], BIT(bit % 64), __ATOMIC_SEQ_CST) & BIT(bit % 64);
}

/* All bits 0, or all bits 1; bits from @bit_count up in the last word become 0 in both. */
void bitmap_zero(uint64_t *map, size_t bit_count);
void bitmap_fill(uint64_t *map, size_t bit_count);

/* Set or clear the bits [@first, @first + @count). */
void bitmap_set_range(uint64_t *map, size_t first, size_t count);
void bitmap_clear_range(uint64_t *map, size_t first, size_t count);

/* Lowest set (clear) bit at or after @from (0 for the find_first forms); @bit_count when there is none. */
size_t bitmap_find_next(const uint64_t *map, size_t bit_count, size_t from);
size_t bitmap_find_next_zero(const uint64_t *map, size_t bit_count, size_t from);

static inline size_t bitmap_find_first(const uint64_t *map, size_t bit_count)
{
    return bitmap_find_next(map, bit_count, 0);
}

static inline size_t bitmap_find_first_zero(const uint64_t *map, size_t bit_count)
{
    return bitmap_find_next_zero(map, bit_count, 0);
}

/* Number of set bits. */
size_t bitmap_weight(const uint64_t *map, size_t bit_count);

bool bitmap_is_empty(const uint64_t *map, size_t bit_count);
bool bitmap_is_full(const uint64_t *map, size_t bit_count);
bool bitmap_equal(const uint64_t *a, const uint64_t *b, size_t bit_count);
bool bitmap_intersects(const uint64_t *a, const uint64_t *b, size_t bit_count);
/* Is every bit of @a also in @b? */
bool bitmap_is_subset(const uint64_t *a, const uint64_t *b, size_t bit_count);

/* @dst = the operation on @a and @b, whole words; @dst may be either of them. */
void bitmap_copy(uint64_t *dst, const uint64_t *src, size_t bit_count);
void bitmap_and(uint64_t *dst, const uint64_t *a, const uint64_t *b, size_t bit_count);
void bitmap_or(uint64_t *dst, const uint64_t *a, const uint64_t *b, size_t bit_count);
void bitmap_andnot(uint64_t *dst, const uint64_t *a, const uint64_t *b, size_t bit_count);

#define bitmap_for_each(bit, map, bit_count)                             \
    for ((bit) = bitmap_find_first(map, bit_count); (bit) < (bit_count); \
         (bit) = bitmap_find_next(map, bit_count, (bit) + 1))

#endif
