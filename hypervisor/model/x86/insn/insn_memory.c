/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves, arithmetic and locked updates with register and memory operands.
 *
 * One handler a shape (move, two-operand arithmetic, update, exchange ...); the opcode picks shape and
 * operation.
 */
#include <model/x86/insn/insn_internal.h>

/* A locked update that loses this many races goes back to the guest and starts over. */
#define RACE_LIMIT 16

static unsigned operand_size(const struct insn *in)
{
    return (in->opcode & 1) ? in->opsize : 1;
}

/* Size of stack pushes and pops: 64-bit code has no 32-bit form. */
static unsigned stack_size(const struct exec *x)
{
    return x->in->mode != INSN_MODE_64 ? x->in->opsize : x->in->opsize_prefix && x->in->opsize == 2 ? 2 : 8;
}

static uint64_t stack_mask(const struct exec *x)
{
    if (x->in->mode == INSN_MODE_64) {
        return ~0ull;
    }
    return (x->ctx->seg[X86_SEG_SS].attr & X86_SEG_DB) ? 0xffffffffu : 0xffff;
}

static void move_stack(struct exec *x, uint64_t rsp)
{
    uint64_t mask = stack_mask(x);

    x->r.rsp = (x->r.rsp & ~mask) | (rsp & mask);
}

static enum insn_status mov_rm(struct exec *x, bool to_rm, bool immediate)
{
    const struct insn *in = x->in;
    struct rm_operand op;
    uint64_t val;

    TRY(insn_rm(x, operand_size(in), to_rm, &op));
    if (to_rm) {
        return insn_rm_write(x, &op, immediate ? (uint64_t)in->imm : insn_reg_read(x, in->reg, op.size));
    }
    TRY(insn_rm_read(x, &op, INSN_READ, &val));
    insn_reg_write(x, in->reg, op.size, val);
    return INSN_DONE;
}

/* A0..A3: accumulator and an absolute offset. */
static enum insn_status mov_offset(struct exec *x)
{
    const struct insn *in = x->in;
    unsigned size = operand_size(in);
    bool write = in->opcode >= 0xa2;
    enum x86_seg_id seg = in->seg == X86_SEG_NONE ? X86_SEG_DS : in->seg;
    uint64_t linear, val;

    TRY(insn_linear(x, seg, (uint64_t)in->disp & insn_mask(in->addrsize), size, write, &linear));
    if (write) {
        return insn_mem_write(x, linear, size, insn_reg_read(x, 0, size));
    }
    TRY(insn_mem_read(x, linear, size, INSN_READ, &val));
    insn_reg_write(x, 0, size, val);
    return INSN_DONE;
}

static enum insn_status mov_extend(struct exec *x, unsigned from, bool sign)
{
    struct rm_operand op;
    uint64_t val;

    TRY(insn_rm(x, from, false, &op));
    TRY(insn_rm_read(x, &op, INSN_READ, &val));
    insn_reg_write(x, x->in->reg, x->in->opsize, sign ? insn_sign_extend(val, from) : val);
    return INSN_DONE;
}

/* dst = dst op src, where dst is r/m; comparisons do not write. */
static enum insn_status update_rm(struct exec *x, enum alu_op op, uint64_t src, unsigned size)
{
    struct rm_operand rm;
    uint64_t old, new, flags;
    bool raced;

    TRY(insn_rm(x, size, op != ALU_CMP, &rm));
    TRY(insn_rm_read(x, &rm, op == ALU_CMP ? INSN_READ : INSN_READ_TO_WRITE, &old));
    for (unsigned i = 0; i < RACE_LIMIT; i++) {
        flags = x->r.rflags;
        new = insn_alu(op, old, src, size, &flags);
        if (op != ALU_CMP) {
            TRY(insn_rm_update(x, &rm, x->in->lock, &old, new, &raced));
            if (raced) {
                continue;
            }
        }
        x->r.rflags = flags;
        return INSN_DONE;
    }
    return INSN_RETRY;
}

/* 00..3F: the six forms of each two-operand operation. */
static enum insn_status alu_forms(struct exec *x)
{
    const struct insn *in = x->in;
    unsigned size = operand_size(in);
    enum alu_op op = (enum alu_op)((in->opcode >> 3) & 7);
    struct rm_operand rm;
    uint64_t val, dst;

