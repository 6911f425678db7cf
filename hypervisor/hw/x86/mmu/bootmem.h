/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory before the page heap: RAM ranges of the machine, and what of them is taken. Allocation is from the top down; at the end what is not
 * taken goes to the heap. Boot CPU only.
 */
#pragma once
#include <base/types.h>

/* Read boot_info: find the RAM ranges, mark image and modules taken. */
void bootmem_init(void);
/* @size bytes, aligned to @align (a power of two, at least a page), below @limit; not cleared. 0 when there is none. */
paddr_t bootmem_alloc(uint64_t size, uint64_t align, paddr_t limit);
/* Give everything that is free to the heap; bootmem_alloc() must not be called afterwards. */
void bootmem_give_heap(void);
/*
 * What was taken for [@start, @end), as far as whole pages of it are RAM that is used at all, goes to the heap: a loader may put modules into the first MiB, which
 * is the first domain's. Once for each, after bootmem_give_heap().
 */
void bootmem_release(paddr_t start, paddr_t end);
/* Frames taken so far, modules not counted. */
uint64_t bootmem_frames_used(void);
