/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of frames: a directory of bitmap pages, each covering 128 MiB of machine memory, allocated when first needed. The caller locks.
 */
#pragma once
#include <base/frame.h>

#define PAGESET_CHUNK_SHIFT 15 /* frames a bitmap page covers */

struct pageset {
    uint64_t **chunks; /* by mfn >> PAGESET_CHUNK_SHIFT; NULL: none there */
    uint32_t *counts;  /* members in each chunk */
    uint32_t chunk_count;
    uint64_t count;
};

/* -XEN_ENOMEM. */
int pageset_init(struct pageset *s);
void pageset_destroy(struct pageset *s);
/* Make sure that adding @mfn, or any of @count frames from @start on, cannot fail: -XEN_ENOMEM otherwise. */
int pageset_prepare(struct pageset *s, mfn_t mfn);
int pageset_prepare_range(struct pageset *s, mfn_t start, uint64_t count);
/* pageset_prepare() was called for it; it is not a member. */
void pageset_add(struct pageset *s, mfn_t mfn);
/* The same for @count frames from @start on. */
void pageset_add_range(struct pageset *s, mfn_t start, uint64_t count);
/* It is a member. An emptied bitmap page is freed. */
void pageset_remove(struct pageset *s, mfn_t mfn);
bool pageset_has(const struct pageset *s, mfn_t mfn);
/* How many members there are in [@first, @end). */
uint64_t pageset_count_in(const struct pageset *s, mfn_t first, mfn_t end);
/* The first member at or after @from; INVALID_MFN when none. */
mfn_t pageset_next(const struct pageset *s, mfn_t from);
