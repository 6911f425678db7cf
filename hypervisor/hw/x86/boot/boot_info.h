/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the loader told us, copied out of its memory, whatever the loader. Filled once by boot_info_read(); constant afterwards (options may take RAM away). The memory
 * map here is sorted, without overlaps, neighbours of one type joined (loader.memory is raw).
 */
#pragma once
#include <base/types.h>
#include <lib/multiboot.h>

#define BOOT_MAP_MAX (2 * LOADER_MEMORY_MAX)

struct boot_info {
    struct loader_info loader;
    const char *cmdline; /* our options, without the image's name */
    struct loader_memory map[BOOT_MAP_MAX];
    unsigned int map_count;
    paddr_t rsdp_address; /* where the EFI system table says it is; 0: not known */
    bool is_efi;
    bool has_text_screen;
};

extern struct boot_info boot_info;

/* @magic and @info_pa as the loader left them in eax and ebx, with the boot page tables. Panics when neither multiboot protocol was used. */
void boot_info_read(uint32_t magic, paddr_t info_pa);

/* RAM in [@start, @end) becomes unusable in the map. Before the map is used. */
void boot_info_remove_ram(paddr_t start, paddr_t end);

/* Module @index (kernel, initial RAM disk, ...), in the direct map, and its arguments; NULL when there are fewer. Its frames are not in the heap. */
const void *boot_module(unsigned int index, uint64_t *size_bytes, const char **cmdline);
/* Its memory goes to the heap; its contents are lost. Once. */
void boot_module_release(unsigned int index);
/* Whether the loader put a module, or a part of one, into [@start, @end). */
bool boot_module_at(paddr_t start, paddr_t end);
