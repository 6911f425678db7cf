/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmap with summaries: see heap_map.h. */
#include <core/memory/heap_map.h>

static uint64_t words_for(uint64_t bits)
{
    return bits > 64 ? DIV_ROUND_UP(bits, 64) : 1;
}

uint64_t heap_map_words(uint64_t bits)
{
    uint64_t words = 0, n = words_for(bits);

    for (; n > 1; n = words_for(n)) {
        words += n;
    }
    return words + 1;
}

void heap_map_init(struct heap_map *m, uint64_t bits, uint64_t *words)
{
    uint64_t n = words_for(bits);
    unsigned int k = 0;

    m->bits = bits;
    for (;; k++, n = words_for(n)) {
        m->level[k] = words;
        words += n;
        if (n == 1) {
            break;
        }
    }
    m->top = k;
}

/* The highest set bit under word @word of level @k, which is not 0. */
static uint64_t descend(const struct heap_map *m, unsigned int k, uint64_t word)
{
    for (;;) {
        word = word * 64 + fls64(m->level[k][word]) - 1;
        if (k == 0) {
            return word;
        }
        k--;
    }
}

uint64_t heap_map_highest(const struct heap_map *m)
{
    return m->level[m->top][0] ? descend(m, m->top, 0) : HEAP_MAP_NONE;
}

uint64_t heap_map_highest_below(const struct heap_map *m, uint64_t end)
{
    uint64_t bit = end;

    if (end >= m->bits) {
        return heap_map_highest(m);
    }
    for (unsigned int k = 0; k <= m->top; k++) {
        uint64_t word = bit / 64;
        uint64_t low = bit % 64 ? m->level[k][word] & (BIT(bit % 64) - 1) : 0;

        if (low) {
            uint64_t found = word * 64 + fls64(low) - 1;

            return k == 0 ? found : descend(m, k - 1, found);
        }
        bit = word;
    }
    return HEAP_MAP_NONE;
}
