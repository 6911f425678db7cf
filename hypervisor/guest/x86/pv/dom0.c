/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Carry out a plan (dom0_plan.h): allocate, copy, write page tables, start info and p2m. The tables are written as plain memory and then taken
 * through the page-type machine like any guest's, so a mistake here is refused there.
 */
#include <abi/elfnote.h>
#include <base/log.h>
#include <core/domain/arch.h>
#include <core/memory/heap.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/selectors.h>
#include <guest/x86/pv/dom0.h>
#include <guest/x86/pv/dom0_plan.h>
#include <guest/x86/pv/mm.h>
#include <guest/x86/pv/pv.h>
#include <lib/printf.h>
#include <lib/string.h>

#define PTE_P       0x1ull
#define PTE_RW      0x2ull
#define PTE_US      0x4ull
#define PTE_AD      0x60ull
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_US | PTE_AD)
#define CHUNK_ORDER 9u

struct builder {
    struct domain *d;
    const struct pv_build *in;
    struct pv_plan plan;
    uint64_t *mfns;      /* by pfn */
    uint64_t next_table; /* pfn of the next unused page-table page */
};

static void *page_at(struct builder *b, uint64_t pfn)
{
    return mfn_to_virt(MFN(b->mfns[pfn]));
}

/* In chunks as large as possible; what is left of a failed large one is tried smaller. */
static int allocate(struct builder *b)
{
    unsigned int order = CHUNK_ORDER;
    uint64_t pfn = 0;

    while (pfn < b->in->pages) {
        mfn_t start;
        int rc;

        while ((1ull << order) > b->in->pages - pfn) {
            order--;
        }
        rc = domain_mem_alloc(&b->d->mem, order, DOMAIN_MEM_AS_IS, &start);
        if (rc != 0) {
            if (order == 0) {
                log_error("First domain: no memory for page %lu of %lu; lower dom0_mem=\n",
                          (unsigned long)pfn, (unsigned long)b->in->pages);
                return rc;
            }
            order--;
            continue;
        }
        for (uint64_t i = 0; i < 1ull << order; i++) {
            b->mfns[pfn] = start.n + i;
            m2p_set(mfn_add(start, i), pfn);
            pfn++;
        }
    }
    return 0;
}

static void copy_in(struct builder *b, uint64_t offset, const void *from, uint64_t bytes)
{
    const uint8_t *src = from;

    while (bytes > 0) {
        uint64_t in_page = offset & ~PAGE_MASK;
        uint64_t n = MIN(bytes, PAGE_SIZE - in_page);

        memcpy((uint8_t *)page_at(b, offset >> PAGE_SHIFT) + in_page, src, n);
        src += n;
        offset += n;
        bytes -= n;
    }
}

static void clear_pages(struct builder *b, uint64_t first, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        memset(page_at(b, first + i), 0, PAGE_SIZE);
    }
}

static void load_kernel(struct builder *b)
{
    struct elf_segment seg;
    uint32_t i = 0;

    while (elf_next_load(b->in->elf, &i, &seg)) {
        copy_in(b, seg.paddr - b->in->notes->paddr_offset, b->in->elf->bytes + seg.offset, seg.file_size);
    }
}

/* The table one level down that @entry points at, made when it is not there. */
static uint64_t *next_level(struct builder *b, uint64_t *entry)
{
    if (*entry == 0) {
        uint64_t pfn = b->next_table++;

        *entry = (b->mfns[pfn] << PAGE_SHIFT) | TABLE_FLAGS;
    }
    return mfn_to_virt(paddr_to_mfn(*entry & 0x000ffffffffff000ull));
}

static void map(struct builder *b, uint64_t *l4, uint64_t va, uint64_t pfn, bool writable)
{
    uint64_t *l3 = next_level(b, &l4[va >> 39 & 511]);
    uint64_t *l2 = next_level(b, &l3[va >> 30 & 511]);
    uint64_t *l1 = next_level(b, &l2[va >> 21 & 511]);

    l1[va >> 12 & 511] = (b->mfns[pfn] << PAGE_SHIFT) | PTE_P | PTE_US | PTE_AD | (writable ? PTE_RW : 0);
}

static bool is_table(const struct pv_plan *p, uint64_t pfn)
{
    uint64_t p2m_tables = p->p2m_pfn + p->p2m_pages;

    return (pfn >= p->table_pfn && pfn < p->table_pfn + p->table_pages) ||
           (p->p2m_tables && pfn >= p2m_tables && pfn < p2m_tables + p->p2m_tables);
}

static void write_tables(struct builder *b)
{
    const struct pv_plan *p = &b->plan;
    uint64_t *l4;

    clear_pages(b, p->table_pfn, p->table_pages);
    b->next_table = p->table_pfn;
    l4 = page_at(b, b->next_table++);
    for (uint64_t pfn = 0; pfn < p->mapped_pages; pfn++) {
        map(b, l4, b->in->notes->virt_base + (pfn << PAGE_SHIFT), pfn, !is_table(p, pfn));
    }
    if (p->p2m_tables) {
        b->next_table = p->p2m_pfn + p->p2m_pages;
        clear_pages(b, b->next_table, p->p2m_tables);
        for (uint64_t i = 0; i < p->p2m_pages; i++) {
            map(b, l4, p->p2m_va + (i << PAGE_SHIFT), p->p2m_pfn + i, true);
        }
    }
    hw_fill_l4(l4);
}