    switch (in->opcode & 7) {
    case 0:
    case 1:
        return update_rm(x, op, insn_reg_read(x, in->reg, size), size);
    case 2:
    case 3:
        TRY(insn_rm(x, size, false, &rm));
        TRY(insn_rm_read(x, &rm, INSN_READ, &val));
        dst = insn_alu(op, insn_reg_read(x, in->reg, size), val, size, &x->r.rflags);
        if (op != ALU_CMP) {
            insn_reg_write(x, in->reg, size, dst);
        }
        return INSN_DONE;
    default:
        dst = insn_alu(op, insn_reg_read(x, 0, size), (uint64_t)in->imm, size, &x->r.rflags);
        if (op != ALU_CMP) {
            insn_reg_write(x, 0, size, dst);
        }
        return INSN_DONE;
    }
}

static enum insn_status test_rm(struct exec *x, uint64_t src, unsigned size)
{
    struct rm_operand rm;
    uint64_t val;

    TRY(insn_rm(x, size, false, &rm));
    TRY(insn_rm_read(x, &rm, INSN_READ, &val));
    insn_alu(ALU_AND, val, src, size, &x->r.rflags);
    return INSN_DONE;
}

static enum insn_status exchange(struct exec *x)
{
    unsigned size = operand_size(x->in);
    uint64_t mine = insn_reg_read(x, x->in->reg, size), old;
    struct rm_operand rm;
    bool raced;

    TRY(insn_rm(x, size, true, &rm));
    TRY(insn_rm_read(x, &rm, INSN_READ_TO_WRITE, &old));
    for (unsigned i = 0; i < RACE_LIMIT; i++) {
        TRY(insn_rm_update(x, &rm, true, &old, mine, &raced)); /* locked with or without the prefix */
        if (!raced) {
            insn_reg_write(x, x->in->reg, size, old);
            return INSN_DONE;
        }
    }
    return INSN_RETRY;
}

static enum insn_status exchange_add(struct exec *x)
{
    unsigned size = operand_size(x->in);
    uint64_t src = insn_reg_read(x, x->in->reg, size), old, new, flags;
    struct rm_operand rm;
    bool raced;

    TRY(insn_rm(x, size, true, &rm));
    TRY(insn_rm_read(x, &rm, INSN_READ_TO_WRITE, &old));
    for (unsigned i = 0; i < RACE_LIMIT; i++) {
        flags = x->r.rflags;
        new = insn_alu(ALU_ADD, old, src, size, &flags);
        if (!rm.mem) {
            insn_reg_write(x, x->in->reg, size, old); /* the sum wins when both are the same register */
        }
        TRY(insn_rm_update(x, &rm, x->in->lock, &old, new, &raced));
        if (!raced) {
            if (rm.mem) {
                insn_reg_write(x, x->in->reg, size, old);
            }
            x->r.rflags = flags;
            return INSN_DONE;
        }
    }
    return INSN_RETRY;
}

static enum insn_status compare_exchange(struct exec *x)
{
    unsigned size = operand_size(x->in);
    uint64_t expected = insn_reg_read(x, 0, size), old, flags;
    struct rm_operand rm;
    bool raced;

    TRY(insn_rm(x, size, true, &rm));
    TRY(insn_rm_read(x, &rm, INSN_READ_TO_WRITE, &old));
    for (unsigned i = 0; i < RACE_LIMIT; i++) {
        bool equal = old == expected;
        uint64_t new = equal ? insn_reg_read(x, x->in->reg, size) : old;

        flags = x->r.rflags;
        insn_alu(ALU_CMP, expected, old, size, &flags);
        if (!rm.mem && !equal) {
            insn_reg_write(x, 0, size, old); /* the destination register is left alone */
            x->r.rflags = flags;
            return INSN_DONE;
        }
        TRY(insn_rm_update(x, &rm, x->in->lock, &old, new, &raced));
        if (!raced) {
            if (!equal) {
                insn_reg_write(x, 0, size, old);
            }
            x->r.rflags = flags;
            return INSN_DONE;
        }
    }
    return INSN_RETRY;
}

/* 0F C7 /1: CMPXCHG8B and, with REX.W, CMPXCHG16B. */
static enum insn_status compare_exchange_pair(struct exec *x)
{
    unsigned half = x->in->opsize == 8 ? 8 : 4;
    uint64_t linear, old[2] = {0, 0}, new[2], seen[2];
    uint64_t want[2] = {x->r.rax & insn_mask(half), x->r.rdx & insn_mask(half)};
    uint8_t raw[16], raw_new[16];
    bool equal;

