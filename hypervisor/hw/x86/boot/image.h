/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses that the linker script defines. */
#pragma once
#include <base/layout.h>
#include <base/types.h>

extern char _start_image[], _end_image[];
extern char _text_start[], _text_end[];
extern char _rodata_start[], _rodata_end[];
extern char _data_start[], _data_end[];
extern char _bss_start[], _bss_end[];
extern char __percpu_start[], __percpu_end[];
extern char _percpu_template[];
/* ELF note made by the linker from the image's contents: the SHA-1 is behind 16 bytes of header and name. */
#define BUILD_ID_SIZE 20
extern const uint8_t _build_id_note[];
static inline const uint8_t *image_build_id(void)
{
    return _build_id_note + 16;
}

extern char boot_stack[];
extern uint64_t boot_l4[512];

/* Physical address of something in the image. */
static inline paddr_t image_pa(const void *p)
{
    return (paddr_t)(uintptr_t)p - VA_IMAGE_BASE;
}
