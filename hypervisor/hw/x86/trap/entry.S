/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries from guests and from the hypervisor itself, and the ways back.
 *
 * From a PV guest (ring 3) the CPU, or the system-call stub, has switched to the end of the running vCPU's `regs` (TSS.RSP0), so that pushing the
 * frame fills them in place; then we move to the pCPU's own stack. From ring 0 the frame stays on the stack that was in use. See "vCPUs and
 * stacks" in docs/architecture.md. Intel SDM volume 3, 6.12 to 6.14; AMD APM volume 2, 6.1 (SYSCALL, SYSRET).
 */
#include <abi/errno_asm.h>
#include <base/layout.h>
#include <guest/x86/common/selectors.h>

#define R_RAX 80
#define R_RCX 88
#define R_RDI 112
#define R_ERROR 120
#define R_VECTOR 124
#define R_RIP 128
#define R_CS 136
#define R_RFLAGS 144
#define R_RSP 152
#define R_SS 160
#define PCPU_STACK_FROM_REGS 168 /* XV_PCPU_STACK - XV_REGS */
#define KERNEL_MODE_FROM_REGS 176 /* XV_KERNEL_MODE - XV_REGS */
#define RFLAGS_FIXED 2

    .section .text.entry, "ax", @progbits

.macro PUSH_GPRS
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

/* The frame is whole but for the general registers: save them, go on in @function on the pCPU's own stack, then to the next vCPU. */
.macro LEAVE_GUEST_FOR function
    PUSH_GPRS
    movq %rsp, %rdi
    xorl %ebp, %ebp
    movq PCPU_STACK_FROM_REGS(%rdi), %rsp
    call \function
    call pcpu_loop
.endm

/* All but the one that @base is, which comes last. */
.macro LOAD_GPRS_FROM_RDI
    movq 0(%rdi), %r15
    movq 8(%rdi), %r14
    movq 16(%rdi), %r13
    movq 24(%rdi), %r12
    movq 32(%rdi), %rbp
    movq 40(%rdi), %rbx
    movq 48(%rdi), %r11
    movq 56(%rdi), %r10
    movq 64(%rdi), %r9
    movq 72(%rdi), %r8
    movq R_RAX(%rdi), %rax
    movq R_RCX(%rdi), %rcx
    movq 96(%rdi), %rdx
    movq 104(%rdi), %rsi
.endm

.macro EX_TABLE from, to
    .pushsection .ex_table, "a"
    .balign 4
    .long \from - .
    .long \to - .
    .popsection
.endm

/* Where smap_init_bsp() writes CLAC or STAC (0f 01, @last) over a NOP of three bytes. */
.macro SMAP_SITE last
    .pushsection .smap_sites, "a"
    .balign 4
    .long 9f - ., \last
    .popsection
9:  .byte 0x0f, 0x1f, 0x00
.endm
/* Guests' pages may be touched from here on; and no more. */
.macro ALLOW_GUEST_PAGES
    SMAP_SITE 0xcb
.endm
.macro DENY_GUEST_PAGES
    SMAP_SITE 0xca
.endm

/* --- exceptions and interrupts ------------------------------------------------------------------------------------------------------ */

/* One stub of 16 bytes a vector; those whose exception brings an error code push none. */
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
    .else
    pushq $0
    .endif
    movl $vector, 4(%rsp)
    .if vector == 1 || vector == 2 || vector == 8 || vector == 18
    jmp ist_entry
    .else
    jmp trap_entry
    .endif
    .set vector, vector + 1
    .endr

trap_entry:
    cld
    DENY_GUEST_PAGES
    PUSH_GPRS
    movq %rsp, %rdi
    xorl %ebp, %ebp
    testb $3, R_CS(%rsp)
    jz trap_in_hypervisor
    movq PCPU_STACK_FROM_REGS(%rdi), %rsp
    call trap_from_guest
    call pcpu_loop

trap_in_hypervisor:
    movq R_RIP(%rdi), %rax                  /* a frame for backtraces */
    pushq %rax
    pushq 32(%rdi)
    movq %rsp, %rbp
    movq %rdi, %rbx
    andq $-16, %rsp
    call trap_from_hypervisor
    movq %rbx, %rdi
return_in_hypervisor:
    movq %rdi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    addq $8, %rsp
    iretq

