/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Privileged instructions, which trap out of a guest kernel that does not really run at level 0.
 *
 * Privilege is judged by ctx->cpl, the level that the guest believes in. AMD APM volume 3, chapter 4.
 */
#include <model/x86/insn/insn_internal.h>

#define CALL(x, op, ...) ((x)->ctx->ops->op ? (x)->ctx->ops->op((x)->ctx, ##__VA_ARGS__) : INSN_UNHANDLEABLE)

#define CR0_PE 1ull
#define CR0_TS 8ull

static enum insn_status kernel_only(struct exec *x)
{
    return x->ctx->cpl == 0 ? INSN_DONE : insn_raise(x->ctx, X86_VEC_GP, 0);
}

static uint64_t edx_eax(const struct exec *x)
{
    return (x->r.rdx << 32) | (uint32_t)x->r.rax;
}

static void set_edx_eax(struct exec *x, uint64_t val)
{
    x->r.rax = (uint32_t)val;
    x->r.rdx = val >> 32;
}

/* 0F 20..23: moves to and from control and debug registers, always of full width. */
static enum insn_status mov_special(struct exec *x)
{
    const struct insn *in = x->in;
    unsigned size = in->mode == INSN_MODE_64 ? 8 : 4;
    unsigned number =
        in->reg | (in->lock && in->opcode != 0x21 && in->opcode != 0x23 ? 8 : 0); /* LOCK MOV CR0 is CR8 */
    bool debug = in->opcode & 1, write = in->opcode & 2;
    uint64_t val;

    if (debug ? number > 7 : !(number == 0 || (number >= 2 && number <= 4) || number == 8)) {
        return insn_raise(x->ctx, X86_VEC_UD, 0);
    }
    TRY(kernel_only(x));
    if (write) {
        val = *insn_gpr(&x->r, in->rm) & insn_mask(size);
        return debug ? CALL(x, write_dr, number, val) : CALL(x, write_cr, number, val);
    }
    TRY(debug ? CALL(x, read_dr, number, &val) : CALL(x, read_cr, number, &val));
    insn_reg_write(x, in->rm, size, val);
    return INSN_DONE;
}

static enum insn_status clts(struct exec *x)
{
    uint64_t cr0;

    TRY(kernel_only(x));
    TRY(CALL(x, read_cr, 0, &cr0));
    return CALL(x, write_cr, 0, cr0 & ~CR0_TS);
}

static enum insn_status smsw(struct exec *x)
{
    unsigned size = x->in->mod == 3 ? x->in->opsize : 2;
    struct rm_operand op;
    uint64_t cr0;

    TRY(insn_rm(x, size, true, &op));
    TRY(CALL(x, read_cr, 0, &cr0));
    return insn_rm_write(x, &op, cr0);
}

/* LMSW: the low four bits, of which PE can be set but not cleared. */
static enum insn_status lmsw(struct exec *x)
{
    struct rm_operand op;
    uint64_t cr0, val;

    TRY(kernel_only(x));
    TRY(insn_rm(x, 2, false, &op));
    TRY(insn_rm_read(x, &op, INSN_READ, &val));
    TRY(CALL(x, read_cr, 0, &cr0));
    return CALL(x, write_cr, 0, (cr0 & ~0xeull) | (val & 0xf));
}

static enum insn_status invlpg(struct exec *x)
{
    uint64_t linear, offset = insn_offset(x);
    enum x86_seg_id seg = insn_segment(x->in);

    TRY(kernel_only(x));
    linear = offset + (x->in->mode != INSN_MODE_64 || seg >= X86_SEG_FS ? x->ctx->seg[seg].base : 0);
    if (x->in->mode != INSN_MODE_64) {
        linear = (uint32_t)linear;
    } else if ((uint64_t)((int64_t)(linear << 16) >> 16) != linear) {
        return INSN_DONE; /* a non-canonical address has no translation to drop */
    }
    return CALL(x, invlpg, linear);
}

static enum insn_status xcr(struct exec *x, bool write)
{
    uint64_t val;

