/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Into a guest and back: AMD APM volume 2, 15.5 and 15.6. VMRUN keeps RAX, RSP, RIP, RFLAGS; VMLOAD and VMSAVE move what it leaves alone: FS, GS, TR, LDTR
 * and the MSRs of system calls. Physical interrupts exit because the host's IF is set; none is taken here, since the global flag is clear.
 */
    .text

/* void svm_run(struct x86_regs *rdi, paddr_t rsi, paddr_t rdx) */
    .globl svm_run
    .type svm_run, @function
svm_run:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdx
    pushq %rdi
    movq %rsi, %rax
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
    movq 88(%rdi), %rcx
    movq 96(%rdi), %rdx
    movq 104(%rdi), %rsi
    movq 112(%rdi), %rdi
    clgi
    sti
    vmload %rax
    vmrun %rax
    vmsave %rax
    cli
    xchgq %rdi, (%rsp)
    movq %r15, 0(%rdi)
    movq %r14, 8(%rdi)
    movq %r13, 16(%rdi)
    movq %r12, 24(%rdi)
    movq %rbp, 32(%rdi)
    movq %rbx, 40(%rdi)
    movq %r11, 48(%rdi)
    movq %r10, 56(%rdi)
    movq %r9, 64(%rdi)
    movq %r8, 72(%rdi)
    movq %rcx, 88(%rdi)
    movq %rdx, 96(%rdi)
    movq %rsi, 104(%rdi)
    popq %rcx
    movq %rcx, 112(%rdi)
    popq %rax
    vmload %rax
    stgi
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

    .section .note.GNU-stack, "", @progbits