/*
 * Debug, NMI, double fault, machine check: on stacks of their own, since they can come at the first instruction of another entry. trap_ist() answers
 * with the frame to return by; for a guest's debug exception it has copied the frame into the vCPU and answers with NULL.
 */
ist_entry:
    cld
    DENY_GUEST_PAGES
    PUSH_GPRS
    movq %rsp, %rdi
    xorl %ebp, %ebp
    movq %rsp, %rbx
    andq $-16, %rsp
    call trap_ist
    movq %rax, %rdi
    testq %rdi, %rdi
    jnz return_in_hypervisor
    call trap_current_regs
    movq %rax, %rdi
    movq PCPU_STACK_FROM_REGS(%rdi), %rsp
    call trap_from_guest
    call pcpu_loop

/* --- system calls --------------------------------------------------------------------------------------------------------------------- */

/*
 * One stub a pCPU, since SYSCALL leaves no register free and switches no stack: each knows its own slot of syscall_slots
 * (scratch word, then the end of the running vCPU's regs). LSTAR points here.
 */
    .balign 32
    .globl syscall_stubs
syscall_stubs:
    .set cpu, 0
    .rept 64
    .balign 32
    movq %rsp, syscall_slots + 64 * cpu(%rip)
    movq syscall_slots + 64 * cpu + 8(%rip), %rsp
    pushq $SEL_RING3_SS
    pushq syscall_slots + 64 * cpu(%rip)
    jmp syscall_entry
    .set cpu, cpu + 1
    .endr

syscall_entry:
    pushq %r11
    pushq $SEL_RING3_CS64
    pushq %rcx
    pushq $0
    movl $VECTOR_SYSCALL, 4(%rsp)
    PUSH_GPRS
    movq %rsp, %rdi
    xorl %ebp, %ebp
    movq PCPU_STACK_FROM_REGS(%rdi), %rsp
    cmpb $0, KERNEL_MODE_FROM_REGS(%rdi)
    je syscall_from_user
    movq %rdi, %rbx
    call pv_hypercall_entry                 /* true: nothing pending, and it can return by SYSRET */
    testb %al, %al
    jz 9f
    movq %rbx, %rdi
pv_sysret:
    LOAD_GPRS_FROM_RDI
    movq R_RIP(%rdi), %rcx
    movq R_RFLAGS(%rdi), %r11
    movq R_RSP(%rdi), %rsp
    movq R_RDI(%rdi), %rdi
    sysretq
9:  call pcpu_loop

syscall_from_user:
    call pv_syscall_from_user
    call pcpu_loop

/* SYSCALL from compatibility mode (CSTAR): the same frame with the 32-bit selector. */
    .balign 32
    .globl syscall32_stubs
syscall32_stubs:
    .set cpu, 0
    .rept 64
    .balign 32
    movq %rsp, syscall_slots + 64 * cpu(%rip)
    movq syscall_slots + 64 * cpu + 8(%rip), %rsp
    pushq $SEL_RING3_SS
    pushq syscall_slots + 64 * cpu(%rip)
    jmp syscall32_entry
    .set cpu, cpu + 1
    .endr

syscall32_entry:
    pushq %r11
    pushq $SEL_RING3_CS32
    pushq %rcx
    pushq $0
    movl $VECTOR_SYSCALL32, 4(%rsp)
    LEAVE_GUEST_FOR pv_syscall32

/*
 * SYSENTER, which Intel's processors have in 64-bit mode: from user code, and which code and stack the processor does not say. Its flags are all still there:
 * of TF the debug exception at the first instruction takes care (trap_ist()), NT and AC must go, since IRET and SMAP look at them. SDM volume 2, SYSENTER.
 */
    .balign 16
    .globl sysenter_stubs
sysenter_stubs:
    .set cpu, 0
    .rept 64
    .balign 16
    movq syscall_slots + 64 * cpu + 8(%rip), %rsp
    jmp sysenter_entry
    .set cpu, cpu + 1
    .endr

sysenter_entry:
    pushq $SEL_RING3_SS
    pushq $0
    pushfq
    pushq $RFLAGS_FIXED
    popfq
    pushq $SEL_RING3_CS32
    pushq $0
    pushq $0
    movl $VECTOR_NONE, 4(%rsp)
    LEAVE_GUEST_FOR pv_sysenter

/* --- to a PV guest -------------------------------------------------------------------------------------------------------------------- */