static void write_start_info(struct builder *b)
{
    const struct pv_plan *p = &b->plan;
    struct start_info *si = page_at(b, p->start_info_pfn);
    uint64_t base = b->in->notes->virt_base;

    memset(si, 0, PAGE_SIZE);
    zsnprintf(si->magic, sizeof(si->magic), "xen-%u.%u-x86_64", 3u, 0u);
    si->nr_pages = b->in->pages;
    si->shared_info = mfn_to_paddr(b->d->shared_mfn);
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->pt_base = base + (p->table_pfn << PAGE_SHIFT);
    si->nr_pt_frames = p->table_pages;
    si->mfn_list = p->p2m_va;
    if (p->p2m_tables) {
        si->first_p2m_pfn = p->p2m_pfn;
        si->nr_p2m_frames = p->p2m_pages + p->p2m_tables;
    }
    if (b->in->ramdisk) {
        bool by_pfn = b->in->notes->mod_start_pfn != 0;

        si->mod_start = by_pfn ? p->ramdisk_pfn : base + (p->ramdisk_pfn << PAGE_SHIFT);
        si->flags |= by_pfn ? SIF_MOD_START_PFN : 0;
        si->mod_len = b->in->ramdisk_size;
    }
    strlcpy((char *)si->cmd_line, b->in->cmdline, sizeof(si->cmd_line));
}

static int start_vcpu(struct builder *b)
{
    const struct pv_plan *p = &b->plan;
    struct x86_vcpu *xv = x86_vcpu(b->d->vcpus[0]);
    uint64_t base = b->in->notes->virt_base;
    struct x86_regs *r = &xv->regs;
    int rc = pv_adopt_base_table(xv, MFN(b->mfns[p->table_pfn]));

    if (rc != 0) {
        log_error("First domain: its page tables were refused (%d)\n", rc);
        return rc;
    }
    r->rip = b->in->notes->entry;
    r->cs = SEL_RING3_CS64;
    r->rsp = base + ((p->stack_pfn + 1) << PAGE_SHIFT);
    r->ss = SEL_RING3_SS;
    r->rsi = base + (p->start_info_pfn << PAGE_SHIFT);
    r->rflags = X86_FLAGS_IF | X86_FLAGS_FIXED;
    r->entry_vector = VECTOR_NONE;
    xv->is_kernel_mode = 1;
    xv->pv->kernel_sp = r->rsp;
    xv->pv->kernel_ss = r->ss;
    xv->v.info->evtchn_upcall_mask = 1;
    xv->v.is_initialised = true;
    return 0;
}

static int plan(struct builder *b)
{
    const struct pv_build *in = b->in;
    const struct pv_plan_input pi = {
        .virt_base = in->notes->virt_base,
        /* by physical addresses: Linux links its per-CPU segment at virtual address 0 */
        .kernel_start = in->elf->load_paddr_start - in->notes->paddr_offset + in->notes->virt_base,
        .kernel_end = in->elf->load_paddr_end - in->notes->paddr_offset + in->notes->virt_base,
        .entry = in->notes->entry,
        .p2m_base = elf_xen_has(in->notes, XEN_ELFNOTE_INIT_P2M) ? in->notes->init_p2m : 0,
        .ramdisk_bytes = in->ramdisk ? in->ramdisk_size : 0,
        .ramdisk_is_unmapped = in->notes->mod_start_pfn != 0,
        .pages = in->pages,
    };
    const char *reason = "";
    int rc = pv_plan_make(&pi, &b->plan, &reason);

    if (rc != 0) {
        log_error("First domain: %s\n", reason);
    }
    if (rc == -XEN_ENOMEM) {
        log_error("First domain: it has %lu KiB; its kernel ends at %lu KiB, its ramdisk has %lu KiB\n",
                  (unsigned long)(in->pages << (PAGE_SHIFT - 10)),
                  (unsigned long)((pi.kernel_end - pi.virt_base) >> 10),
                  (unsigned long)(pi.ramdisk_bytes >> 10));
    }
    return rc;
}

static int build(struct builder *b)
{
    const struct pv_plan *p = &b->plan;
    int rc = plan(b);

    if (rc == 0) {
        rc = allocate(b);
    }
    if (rc != 0) {
        return rc;
    }
    clear_pages(b, 0, p->mapped_pages);
    load_kernel(b);
    if (b->in->ramdisk) {
        copy_in(b, p->ramdisk_pfn << PAGE_SHIFT, b->in->ramdisk, b->in->ramdisk_size);
    }
    copy_in(b, p->p2m_pfn << PAGE_SHIFT, b->mfns, p->p2m_bytes);
    write_tables(b);
    write_start_info(b);
    pv_fill_hypercall_page(
        b->d, b->in->notes->hypercall_page
                  ? page_at(b, (b->in->notes->hypercall_page - b->in->notes->virt_base) >> PAGE_SHIFT)
                  : NULL);
    return start_vcpu(b);
}

int pv_build_domain(struct domain *d, const struct pv_build *in)
{
    struct builder b = {.d = d, .in = in};
    unsigned int order = 0;
    mfn_t list;
    int rc;

    while ((PAGE_SIZE << order) < in->pages * sizeof(uint64_t)) {
        order++;
    }
    list = heap_alloc(order, 0);
    if (mfn_is_invalid(list)) {
        log_error("First domain: no memory for the list of its %lu pages\n", (unsigned long)in->pages);
        return -XEN_ENOMEM;
    }
    b.mfns = mfn_to_virt(list);
    rc = build(&b);
    heap_free(list, order);
    if (rc == 0) {
        log_info("First domain: %lu MiB, entry at %#lx, %lu page-table pages, %lu KiB ramdisk\n",
                 (unsigned long)(in->pages >> 8), (unsigned long)in->notes->entry,
                 (unsigned long)(b.plan.table_pages + b.plan.p2m_tables),
                 (unsigned long)(in->ramdisk_size >> 10));
    }
    return rc;
}
