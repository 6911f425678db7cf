/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Table building, the image and the direct map, run-time mappings. The frame arrays are in frames.c. */
#include <hw/x86/mmu/mmu.h>
#include <hw/x86/mmu/bootmem.h>
#include <hw/x86/mmu/tables.h>
#include <hw/x86/boot/image.h>
#include <hw/x86/cpu/insn.h>
#include <core/memory/heap.h>
#include <base/lock.h>
#include <lib/string.h>

#define TABLE_FLAGS    (MMU_P | MMU_W | MMU_U | MMU_A)
#define BOOT_MAP_END   (4ull << 30) /* what the boot page tables map */
#define LOW_MEMORY_END 0x100000ull

static struct spinlock mmu_lock = SPINLOCK_INIT(mmu);
static uint64_t *master_l4;
static bool has_1g_pages;
static bool is_heap_ready; /* tables come from the page heap */
static bool is_switched;   /* the final tables are in CR3: the direct map holds all RAM */
static vaddr_t dynamic_next = VA_DYNAMIC_FREE;

static unsigned int index_at(vaddr_t va, unsigned int level)
{
    return (va >> (PAGE_SHIFT + 9 * (level - 1))) & 511;
}

static uint64_t *entry_table(uint64_t entry)
{
    return mfn_to_virt(paddr_to_mfn(entry & MMU_ADDR));
}

uint64_t *mmu_new_table(void)
{
    paddr_t pa;
    void *table;

    if (is_heap_ready) {
        return heap_alloc_page();
    }
    pa = bootmem_alloc(PAGE_SIZE, PAGE_SIZE, is_switched ? ~0ull : BOOT_MAP_END);
    BUG_ON(pa == 0);
    table = mfn_to_virt(paddr_to_mfn(pa));
    memset(table, 0, PAGE_SIZE);
    return table;
}

uint64_t mmu_table_entry(const uint64_t *table)
{
    return mfn_to_paddr(virt_to_mfn(table)) | TABLE_FLAGS;
}

uint64_t *mmu_entry(vaddr_t va, unsigned int level, bool create)
{
    uint64_t *table = master_l4;

    for (unsigned int at = 4; at > level; at--) {
        uint64_t *e = &table[index_at(va, at)];

        if (!(*e & MMU_P)) {
            uint64_t *below = create ? mmu_new_table() : NULL;

            if (!below) {
                return NULL;
            }
            *e = mmu_table_entry(below);
        } else if (at < 4 && (*e & MMU_PS)) {
            return NULL;
        }
        table = entry_table(*e);
    }
    return &table[index_at(va, level)];
}

void mmu_map_range(vaddr_t va, paddr_t pa, uint64_t size, uint64_t flags)
{
    while (size > 0) {
        unsigned int level = 1;
        uint64_t step = PAGE_SIZE;
        uint64_t *e;

        for (unsigned int try = has_1g_pages ? 3 : 2; try > 1; try--) {
            uint64_t page = PAGE_SIZE << (9 * (try - 1));

            if (size >= page && IS_ALIGNED(va | pa, page)) {
                level = try;
                step = page;
                break;
            }
        }
        e = mmu_entry(va, level, true);
        BUG_ON(!e);
        *e = pa | flags | (level > 1 ? MMU_PS : 0);
        va += step;
        pa += step;
        size -= step;
    }
}

/* One part of the direct map, leaving out writes where the image's text and read-only data are. */
static void map_direct(paddr_t start, paddr_t end)
{
    paddr_t ro_start = image_pa(_text_start), ro_end = image_pa(_rodata_end);
    paddr_t cut[4] = {start, MIN(MAX(start, ro_start), end), MIN(MAX(start, ro_end), end), end};

    for (unsigned int i = 0; i < 3; i++) {
        mmu_map_range(VA_DIRECT + cut[i], cut[i], cut[i + 1] - cut[i], i == 1 ? MAP_R : MAP_RW);
    }
}

static void map_image_part(const char *start, const char *end, uint64_t flags)
{
    mmu_map_range((vaddr_t)start, image_pa(start), (uint64_t)(end - start), flags);
}

static void map_image(void)
{
    const char *guard = boot_stack + STACK_GUARD_PAGE * PAGE_SIZE;

    BUG_ON((vaddr_t)_start_image != VA_IMAGE || image_pa(_start_image) != IMAGE_LOAD_PA);
    map_image_part(_text_start, _text_end, MAP_RX);
    map_image_part(_rodata_start, _rodata_end, MAP_R);
    map_image_part(_data_start, guard, MAP_RW);
    map_image_part(guard + PAGE_SIZE, _end_image, MAP_RW);
}

/* A level 3 table for each slot, before any L4 copies them. The machine-to-physical table is one set of tables under two entries. */
static void make_slots(void)
{
    master_l4 = mmu_new_table();
    for (unsigned int slot = L4_SLOT_FIRST; slot < L4_SLOT_FIRST + L4_SLOT_COUNT; slot++) {
        master_l4[slot] = mmu_table_entry(mmu_new_table()) & ~MMU_U;
        if (slot == index_at(VA_M2P_RO, 4)) {
            slot++;
            master_l4[slot] = master_l4[slot - 1];
            master_l4[slot - 1] = (master_l4[slot] | MMU_U) & ~MMU_W;
        }
    }
}

