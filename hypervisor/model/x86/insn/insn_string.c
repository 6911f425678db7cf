/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * String instructions (MOVS, STOS, LODS, INS, OUTS) and single port accesses.
 *
 * A repeated one does at most ctx->rep_limit iterations a call and then returns with RIP where it was, which
 * is a state that hardware could also have been interrupted in. AMD APM volume 3, 1.2.6.
 */
#include <model/x86/insn/insn_internal.h>

static unsigned element_size(const struct insn *in)
{
    return (in->opcode & 1) ? in->opsize : 1;
}

/*
 * Index registers and the counter have address size; a 32-bit one clears the upper half, a 16-bit one does
 * not.
 */
static void write_address_register(struct exec *x, unsigned number, uint64_t val)
{
    uint64_t *reg = insn_gpr(&x->r, number), mask = insn_mask(x->in->addrsize);

    *reg = x->in->addrsize == 2 ? (*reg & ~mask) | (val & mask) : val & mask;
}

void insn_string_advance(struct exec *x, unsigned number, unsigned size)
{
    uint64_t val = *insn_gpr(&x->r, number);

    write_address_register(x, number, (x->r.rflags & X86_FLAGS_DF) ? val - size : val + size);
}

enum insn_status insn_repeat(struct exec *x, enum insn_status (*step)(struct exec *x))
{
    unsigned limit = x->ctx->rep_limit ? x->ctx->rep_limit : 1;
    uint64_t mask = insn_mask(x->in->addrsize), left;
    struct x86_regs finished;
    enum insn_status status;

    if (!x->in->rep) {
        return step(x);
    }
    for (unsigned i = 0; i < limit; i++) {
        left = x->r.rcx & mask;
        if (left == 0) {
            write_address_register(x, 1, 0);
            return INSN_DONE;
        }
        finished = x->r;
        status = step(x);
        if (status != INSN_DONE) {
            if (i > 0) {
                *x->ctx->regs = finished; /* what is done stays done; RIP has not moved */
            }
            return status;
        }
        write_address_register(x, 1, left - 1);
    }
    x->again = (x->r.rcx & mask) != 0;
    return INSN_DONE;
}

static enum insn_status source(struct exec *x, unsigned size, uint64_t *linear)
{
    enum x86_seg_id seg = x->in->seg == X86_SEG_NONE ? X86_SEG_DS : x->in->seg;

    return insn_linear(x, seg, x->r.rsi & insn_mask(x->in->addrsize), size, false, linear);
}

static enum insn_status target(struct exec *x, unsigned size, uint64_t *linear)
{
    return insn_linear(x, X86_SEG_ES, x->r.rdi & insn_mask(x->in->addrsize), size, true, linear);
}

static enum insn_status step_movs(struct exec *x)
{
    unsigned size = element_size(x->in);
    uint64_t from, to, val;

    TRY(source(x, size, &from));
    TRY(target(x, size, &to));
    TRY(insn_mem_read(x, from, size, INSN_READ, &val));
    TRY(insn_mem_write(x, to, size, val));
    insn_string_advance(x, 6, size);
    insn_string_advance(x, 7, size);
    return INSN_DONE;
}

static enum insn_status step_stos(struct exec *x)
{
    unsigned size = element_size(x->in);
    uint64_t to;

    TRY(target(x, size, &to));
    TRY(insn_mem_write(x, to, size, x->r.rax));
    insn_string_advance(x, 7, size);
    return INSN_DONE;
}

static enum insn_status step_lods(struct exec *x)
{
    unsigned size = element_size(x->in);
    uint64_t from, val;

    TRY(source(x, size, &from));
    TRY(insn_mem_read(x, from, size, INSN_READ, &val));
    insn_reg_write(x, 0, size, val);
    insn_string_advance(x, 6, size);
    return INSN_DONE;
}

enum insn_status insn_exec_string(struct exec *x)
{
    if (x->in->map != INSN_MAP_1) {
        return INSN_UNHANDLEABLE;
    }
    switch (x->in->opcode) {
    case 0xa4:
    case 0xa5:
        return insn_repeat(x, step_movs);
    case 0xaa:
    case 0xab:
        return insn_repeat(x, step_stos);
    case 0xac:
    case 0xad:
        return insn_repeat(x, step_lods);
    default:
        return INSN_UNHANDLEABLE;
    }
}

/* --- ports -------------------------------------------------------------------------------------- */

/* No 64-bit ports: REX.W does not count. */
static unsigned port_size(const struct insn *in)
{
    return !(in->opcode & 1) ? 1 : in->opsize == 2 ? 2 : 4;
}

static enum insn_status check_port(struct exec *x, uint16_t port, unsigned size)
{
    if (x->ctx->ops->io_allowed) {
        return x->ctx->ops->io_allowed(x->ctx, port, size);
    }
    return !x->ctx->protected_mode || x->ctx->cpl <= x->ctx->iopl ? INSN_DONE
                                                                  : insn_raise(x->ctx, X86_VEC_GP, 0);
}

static enum insn_status port_in(struct exec *x, uint16_t port, unsigned size, uint32_t *val)
{
    *val = 0;
    TRY(check_port(x, port, size));
    return x->ctx->ops->io_read ? x->ctx->ops->io_read(x->ctx, port, size, val) : INSN_UNHANDLEABLE;
}

static enum insn_status port_out(struct exec *x, uint16_t port, unsigned size, uint32_t val)
{
    TRY(check_port(x, port, size));
    return x->ctx->ops->io_write ? x->ctx->ops->io_write(x->ctx, port, size, val & (uint32_t)insn_mask(size))
                                 : INSN_UNHANDLEABLE;
}

static enum insn_status step_ins(struct exec *x)
{
    unsigned size = port_size(x->in);
    uint64_t to;
    uint32_t val;

    TRY(check_port(x, (uint16_t)x->r.rdx, size));
    TRY(target(x, size, &to));
    TRY(port_in(x, (uint16_t)x->r.rdx, size, &val));
    TRY(insn_mem_write(x, to, size, val));
    insn_string_advance(x, 7, size);
    return INSN_DONE;
}

static enum insn_status step_outs(struct exec *x)
{
    unsigned size = port_size(x->in);
    uint64_t from, val;

    TRY(check_port(x, (uint16_t)x->r.rdx, size));
    TRY(source(x, size, &from));
    TRY(insn_mem_read(x, from, size, INSN_READ, &val));
    TRY(port_out(x, (uint16_t)x->r.rdx, size, (uint32_t)val));
    insn_string_advance(x, 6, size);
    return INSN_DONE;
}

enum insn_status insn_exec_port(struct exec *x)
{
    const struct insn *in = x->in;
    unsigned size = port_size(in);
    uint16_t port = (in->opcode & 8) ? (uint16_t)x->r.rdx : (uint8_t)in->imm;
    uint32_t val;

    switch (in->opcode) {
    case 0x6c:
    case 0x6d:
        return insn_repeat(x, step_ins);
    case 0x6e:
    case 0x6f:
        return insn_repeat(x, step_outs);
    case 0xe4:
    case 0xe5:
    case 0xec:
    case 0xed:
        TRY(port_in(x, port, size, &val));
        insn_reg_write(x, 0, size, val);
        return INSN_DONE;
    case 0xe6:
    case 0xe7:
    case 0xee:
    case 0xef:
        return port_out(x, port, size, (uint32_t)insn_reg_read(x, 0, size));
    default:
        return INSN_UNHANDLEABLE;
    }
}
