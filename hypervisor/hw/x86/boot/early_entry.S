/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt entries until trap/ takes over: every vector saves a struct panic_regs (boot/panic.h) on the stack in use and calls
 * early_trap(), which handles interrupts and panics on exceptions. Only the hypervisor runs then, so no stack or segment is switched.
 */
    .text
    .balign 16
    .globl early_trap_stubs
early_trap_stubs:                       /* 256 entries of 16 bytes */
    vector = 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    jmp early_trap_common
    vector = vector + 1
    .endr

    .balign 16
early_trap_common:
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call early_trap
    mov %rbx, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq
    .section .note.GNU-stack, "", @progbits
