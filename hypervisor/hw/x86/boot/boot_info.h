/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the loader told us, copied out of its memory, whatever the loader. Filled once by boot_info_read(); constant afterwards.
 * The memory map is sorted, without overlaps, with E820's types (1 RAM, 2 reserved, 3 ACPI tables, 4 ACPI NVS, 5 unusable).
 */
#pragma once
#include <base/types.h>

#define BOOT_MAP_MAX 128
#define BOOT_MODULES_MAX 8
#define BOOT_STRINGS_SIZE 4096
#define E820_RAM 1u
#define E820_RESERVED 2u
#define E820_ACPI 3u
#define E820_NVS 4u
#define E820_UNUSABLE 5u

struct boot_range {
    paddr_t start, end;
    uint32_t type;
};

/* A file that the loader put in memory; its frames are not in the heap. boot_module_release() gives them to it. */
struct boot_module {
    paddr_t start;
    uint64_t size_bytes;
    const char *cmdline; /* name and arguments, as the loader gives them */
};

struct boot_info {
    const char *loader; /* its name, or "" */
    const char *cmdline; /* our options, without the image's name */
    struct boot_range map[BOOT_MAP_MAX];
    unsigned int map_count;
    struct boot_module modules[BOOT_MODULES_MAX];
    unsigned int module_count;
    uint8_t rsdp[64]; /* copy, when the loader gave one */
    unsigned int rsdp_size;
    bool is_efi;
    bool has_text_screen;
    char strings[BOOT_STRINGS_SIZE]; /* what the pointers above point into */
    unsigned int strings_used;
};

extern struct boot_info boot_info;

/* @magic and @info_pa as the loader left them in eax and ebx. Panics when neither multiboot protocol was used. */
void boot_info_read(uint32_t magic, paddr_t info_pa);
/* The module's memory goes to the heap; its contents are lost. */
void boot_module_release(unsigned int index);
