/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86 instructions: a decoder that knows the length of everything, and an executor for the few that a
 * hypervisor must carry out itself. AMD APM volume 3; opcode maps in its appendix A.
 *
 * Use: insn_decode() (or insn_fetch(), which reads the bytes through the context), then insn_execute(). The
 * executor touches the world only through struct insn_ops; registers change only when it succeeds (a
 * repeated string instruction keeps the iterations that it finished, as on hardware). Nothing here takes a
 * lock or keeps state.
 */
#ifndef MODEL_X86_INSN_INSN_H
#define MODEL_X86_INSN_INSN_H

#include <stdbool.h>
#include <stdint.h>
#include <model/x86/insn/regs.h>
#include <model/x86/seg/seg.h>

#define INSN_MAX_LENGTH 15

/* Width of code: default operand and address size. */
enum insn_mode { INSN_MODE_16 = 16, INSN_MODE_32 = 32, INSN_MODE_64 = 64 };

enum insn_decode_result {
    INSN_OK,
    INSN_NEED_MORE, /* the bytes end inside the instruction */
    INSN_INVALID,   /* the CPU would raise #UD */
    INSN_TOO_LONG,  /* more than 15 bytes: the CPU would raise #GP */
};

/* Opcode maps. VEX, EVEX and XOP share the numbers; struct insn.vex tells them apart. */
enum insn_map {
    INSN_MAP_1, /* one byte */
    INSN_MAP_0F,
    INSN_MAP_0F38,
    INSN_MAP_0F3A,
    INSN_MAP_OTHER, /* 3DNow!, EVEX 5 and 6, XOP */
};

enum insn_vex { INSN_LEGACY, INSN_VEX, INSN_EVEX, INSN_XOP };

#define INSN_NO_REG 0xff

struct insn {
    uint8_t length;
    uint8_t mode;     /* enum insn_mode */
    uint8_t opsize;   /* 2, 4 or 8 bytes; 64-bit default sizes of stack instructions not applied */
    uint8_t addrsize; /* 2, 4 or 8 bytes */
    uint8_t rep;      /* 0, 0xf2 or 0xf3: the last one */
    uint8_t seg;      /* enum x86_seg_id of the override or X86_SEG_NONE */
    uint8_t rex;      /* the effective REX byte, or 0 */
    uint8_t vex;      /* enum insn_vex */
    uint8_t map;      /* enum insn_map */
    uint8_t opcode;   /* the last opcode byte */
    uint8_t modrm;
    uint8_t mod;         /* mod field; 3 for register operands */
    uint8_t reg;         /* with REX.R */
    uint8_t rm;          /* with REX.B */
    uint8_t base, index; /* register numbers or INSN_NO_REG */
    uint8_t scale;       /* shift, 0..3 */
    bool lock, opsize_prefix, has_modrm;
    bool rip_relative;
    int64_t disp;  /* sign-extended; the absolute address of A0..A3 */
    int64_t imm;   /* sign-extended as the instruction does it */
    uint16_t imm2; /* second immediate of ENTER, EXTRQ, INSERTQ; the selector of far pointers */
};

/*
 * Decode one instruction from @bytes, of which @n may be read (more than 15 are never looked at). @out is
 * complete only for INSN_OK. Encodings that are undefined inside a known map are not all refused: the length
 * is what is right.
 */
enum insn_decode_result insn_decode(const uint8_t *bytes, unsigned n, enum insn_mode mode, struct insn *out);

#define INSN_FORCED_PREFIX_LENGTH 5
/* Length of Xen's forced-emulation prefix (ud2a; .ascii "xen") at @bytes, or 0 when there is none. */
unsigned insn_forced_prefix(const uint8_t *bytes, unsigned n);

/* --- execution ---------------------------------------------------------------------------------- */

enum insn_status {
    /* registers and RIP are updated; RIP stays put while a repeated instruction has iterations left */
    INSN_DONE,
    INSN_EXCEPTION,    /* ctx->fault says which */
    INSN_RETRY,        /* a callback asked to come back later; nothing else happened */
    INSN_UNHANDLEABLE, /* not an instruction (or not an operand) that this executor does */
    INSN_REFUSED,      /* loads a descriptor-table register: never on a guest's behalf */
};

struct insn_fault {
    uint8_t vector;
    bool has_error;
    uint32_t error;
    uint64_t cr2; /* for #PF */
};

enum insn_access { INSN_READ, INSN_READ_TO_WRITE, INSN_WRITE };

struct insn_ctx;

/*
 * Callbacks answer INSN_DONE, or INSN_EXCEPTION after insn_raise(), or INSN_RETRY, INSN_UNHANDLEABLE.
 * Addresses are linear, canonical and checked against segments; they may cross a page. Absent ones make
 * their instructions unhandleable, except @cmpxchg: without it a locked update is a read and a write.
 */
