/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page faults that are the hypervisor's to settle: the guest's kernel writes to a page table of its own, which is mapped read-only (Linux does so with
 * exchanges and bit operations, where it needs the old value); and the first use of an LDT page.
 */
#include <base/counters.h>
#include <base/guest_access.h>
#include <core/trace/trace.h>
#include <guest/x86/pv/mm/mm_internal.h>
#include <guest/x86/pv/pv.h>
#include <model/x86/insn/insn.h>

#define PF_PRESENT  1u
#define PF_WRITE    2u
#define PF_RESERVED 8u
#define PF_FETCH    16u

struct ptwr {
    vaddr_t page; /* virtual address of the table */
    uint64_t *table;
    struct pgtype_ctx ctx;
};

static enum insn_status ptwr_fetch(struct insn_ctx *ic, uint64_t linear, uint8_t *buf, unsigned size,
                                   unsigned *got)
{
    unsigned int first = MIN(size, (unsigned int)(PAGE_SIZE - (linear & ~PAGE_MASK)));

    if (guest_read(buf, linear, first) != 0) {
        return INSN_UNHANDLEABLE;
    }
    *got = first;
    if (size > first && guest_read(buf + first, linear + first, size - first) == 0) {
        *got = size;
    }
    return INSN_DONE;
}

static enum insn_status ptwr_read(struct insn_ctx *ic, uint64_t linear, void *buf, unsigned size,
                                  enum insn_access how)
{
    return guest_read(buf, linear, size) == 0 ? INSN_DONE : INSN_UNHANDLEABLE;
}

/* The entry that @size bytes at @linear lie in, and how far they are shifted; NULL: elsewhere, or across two. */
static uint64_t *entry_at(const struct ptwr *p, uint64_t linear, unsigned size, unsigned *shift)
{
    if ((linear & PAGE_MASK) != p->page || (linear & 7) + size > 8) {
        return NULL;
    }
    *shift = (linear & 7) * 8;
    return &p->table[(linear & ~PAGE_MASK) / sizeof(uint64_t)];
}

static uint64_t bytes_mask(unsigned size, unsigned shift)
{
    return (size == 8 ? ~0ull : (1ull << size * 8) - 1) << shift;
}

static uint64_t load_bytes(const void *buf, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)((const uint8_t *)buf)[i] << (8 * i);
    }
    return v;
}

static enum insn_status ptwr_write(struct insn_ctx *ic, uint64_t linear, const void *buf, unsigned size)
{
    struct ptwr *p = ic->opaque;
    unsigned shift;
    uint64_t *pte = entry_at(p, linear, size, &shift);
    uint64_t old, mask;
    int rc;

    if (!pte) {
        return INSN_UNHANDLEABLE;
    }
    mask = bytes_mask(size, shift);
    old = __atomic_load_n(pte, __ATOMIC_RELAXED);
    do {
        rc = pgtype_cas_l1(&p->ctx, pte, &old, (old & ~mask) | (load_bytes(buf, size) << shift));
    } while (rc == -XEN_EAGAIN);
    return rc == 0 ? INSN_DONE : INSN_UNHANDLEABLE;
}

static enum insn_status ptwr_cmpxchg(struct insn_ctx *ic, uint64_t linear, void *old, const void *new,
                                     unsigned size)
{
    struct ptwr *p = ic->opaque;
    unsigned shift;
    uint64_t *pte = size <= 8 ? entry_at(p, linear, size, &shift) : NULL;
    uint64_t mask, want, cur, seen;
    int rc = 0;

    if (!pte) {
        return INSN_UNHANDLEABLE;
    }
    mask = bytes_mask(size, shift);
    want = load_bytes(old, size) << shift;
    cur = __atomic_load_n(pte, __ATOMIC_RELAXED);
    while ((cur & mask) == want) {
        rc = pgtype_cas_l1(&p->ctx, pte, &cur, (cur & ~mask) | (load_bytes(new, size) << shift));
        if (rc != -XEN_EAGAIN) {
            break;
        }
    }
    if (rc != 0 && rc != -XEN_EAGAIN) {
        return INSN_UNHANDLEABLE;
    }
    seen = (cur & mask) >> shift;
    for (unsigned i = 0; i < size; i++) {
        ((uint8_t *)old)[i] = (uint8_t)(seen >> (8 * i));
    }
    return INSN_DONE;
}

static const struct insn_ops ptwr_ops = {
    .fetch = ptwr_fetch,
    .read = ptwr_read,
    .write = ptwr_write,
    .cmpxchg = ptwr_cmpxchg,
};

/* The level 1 table that @va maps read-only, referenced. */
static bool find_table(struct x86_vcpu *xv, struct pgtype_ctx *ctx, vaddr_t va, mfn_t *table)
{
    mfn_t l1;
    uint64_t *pte = mm_walk(xv->pv->guest_table, ctx->domain, va, &l1);
    enum frame_type type;
    uint64_t e;

    if (!pte) {
        return false;
    }
    e = __atomic_load_n(pte, __ATOMIC_RELAXED);
    pgtype_put_current(ctx, l1);
    if ((e & (PTE_P | PTE_RW)) != PTE_P) {
        return false;
    }
    *table = pte_mfn(e);
    type = pgtype_get_current(*table, ctx->domain);
    if (type != FT_L1 && type != FT_NONE) {
        pgtype_put_current(ctx, *table);
    }
    return type == FT_L1;
}

bool pv_ptwr_fault(struct x86_vcpu *xv, vaddr_t cr2)
{
    struct ptwr p = {.page = cr2 & PAGE_MASK, .ctx = mm_ctx(x86_domain(xv->v.domain))};
    enum insn_status status;
    struct insn_ctx ic;
    struct insn in;
    mfn_t table;
    bool found = find_table(xv, &p.ctx, cr2, &table);

    if (found) {
        p.table = mfn_to_virt(table);
        pv_insn_ctx_init(&ic, xv);
        ic.ops = &ptwr_ops;
        ic.opaque = &p;
        status = insn_fetch(&ic, &in);
        if (status == INSN_DONE) {
            status = insn_execute(&ic, &in, INSN_SET_MEMORY);
        }
        found = status == INSN_DONE || status == INSN_RETRY;
        TRACE_MANY(TRC_PV_PTWR_EMULATION | TRC_64_FLAG,
                   TRACE_PAIR(p.table[(cr2 & ~PAGE_MASK) / sizeof(uint64_t)]), TRACE_PAIR(cr2),
                   TRACE_PAIR(xv->regs.rip));
        pgtype_put_current(&p.ctx, table);
    }
    (void)mm_note_unfinished(xv, &p.ctx);
    if (found) {
        count(COUNTER_pv_table_writes);
    }
    return found;
}

bool pv_mm_fault(struct x86_vcpu *xv, uint64_t cr2, uint32_t error)
{
    vaddr_t ldt = VA_DESC_WINDOWS + ((uint64_t)pcpu_id() * DESC_WINDOW_PAGES + 16) * PAGE_SIZE;

    if (unlikely(cr2 - ldt < 16 * PAGE_SIZE)) {
        pv_ldt_fault(xv, cr2 - ldt, error);
        return true;
    }
    if ((error & (PF_PRESENT | PF_WRITE | PF_RESERVED | PF_FETCH)) != (PF_PRESENT | PF_WRITE) ||
        !xv->is_kernel_mode) {
        return false;
    }
    return pv_ptwr_fault(xv, cr2);
}
