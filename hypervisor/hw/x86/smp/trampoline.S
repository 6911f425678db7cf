/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an application processor starts: the first part is copied to a page below 1 MiB, runs there in real mode and jumps to the image's
 * physical address; the second goes on to long mode with the boot page tables, then to the final ones on its own stack.
 * Intel SDM volume 3, 9.4.4.
 */
#include <base/layout.h>

#define PA(sym) ((sym) - VA_IMAGE_BASE)

    .section .rodata, "a", @progbits
    .globl ap_trampoline, ap_trampoline_end
    .code16
ap_trampoline:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl ap_gdt_pointer - ap_trampoline
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x18, $PA(ap_entry)
    .balign 4
ap_gdt_pointer:
    .short 31
    .long PA(boot_gdt)
ap_trampoline_end:

    .section .text.entry, "ax", @progbits
    .code32
ap_entry:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $PA(ap_early_stack_end), %esp  /* one processor starts at a time */
    call enter_long_mode
    .code64
    movq ap_boot_cr3(%rip), %rax
    movq ap_boot_stack(%rip), %rcx
    movq %rax, %cr3
    movq %rcx, %rsp
    xorl %ebp, %ebp
    call ap_start
    ud2

    .section .bss.ap_early_stack, "aw", @nobits
    .balign 16
    .skip 64
ap_early_stack_end:
    .section .note.GNU-stack, "", @progbits
