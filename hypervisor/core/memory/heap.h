/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page allocator: a buddy allocator over all RAM ranges, orders 0 to HEAP_MAX_ORDER. Free frames have a zero reference count and
 * owner DOMID_NONE; their list links are in the frames' own auxiliary and state words. Lock class heap; any context.
 */
#pragma once
#include <base/frame.h>

#define HEAP_MAX_ORDER 18u
#define HEAP_BELOW_4G (1u << 0) /* the whole block lies under 4 GiB */
#define HEAP_ZERO (1u << 1) /* clear it */

/* Give @count frames from @start to the allocator (start-up, or memory that a module no longer needs). */
void heap_add_range(mfn_t start, uint64_t count);
/* 2^order frames, aligned to their size, state word: refs 0, owner DOMID_NONE. INVALID_MFN when there is no such block. */
mfn_t heap_alloc(unsigned int order, unsigned int flags);
void heap_free(mfn_t start, unsigned int order);
/* One frame for the hypervisor's own use, zeroed, in the direct map; NULL when memory is out. */
void *heap_alloc_page(void);
void heap_free_page(void *page);
/* Frames free now, and all that were ever added. */
uint64_t heap_free_frames(void);
uint64_t heap_total_frames(void);

/* Claims: @frames are promised to a domain and not given to others; see domain_mem.h. -XEN_ENOMEM when not that many are free. */
int heap_claim(uint64_t frames);
void heap_unclaim(uint64_t frames);
uint64_t heap_claimed_frames(void);
