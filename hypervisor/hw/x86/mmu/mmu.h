/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor's own page tables: L4 slots 256 to 271, one level 3 table each, allocated once, so that every L4 that copied the slots
 * sees all later mappings. W^X holds: text RX, read-only data R, the rest RW without execution; the direct map's alias of text and read-only
 * data is read-only too. AMD APM volume 2, 5.3.
 *
 * Tables below level 3 are added under the lock class heap's rules (no lock here: start-up, or the caller's own); they are never freed.
 */
#pragma once
#include <base/layout.h>
#include <base/types.h>

#define MMU_P    BIT(0)
#define MMU_W    BIT(1)
#define MMU_U    BIT(2)
#define MMU_PWT  BIT(3)
#define MMU_PCD  BIT(4)
#define MMU_A    BIT(5)
#define MMU_D    BIT(6)
#define MMU_PS   BIT(7)
#define MMU_G    BIT(8)
#define MMU_NX   BIT(63)
#define MMU_ADDR 0x000ffffffffff000ull

/* Kinds of mapping. Leaf entries are made accessed and dirty: nobody looks, and the CPU need not write them. */
#define MAP_R        (MMU_P | MMU_A | MMU_D | MMU_G | MMU_NX)
#define MAP_RW       (MAP_R | MMU_W)
#define MAP_RX       (MAP_R & ~MMU_NX)
#define MAP_UNCACHED (MAP_RW | MMU_PCD | MMU_PWT)

/* The PAT that every CPU has, which is part of the PV ABI: WB WT UC- UC WC WP UC UC. */
#define MMU_PAT 0x0000050100070406ull

/* Build the final tables from boot_info, take memory for the frame arrays, switch to them. Boot CPU, once; then mmu_give_heap(). */
void mmu_init(void);
/* Hand all RAM that is not in use to the heap. */
void mmu_give_heap(void);
/* Physical address of the hypervisor's own L4, for CR3 when no PV guest runs. */
paddr_t mmu_master_l4(void);
/* Write the 16 hypervisor entries to their place in a PV guest's L4 (a mapped page). */
void mmu_copy_hypervisor_slots(uint64_t *l4);

/*
 * Map one page at @va, in VA_DYNAMIC, with MAP_* flags. The old mapping must be empty. -XEN_ENOMEM: no page for a table.
 * mmu_unmap_page() removes it and flushes it on every CPU; interrupts on.
 */
int mmu_map_page(vaddr_t va, mfn_t mfn, uint64_t flags);
void mmu_unmap_page(vaddr_t va);
/* Map a device's registers, uncached; any alignment. Stays for good. NULL: no memory. */
void *mmu_map_device(paddr_t pa, uint64_t size_bytes);
/* Map firmware's tables, cached and read-only; any alignment. Stays for good. NULL: no memory. */
const void *mmu_map_firmware(paddr_t pa, uint64_t size_bytes);
/* The entry that maps @va (level 1), or NULL when there is none or a larger page. */
uint64_t *mmu_pte(vaddr_t va);
/* The frame that @va is mapped to, by a page of any size; INVALID_MFN: none. */
mfn_t mmu_translate(vaddr_t va);

/* Descriptor windows: make the table entries for @cpu (-XEN_ENOMEM), then find the entry of a page: 0-15 GDT, 16-31 LDT. */
int mmu_desc_window_init(unsigned int cpu);
uint64_t *mmu_desc_window_pte(unsigned int cpu, unsigned int page);
static inline vaddr_t mmu_desc_window_va(unsigned int cpu, unsigned int page)
{
    return VA_DESC_WINDOWS + ((uint64_t)cpu * DESC_WINDOW_PAGES + page) * PAGE_SIZE;
}

/*
 * A pCPU's stack block (base/layout.h): pages 0-3 are the interrupt stack table's stacks, page 4 is an unmapped guard, the rest is the main
 * stack, with struct cpu_info at its top. Returns the block's base, or 0 when memory is out.
 */
#define STACK_GUARD_PAGE 4
vaddr_t mmu_alloc_stack(void);

/* RAM above 1 MiB that has frame words, sorted: what the page heap covers. */
struct ram_range {
    mfn_t start;
    uint64_t count;
};
extern struct ram_range ram_ranges[];
extern unsigned int ram_range_count;
/* Pages that the hypervisor took for itself before the heap: image, tables, frame arrays. */
uint64_t mmu_boot_frames_used(void);

/* This CPU's control registers and PAT: first thing on each CPU once it is in the final tables. */
void mmu_init_cpu(void);
