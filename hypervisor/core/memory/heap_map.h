/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bitmap with summaries, for finding a set bit fast: bit n of level k + 1 says that word n of level k is not 0. Private to the heap; its lock guards.
 */
#pragma once
#include <lib/bits.h>

#define HEAP_MAP_LEVELS 6u
#define HEAP_MAP_NONE   (~0ull)

struct heap_map {
    uint64_t *level[HEAP_MAP_LEVELS];
    unsigned int top; /* the level that has one word */
    uint64_t bits;
};

/* Words that heap_map_init() needs for @bits bits. */
uint64_t heap_map_words(uint64_t bits);
/* Over zeroed @words. */
void heap_map_init(struct heap_map *m, uint64_t bits, uint64_t *words);
/* The highest set bit, the highest below @end; HEAP_MAP_NONE when there is none. */
uint64_t heap_map_highest(const struct heap_map *m);
uint64_t heap_map_highest_below(const struct heap_map *m, uint64_t end);

static inline bool heap_map_test(const struct heap_map *m, uint64_t bit)
{
    return (m->level[0][bit / 64] >> (bit % 64)) & 1;
}

static inline void heap_map_set(struct heap_map *m, uint64_t bit)
{
    for (unsigned int k = 0; k <= m->top; k++) {
        uint64_t *w = &m->level[k][bit / 64];
        uint64_t before = *w;

        *w = before | BIT(bit % 64);
        if (before != 0) {
            return;
        }
        bit /= 64;
    }
}

static inline void heap_map_clear(struct heap_map *m, uint64_t bit)
{
    for (unsigned int k = 0; k <= m->top; k++) {
        uint64_t *w = &m->level[k][bit / 64];

        *w &= ~BIT(bit % 64);
        if (*w != 0) {
            return;
        }
        bit /= 64;
    }
}
