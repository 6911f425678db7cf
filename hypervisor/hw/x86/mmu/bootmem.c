/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/mmu/bootmem.h>
#include <hw/x86/mmu/mmu.h>
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/image.h>
#include <core/memory/heap.h>
#include <base/contract.h>
#include <base/log.h>

#define RANGES_MAX 64
#define TAKEN_MAX  128
#define LOW_END    0x100000ull /* the first MiB is the firmware's and the first domain's, as in a PC */
#define RAM_END    (VA_DIRECT_END - VA_DIRECT)

struct taken {
    paddr_t start, end;
};

struct ram_range ram_ranges[RANGES_MAX];
unsigned int ram_range_count;

static struct taken taken[TAKEN_MAX]; /* sorted, disjoint, page-aligned */
static unsigned int taken_count;
static uint64_t module_frames;

static void insert_at(unsigned int at, paddr_t start, paddr_t end)
{
    BUG_ON(taken_count == TAKEN_MAX);
    for (unsigned int i = taken_count; i > at; i--) {
        taken[i] = taken[i - 1];
    }
    taken[at] = (struct taken){start, end};
    taken_count++;
}

static void remove_at(unsigned int at)
{
    taken_count--;
    for (unsigned int i = at; i < taken_count; i++) {
        taken[i] = taken[i + 1];
    }
}

/* Mark [@start, @end) taken, merging with what it touches. */
static void take(paddr_t start, paddr_t end)
{
    unsigned int i = 0;

    start = ALIGN_DOWN(start, PAGE_SIZE);
    end = ALIGN_UP(end, PAGE_SIZE);
    while (i < taken_count && taken[i].end < start) {
        i++;
    }
    while (i < taken_count && taken[i].start <= end) {
        start = MIN(start, taken[i].start);
        end = MAX(end, taken[i].end);
        remove_at(i);
    }
    insert_at(i, start, end);
}

static void add_ram(paddr_t start, paddr_t end)
{
    start = ALIGN_UP(MAX_T(paddr_t, start, LOW_END), PAGE_SIZE);
    end = ALIGN_DOWN(MIN_T(paddr_t, end, RAM_END), PAGE_SIZE);
    if (start >= end) {
        return;
    }
    if (ram_range_count > 0) {
        struct ram_range *last = &ram_ranges[ram_range_count - 1];

        if (last->start.n + last->count == start >> PAGE_SHIFT) {
            last->count += (end - start) >> PAGE_SHIFT;
            return;
        }
    }
    if (ram_range_count == RANGES_MAX) {
        log_warning("Memory map has more than %u ranges: %#lx-%#lx is not used", RANGES_MAX, start, end);
        return;
    }
    ram_ranges[ram_range_count++] = (struct ram_range){paddr_to_mfn(start), (end - start) >> PAGE_SHIFT};
}

void bootmem_init(void)
{
    for (unsigned int i = 0; i < boot_info.map_count; i++) {
        if (boot_info.map[i].type == LOADER_MEMORY_RAM) {
            add_ram(boot_info.map[i].start, boot_info.map[i].end);
        }
    }
    take(image_pa(_start_image), image_pa(_end_image));
    for (unsigned int i = 0; i < boot_info.loader.module_count; i++) {
        const struct loader_module *m = &boot_info.loader.modules[i];

        take(m->start, m->end);
        module_frames += (ALIGN_UP(m->end, PAGE_SIZE) - ALIGN_DOWN(m->start, PAGE_SIZE)) >> PAGE_SHIFT;
    }
}

/* Highest free place for @size in [@low, @high), or 0. */
static paddr_t find_free(paddr_t low, paddr_t high, uint64_t size, uint64_t align)
{
    for (unsigned int i = taken_count + 1; i-- > 0;) {
        /* the gap before taken[i]; for i == taken_count the one behind the last */
        paddr_t gap_end = i < taken_count ? MIN(high, taken[i].start) : high;
        paddr_t gap_start = i > 0 ? MAX(low, taken[i - 1].end) : low;
        paddr_t at;

        if (gap_end < size) {
            continue;
        }
        at = ALIGN_DOWN(gap_end - size, align);
        if (at >= gap_start && gap_end > gap_start) {
            return at;
        }
    }
    return 0;
}

paddr_t bootmem_alloc(uint64_t size, uint64_t align, paddr_t limit)
{
    for (unsigned int i = ram_range_count; i-- > 0;) {
        paddr_t low = mfn_to_paddr(ram_ranges[i].start);
        paddr_t high = MIN(limit, low + (ram_ranges[i].count << PAGE_SHIFT));
        paddr_t at = low < high ? find_free(low, high, size, align) : 0;

        if (at) {
            take(at, at + size);
            return at;
        }
    }
    return 0;
}

uint64_t bootmem_frames_used(void)
{
    uint64_t frames = 0;

    for (unsigned int i = 0; i < taken_count; i++) {
        frames += (taken[i].end - taken[i].start) >> PAGE_SHIFT;
    }
    return frames - module_frames;
}

static void give(paddr_t start, paddr_t end)
{
    if (start < end) {
        heap_add_range(paddr_to_mfn(start), (end - start) >> PAGE_SHIFT);
    }
}

void bootmem_give_heap(void)
{
    for (unsigned int r = 0; r < ram_range_count; r++) {
        paddr_t at = mfn_to_paddr(ram_ranges[r].start);
        paddr_t end = at + (ram_ranges[r].count << PAGE_SHIFT);

        for (unsigned int i = 0; i < taken_count && at < end; i++) {
            if (taken[i].end <= at || taken[i].start >= end) {
                continue;
            }
            give(at, taken[i].start);
            at = taken[i].end;
        }
        give(at, end);
    }
}

void bootmem_release(paddr_t start, paddr_t end)
{
    start = ALIGN_UP(start, PAGE_SIZE);
    end = ALIGN_DOWN(end, PAGE_SIZE);
    for (unsigned int r = 0; r < ram_range_count; r++) {
        paddr_t low = mfn_to_paddr(ram_ranges[r].start);

        give(MAX(start, low), MIN(end, low + (ram_ranges[r].count << PAGE_SHIFT)));
    }
}