    TRY(insn_linear(x, insn_segment(x->in), insn_offset(x), 2 * half, true, &linear));
    if (half == 8 && (linear & 15)) {
        return insn_raise(x->ctx, X86_VEC_GP, 0);
    }
    TRY(insn_mem_read(x, linear, half, INSN_READ_TO_WRITE, &old[0]));
    TRY(insn_mem_read(x, linear + half, half, INSN_READ_TO_WRITE, &old[1]));
    for (unsigned i = 0; i < RACE_LIMIT; i++) {
        equal = old[0] == want[0] && old[1] == want[1];
        new[0] = equal ? x->r.rbx &insn_mask(half) : old[0];
        new[1] = equal ? x->r.rcx &insn_mask(half) : old[1];
        if (x->ctx->ops->cmpxchg) {
            for (unsigned b = 0; b < 2 * half; b++) {
                raw[b] = (uint8_t)(old[b / half] >> (8 * (b % half)));
                raw_new[b] = (uint8_t)(new[b / half] >> (8 * (b % half)));
            }
            TRY(x->ctx->ops->cmpxchg(x->ctx, linear, raw, raw_new, 2 * half));
            seen[0] = seen[1] = 0;
            for (unsigned b = 0; b < 2 * half; b++) {
                seen[b / half] |= (uint64_t)raw[b] << (8 * (b % half));
            }
            if (seen[0] != old[0] || seen[1] != old[1]) {
                old[0] = seen[0];
                old[1] = seen[1];
                continue;
            }
        } else {
            TRY(insn_mem_write(x, linear, half, new[0]));
            TRY(insn_mem_write(x, linear + half, half, new[1]));
        }
        x->r.rflags = (x->r.rflags & ~X86_FLAGS_ZF) | (equal ? X86_FLAGS_ZF : 0);
        if (!equal) {
            insn_reg_write(x, 0, half, old[0]);
            insn_reg_write(x, 2, half, old[1]);
        }
        return INSN_DONE;
    }
    return INSN_RETRY;
}

/* BT, BTS, BTR, BTC (@op 0..3). A register bit number reaches beyond the operand in memory. */
static enum insn_status bit_test(struct exec *x, unsigned op, bool immediate)
{
    const struct insn *in = x->in;
    unsigned size = in->opsize, bit;
    uint64_t number = immediate ? (uint64_t)in->imm & (8 * size - 1) : insn_reg_read(x, in->reg, size);
    struct rm_operand rm = {.mem = in->mod != 3, .size = (uint8_t)size};
    uint64_t old, new;
    bool raced;

    bit = (unsigned)(number & (8 * size - 1));
    if (rm.mem) {
        int64_t units = immediate ? 0
                                  : (int64_t)insn_sign_extend(number, size) >> (size == 8   ? 6
                                                                                : size == 4 ? 5
                                                                                            : 4);
        uint64_t offset = (insn_offset(x) + (uint64_t)units * size) & insn_mask(in->addrsize);

        TRY(insn_linear(x, insn_segment(in), offset, size, op != 0, &rm.linear));
    }
    TRY(insn_rm_read(x, &rm, op ? INSN_READ_TO_WRITE : INSN_READ, &old));
    for (unsigned i = 0; i < RACE_LIMIT; i++) {
        uint64_t mask = 1ull << bit, was = old & mask;

        if (op) {
            new = op == 1 ? old | mask : op == 2 ? old & ~mask : old ^ mask;
            TRY(insn_rm_update(x, &rm, in->lock, &old, new, &raced));
            if (raced) {
                continue;
            }
        }
        x->r.rflags = (x->r.rflags & ~X86_FLAGS_CF) | (was ? X86_FLAGS_CF : 0);
        return INSN_DONE;
    }
    return INSN_RETRY;
}

static enum insn_status push_rm(struct exec *x)
{
    unsigned size = stack_size(x);
    uint64_t val, linear, rsp = (x->r.rsp - size) & stack_mask(x);
    struct rm_operand rm;

    TRY(insn_rm(x, size, false, &rm));
    TRY(insn_rm_read(x, &rm, INSN_READ, &val));
    TRY(insn_linear(x, X86_SEG_SS, rsp, size, true, &linear));
    TRY(insn_mem_write(x, linear, size, val));
    move_stack(x, rsp);
    return INSN_DONE;
}

static enum insn_status pop_rm(struct exec *x)
{
    unsigned size = stack_size(x);
    uint64_t val, linear;
    struct rm_operand rm;

