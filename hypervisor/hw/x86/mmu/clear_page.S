/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * void port_clear_page(void *page): 16 bytes a store. The vector register may be a guest's, so it is kept; CR0.TS, which a guest may have asked for, is put
 * back. Any context: what interrupts us between the two keeps the same rule.
 */
    .section .text.port_clear_page, "ax", @progbits
    .globl port_clear_page
port_clear_page:
    movq %cr0, %rdx
    clts
    subq $24, %rsp
    movups %xmm0, (%rsp)
    xorps %xmm0, %xmm0
    movl $4, %ecx
1:
    .set offset, 0
    .rept 64
    movaps %xmm0, offset(%rdi)
    .set offset, offset + 16
    .endr
    addq $1024, %rdi
    decl %ecx
    jnz 1b
    movups (%rsp), %xmm0
    addq $24, %rsp
    testb $8, %dl                           /* CR0.TS */
    jz 2f
    movq %rdx, %cr0
2:  ret

    .section .note.GNU-stack, "", @progbits
