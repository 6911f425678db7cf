/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First instructions of the boot CPU: multiboot 1 and 2 headers, then from 32-bit protected mode to boot_main() in the image's own addresses.
 *
 * Boot page tables: the first 4 GiB, three times from the same tables: at 0 (identity), in the direct map, and with the first GiB as the image's
 * mapping (physical address = virtual - VA_IMAGE_BASE). The application processors' trampoline uses them too; mmu_init() replaces them.
 * Multiboot 0.6.96 section 3; Multiboot2 1.6 section 3; Intel SDM volume 3, 10.8.5.
 */
#include <base/layout.h>

#define PA(sym) ((sym) - VA_IMAGE_BASE)
#define CR0_FLAGS 0x80010033 /* PG WP NE ET MP PE */
#define CR4_FLAGS 0x620      /* OSXMMEXCPT OSFXSR PAE */
#define EFER_FLAGS 0x900     /* NXE LME */

    .section .head, "ax", @progbits
    .globl boot_entry
    .code32

    .balign 4
mb1_header:
    .long 0x1badb002
    .long 0x00010003                    /* page-aligned modules, memory map, address fields */
    .long -(0x1badb002 + 0x00010003)
    .long PA(mb1_header)
    .long PA(_start_image)
    .long PA(_data_end)
    .long PA(_bss_end)
    .long PA(boot_entry)

    .balign 8
mb2_header:
    .long 0xe85250d6
    .long 0
    .long mb2_header_end - mb2_header
    .long -(0xe85250d6 + (mb2_header_end - mb2_header))
    .balign 8
    .short 1, 0                         /* what we want to know; the ACPI and EFI tags only if there are any */
    .long 20
    .long 1, 3, 6                       /* command line, modules, memory map */
    .balign 8
    .short 1, 1
    .long 24
    .long 14, 15, 12, 17                /* RSDP old and new, EFI system table, EFI memory map */
    .balign 8
    .short 2, 0                         /* addresses */
    .long 24
    .long PA(mb2_header), PA(_start_image), PA(_data_end), PA(_bss_end)
    .balign 8
    .short 3, 0                         /* entry */
    .long 12
    .long PA(boot_entry)
    .balign 8
    .short 6, 0                         /* page-aligned modules */
    .long 8
    .balign 8
    .short 0, 0
    .long 8
mb2_header_end:

boot_entry:
    cli
    cld
    movl %eax, %ebp                     /* magic and information address: kept for boot_main() */
    movl %ebx, %esi
    lgdt PA(boot_gdt_pointer_pa)
    ljmp $0x18, $PA(1f)
1:  movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs

    movl $PA(_bss_start), %edi
    movl $PA(_bss_end), %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    rep stosl
    movl $PA(boot_stack + STACK_SIZE - 32), %esp

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    andl $(1 << 29 | 1 << 20), %edx     /* long mode, no-execute pages */
    cmpl $(1 << 29 | 1 << 20), %edx
    jne no_long_mode

    /* four level 2 tables: 2048 pages of 2 MiB */
    movl $PA(boot_l2), %edi
    movl $0x83, %eax                    /* large, writable, present */
    movl $2048, %ecx
2:  movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    loop 2b
    movl $PA(boot_l3), %edi
    movl $(PA(boot_l2) + 3), %eax
    movl $4, %ecx
3:  movl %eax, (%edi)
    addl $8, %edi
    addl $4096, %eax
    loop 3b
    movl $(PA(boot_l2) + 3), PA(boot_image_l3) + 8 * ((VA_IMAGE_BASE >> 30) & 511)
    movl $(PA(boot_l3) + 3), PA(boot_l4)
    movl $(PA(boot_l3) + 3), PA(boot_l4) + 8 * ((VA_DIRECT >> 39) & 511)
    movl $(PA(boot_image_l3) + 3), PA(boot_l4) + 8 * ((VA_IMAGE_BASE >> 39) & 511)

    call enter_long_mode
    .code64
    movabsq $boot_main, %rax
    movl %ebp, %edi
    movl %esi, %esi
    xorl %ebp, %ebp
    call *%rax
    ud2

/*
 * From 32-bit protected mode with boot_gdt loaded, to 64-bit mode in the image's addresses. Called at a physical address with a physical stack;
 * returns behind the call, with instruction and stack pointer moved to the image's mapping. Clobbers eax, ecx, edx.
 */
    .code32
    .globl enter_long_mode
enter_long_mode:
    movl $CR4_FLAGS, %eax
    movl %eax, %cr4
    movl $PA(boot_l4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $EFER_FLAGS, %eax
    wrmsr
    movl $CR0_FLAGS, %eax
    movl %eax, %cr0
    ljmp $0x08, $PA(1f)
    .code64
1:  movabsq $VA_IMAGE_BASE, %rax
    movl (%rsp), %ecx                   /* the return address was pushed with 32 bits */
    leaq 4(%rsp, %rax), %rsp
    addq %rax, %rcx
    lgdt boot_gdt_pointer(%rip)
    jmp *%rcx

    .code32
no_long_mode:
    movl $PA(no_long_mode_text), %esi
    movl $0xb8000, %edi
1:  lodsb
    testb %al, %al
    jz 3f
    movb $0x0f, %ah
    stosw
    movb %al, %cl
    movw $0x3f8 + 5, %dx
2:  inb %dx, %al
    testb $0x20, %al
    jz 2b
    movb %cl, %al
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 1b
3:  hlt
    jmp 3b
no_long_mode_text:
    .asciz "Zendo: this processor has no long mode with no-execute pages.\r\n"

    .section .rodata, "a", @progbits
    .balign 8
    .globl boot_gdt
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff            /* 0x08: 64-bit code */
    .quad 0x00cf93000000ffff            /* 0x10: data */
    .quad 0x00cf9b000000ffff            /* 0x18: 32-bit code */
boot_gdt_end:
    .short 0
    .globl boot_gdt_pointer_pa
boot_gdt_pointer_pa:
    .short boot_gdt_end - boot_gdt - 1
    .long PA(boot_gdt)
    .balign 8
    .short 0, 0, 0
boot_gdt_pointer:
    .short boot_gdt_end - boot_gdt - 1
    .quad boot_gdt

    .section .bss.page_aligned, "aw", @nobits
    .balign STACK_SIZE
    .globl boot_stack, boot_l4
boot_stack:
    .skip STACK_SIZE
boot_l4:
    .skip 4096
boot_l3:
    .skip 4096
boot_image_l3:
    .skip 4096
boot_l2:
    .skip 4 * 4096
    .section .note.GNU-stack, "", @progbits
