/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptor tables of PV guests: frames of type FT_SEGDESC, shown to the CPU in the pCPU's descriptor window while the vCPU runs there. The GDT's frames
 * are named by the guest; the LDT's are found through its page tables, at the latest when the CPU first uses a page.
 */
#include <base/guest_access.h>
#include <core/trace/trace.h>
#include <guest/x86/pv/mm/mm_internal.h>
#include <guest/x86/pv/pv.h>

#define DESCRIPTORS_PER_PAGE 512u
#define LDT_MAX              8192u
#define LDT_PAGES            ARRAY_SIZE(((struct pv_vcpu *)0)->ldt_frames)

static void show_gdt_page(struct x86_vcpu *xv, unsigned int page, mfn_t mfn)
{
    unsigned long flags;

    if (&xv->v != current_vcpu()) {
        return;
    }
    flags = irq_save();
    hw_set_gdt_page(page, mfn);
    irq_restore(flags);
}

static void show_ldt_page(struct x86_vcpu *xv, unsigned int page, mfn_t mfn)
{
    unsigned long flags;

    if (&xv->v != current_vcpu()) {
        return;
    }
    flags = irq_save();
    hw_set_ldt_page(page, mfn);
    irq_restore(flags);
}

/* --- GDT --------------------------------------------------------------------------------------------------------------------------------- */

static void put_frames(struct x86_vcpu *xv, const mfn_t *frames, unsigned int n)
{
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));

    for (unsigned int i = 0; i < n; i++) {
        if (!mfn_is_invalid(frames[i])) {
            pgtype_put(&ctx, frames[i], PGT_LINKED);
        }
    }
}

int pv_set_gdt_frames(struct x86_vcpu *xv, const unsigned long *frames, unsigned int ents)
{
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));
    unsigned int pages = DIV_ROUND_UP(ents, DESCRIPTORS_PER_PAGE);
    mfn_t old[PV_GDT_FRAMES], new[PV_GDT_FRAMES];
    int rc;

    if (ents > PV_GDT_FRAMES * DESCRIPTORS_PER_PAGE) {
        return -XEN_EINVAL;
    }
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        new[i] = i < pages ? MFN(frames[i]) : INVALID_MFN;
        rc = i < pages ? pgtype_get(&ctx, new[i], ctx.domain, FT_SEGDESC, false) : 0;
        if (rc != 0) {
            put_frames(xv, new, i);
            return rc;
        }
    }
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        old[i] = xv->pv->gdt_frames[i];
        xv->pv->gdt_frames[i] = new[i];
        show_gdt_page(xv, i, new[i]);
    }
    xv->pv->gdt_ents = ents;
    put_frames(xv, old, PV_GDT_FRAMES);
    return 0;
}

long do_set_gdt(struct hypercall *c)
{
    unsigned int ents = (unsigned int)c->arg[1];
    unsigned long frames[PV_GDT_FRAMES];

    if (ents > PV_GDT_FRAMES * DESCRIPTORS_PER_PAGE) {
        return -XEN_EINVAL;
    }
    if (guest_read(frames, c->arg[0], DIV_ROUND_UP(ents, DESCRIPTORS_PER_PAGE) * sizeof(frames[0])) != 0) {
        return -XEN_EFAULT;
    }
    return pv_set_gdt_frames(current_x86(), frames, ents);
}

/* --- LDT --------------------------------------------------------------------------------------------------------------------------------- */

static void drop_ldt(struct x86_vcpu *xv)
{
    mfn_t old[LDT_PAGES];

    for (unsigned int i = 0; i < LDT_PAGES; i++) {
        old[i] = xv->pv->ldt_frames[i];
        xv->pv->ldt_frames[i] = INVALID_MFN;
        if (!mfn_is_invalid(old[i])) {
            show_ldt_page(xv, i, INVALID_MFN);
        }
    }
    xv->pv->ldt_shadow_map = 0;
    put_frames(xv, old, LDT_PAGES);
}

