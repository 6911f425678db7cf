/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small objects out of heap pages: what zalloc()/zfree() are on the machine. Objects of up to SLAB_MAX bytes share pages, by size class; larger ones take
 * 2^n pages. Lock class slab; any context.
 */
#pragma once
#include <lib/bits.h>

#define SLAB_MAX 1984u

/* Zeroed, aligned to 16 bytes (to 64 when the size is a multiple of 64, to a page when it is over SLAB_MAX); NULL when memory is out. */
void *slab_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void slab_free(void *ptr);
/* Pages that hold small objects now. */
uint64_t slab_pages(void);
/* Forget everything: for host programs that start over with another arena. */
void slab_reset(void);
