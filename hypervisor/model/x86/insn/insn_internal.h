/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by the executor's files: the working copy of the registers, operand access, arithmetic.
 *
 * Everything works on exec.r; insn_execute() copies it back when the instruction is done.
 */
#ifndef MODEL_X86_INSN_INTERNAL_H
#define MODEL_X86_INSN_INTERNAL_H

#include <model/x86/insn/insn.h>

struct exec {
    struct insn_ctx *ctx;
    const struct insn *in;
    struct x86_regs r;
    bool again; /* a repeated instruction has iterations left: RIP stays */
};

/* Leave the calling function unless @call is done. */
#define TRY(call)                       \
    do {                                \
        enum insn_status try_ = (call); \
        if (try_ != INSN_DONE) {        \
            return try_;                \
        }                               \
    } while (0)

static inline uint64_t insn_mask(unsigned size)
{
    return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1;
}

static inline uint64_t insn_sign_extend(uint64_t val, unsigned size)
{
    unsigned shift = 64 - 8 * size;

    return (uint64_t)((int64_t)(val << shift) >> shift);
}

/* Registers (insn_ea.c). A write of four bytes clears the upper half; of one or two leaves the rest alone. */
uint64_t *insn_gpr(struct x86_regs *r, unsigned number);
uint64_t insn_reg_read(struct exec *x, unsigned number, unsigned size);
void insn_reg_write(struct exec *x, unsigned number, unsigned size, uint64_t val);

/* Addresses and memory (insn_ea.c). */
uint64_t insn_offset(struct exec *x);
enum x86_seg_id insn_segment(const struct insn *in);
enum insn_status insn_linear(struct exec *x, enum x86_seg_id seg, uint64_t offset, unsigned size, bool write,
                             uint64_t *linear);
enum insn_status insn_mem_read(struct exec *x, uint64_t linear, unsigned size, enum insn_access how,
                               uint64_t *val);
enum insn_status insn_mem_write(struct exec *x, uint64_t linear, unsigned size, uint64_t val);

/* The r/m operand: a register, or memory at an address that was checked once. */
struct rm_operand {
    bool mem;
    uint8_t size;
    uint64_t linear;
};
enum insn_status insn_rm(struct exec *x, unsigned size, bool write, struct rm_operand *op);
enum insn_status insn_rm_read(struct exec *x, const struct rm_operand *op, enum insn_access how,
                              uint64_t *val);
enum insn_status insn_rm_write(struct exec *x, const struct rm_operand *op, uint64_t val);
/*
 * Replace @old by @new: a compare-exchange when @locked; *raced says that memory held something else (now in
 * *old).
 */
enum insn_status insn_rm_update(struct exec *x, const struct rm_operand *op, bool locked, uint64_t *old,
                                uint64_t new, bool *raced);

/*
 * Arithmetic (insn_alu.c): the operations of groups 1, 3 and 4; each sets the six arithmetic flags in
 * *flags.
 */
enum alu_op {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP,
    ALU_INC,
    ALU_DEC,
    ALU_NOT,
    ALU_NEG
};
uint64_t insn_alu(enum alu_op op, uint64_t dst, uint64_t src, unsigned size, uint64_t *flags);

/* Instruction families; INSN_UNHANDLEABLE says "not one of mine". */
enum insn_status insn_exec_privileged(struct exec *x);
enum insn_status insn_exec_memory(struct exec *x);
enum insn_status insn_exec_string(struct exec *x);
enum insn_status insn_exec_port(struct exec *x);

/* Repeat @step as the prefix, the counter and the limit say; keeps the registers of finished iterations. */
enum insn_status insn_repeat(struct exec *x, enum insn_status (*step)(struct exec *x));
/* Move a string index register by one element in the direction of DF. */
void insn_string_advance(struct exec *x, unsigned number, unsigned size);

#endif
