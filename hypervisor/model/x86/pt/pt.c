/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page-table walk: one loop over levels, driven by a description of each format. */
#include <model/x86/pt/pt.h>

#define CR0_WP   (1ull << 16)
#define CR0_PG   (1ull << 31)
#define CR4_PSE  (1ull << 4)
#define CR4_PAE  (1ull << 5)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

struct format {
    uint8_t levels, entry_size, index_bits;
    uint64_t va_mask, root_mask;
};

static const struct format formats[] = {
    [PT_MODE_32] = {2, 4, 10, 0xffffffffull, 0xfffff000ull},
    [PT_MODE_PAE] = {3, 8, 9, 0xffffffffull, 0xffffffe0ull},
    [PT_MODE_LONG] = {4, 8, 9, ~0ull, PTE_ADDR},
};

enum pt_mode pt_mode(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    if (!(cr0 & CR0_PG)) {
        return PT_MODE_NONE;
    }
    return efer & EFER_LMA ? PT_MODE_LONG : cr4 & CR4_PAE ? PT_MODE_PAE : PT_MODE_32;
}

static unsigned level_shift(const struct format *f, unsigned level)
{
    return 12 + f->index_bits * (level - 1u);
}

static bool is_large(const struct pt_ctx *ctx, enum pt_mode mode, unsigned level, uint64_t entry)
{
    if (level == 1 || !(entry & PTE_PS)) {
        return false;
    }
    if (mode == PT_MODE_32) {
        return ctx->cr4 & CR4_PSE;
    }
    return level == 2 || (level == 3 && mode == PT_MODE_LONG && ctx->gb_pages);
}

static uint64_t reserved_bits(const struct pt_ctx *ctx, enum pt_mode mode, unsigned level, bool large)
{
    uint64_t high = PTE_ADDR & ~((1ull << ctx->paddr_bits) - 1), mask;

    if (mode == PT_MODE_32) {
        return large ? 1ull << 21 : 0; /* bits 13..20 are the address above 4 GiB */
    }
    mask = high;
    if (mode == PT_MODE_PAE) {
        mask |= 0x7ff0000000000000ull; /* above bit 51 all is reserved but NX */
        if (level == 3) {
            /* no permissions; A only where walks read these from memory, as under nested paging: QEMU's leave it there */
            return mask | PTE_NX | 0x1c6 | (ctx->pdpte ? PTE_A : 0);
        }
    }
    if (!(ctx->efer & EFER_NXE)) {
        mask |= PTE_NX;
    }
    if (level == 4 || (level == 3 && !large)) {
        mask |= PTE_PS;
    } else if (large) {
        mask |= level == 2 ? 0x1fe000ull : 0x3fffe000ull;
    }
    return mask;
}

struct walk {
    const struct pt_ctx *ctx;
    const struct format *format;
    enum pt_mode mode;
    unsigned access;
    uint64_t va;
    /* the entries of this walk, for the accessed bits */
    uint64_t gpa[5], entry[5];
    unsigned leaf;
    bool large;
    uint64_t rights; /* RW and US common to all entries; NX of any */
};

static uint32_t error_code(const struct walk *w, uint32_t cause)
{
    bool fetch_known = (w->mode != PT_MODE_32 && (w->ctx->efer & EFER_NXE)) || (w->ctx->cr4 & CR4_SMEP);

    return cause | ((w->access & PT_ACCESS_WRITE) ? PFEC_W : 0) |
           ((w->access & PT_ACCESS_USER) ? PFEC_U : 0) |
           ((w->access & PT_ACCESS_EXEC) && fetch_known ? PFEC_I : 0);
}

/* Collect the entries from root to leaf. */
static enum pt_status descend(struct walk *w, struct pt_result *out)
{
    const struct format *f = w->format;
    uint64_t table = w->ctx->cr3 & f->root_mask, entry;