struct insn_ops {
    enum insn_status (*fetch)(struct insn_ctx *ctx, uint64_t linear, uint8_t *buf, unsigned size,
                              unsigned *got);
    enum insn_status (*read)(struct insn_ctx *ctx, uint64_t linear, void *buf, unsigned size,
                             enum insn_access how);
    enum insn_status (*write)(struct insn_ctx *ctx, uint64_t linear, const void *buf, unsigned size);
    /* Store *new if memory holds *old; in any case leave what memory held in *old. size 1, 2, 4, 8 or 16. */
    enum insn_status (*cmpxchg)(struct insn_ctx *ctx, uint64_t linear, void *old, const void *new,
                                unsigned size);
    /* Absent: IOPL decides. */
    enum insn_status (*io_allowed)(struct insn_ctx *ctx, uint16_t port, unsigned size);
    enum insn_status (*io_read)(struct insn_ctx *ctx, uint16_t port, unsigned size, uint32_t *val);
    enum insn_status (*io_write)(struct insn_ctx *ctx, uint16_t port, unsigned size, uint32_t val);
    enum insn_status (*read_cr)(struct insn_ctx *ctx, unsigned cr, uint64_t *val);
    enum insn_status (*write_cr)(struct insn_ctx *ctx, unsigned cr, uint64_t val);
    enum insn_status (*read_dr)(struct insn_ctx *ctx, unsigned dr, uint64_t *val);
    enum insn_status (*write_dr)(struct insn_ctx *ctx, unsigned dr, uint64_t val);
    enum insn_status (*read_msr)(struct insn_ctx *ctx, uint32_t msr, uint64_t *val);
    enum insn_status (*write_msr)(struct insn_ctx *ctx, uint32_t msr, uint64_t val);
    enum insn_status (*cpuid)(struct insn_ctx *ctx, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
    /* @aux is NULL for RDTSC, not for RDTSCP. */
    enum insn_status (*rdtsc)(struct insn_ctx *ctx, uint64_t *tsc, uint32_t *aux);
    enum insn_status (*rdpmc)(struct insn_ctx *ctx, uint32_t counter, uint64_t *val);
    enum insn_status (*xgetbv)(struct insn_ctx *ctx, uint32_t xcr, uint64_t *val);
    enum insn_status (*xsetbv)(struct insn_ctx *ctx, uint32_t xcr, uint64_t val);
    /* CLI, STI. The executor does not change RFLAGS for them: what IF means is the callback's business. */
    enum insn_status (*set_if)(struct insn_ctx *ctx, bool on);
    enum insn_status (*hlt)(struct insn_ctx *ctx);
    enum insn_status (*invlpg)(struct insn_ctx *ctx, uint64_t linear);
    enum insn_status (*wbinvd)(struct insn_ctx *ctx); /* WBINVD and INVD */
};

struct insn_ctx {
    struct x86_regs *regs;
    enum insn_mode mode;
    bool protected_mode; /* CR0.PE; true in 64-bit mode */
    uint8_t cpl, iopl;   /* as the guest believes them to be */
    struct x86_seg seg[X86_SEG_COUNT];
    const struct insn_ops *ops;
    void *opaque;       /* the callbacks' own */
    unsigned rep_limit; /* iterations a call may do of a repeated instruction; 0 means 1 */
    struct insn_fault fault;
};

/* Instruction sets that a caller is ready to have executed. */
#define INSN_SET_PRIVILEGED 1u /* port I/O, control and debug registers, MSRs, CPUID, TSC, HLT, INVLPG ... */
#define INSN_SET_MEMORY     2u /* moves, arithmetic, string and locked instructions */

/* Read the bytes at RIP through ops->fetch and decode them; #PF, #GP or #UD come back as INSN_EXCEPTION. */
enum insn_status insn_fetch(struct insn_ctx *ctx, struct insn *out);

/* Execute a decoded instruction of one of @sets. The caller's regs->rip points at its first byte. */
enum insn_status insn_execute(struct insn_ctx *ctx, const struct insn *insn, unsigned sets);

/* For callbacks: note an exception and return INSN_EXCEPTION. */
enum insn_status insn_raise(struct insn_ctx *ctx, uint8_t vector, uint32_t error);
enum insn_status insn_raise_pf(struct insn_ctx *ctx, uint32_t error, uint64_t cr2);

#define X86_VEC_DB 1
#define X86_VEC_UD 6
#define X86_VEC_NM 7
#define X86_VEC_SS 12
#define X86_VEC_GP 13
#define X86_VEC_PF 14
#define X86_VEC_AC 17

#endif