/* Show page @page of the LDT. False: the guest's tables map no frame there that can be one. */
static bool map_ldt_page(struct x86_vcpu *xv, unsigned int page)
{
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));
    struct pv_vcpu *p = xv->pv;
    mfn_t l1, frame;
    uint64_t *pte, e;

    if (page * DESCRIPTORS_PER_PAGE >= p->ldt_ents) {
        return false;
    }
    if (!mfn_is_invalid(p->ldt_frames[page])) {
        return true;
    }
    pte = mm_walk(p->guest_table, ctx.domain, p->ldt_base + page * PAGE_SIZE, &l1);
    if (!pte) {
        return false;
    }
    e = __atomic_load_n(pte, __ATOMIC_RELAXED);
    pgtype_put_current(&ctx, l1);
    (void)mm_note_unfinished(xv, &ctx);
    frame = pte_mfn(e);
    if (!(e & PTE_P) || pgtype_get(&ctx, frame, ctx.domain, FT_SEGDESC, false) != 0) {
        return false;
    }
    p->ldt_frames[page] = frame;
    p->ldt_shadow_map |= BIT(page);
    show_ldt_page(xv, page, frame);
    return true;
}

int pv_set_ldt(struct x86_vcpu *xv, vaddr_t base, unsigned int ents)
{
    if (ents > LDT_MAX || (base & ~PAGE_MASK) ||
        (ents && (!is_guest_address(base) || !is_guest_address(base + ents * 8 - 1)))) {
        return -XEN_EINVAL;
    }
    if (xv->pv->ldt_ents == 0 && ents == 0) {
        return 0;
    }
    hw_load_ldt(0);
    drop_ldt(xv);
    xv->pv->ldt_base = base;
    xv->pv->ldt_ents = ents;
    for (unsigned int page = 0; page * DESCRIPTORS_PER_PAGE < ents; page++) {
        map_ldt_page(xv, page); /* those that cannot be mapped yet come with a fault */
    }
    hw_load_ldt(ents);
    return 0;
}

void pv_ldt_fault(struct x86_vcpu *xv, uint64_t offset, uint32_t error)
{
    TRACE_4(TRC_PV_GDT_LDT_MAPPING_FAULT | TRC_64_FLAG, TRACE_PAIR(xv->regs.rip), TRACE_PAIR(offset));
    if (!map_ldt_page(xv, (unsigned int)(offset >> PAGE_SHIFT))) {
        pv_inject_page_fault(xv, error, xv->pv->ldt_base + offset);
    }
}

void pv_drop_descriptors(struct x86_vcpu *xv)
{
    put_frames(xv, xv->pv->gdt_frames, PV_GDT_FRAMES);
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        xv->pv->gdt_frames[i] = INVALID_MFN;
    }
    xv->pv->gdt_ents = 0;
    drop_ldt(xv);
    xv->pv->ldt_ents = 0;
}

/* --- single descriptors --------------------------------------------------------------------------------------------------------------------- */

long do_update_descriptor(struct hypercall *c)
{
    struct x86_vcpu *xv = current_x86();
    struct pgtype_ctx ctx = mm_ctx(x86_domain(xv->v.domain));
    mfn_t mfn = paddr_to_mfn(c->arg[0]);
    uint64_t desc = c->arg[1];
    uint64_t *slot = (uint64_t *)mfn_to_virt(mfn) + (c->arg[0] & ~PAGE_MASK) / sizeof(desc);
    enum frame_type type;

    if ((c->arg[0] & 7) || !pgtype_descriptor_ok(&desc)) {
        return -XEN_EINVAL;
    }
    type = pgtype_get_current(mfn, ctx.domain);
    if (type == FT_SEGDESC) {
        __atomic_store_n(slot, desc, __ATOMIC_RELAXED);
    } else if (type == FT_NONE && frame_get_writable(mfn, ctx.domain)) {
        __atomic_store_n(slot, desc, __ATOMIC_RELAXED);
        frame_put_writable(mfn);
        return 0;
    }
    if (type != FT_NONE) {
        pgtype_put_current(&ctx, mfn);
        (void)mm_note_unfinished(xv, &ctx);
    }
    return type == FT_SEGDESC ? 0 : -XEN_EINVAL;
}