void mmu_init(void)
{
    has_1g_pages = cpuid(0x80000001, 0).edx & BIT(26);
    bootmem_init();
    make_slots();
    map_image();
    map_direct(0, LOW_MEMORY_END);
    for (unsigned int i = 0; i < ram_range_count; i++) {
        paddr_t start = mfn_to_paddr(ram_ranges[i].start);

        map_direct(start, start + (ram_ranges[i].count << PAGE_SHIFT));
    }
    write_cr3(mmu_master_l4());
    is_switched = true;
    mmu_init_cpu();
    frames_init();
}

void mmu_give_heap(void)
{
    bootmem_give_heap();
    is_heap_ready = true;
}

uint64_t mmu_boot_frames_used(void)
{
    return bootmem_frames_used();
}

static uint64_t cr4_features(void)
{
    uint32_t features = cpuid(0, 0).eax >= 7 ? cpuid(7, 0).ebx : 0;

    return features & EBX7_SMEP ? CR4_SMEP : 0;
}

void mmu_init_cpu(void)
{
    write_cr0(CR0_PE | CR0_MP | BIT(4) | CR0_NE | CR0_WP | CR0_PG);
    write_cr4(CR4_PAE | CR4_MCE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT | cr4_features());
    wrmsr(MSR_PAT, MMU_PAT);
}

paddr_t mmu_master_l4(void)
{
    return mfn_to_paddr(virt_to_mfn(master_l4));
}

void mmu_copy_hypervisor_slots(uint64_t *l4)
{
    memcpy(l4 + L4_SLOT_FIRST, master_l4 + L4_SLOT_FIRST, L4_SLOT_COUNT * sizeof(*l4));
}

uint64_t *mmu_pte(vaddr_t va)
{
    return mmu_entry(va, 1, false);
}

int mmu_map_page(vaddr_t va, mfn_t mfn, uint64_t flags)
{
    unsigned long irq = spin_lock_irqsave(&mmu_lock);
    uint64_t *e = mmu_entry(va, 1, true);

    if (e) {
        ASSERT(!(*e & MMU_P));
        *e = mfn_to_paddr(mfn) | flags;
    }
    spin_unlock_irqrestore(&mmu_lock, irq);
    return e ? 0 : -XEN_ENOMEM;
}

void mmu_unmap_page(vaddr_t va)
{
    uint64_t *e = mmu_pte(va);

    if (e) {
        __atomic_store_n(e, 0, __ATOMIC_RELAXED);
        port_flush_tlb_page(cpus_online, va);
    }
}

/* Take @size bytes of the dynamic area. Addresses are not reused: it holds 512 GiB. */
static vaddr_t take_dynamic(uint64_t size, uint64_t align)
{
    unsigned long irq = spin_lock_irqsave(&mmu_lock);
    vaddr_t va = ALIGN_UP(dynamic_next, align);

    dynamic_next = va + size;
    spin_unlock_irqrestore(&mmu_lock, irq);
    return va;
}

static void *map_physical(paddr_t pa, uint64_t size_bytes, uint64_t flags)
{
    paddr_t first = ALIGN_DOWN(pa, PAGE_SIZE);
    uint64_t size = ALIGN_UP(pa + size_bytes, PAGE_SIZE) - first;
    vaddr_t va = take_dynamic(size, PAGE_SIZE);

    for (uint64_t done = 0; done < size; done += PAGE_SIZE) {
        if (mmu_map_page(va + done, paddr_to_mfn(first + done), flags) < 0) {
            return NULL;
        }
    }
    return (void *)(va + (pa - first));
}

void *mmu_map_device(paddr_t pa, uint64_t size_bytes)
{
    return map_physical(pa, size_bytes, MAP_UNCACHED);
}

const void *mmu_map_firmware(paddr_t pa, uint64_t size_bytes)
{
    return map_physical(pa, size_bytes, MAP_R);
}

int mmu_desc_window_init(unsigned int cpu)
{
    return mmu_entry(mmu_desc_window_va(cpu, 0), 1, true) ? 0 : -XEN_ENOMEM;
}

uint64_t *mmu_desc_window_pte(unsigned int cpu, unsigned int page)
{
    return mmu_pte(mmu_desc_window_va(cpu, page));
}

vaddr_t mmu_alloc_stack(void)
{
    vaddr_t base = take_dynamic(STACK_SIZE, STACK_SIZE);

    for (unsigned int i = 0; i < STACK_SIZE / PAGE_SIZE; i++) {
        void *page;

        if (i == STACK_GUARD_PAGE) {
            continue;
        }
        page = heap_alloc_page();
        if (!page || mmu_map_page(base + i * PAGE_SIZE, virt_to_mfn(page), MAP_RW) < 0) {
            return 0;
        }
    }
    return base;
}

mfn_t mmu_translate(vaddr_t va)
{
    for (unsigned int level = 1; level <= 3; level++) {
        const uint64_t *e = mmu_entry(va, level, false);

        if (e) {
            uint64_t below = va & ((1ull << (12 + 9 * (level - 1))) - 1);

            return *e & MMU_P ? paddr_to_mfn((*e & MMU_ADDR) + (level > 1 ? below : 0)) : INVALID_MFN;
        }
    }
    return INVALID_MFN;
}
