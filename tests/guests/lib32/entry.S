/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry point, ELF notes and trap stubs of a 32-bit PVH micro guest: flat protected mode without paging, so addresses are guest-physical.
 * The twin of ../lib/entry.S.
 */
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/elfnote.h>

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_entry

    .section .text.entry, "ax"
    .globl pvh_entry
pvh_entry:
    cld
    lgdt    gdtr
    ljmp    $0x08, $1f
1:  mov     $0x10, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    xor     %eax, %eax
    mov     %eax, %fs
    mov     %eax, %gs
    mov     $(stacks + 16384), %esp
    push    %ebx
    call    pvh_start
    ud2

/* Secondary processors started through vcpu_hvm_context: ESP and EDI come from the context. */
    .globl pvh_secondary
pvh_secondary:
    lgdt    gdtr
    ljmp    $0x08, $1f
1:  mov     $0x10, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    push    %edi
    call    secondary_main
    ud2

    .section .hypercall_page, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip   4096

    .text
native_common:
    pusha
    cld
    push    %esp
    call    trap_dispatch
    add     $4, %esp
    popa
    add     $8, %esp
    iret

/* 256 vectors, 32 bytes each. */
    .globl native_stubs
    .balign 32
native_stubs:
    .set    v, 0
    .rept   256
    .balign 32
    .if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21)
    push    $0
    .endif
    push    $v
    jmp     native_common
    .set    v, v + 1
    .endr

    .data
    .balign 8
gdt:
    .quad   0
    .quad   0x00cf9b000000ffff      /* 0x08: code */
    .quad   0x00cf93000000ffff      /* 0x10: data */
gdt_end:
    .word   0, 0, 0
gdtr:
    .word   gdt_end - gdt - 1
    .long   gdt
    .section .note.GNU-stack, "", @progbits
