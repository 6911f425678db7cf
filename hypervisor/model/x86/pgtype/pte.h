/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page-table entries of 64-bit PV guests: bits, and which of them a guest may set. AMD APM volume 2, 5.3 and 5.4. */
#pragma once
#include <base/types.h>

#define PTE_P    BIT(0)
#define PTE_RW   BIT(1)
#define PTE_US   BIT(2)
#define PTE_PWT  BIT(3)
#define PTE_PCD  BIT(4)
#define PTE_A    BIT(5)
#define PTE_D    BIT(6)
#define PTE_PAT  BIT(7) /* level 1 */
#define PTE_PSE  BIT(7) /* level 2 and up */
#define PTE_G    BIT(8)
#define PTE_NX   BIT(63)
#define PTE_ADDR 0x000ffffffffff000ull
/* Software's bits 9 to 11 and 52 to 62 are the guest's: Linux keeps its own in some of them. Protection keys, which 59 to 62 are, are off for PV guests. */
#define PTE_CACHE   (PTE_PWT | PTE_PCD | PTE_PAT)
#define PTE_ENTRIES 512u

/* What no present entry of a guest above level 1 may have. Level 1 may choose the memory type; G is taken out silently there. */
#define PTE_TABLE_REFUSED (PTE_PSE | PTE_G | PTE_PWT | PTE_PCD)

static inline mfn_t pte_mfn(uint64_t e)
{
    return MFN((e & PTE_ADDR) >> PAGE_SHIFT);
}

/* Index of @va in a table of @level (1..4). */
static inline unsigned int pte_index(vaddr_t va, unsigned int level)
{
    return (va >> (PAGE_SHIFT + 9 * (level - 1))) & (PTE_ENTRIES - 1);
}
