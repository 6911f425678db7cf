/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entry points, ELF notes and trap stubs of a micro guest. PV: entered in long mode by the builder with RSI = start_info.
 * PVH: entered in 32-bit protected mode with EBX = hvm_start_info (docs: xen/arch-x86/hvm/start_info.h); goes to long
 * mode on static page tables: identity for 4 GiB, and VIRT_BASE mapping the first GiB.
 */
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/elfnote.h>
#include <xen/features.h>

#define PHYS(sym) ((sym) - 0xffffffff80000000)

.macro NOTE type, kind, value:vararg
    .pushsection .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \kind \value
2:  .balign 4
    .popsection
.endm
    NOTE XEN_ELFNOTE_GUEST_OS, .asciz, "zendo-microguest"
    NOTE XEN_ELFNOTE_GUEST_VERSION, .asciz, "1"
    NOTE XEN_ELFNOTE_XEN_VERSION, .asciz, "xen-3.0"
    NOTE XEN_ELFNOTE_LOADER, .asciz, "generic"
    NOTE XEN_ELFNOTE_PAE_MODE, .asciz, "yes"
    NOTE XEN_ELFNOTE_FEATURES, .asciz, "!writable_page_tables|pae_pgdir_above_4gb"
    NOTE XEN_ELFNOTE_SUPPORTED_FEATURES, .long, (1 << XENFEAT_hvm_callback_vector) | (1 << XENFEAT_dom0) | (1 << XENFEAT_pae_pgdir_above_4gb) | (1 << XENFEAT_writable_page_tables)
    NOTE XEN_ELFNOTE_VIRT_BASE, .quad, 0xffffffff80000000
    NOTE XEN_ELFNOTE_PADDR_OFFSET, .quad, 0
    NOTE XEN_ELFNOTE_ENTRY, .quad, pv_entry
    NOTE XEN_ELFNOTE_HYPERCALL_PAGE, .quad, hypercall_page
    NOTE XEN_ELFNOTE_L1_MFN_VALID, .quad, 1, 1
    NOTE XEN_ELFNOTE_SUSPEND_CANCEL, .long, 1
    NOTE XEN_ELFNOTE_PHYS32_ENTRY, .long, PHYS(pvh_entry)

    .section .text.entry, "ax"
    .globl pv_entry
pv_entry:
    cld
    mov     %rsi, %rdi
    lea     stacks + 16384(%rip), %rsp
    xor     %ebp, %ebp
    call    pv_start
    ud2

    .code32
    .globl pvh_entry
pvh_entry:
    cld
    mov     %ebx, %esi
    mov     $PHYS(boot_l4), %eax
    mov     %eax, %cr3
    mov     %cr4, %eax
    or      $0x620, %eax            /* PAE, OSFXSR, OSXMMEXCPT */
    mov     %eax, %cr4
    mov     $0xc0000080, %ecx
    rdmsr
    or      $0x901, %eax            /* SCE, LME, NXE */
    wrmsr
    mov     $0x80010033, %eax       /* PG, WP, NE, ET, MP, PE */
    mov     %eax, %cr0
    lgdt    PHYS(pvh_gdtr_low)
    ljmp    $0x08, $PHYS(1f)
    .code64
1:  movabs  $pvh_high, %rax
    jmp     *%rax
pvh_high:
    lgdt    pvh_gdtr(%rip)
    mov     $0x10, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    xor     %eax, %eax
    mov     %eax, %fs
    mov     %eax, %gs
    lea     stacks + 16384(%rip), %rsp
    mov     %esi, %edi
    call    pvh_start
    ud2

/* Secondary processors started in long mode through vcpu_hvm_context: RSP and RDI come from the context. */
    .globl pvh_secondary
pvh_secondary:
    lgdt    pvh_gdtr(%rip)
    push    $0x08
    lea     1f(%rip), %rax
    push    %rax
    lretq
1:  mov     $0x10, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    call    secondary_main
    ud2

/* The INIT-SIPI trampoline: copied below 1 MiB (any page), real mode to long mode; CPU number from the local APIC's ID / 2. */
    .globl sipi_start, sipi_end
    .balign 16
    .code16
sipi_start:
    cli
    mov     %cs, %ax
    mov     %ax, %ds
    lgdtl   sipi_gdtr - sipi_start
    mov     $PHYS(boot_l4), %eax
    mov     %eax, %cr3
    mov     $0x620, %eax
    mov     %eax, %cr4
    mov     $0xc0000080, %ecx
    rdmsr
    or      $0x901, %eax
    wrmsr
    mov     $0x80010033, %eax
    mov     %eax, %cr0
    ljmpl   $0x08, $PHYS(sipi_long)
    .balign 8
sipi_gdtr:
    .word   pvh_gdt_end - pvh_gdt - 1
    .long   PHYS(pvh_gdt)
sipi_end:
    .code64
sipi_long:
    movabs  $1f, %rax
    jmp     *%rax
1:  lgdt    pvh_gdtr(%rip)
    mov     $0x10, %eax
    mov     %eax, %ss
    mov     %eax, %ds
    mov     %eax, %es
    mov     sipi_cpu(%rip), %edi
    mov     %edi, %eax
    inc     %eax
    shl     $14, %eax
    lea     stacks(%rip), %rsp
    add     %rax, %rsp
    call    secondary_main
    ud2