    w->rights = PTE_RW | PTE_US;
    for (unsigned level = f->levels;; level--) {
        unsigned index = (unsigned)(w->va >> level_shift(f, level)) & ((1u << f->index_bits) - 1);
        bool pdpte = w->mode == PT_MODE_PAE && level == 3;

        if (pdpte) {
            index &= 3;
        }
        out->level = (uint8_t)level;
        w->gpa[level] = table + (uint64_t)index * f->entry_size;
        if (pdpte && w->ctx->pdpte) {
            entry = w->ctx->pdpte[index];
        } else if (!w->ctx->read_entry(w->ctx->arg, w->gpa[level], f->entry_size, &entry)) {
            return PT_UNREADABLE;
        }
        w->entry[level] = entry;
        if (!(entry & PTE_P)) {
            out->error = error_code(w, 0);
            return PT_FAULT;
        }
        w->large = is_large(w->ctx, w->mode, level, entry);
        if (entry & reserved_bits(w->ctx, w->mode, level, w->large)) {
            out->error = error_code(w, PFEC_P | PFEC_RSVD);
            return PT_FAULT;
        }
        if (!pdpte) {
            w->rights &= entry | PTE_NX;
            w->rights |= w->mode != PT_MODE_32 ? entry & PTE_NX : 0;
        }
        if (level == 1 || w->large) {
            w->leaf = level;
            return PT_OK;
        }
        table = entry & (w->mode == PT_MODE_32 ? 0xfffff000ull : PTE_ADDR);
    }
}

static bool allowed(const struct walk *w)
{
    const struct pt_ctx *ctx = w->ctx;
    bool user_page = w->rights & PTE_US, user = w->access & PT_ACCESS_USER;

    if (user && !user_page) {
        return false;
    }
    if ((w->access & PT_ACCESS_WRITE) && !(w->rights & PTE_RW) && (user || (ctx->cr0 & CR0_WP))) {
        return false;
    }
    if (w->access & PT_ACCESS_EXEC) {
        return !(w->rights & PTE_NX) && !(!user && user_page && (ctx->cr4 & CR4_SMEP));
    }
    if (!user && user_page && (ctx->cr4 & CR4_SMAP)) {
        return ctx->ac && !(w->access & PT_ACCESS_IMPLICIT);
    }
    return true;
}

/* Set A in every entry and D in the leaf of a write; false when an entry changed meanwhile. */
static bool mark_used(struct walk *w)
{
    if (!w->ctx->update_entry || (w->access & PT_ACCESS_PEEK)) {
        return true;
    }
    for (unsigned level = w->format->levels; level >= w->leaf; level--) {
        uint64_t old = w->entry[level], new = old | PTE_A;

        if (w->mode == PT_MODE_PAE && level == 3) {
            continue;
        }
        if (level == w->leaf && (w->access & PT_ACCESS_WRITE)) {
            new |= PTE_D;
        }
        if (new != old &&
            !w->ctx->update_entry(w->ctx->arg, w->gpa[level], w->format->entry_size, old, new)) {
            return false;
        }
    }
    return true;
}

static void fill_result(const struct walk *w, struct pt_result *out)
{
    uint64_t entry = w->entry[w->leaf], base;

    out->page_size = 1ull << level_shift(w->format, w->leaf);
    if (w->mode == PT_MODE_32) {
        base = w->large ? (entry & 0xffc00000ull) | ((entry & 0x1fe000ull) << 19) : entry & 0xfffff000ull;
    } else {
        base = entry & PTE_ADDR & ~(out->page_size - 1);
    }
    out->gpa = base | (w->va & (out->page_size - 1));
    out->writable = w->rights & PTE_RW;
    out->user = w->rights & PTE_US;
    out->executable = !(w->rights & PTE_NX);
    out->global = entry & PTE_G;
    out->pat_index = (uint8_t)((entry >> 3) & 3) | ((entry & (w->large ? PTE_PAT_LARGE : PTE_PAT)) ? 4 : 0);
}

enum pt_status pt_walk(const struct pt_ctx *ctx, uint64_t va, unsigned access, struct pt_result *out)
{
    struct walk w = {.ctx = ctx, .mode = pt_mode(ctx->cr0, ctx->cr4, ctx->efer), .access = access};
    enum pt_status status;

    *out = (struct pt_result){0};
    if (w.mode == PT_MODE_NONE) {
        *out = (struct pt_result){
            .gpa = va & 0xffffffffu, .page_size = 4096, .writable = true, .user = true, .executable = true};
        return PT_OK;
    }
    if (w.mode == PT_MODE_LONG && !pt_canonical(va)) {
        return PT_NONCANONICAL;
    }
    w.format = &formats[w.mode];
    w.va = va & w.format->va_mask;
    for (unsigned i = 0; i < PT_WALK_TRIES; i++) {
        status = descend(&w, out);
        if (status != PT_OK) {
            return status;
        }
        if (!allowed(&w)) {
            out->error = error_code(&w, PFEC_P);
            return PT_FAULT;
        }
        if (mark_used(&w)) {
            fill_result(&w, out);
            return PT_OK;
        }
    }
    return PT_BUSY;
}
