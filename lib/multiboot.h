/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a boot loader says, whatever the loader: multiboot 1 and 2 read into one `struct loader_info`.
 *
 * Texts are copied, so that the loader's memory may be reused; module contents stay where they are. Arrays are
 * bounded: what does not fit is counted or flagged. Used once at start; needs no lock. The struct is large (some
 * 26 KiB): static, not on a stack.
 * Multiboot specification 0.6.96, section 3.3; Multiboot2 specification 2.0, section 3.6.
 */
#ifndef LIB_MULTIBOOT_H
#define LIB_MULTIBOOT_H

#include <lib/physmap.h>

#define MULTIBOOT1_LOADER_MAGIC 0x2badb002u /* in EAX at the entry point */
#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u

#define LOADER_CMDLINE_MAX        2048 /* terminators included */
#define LOADER_MODULE_CMDLINE_MAX 1024
#define LOADER_NAME_MAX           64
#define LOADER_MODULES_MAX        16
#define LOADER_MEMORY_MAX         256
#define LOADER_RSDP_MAX           36

/* The numbers of the BIOS call E820, which both specifications use. */
enum loader_memory_type {
    LOADER_MEMORY_RAM = 1,
    LOADER_MEMORY_RESERVED = 2,
    LOADER_MEMORY_ACPI = 3, /* may be used once the tables have been read */
    LOADER_MEMORY_ACPI_NVS = 4,
    LOADER_MEMORY_UNUSABLE = 5,
};

/* Bytes [start, end). */
struct loader_memory {
    uint64_t start, end;
    enum loader_memory_type type;
};

struct loader_module {
    uint64_t start, end;
    char cmdline[LOADER_MODULE_CMDLINE_MAX];
};

enum loader_framebuffer_type {
    LOADER_FRAMEBUFFER_INDEXED = 0,
    LOADER_FRAMEBUFFER_RGB = 1,
    LOADER_FRAMEBUFFER_TEXT = 2, /* EGA text: width and height in characters */
};

struct loader_framebuffer {
    bool present;
    enum loader_framebuffer_type type;
    uint64_t address;
    uint32_t pitch_bytes, width, height;
    uint8_t bits_per_pixel;
    uint8_t red_position, red_bits, green_position, green_bits, blue_position, blue_bits;
};

struct loader_info {
    char cmdline[LOADER_CMDLINE_MAX];
    char loader_name[LOADER_NAME_MAX];
    uint32_t module_count, memory_count;
    uint32_t dropped_count; /* modules and regions that found no room or made no sense */
    bool text_was_cut;      /* a command line was longer than its array, or not mappable to its end */
    struct loader_module modules[LOADER_MODULES_MAX];
    struct loader_memory memory[LOADER_MEMORY_MAX]; /* as the loader gave it: not sorted, may overlap */
    uint32_t rsdp_size;                             /* 0: the loader gave none */
    uint8_t rsdp[LOADER_RSDP_MAX];
    struct loader_framebuffer framebuffer;
    uint64_t efi_system_table; /* 0: not booted by EFI */
    bool efi_is_64;
    bool efi_boot_services_active;
    uint64_t info_start, info_end; /* the loader's structure itself; of multiboot 1 the fixed part only */
    const char *reason;            /* after an error */
};

/* Fill @info from what the loader left at @info_address, by the @magic from EAX.
 * -XEN_EINVAL: neither magic. -XEN_EFAULT: the structure is not mappable. -XEN_ENOENT: it holds no memory map.
 * info->reason says more. */
int multiboot_parse(const struct physmap *physmap, uint32_t magic, uint64_t info_address,
                    struct loader_info *info);

/* For other loaders: add to a loader_info with the same bounds. False when there was no room or the range is empty. */
bool loader_info_add_memory(struct loader_info *info, uint64_t start, uint64_t size, uint32_t type);
struct loader_module *loader_info_add_module(struct loader_info *info, uint64_t start, uint64_t end);

/* Copy the terminated text at @address into @text of @size bytes; sets info->text_was_cut when it did not fit. */
void loader_info_copy_text(const struct physmap *physmap, uint64_t address, char *text, size_t size,
                           struct loader_info *info);

#endif