/* PV secondary: RDI = CPU number, RSP from the vcpu_guest_context. */
    .globl pv_secondary
pv_secondary:
    call    secondary_main
    ud2

    .section .hypercall_page, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip   4096

/* --- trap stubs --- */
    .text
.macro SAVE
    push %rdi; push %rsi; push %rdx; push %rcx; push %rax; push %r8; push %r9; push %r10; push %r11
    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15
    cld
.endm
.macro RESTORE
    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx
    pop %r11; pop %r10; pop %r9; pop %r8; pop %rax; pop %rcx; pop %rdx; pop %rsi; pop %rdi
    add $16, %rsp
.endm
/* PV: Xen pushes RCX and R11 below the (error code and) interrupt frame. */
pv_common:
    SAVE
    mov     %rsp, %rdi
    mov     %rsp, %rbp
    and     $-16, %rsp
    call    trap_dispatch
    mov     %rbp, %rsp
    RESTORE
    push    $0
    push    %rcx
    push    %r11
    push    %rax
    mov     $23, %eax               /* iret */
    syscall
    ud2
native_common:
    SAVE
    mov     %rsp, %rdi
    mov     %rsp, %rbp
    and     $-16, %rsp
    call    trap_dispatch
    mov     %rbp, %rsp
    RESTORE
    iretq

.macro PV_STUB vec, err
    .balign 32
    .if \err
    mov     (%rsp), %rcx
    mov     8(%rsp), %r11
    add     $16, %rsp
    .else
    mov     (%rsp), %rcx
    mov     8(%rsp), %r11
    add     $8, %rsp
    movq    $0, (%rsp)
    .endif
    pushq   $\vec
    jmp     pv_common
.endm
.macro NATIVE_STUB vec, err
    .balign 32
    .if !\err
    pushq   $0
    .endif
    pushq   $\vec
    jmp     native_common
.endm
/* 256 vectors and the upcall, syscall and failsafe callbacks of PV, 32 bytes each. */
.macro STUBS kind, last
    .balign 32
    .set v, 0
    .rept \last
    .if v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21
    \kind v, 1
    .else
    \kind v, 0
    .endif
    .set v, v + 1
    .endr
.endm
    .globl pv_stubs, native_stubs
    .balign 32
pv_stubs:
    STUBS PV_STUB, 259
    .balign 32
native_stubs:
    STUBS NATIVE_STUB, 256

/* bool enter_user(struct regs *) is built from this: loads all registers and goes through iret; see pv/user.c. */
    .globl pv_load_regs
pv_load_regs:
    mov     %rdi, %rsp
    RESTORE
    push    $0
    push    %rcx
    push    %r11
    push    %rax
    mov     $23, %eax
    syscall
    ud2

/* int ctx_save(u64 ctx[8]) / ctx_jump(ctx, val): setjmp and longjmp. */
    .globl ctx_save, ctx_jump
ctx_save:
    mov     (%rsp), %rax
    mov     %rax, 0(%rdi)
    lea     8(%rsp), %rax
    mov     %rax, 8(%rdi)
    mov     %rbx, 16(%rdi)
    mov     %rbp, 24(%rdi)
    mov     %r12, 32(%rdi)
    mov     %r13, 40(%rdi)
    mov     %r14, 48(%rdi)
    mov     %r15, 56(%rdi)
    xor     %eax, %eax
    ret
ctx_jump:
    mov     %esi, %eax
    mov     16(%rdi), %rbx
    mov     24(%rdi), %rbp
    mov     32(%rdi), %r12
    mov     40(%rdi), %r13
    mov     48(%rdi), %r14
    mov     56(%rdi), %r15
    mov     8(%rdi), %rsp
    jmp     *(%rdi)

    .data
    .balign 8
    .globl pvh_gdt, pvh_gdt_end, pvh_gdtr
pvh_gdt:
    .quad   0
    .quad   0x00af9b000000ffff      /* 0x08: 64-bit code */
    .quad   0x00cf93000000ffff      /* 0x10: data */
    .quad   0x00cf9b000000ffff      /* 0x18: 32-bit code */
    .quad   0, 0                    /* 0x20: TSS, filled in */
pvh_gdt_end:
    .word   0, 0, 0
pvh_gdtr:
    .word   pvh_gdt_end - pvh_gdt - 1
    .quad   pvh_gdt
    .word   0, 0, 0
pvh_gdtr_low:
    .word   pvh_gdt_end - pvh_gdt - 1
    .long   PHYS(pvh_gdt)

    .balign 4096
    .globl boot_l4
boot_l4:
    .quad   PHYS(boot_l3) + 7
    .skip   8 * 510
    .quad   PHYS(boot_l3_high) + 7
boot_l3:
    .quad   PHYS(boot_l2) + 7, PHYS(boot_l2) + 0x1007, PHYS(boot_l2) + 0x2007, PHYS(boot_l2) + 0x3007
    .skip   8 * 508
boot_l3_high:
    .skip   8 * 510
    .quad   PHYS(boot_l2) + 7, 0
boot_l2:
    .set    i, 0
    .rept   2048
    .quad   (i << 21) + 0xe3
    .set    i, i + 1
    .endr
    .section .note.GNU-stack, "", @progbits
