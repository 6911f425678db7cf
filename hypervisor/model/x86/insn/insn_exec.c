/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The executor's entry: fetch, LOCK rules, dispatch to a family, commit of registers. */
#include <model/x86/insn/insn_internal.h>

enum insn_status insn_raise(struct insn_ctx *ctx, uint8_t vector, uint32_t error)
{
    bool has_error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;

    ctx->fault =
        (struct insn_fault){.vector = vector, .has_error = has_error, .error = has_error ? error : 0};
    return INSN_EXCEPTION;
}

enum insn_status insn_raise_pf(struct insn_ctx *ctx, uint32_t error, uint64_t cr2)
{
    insn_raise(ctx, X86_VEC_PF, error);
    ctx->fault.cr2 = cr2;
    return INSN_EXCEPTION;
}

enum insn_status insn_fetch(struct insn_ctx *ctx, struct insn *out)
{
    uint8_t bytes[INSN_MAX_LENGTH];
    unsigned got = 0, more;
    uint64_t linear =
        ctx->mode == INSN_MODE_64 ? ctx->regs->rip : (uint32_t)(ctx->regs->rip + ctx->seg[X86_SEG_CS].base);
    enum insn_status status = INSN_UNHANDLEABLE;

    if (!ctx->ops->fetch) {
        return INSN_UNHANDLEABLE;
    }
    for (;;) {
        more = 0;
        status = ctx->ops->fetch(ctx, linear + got, bytes + got, sizeof(bytes) - got, &more);
        if (status != INSN_DONE) {
            return status; /* the instruction needs a byte that cannot be had */
        }
        if (more == 0 || more > sizeof(bytes) - got) {
            return INSN_UNHANDLEABLE;
        }
        got += more;
        switch (insn_decode(bytes, got, ctx->mode, out)) {
        case INSN_OK:
            return INSN_DONE;
        case INSN_INVALID:
            return insn_raise(ctx, X86_VEC_UD, 0);
        case INSN_TOO_LONG:
            return insn_raise(ctx, X86_VEC_GP, 0);
        case INSN_NEED_MORE:
            break;
        }
    }
}

/* Instructions that LOCK may stand before, given a memory operand (AMD APM volume 3, 1.2.5). */
static bool lock_allowed(const struct insn *in)
{
    unsigned sub = in->reg & 7;

    if (in->map == INSN_MAP_0F && (in->opcode == 0x20 || in->opcode == 0x22)) {
        return true; /* another name for CR8 */
    }
    if (in->mod == 3 || !in->has_modrm) {
        return false;
    }
    if (in->map == INSN_MAP_1) {
        switch (in->opcode) {
        case 0x80 ... 0x83:
            return sub != 7;
        case 0x86:
        case 0x87:
            return true;
        case 0xf6:
        case 0xf7:
            return sub == 2 || sub == 3;
        case 0xfe:
        case 0xff:
            return sub < 2;
        default:
            return in->opcode < 0x38 && (in->opcode & 7) < 2;
        }
    }
    if (in->map == INSN_MAP_0F) {
        switch (in->opcode) {
        case 0xab:
        case 0xb3:
        case 0xbb:
        case 0xb0:
        case 0xb1:
        case 0xc0:
        case 0xc1:
            return true;
        case 0xba:
            return sub >= 5;
        case 0xc7:
            return sub == 1;
        default:
            return false;
        }
    }
    return false;
}

enum insn_status insn_execute(struct insn_ctx *ctx, const struct insn *in, unsigned sets)
{
    enum insn_status status = INSN_UNHANDLEABLE;
    struct exec x; /* set below field by field: an initializer clears the registers before it copies them */
    uint64_t next;

    x.ctx = ctx;
    x.in = in;
    x.r = *ctx->regs;
    x.again = false;
    if (in->vex != INSN_LEGACY || in->mode != ctx->mode) {
        return INSN_UNHANDLEABLE;
    }
    if (in->lock && !lock_allowed(in)) {
        return insn_raise(ctx, X86_VEC_UD, 0);
    }
    if (sets & INSN_SET_PRIVILEGED) {
        status = insn_exec_privileged(&x);
    }
    if (status == INSN_UNHANDLEABLE && (sets & INSN_SET_MEMORY)) {
        status = insn_exec_string(&x);
        if (status == INSN_UNHANDLEABLE) {
            status = insn_exec_memory(&x);
        }
    }
    if (status != INSN_DONE) {
        return status;
    }
    if (!x.again) {
        next = x.r.rip + in->length;
        x.r.rip = ctx->mode == INSN_MODE_64   ? next
                  : ctx->mode == INSN_MODE_32 ? (uint32_t)next
                                              : (uint16_t)next;
        x.r.rflags &= ~X86_FLAGS_RF;
    }
    *ctx->regs = x.r;
    return INSN_DONE;
}
