/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer arithmetic and its flags, from the definitions in AMD APM volume 3 (each instruction's rFLAGS
 * table).
 */
#include <model/x86/insn/insn_internal.h>

static uint64_t result_flags(uint64_t result, unsigned size)
{
    uint64_t flags = 0;

    if ((result & insn_mask(size)) == 0) {
        flags |= X86_FLAGS_ZF;
    }
    if ((result >> (8 * size - 1)) & 1) {
        flags |= X86_FLAGS_SF;
    }
    if (!__builtin_parity((unsigned)(result & 0xff))) {
        flags |= X86_FLAGS_PF;
    }
    return flags;
}

/* Carry out of each bit of an addition (or borrow of a subtraction) gives CF, AF and OF at once. */
static uint64_t carry_flags(uint64_t carries, unsigned size)
{
    unsigned top = 8 * size - 1;
    uint64_t cf = (carries >> top) & 1, into_top = (carries >> (top - 1)) & 1;

    return (cf ? X86_FLAGS_CF : 0) | (((carries >> 3) & 1) ? X86_FLAGS_AF : 0) |
           (cf != into_top ? X86_FLAGS_OF : 0);
}

static uint64_t add(uint64_t a, uint64_t b, uint64_t carry, unsigned size, uint64_t *flags)
{
    uint64_t sum = a + b + carry;

    *flags = carry_flags((a & b) | ((a | b) & ~sum), size) | result_flags(sum, size);
    return sum;
}

static uint64_t subtract(uint64_t a, uint64_t b, uint64_t borrow, unsigned size, uint64_t *flags)
{
    uint64_t diff = a - b - borrow;

    *flags = carry_flags((~a & b) | ((~a | b) & diff), size) | result_flags(diff, size);
    return diff;
}

static uint64_t logic(uint64_t result, unsigned size, uint64_t *flags)
{
    *flags = result_flags(result, size);
    return result;
}

uint64_t insn_alu(enum alu_op op, uint64_t dst, uint64_t src, unsigned size, uint64_t *flags)
{
    uint64_t mask = insn_mask(size), carry = *flags & X86_FLAGS_CF, changed = X86_FLAGS_ARITH, f = 0,
             result = 0;

    dst &= mask;
    src &= mask;
    switch (op) {
    case ALU_ADD:
        result = add(dst, src, 0, size, &f);
        break;
    case ALU_ADC:
        result = add(dst, src, carry, size, &f);
        break;
    case ALU_SUB:
    case ALU_CMP:
        result = subtract(dst, src, 0, size, &f);
        break;
    case ALU_SBB:
        result = subtract(dst, src, carry, size, &f);
        break;
    case ALU_OR:
        result = logic(dst | src, size, &f);
        break;
    case ALU_AND:
        result = logic(dst & src, size, &f);
        break;
    case ALU_XOR:
        result = logic(dst ^ src, size, &f);
        break;
    case ALU_INC:
        changed &= ~X86_FLAGS_CF;
        result = add(dst, 1, 0, size, &f);
        break;
    case ALU_DEC:
        changed &= ~X86_FLAGS_CF;
        result = subtract(dst, 1, 0, size, &f);
        break;
    case ALU_NEG:
        result = subtract(0, dst, 0, size, &f);
        break;
    case ALU_NOT:
        changed = 0;
        result = ~dst;
        break;
    }
    *flags = (*flags & ~changed) | (f & changed);
    return result & mask;
}