/* void pv_resume(struct x86_regs *regs): interrupts off; does not return. */
    .globl pv_resume
pv_resume:
    movl R_VECTOR(%rdi), %eax
    cmpl $VECTOR_SYSCALL, %eax
    je pv_sysret
    pushq R_SS(%rdi)
    pushq R_RSP(%rdi)
    pushq R_RFLAGS(%rdi)
    pushq R_CS(%rdi)
    pushq R_RIP(%rdi)
    LOAD_GPRS_FROM_RDI
    movq R_RDI(%rdi), %rdi
1:  iretq
    EX_TABLE 1b, pv_iret_failed_entry

/* The guest's own frame was refused by IRET: its registers are still whole in the vCPU. rax: vector, rdx: error code (from the fixup). */
pv_iret_failed_entry:
    movq %rax, %rdi
    movq %rdx, %rsi
    movq %cr2, %rdx
    xorl %ebp, %ebp
    andq $-16, %rsp
    call pv_iret_failed
    call pcpu_loop

/* --- copies and loads that may fault ----------------------------------------------------------------------------------------------- */

/*
 * int hw_copy_fallible(void *dst, const void *src, size_t n): 0, or -XEN_EFAULT after a part.
 *
 * What faults is tried once more: a TLB may hold an entry with fewer rights than the page table gives by now, since adding rights needs no flush (SDM
 * volume 3, 4.10.4.3). The fault dropped that entry; a second one is a true one.
 */
    .globl hw_copy_fallible
hw_copy_fallible:
    ALLOW_GUEST_PAGES
    movq %rdx, %rcx
    shrq $3, %rcx
1:  rep movsq
    EX_TABLE 1b, 4f
copied_words:
    andl $7, %edx
    jz 3f
    movl %edx, %ecx
2:  rep movsb
    EX_TABLE 2b, 5f
3:  DENY_GUEST_PAGES
    xorl %eax, %eax
    ret
4:  rep movsq
    EX_TABLE 4b, access_failed
    jmp copied_words
5:  rep movsb
    EX_TABLE 5b, access_failed
    jmp 3b
access_failed:
    DENY_GUEST_PAGES
    movl $-XEN_EFAULT, %eax
    ret

/* int hw_clear_fallible(void *dst, size_t n): the same. */
    .globl hw_clear_fallible
hw_clear_fallible:
    ALLOW_GUEST_PAGES
    xorl %eax, %eax
    movq %rsi, %rcx
1:  rep stosb
    EX_TABLE 1b, 3f
2:  DENY_GUEST_PAGES
    ret
3:  xorl %eax, %eax /* the trap's handler has left something there */
4:  rep stosb
    EX_TABLE 4b, access_failed
    jmp 2b

/* int rdmsr_fallible(uint32_t msr, uint64_t *value): 0, or -1 on #GP. */
    .globl hw_rdmsr_fallible
hw_rdmsr_fallible:
    movl %edi, %ecx
1:  rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, (%rsi)
    xorl %eax, %eax
    ret
2:  movl $-1, %eax
    ret
    EX_TABLE 1b, 2b

/* int hw_wrmsr_fallible(uint32_t msr, uint64_t value) */
    .globl hw_wrmsr_fallible
hw_wrmsr_fallible:
    movl %edi, %ecx
    movl %esi, %eax
    shrq $32, %rsi
    movl %esi, %edx
1:  wrmsr
    xorl %eax, %eax
    ret
2:  movl $-1, %eax
    ret
    EX_TABLE 1b, 2b

/* Load a data segment register with a guest's selector; a bad one becomes 0. */
.macro LOAD_SEGMENT name, seg
    .globl \name
\name:
1:  movl %edi, %\seg
    ret
2:  xorl %edi, %edi
    movl %edi, %\seg
    ret
    EX_TABLE 1b, 2b
.endm
    LOAD_SEGMENT hw_load_ds, ds
    LOAD_SEGMENT hw_load_es, es
    LOAD_SEGMENT hw_load_fs, fs

/* Loading GS changes the active base: the caller sets both bases afterwards. */
    .globl hw_load_gs
hw_load_gs:
1:  movl %edi, %gs
    ret
2:  xorl %edi, %edi
    movl %edi, %gs
    ret
    EX_TABLE 1b, 2b

    .section .note.GNU-stack, "", @progbits
