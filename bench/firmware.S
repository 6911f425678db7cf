/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A multiboot image that prints the counter at its entry on COM1 and resets: what firmware and loader cost, so that a
 * hypervisor's own part of the boot can be told. Output: `bench firmware <hex digits>`, then `# end`.
 */
    .section .text.entry, "ax"
    .code32
    .balign 4
    .long   0x1badb002, 0x00000002, -(0x1badb002 + 0x00000002)
    .globl _start
_start:
    rdtsc
    mov     $stack, %esp
    push    %eax
    push    %edx
    mov     $text, %esi
    call    puts
    pop     %ebx
    call    hex
    pop     %ebx
    call    hex
    mov     $tail, %esi
    call    puts
    mov     $0xfe, %al
    outb    %al, $0x64
1:  hlt
    jmp     1b
hex:
    mov     $8, %ecx
1:  rol     $4, %ebx
    mov     %ebx, %eax
    and     $15, %eax
    mov     digits(%eax), %al
    call    putc
    loop    1b
    ret
puts:
    lodsb
    test    %al, %al
    jz      1f
    call    putc
    jmp     puts
1:  ret
putc:
    mov     $0x3f8, %dx
    outb    %al, %dx
    ret
digits: .ascii "0123456789abcdef"
text:   .asciz "\nbench-hex firmware "
tail:   .asciz "\n# end 0\n"
    .balign 16
    .skip   256
stack:
    .section .note.GNU-stack, "", @progbits