    if (write) {
        TRY(kernel_only(x));
        return CALL(x, xsetbv, (uint32_t)x->r.rcx, edx_eax(x));
    }
    TRY(CALL(x, xgetbv, (uint32_t)x->r.rcx, &val));
    set_edx_eax(x, val);
    return INSN_DONE;
}

static enum insn_status rdtsc(struct exec *x, bool with_aux)
{
    uint32_t aux = 0;
    uint64_t tsc;

    TRY(CALL(x, rdtsc, &tsc, with_aux ? &aux : NULL));
    set_edx_eax(x, tsc);
    if (with_aux) {
        x->r.rcx = aux;
    }
    return INSN_DONE;
}

static enum insn_status group_7(struct exec *x)
{
    const struct insn *in = x->in;

    if (in->mod == 3) {
        switch (in->modrm) {
        case 0xd0:
        case 0xd1:
            return xcr(x, in->modrm & 1);
        case 0xf9:
            return rdtsc(x, true);
        default:
            break;
        }
    }
    switch (in->reg & 7) {
    case 2:
    case 3:
        return in->mod == 3 ? INSN_UNHANDLEABLE : INSN_REFUSED; /* LGDT, LIDT */
    case 4:
        return smsw(x);
    case 6:
        return lmsw(x);
    case 7:
        return in->mod == 3 ? INSN_UNHANDLEABLE : invlpg(x);
    default:
        return INSN_UNHANDLEABLE;
    }
}

static enum insn_status msr(struct exec *x, bool write)
{
    uint64_t val;

    TRY(kernel_only(x));
    if (write) {
        return CALL(x, write_msr, (uint32_t)x->r.rcx, edx_eax(x));
    }
    TRY(CALL(x, read_msr, (uint32_t)x->r.rcx, &val));
    set_edx_eax(x, val);
    return INSN_DONE;
}

static enum insn_status rdpmc(struct exec *x)
{
    uint64_t val;

    TRY(CALL(x, rdpmc, (uint32_t)x->r.rcx, &val));
    set_edx_eax(x, val);
    return INSN_DONE;
}

static enum insn_status cpuid(struct exec *x)
{
    uint32_t out[4];

    TRY(CALL(x, cpuid, (uint32_t)x->r.rax, (uint32_t)x->r.rcx, out));
    x->r.rax = out[0];
    x->r.rbx = out[1];
    x->r.rcx = out[2];
    x->r.rdx = out[3];
    return INSN_DONE;
}

static enum insn_status exec_map_0f(struct exec *x)
{
    switch (x->in->opcode) {
    case 0x00: /* LLDT, LTR */
        return (x->in->reg & 6) == 2 ? INSN_REFUSED : INSN_UNHANDLEABLE;
    case 0x01:
        return group_7(x);
    case 0x06:
        return clts(x);
    case 0x08:
    case 0x09:
        TRY(kernel_only(x));
        return CALL(x, wbinvd);
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
        return mov_special(x);
    case 0x30:
    case 0x32:
        return msr(x, x->in->opcode == 0x30);
    case 0x31:
        return rdtsc(x, false);
    case 0x33:
        return rdpmc(x);
    case 0xa2:
        return cpuid(x);
    default:
        return INSN_UNHANDLEABLE;
    }
}

enum insn_status insn_exec_privileged(struct exec *x)
{
    if (x->in->map == INSN_MAP_0F) {
        return exec_map_0f(x);
    }
    if (x->in->map != INSN_MAP_1) {
        return INSN_UNHANDLEABLE;
    }
    switch (x->in->opcode) {
    case 0xf4:
        TRY(kernel_only(x));
        return CALL(x, hlt);
    case 0xfa:
    case 0xfb:
        if (x->ctx->protected_mode && x->ctx->cpl > x->ctx->iopl) {
            return insn_raise(x->ctx, X86_VEC_GP, 0);
        }
        return CALL(x, set_if, x->in->opcode & 1);
    default:
        return insn_exec_port(x);
    }
}
