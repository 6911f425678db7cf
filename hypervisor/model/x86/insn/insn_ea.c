/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers, effective addresses, segment and canonical checks, and memory operands. AMD APM volume 1, 2.2;
 * volume 2, 4.
 */
#include <model/x86/insn/insn_internal.h>

uint64_t *insn_gpr(struct x86_regs *r, unsigned number)
{
    switch (number & 15) {
    case 0:
        return &r->rax;
    case 1:
        return &r->rcx;
    case 2:
        return &r->rdx;
    case 3:
        return &r->rbx;
    case 4:
        return &r->rsp;
    case 5:
        return &r->rbp;
    case 6:
        return &r->rsi;
    case 7:
        return &r->rdi;
    case 8:
        return &r->r8;
    case 9:
        return &r->r9;
    case 10:
        return &r->r10;
    case 11:
        return &r->r11;
    case 12:
        return &r->r12;
    case 13:
        return &r->r13;
    case 14:
        return &r->r14;
    default:
        return &r->r15;
    }
}

/* AH, CH, DH, BH: byte registers 4..7 when there is no REX. */
static bool is_high_byte(const struct exec *x, unsigned number, unsigned size)
{
    return size == 1 && !x->in->rex && number >= 4 && number < 8;
}

uint64_t insn_reg_read(struct exec *x, unsigned number, unsigned size)
{
    if (is_high_byte(x, number, size)) {
        return (*insn_gpr(&x->r, number - 4) >> 8) & 0xff;
    }
    return *insn_gpr(&x->r, number) & insn_mask(size);
}

void insn_reg_write(struct exec *x, unsigned number, unsigned size, uint64_t val)
{
    uint64_t *reg;

    if (is_high_byte(x, number, size)) {
        reg = insn_gpr(&x->r, number - 4);
        *reg = (*reg & ~0xff00ull) | ((val & 0xff) << 8);
        return;
    }
    reg = insn_gpr(&x->r, number);
    if (size >= 4) {
        *reg = val & insn_mask(size);
    } else {
        *reg = (*reg & ~insn_mask(size)) | (val & insn_mask(size));
    }
}

uint64_t insn_offset(struct exec *x)
{
    const struct insn *in = x->in;
    uint64_t offset = (uint64_t)in->disp;

    if (in->rip_relative) {
        offset += x->r.rip + in->length;
    }
    if (in->base != INSN_NO_REG) {
        offset += *insn_gpr(&x->r, in->base);
    }
    if (in->index != INSN_NO_REG) {
        offset += *insn_gpr(&x->r, in->index) << in->scale;
    }
    return offset & insn_mask(in->addrsize);
}

enum x86_seg_id insn_segment(const struct insn *in)
{
    if (in->seg != X86_SEG_NONE) {
        return in->seg;
    }
    return in->base == 4 || in->base == 5 ? X86_SEG_SS : X86_SEG_DS;
}

static bool is_canonical(uint64_t addr)
{
    return (uint64_t)((int64_t)(addr << 16) >> 16) == addr;
}

enum insn_status insn_linear(struct exec *x, enum x86_seg_id seg, uint64_t offset, unsigned size, bool write,
                             uint64_t *linear)
{
    const struct insn_ctx *ctx = x->ctx;
    const struct x86_seg *s = &ctx->seg[seg];
    bool ok;

    if (ctx->mode == INSN_MODE_64) {
        *linear = offset + (seg >= X86_SEG_FS ? s->base : 0);
        ok = is_canonical(*linear) && is_canonical(*linear + size - 1);
    } else {
        *linear = (uint32_t)(offset + s->base);
        ok = x86_seg_access_ok(s, offset, size, write, !ctx->protected_mode);
    }
    return ok ? INSN_DONE : insn_raise(x->ctx, seg == X86_SEG_SS ? X86_VEC_SS : X86_VEC_GP, 0);
}

enum insn_status insn_mem_read(struct exec *x, uint64_t linear, unsigned size, enum insn_access how,
                               uint64_t *val)
{
    *val = 0; /* little-endian: short reads fill the low bytes */
    return x->ctx->ops->read ? x->ctx->ops->read(x->ctx, linear, val, size, how) : INSN_UNHANDLEABLE;
}

enum insn_status insn_mem_write(struct exec *x, uint64_t linear, unsigned size, uint64_t val)
{
    return x->ctx->ops->write ? x->ctx->ops->write(x->ctx, linear, &val, size) : INSN_UNHANDLEABLE;
}

enum insn_status insn_rm(struct exec *x, unsigned size, bool write, struct rm_operand *op)
{
    *op = (struct rm_operand){.mem = x->in->mod != 3, .size = (uint8_t)size};
    return op->mem ? insn_linear(x, insn_segment(x->in), insn_offset(x), size, write, &op->linear)
                   : INSN_DONE;
}

enum insn_status insn_rm_read(struct exec *x, const struct rm_operand *op, enum insn_access how,
                              uint64_t *val)
{
    if (op->mem) {
        return insn_mem_read(x, op->linear, op->size, how, val);
    }
    *val = insn_reg_read(x, x->in->rm, op->size);
    return INSN_DONE;
}

enum insn_status insn_rm_write(struct exec *x, const struct rm_operand *op, uint64_t val)
{
    if (op->mem) {
        return insn_mem_write(x, op->linear, op->size, val);
    }
    insn_reg_write(x, x->in->rm, op->size, val);
    return INSN_DONE;
}

enum insn_status insn_rm_update(struct exec *x, const struct rm_operand *op, bool locked, uint64_t *old,
                                uint64_t new, bool *raced)
{
    uint64_t seen = *old;

    *raced = false;
    if (!op->mem || !locked || !x->ctx->ops->cmpxchg) {
        return insn_rm_write(x, op, new);
    }
    TRY(x->ctx->ops->cmpxchg(x->ctx, op->linear, &seen, &new, op->size));
    *raced = (seen & insn_mask(op->size)) != (*old & insn_mask(op->size));
    *old = seen;
    return INSN_DONE;
}
