/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page allocator: a buddy allocator over all RAM ranges, orders 0 to HEAP_MAX_ORDER. What is free is kept in a tree of bitmaps for each
 * order (2 bits a frame, taken from the first ranges that are added): the words of free frames hold nothing but refs 0, owner DOMID_NONE, so that
 * a stale look at them is harmless. Memory high up is given first. Lock class heap; any context.
 *
 * Frames that a domain owned may still be in some pCPU's TLB. They wait, counted as free, until a flush (one for some hundred) makes them safe:
 * heap_free_stale().
 *
 * What is free is all zeroes, but for dirty frames: those that nobody has used since power-on, and those of domains that were taken down. They are cleared
 * when they are allocated with HEAP_ZERO, or before, by idle pCPUs (heap_scrub_step()).
 */
#pragma once
#include <base/frame.h>

#define HEAP_MAX_ORDER 18u
#define HEAP_BELOW_4G  (1u << 0) /* the whole block lies under 4 GiB */
#define HEAP_ZERO      (1u << 1) /* all zeroes; without it the contents are anything, also another domain's */
/* The memory node to look in first; then the others, the nearest first. Without one, or where there is no such node: this pCPU's. */
#define HEAP_NODE(node)      ((((node) + 1u) & 0xffu) << 8)
#define HEAP_GET_NODE(flags) ((((flags) >> 8) - 1u) & 0xffu)
#define HEAP_EXACT_NODE      (1u << 2) /* not in the others */

/* Give @count frames from @start to the allocator (start-up, or memory that a module no longer needs). By then frame_limit is set, the
 * frames are in the direct map, and their state words say refs 0, owner DOMID_NONE. */
void heap_add_range(mfn_t start, uint64_t count);
/*
 * 2^order frames, aligned to their size, state word: refs 0, owner DOMID_NONE. INVALID_MFN when there is no such block. With interrupts on it may
 * flush TLBs to make more memory usable when there is none.
 */
mfn_t heap_alloc(unsigned int order, unsigned int flags);
/* The same, using up @claimed (at most 2^order) of the frames promised by heap_claim() when it succeeds. */
mfn_t heap_alloc_claimed(unsigned int order, unsigned int flags, uint64_t claimed);
/* Give back the hypervisor's own: cleared, so that no later owner can read it. No guest can have it mapped. */
void heap_free(mfn_t start, unsigned int order);
/* The same for what is all zeroes already. */
void heap_free_clean(mfn_t start, unsigned int order);
/* Give back a frame that was mapped by guests. It is cleared when no TLB knows it any more, before anybody gets it. */
void heap_free_stale(mfn_t mfn);
/* The same for many frames, best in rising order: they are dirty when no TLB knows them any more, which costs less. */
void heap_free_stale_dirty(mfn_t mfn);
/* One frame for the hypervisor's own use, zeroed, in the direct map; NULL when memory is out. */
void *heap_alloc_page(void);
void heap_free_page(void *page);
/* Frames free now, and all that were ever added (the bitmaps' own included). */
uint64_t heap_free_frames(void);
uint64_t heap_total_frames(void);
/* The same of one memory node, which there is; the RAM that the machine has there, also what the heap never got. */
uint64_t heap_node_free_frames(unsigned int node);
uint64_t heap_node_total_frames(unsigned int node);
/* Boot CPU, once core/numa knows the nodes, and before any domain: free blocks that belong to two of them are divided. */
void heap_split_by_node(void);

/* Idle pCPUs shall clean memory. Turned off when none is left to clean, and on again when a domain is taken down, if they may. */
extern bool heap_scrub_wanted;
extern bool heap_scrub_allowed; /* start-up decides */
/* Clean a few frames, with interrupts off for some microseconds; less when a softirq is due. False: nothing is left to clean. Softirq or idle context. */
bool heap_scrub_step(void);
/* Free frames that may hold something from before the hypervisor ran, or of a domain that was taken down. */
uint64_t heap_dirty_frames(void);

/* Claims: @frames are promised to a domain and not given to others; see domain_mem.h. -XEN_ENOMEM when not that many are free. */
int heap_claim(uint64_t frames);
void heap_unclaim(uint64_t frames);
uint64_t heap_claimed_frames(void);

/* Forget everything: for host programs that start over with another arena. */
void heap_reset(void);
/* Check every invariant (slow): panics on a violation. For tests and the debug build's key handler. */
void heap_check(void);
