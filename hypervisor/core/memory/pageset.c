/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sparse bitmaps of frames: see pageset.h. */
#include <base/contract.h>
#include <core/memory/heap.h>
#include <core/memory/pageset.h>
#include <lib/bitmap.h>

#define CHUNK_FRAMES (1ull << PAGESET_CHUNK_SHIFT)

BUILD_ASSERT(CHUNK_FRAMES / 8 == PAGE_SIZE, "a chunk's bitmap is a page");

static uint64_t chunk_of(mfn_t mfn)
{
    return mfn.n >> PAGESET_CHUNK_SHIFT;
}

static uint64_t bit_of(mfn_t mfn)
{
    return mfn.n & (CHUNK_FRAMES - 1);
}

int pageset_init(struct pageset *s)
{
    *s = (struct pageset){.chunk_count = (uint32_t)DIV_ROUND_UP(frame_limit, CHUNK_FRAMES)};
    s->chunks = zalloc(s->chunk_count * sizeof(*s->chunks));
    s->counts = zalloc(s->chunk_count * sizeof(*s->counts));
    if (!s->chunks || !s->counts) {
        pageset_destroy(s);
        return -XEN_ENOMEM;
    }
    return 0;
}

void pageset_destroy(struct pageset *s)
{
    for (uint32_t i = 0; s->chunks && i < s->chunk_count; i++) {
        heap_free_page(s->chunks[i]);
    }
    zfree(s->chunks);
    zfree(s->counts);
    *s = (struct pageset){0};
}

int pageset_prepare(struct pageset *s, mfn_t mfn)
{
    uint64_t c = chunk_of(mfn);

    ASSERT(c < s->chunk_count);
    if (likely(s->chunks[c])) {
        return 0;
    }
    s->chunks[c] = heap_alloc_page();
    return s->chunks[c] ? 0 : -XEN_ENOMEM;
}

int pageset_prepare_range(struct pageset *s, mfn_t start, uint64_t count)
{
    uint64_t last = chunk_of(mfn_add(start, count - 1));

    for (uint64_t c = chunk_of(start); c <= last; c++) {
        if (pageset_prepare(s, MFN(c << PAGESET_CHUNK_SHIFT)) != 0) {
            return -XEN_ENOMEM;
        }
    }
    return 0;
}

void pageset_add_range(struct pageset *s, mfn_t start, uint64_t count)
{
    s->count += count;
    while (count > 0) {
        uint64_t c = chunk_of(start), n = MIN(count, CHUNK_FRAMES - bit_of(start));

        ASSERT(c < s->chunk_count && s->chunks[c]);
        bitmap_set_range(s->chunks[c], bit_of(start), n);
        s->counts[c] += (uint32_t)n;
        start = mfn_add(start, n);
        count -= n;
    }
}

void pageset_add(struct pageset *s, mfn_t mfn)
{
    uint64_t c = chunk_of(mfn);

    ASSERT(c < s->chunk_count && s->chunks[c] && !bitmap_test(s->chunks[c], bit_of(mfn)));
    bitmap_set(s->chunks[c], bit_of(mfn));
    s->counts[c]++;
    s->count++;
}

void pageset_remove(struct pageset *s, mfn_t mfn)
{
    uint64_t c = chunk_of(mfn);

    ASSERT(pageset_has(s, mfn));
    bitmap_clear(s->chunks[c], bit_of(mfn));
    s->count--;
    if (--s->counts[c] == 0) {
        heap_free_clean(virt_to_mfn(s->chunks[c]), 0); /* all its bits are 0 again */
        s->chunks[c] = NULL;
    }
}

bool pageset_has(const struct pageset *s, mfn_t mfn)
{
    uint64_t c = chunk_of(mfn);

    return c < s->chunk_count && s->chunks[c] && bitmap_test(s->chunks[c], bit_of(mfn));
}

uint64_t pageset_count_in(const struct pageset *s, mfn_t first, mfn_t end)
{
    uint64_t n = 0;

    while (first.n < end.n && chunk_of(first) < s->chunk_count) {
        uint64_t c = chunk_of(first), part = MIN(end.n - first.n, CHUNK_FRAMES - bit_of(first));

        if (part == CHUNK_FRAMES) {
            n += s->counts[c];
        } else if (s->counts[c] > 0) {
            for (uint64_t bit = bit_of(first); bit < bit_of(first) + part; bit++) {
                n += bitmap_test(s->chunks[c], bit);
            }
        }
        first = mfn_add(first, part);
    }
    return n;
}

mfn_t pageset_next(const struct pageset *s, mfn_t from)
{
    uint64_t start = bit_of(from);

    for (uint64_t c = chunk_of(from); c < s->chunk_count; c++, start = 0) {
        uint64_t bit, word;

        if (!s->chunks[c] || s->counts[c] == 0) {
            continue;
        }
        word = s->chunks[c][start / 64] >> (start % 64); /* mostly the next frame is there too */
        if (likely(word != 0)) {
            return MFN((c << PAGESET_CHUNK_SHIFT) + start + ffs64(word) - 1);
        }
        bit = bitmap_find_next(s->chunks[c], CHUNK_FRAMES, start);
        if (bit < CHUNK_FRAMES) {
            return MFN((c << PAGESET_CHUNK_SHIFT) + bit);
        }
    }
    return INVALID_MFN;
}