    TRY(insn_linear(x, X86_SEG_SS, x->r.rsp & stack_mask(x), size, false, &linear));
    TRY(insn_mem_read(x, linear, size, INSN_READ, &val));
    move_stack(x, x->r.rsp + size); /* an address made from RSP sees it moved already */
    TRY(insn_rm(x, size, true, &rm));
    return insn_rm_write(x, &rm, val);
}

static enum insn_status group_3(struct exec *x)
{
    unsigned size = operand_size(x->in);

    switch (x->in->reg & 7) {
    case 0:
    case 1:
        return test_rm(x, (uint64_t)x->in->imm, size);
    case 2:
        return update_rm(x, ALU_NOT, 0, size);
    case 3:
        return update_rm(x, ALU_NEG, 0, size);
    default:
        return INSN_UNHANDLEABLE;
    }
}

static enum insn_status group_45(struct exec *x)
{
    switch (x->in->reg & 7) {
    case 0:
        return update_rm(x, ALU_INC, 0, operand_size(x->in));
    case 1:
        return update_rm(x, ALU_DEC, 0, operand_size(x->in));
    case 6:
        return x->in->opcode == 0xff ? push_rm(x) : INSN_UNHANDLEABLE;
    default:
        return INSN_UNHANDLEABLE;
    }
}

static enum insn_status exec_map_1(struct exec *x)
{
    const struct insn *in = x->in;

    if (in->opcode < 0x40 && (in->opcode & 7) < 6) {
        return alu_forms(x);
    }
    switch (in->opcode) {
    case 0x63:
        /* MOVSXD in 64-bit code; ARPL elsewhere. */
        return in->mode == INSN_MODE_64 ? mov_extend(x, in->opsize == 2 ? 2 : 4, true) : INSN_UNHANDLEABLE;
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83:
        return update_rm(x, (enum alu_op)(in->reg & 7), (uint64_t)in->imm,
                         in->opcode == 0x82 ? 1 : operand_size(in));
    case 0x84:
    case 0x85:
        return test_rm(x, insn_reg_read(x, in->reg, operand_size(in)), operand_size(in));
    case 0x86:
    case 0x87:
        return exchange(x);
    case 0x88:
    case 0x89:
        return mov_rm(x, true, false);
    case 0x8a:
    case 0x8b:
        return mov_rm(x, false, false);
    case 0x8f:
        return (in->reg & 7) == 0 ? pop_rm(x) : INSN_UNHANDLEABLE;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
        return mov_offset(x);
    case 0xa8:
    case 0xa9:
        insn_alu(ALU_AND, x->r.rax, (uint64_t)in->imm, operand_size(in), &x->r.rflags);
        return INSN_DONE;
    case 0xc6:
    case 0xc7:
        return (in->reg & 7) == 0 ? mov_rm(x, true, true) : INSN_UNHANDLEABLE;
    case 0xf6:
    case 0xf7:
        return group_3(x);
    case 0xfe:
    case 0xff:
        return group_45(x);
    default:
        return INSN_UNHANDLEABLE;
    }
}

static enum insn_status exec_map_0f(struct exec *x)
{
    const struct insn *in = x->in;

    switch (in->opcode) {
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xbb:
        return bit_test(x, (in->opcode >> 3) & 3, false);
    case 0xba:
        return (in->reg & 4) ? bit_test(x, in->reg & 3, true) : INSN_UNHANDLEABLE;
    case 0xb0:
    case 0xb1:
        return compare_exchange(x);
    case 0xb6:
    case 0xb7:
        return mov_extend(x, in->opcode == 0xb6 ? 1 : 2, false);
    case 0xbe:
    case 0xbf:
        return mov_extend(x, in->opcode == 0xbe ? 1 : 2, true);
    case 0xc0:
    case 0xc1:
        return exchange_add(x);
    case 0xc3: /* MOVNTI */
        return in->mod != 3 && in->opsize != 2 && !in->rep ? mov_rm(x, true, false) : INSN_UNHANDLEABLE;
    case 0xc7:
        return (in->reg & 7) == 1 && in->mod != 3 ? compare_exchange_pair(x) : INSN_UNHANDLEABLE;
    default:
        return INSN_UNHANDLEABLE;
    }
}

enum insn_status insn_exec_memory(struct exec *x)
{
    return x->in->map == INSN_MAP_1    ? exec_map_1(x)
           : x->in->map == INSN_MAP_0F ? exec_map_0f(x)
                                       : INSN_UNHANDLEABLE;
}
