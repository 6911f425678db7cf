/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of hw/x86/mmu: page-table building. */
#pragma once
#include <hw/x86/mmu/mmu.h>

/* A cleared page for a table, in the direct map; NULL when memory is out (never before the heap is up). */
uint64_t *mmu_new_table(void);
/* The entry that points to @table. */
uint64_t mmu_table_entry(const uint64_t *table);
/* The entry for @va at @level (1 to 3), making the tables above it if @create. NULL: none, or a large page is in the way. */
uint64_t *mmu_entry(vaddr_t va, unsigned int level, bool create);
/* Map with the largest pages that fit. Start-up only. */
void mmu_map_range(vaddr_t va, paddr_t pa, uint64_t size, uint64_t flags);
/* Back and fill the frame arrays and the machine-to-physical table; set frame_limit. */
void frames_init(void);
