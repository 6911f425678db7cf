/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arrays with an element for each frame: state words, auxiliary words, machine-to-physical table. Memory stands only behind the parts that describe
 * RAM; elsewhere, up to frame_limit, one read-only page is mapped again and again, so that any frame number below the limit can be looked up.
 */
#include <hw/x86/mmu/tables.h>
#include <hw/x86/mmu/bootmem.h>
#include <base/frame.h>
#include <lib/string.h>

#define LARGE_PAGE      (PAGE_SIZE << 9)
#define PAGES_IN_LARGE  512u
#define SPARE_PAGES_MAX 4u /* a large page may waste so many small ones */

struct frame_array {
    vaddr_t va;
    unsigned int element_size;
    uint64_t user; /* MMU_U when guests read it */
    uint8_t fill;  /* each byte of an element that describes no RAM */
};

static const struct frame_array arrays[] = {
    {VA_FRAME_STATE, 8, 0, 0x00},
    {VA_FRAME_AUX, 4, 0, 0x00},
    {VA_M2P_RW, 8, MMU_U, 0xff},
};

/* Does any RAM lie in frames [@first, @first + @count)? */
static bool holds_ram(uint64_t first, uint64_t count)
{
    for (unsigned int i = 0; i < ram_range_count; i++) {
        const struct ram_range *r = &ram_ranges[i];

        if (first < r->start.n + r->count && r->start.n < first + count) {
            return true;
        }
    }
    return false;
}

bool frame_is_ram(mfn_t mfn)
{
    return mfn.n < frame_limit && holds_ram(mfn.n, 1);
}

static paddr_t table_pa(const void *table)
{
    return mfn_to_paddr(virt_to_mfn(table));
}

/* What guests read is not global: it disappears with the page tables of a guest's kernel when its user mode runs. */
static uint64_t leaf_flags(uint64_t map, const struct frame_array *a)
{
    return a->user ? (map & ~MMU_G) | a->user : map;
}

static void back_pages(const struct frame_array *a, vaddr_t va, paddr_t fill_page)
{
    uint64_t per_page = PAGE_SIZE / a->element_size;
    uint64_t first = (va - a->va) / a->element_size;
    uint64_t *l1 = mmu_new_table();

    for (unsigned int i = 0; i < PAGES_IN_LARGE; i++, first += per_page) {
        if (holds_ram(first, per_page)) {
            paddr_t pa = bootmem_alloc(PAGE_SIZE, PAGE_SIZE, ~0ull);

            BUG_ON(pa == 0);
            memset(mfn_to_virt(paddr_to_mfn(pa)), a->fill, PAGE_SIZE);
            l1[i] = pa | leaf_flags(MAP_RW, a);
        } else {
            l1[i] = fill_page | leaf_flags(MAP_R, a);
        }
    }
    *mmu_entry(va, 2, true) = mmu_table_entry(l1);
}

static bool back_large(const struct frame_array *a, vaddr_t va)
{
    uint64_t per_page = PAGE_SIZE / a->element_size;
    uint64_t first = (va - a->va) / a->element_size;
    unsigned int spare = 0;
    paddr_t pa;

    for (unsigned int i = 0; i < PAGES_IN_LARGE; i++) {
        spare += !holds_ram(first + i * per_page, per_page);
    }
    if (spare > SPARE_PAGES_MAX) {
        return false;
    }
    pa = bootmem_alloc(LARGE_PAGE, LARGE_PAGE, ~0ull);
    if (pa == 0) {
        return false;
    }
    memset(mfn_to_virt(paddr_to_mfn(pa)), a->fill, LARGE_PAGE);
    *mmu_entry(va, 2, true) = pa | leaf_flags(MAP_RW, a) | MMU_PS;
    return true;
}

static void build_array(const struct frame_array *a)
{
    uint64_t *fill_page = mmu_new_table(), *fill_l1 = mmu_new_table(), *fill_l2 = mmu_new_table();
    uint64_t size = ALIGN_UP(frame_limit * a->element_size, LARGE_PAGE);
    uint64_t per_large = LARGE_PAGE / a->element_size;

    memset(fill_page, a->fill, PAGE_SIZE);
    for (unsigned int i = 0; i < PAGES_IN_LARGE; i++) {
        fill_l1[i] = table_pa(fill_page) | leaf_flags(MAP_R, a);
        fill_l2[i] = mmu_table_entry(fill_l1);
    }
    for (uint64_t at = 0; at < size; at += LARGE_PAGE) {
        uint64_t first = at / a->element_size;
        vaddr_t va = a->va + at;

        if (IS_ALIGNED(va, LARGE_PAGE << 9) && !holds_ram(first, per_large << 9)) {
            *mmu_entry(va, 3, true) = mmu_table_entry(fill_l2);
            at += (LARGE_PAGE << 9) - LARGE_PAGE;
        } else if (!holds_ram(first, per_large)) {
            *mmu_entry(va, 2, true) = mmu_table_entry(fill_l1);
        } else if (!back_large(a, va)) {
            back_pages(a, va, table_pa(fill_page));
        }
    }
}

void frames_init(void)
{
    const struct ram_range *last = &ram_ranges[ram_range_count - 1];

    frame_limit = last->start.n + last->count;
    for (unsigned int i = 0; i < ARRAY_SIZE(arrays); i++) {
        build_array(&arrays[i]);
    }
    for (unsigned int i = 0; i < ram_range_count; i++) {
        uint64_t *state = frame_state(ram_ranges[i].start);

#pragma GCC unroll 16
        for (uint64_t n = 0; n < ram_ranges[i].count; n++) {
            state[n] = FRAME_OWNER(DOMID_NONE);
        }
    }
}
