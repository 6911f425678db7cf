/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The register frame of a guest (and of the hypervisor's own entry path).
 *
 * The order is a contract with the assembly entry code, which pushes exactly this: general registers first
 * (lowest address r15), then one slot with error code and vector, then the frame that the CPU itself pushes.
 */
#ifndef MODEL_X86_INSN_REGS_H
#define MODEL_X86_INSN_REGS_H

#include <stddef.h>
#include <stdint.h>

struct x86_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint32_t error_code; /* pushed by the CPU, or zero by the entry stub */
    uint32_t entry_vector;
    uint64_t rip;
    uint16_t cs, cs_pad[3];
    uint64_t rflags;
    uint64_t rsp;
    uint16_t ss, ss_pad[3];
};

_Static_assert(offsetof(struct x86_regs, rdi) == 112, "entry path pushes 15 registers");
_Static_assert(offsetof(struct x86_regs, entry_vector) == 124, "vector shares the slot of the error code");
_Static_assert(offsetof(struct x86_regs, rip) == 128, "the CPU's frame follows");
_Static_assert(sizeof(struct x86_regs) == 168, "21 slots");

/* RFLAGS (AMD APM volume 2, 3.1.6). */
#define X86_FLAGS_CF    (1ull << 0)
#define X86_FLAGS_FIXED (1ull << 1)
#define X86_FLAGS_PF    (1ull << 2)
#define X86_FLAGS_AF    (1ull << 4)
#define X86_FLAGS_ZF    (1ull << 6)
#define X86_FLAGS_SF    (1ull << 7)
#define X86_FLAGS_TF    (1ull << 8)
#define X86_FLAGS_IF    (1ull << 9)
#define X86_FLAGS_DF    (1ull << 10)
#define X86_FLAGS_OF    (1ull << 11)
#define X86_FLAGS_IOPL  (3ull << 12)
#define X86_FLAGS_NT    (1ull << 14)
#define X86_FLAGS_RF    (1ull << 16)
#define X86_FLAGS_VM    (1ull << 17)
#define X86_FLAGS_AC    (1ull << 18)
#define X86_FLAGS_ID    (1ull << 21)
/* Debug registers (AMD APM volume 2, 13.1.1): DR6 without an event, the event of a single step, DR7 without a breakpoint. CR4's bit about them. */
#define X86_DR6_RESET 0xffff0ff0ull
#define X86_DR6_STEP  (1ull << 14)
#define X86_DR7_RESET 0x400ull
#define X86_CR4_DE    (1ull << 3)
/* The six flags that arithmetic changes. */
#define X86_FLAGS_ARITH \
    (X86_FLAGS_CF | X86_FLAGS_PF | X86_FLAGS_AF | X86_FLAGS_ZF | X86_FLAGS_SF | X86_FLAGS_OF)

#endif
