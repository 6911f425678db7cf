/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a boot loader says, whatever the loader: multiboot 1 and multiboot 2, read into one `struct boot_info`.
 *
 * Texts are copied, so that the loader's memory may be reused; module contents stay where they are. Arrays are
 * bounded: what does not fit is counted or flagged. Used once at start; needs no lock.
 * Multiboot specification 0.6.96, section 3.3; Multiboot2 specification 2.0, section 3.6.
 */
#ifndef LIB_MULTIBOOT_H
#define LIB_MULTIBOOT_H

#include <lib/physmap.h>

#define MULTIBOOT1_LOADER_MAGIC 0x2badb002u  /* in EAX at the entry point */
#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u

#define BOOT_CMDLINE_MAX        2048  /* terminators included */
#define BOOT_MODULE_CMDLINE_MAX 1024
#define BOOT_NAME_MAX           64
#define BOOT_MODULES_MAX        16
#define BOOT_MEMORY_MAX         256
#define BOOT_RSDP_MAX           36

/* The numbers of the BIOS call E820, which both specifications use. */
enum boot_memory_type {
    BOOT_MEMORY_RAM = 1,
    BOOT_MEMORY_RESERVED = 2,
    BOOT_MEMORY_ACPI = 3,       /* may be used once the tables have been read */
    BOOT_MEMORY_ACPI_NVS = 4,
    BOOT_MEMORY_UNUSABLE = 5,
};

/* Bytes [start, end). */
struct boot_memory {
    uint64_t start, end;
    enum boot_memory_type type;
};

struct boot_module {
    uint64_t start, end;
    char cmdline[BOOT_MODULE_CMDLINE_MAX];
};

enum boot_framebuffer_type {
    BOOT_FRAMEBUFFER_INDEXED = 0,
    BOOT_FRAMEBUFFER_RGB = 1,
    BOOT_FRAMEBUFFER_TEXT = 2,   /* EGA text: width and height in characters */
};

struct boot_framebuffer {
    bool present;
    enum boot_framebuffer_type type;
    uint64_t address;
    uint32_t pitch_bytes, width, height;
    uint8_t bits_per_pixel;
    uint8_t red_position, red_bits, green_position, green_bits, blue_position, blue_bits;
};

struct boot_info {
    char cmdline[BOOT_CMDLINE_MAX];
    char loader_name[BOOT_NAME_MAX];
    uint32_t module_count, memory_count;
    uint32_t dropped_count;              /* modules and regions that found no room or made no sense */
    bool text_was_cut;                   /* a command line was longer than its array, or not mappable to its end */
    struct boot_module modules[BOOT_MODULES_MAX];
    struct boot_memory memory[BOOT_MEMORY_MAX];  /* as the loader gave it: not sorted, may overlap */
    uint32_t rsdp_size;                  /* 0: the loader gave none */
    uint8_t rsdp[BOOT_RSDP_MAX];
    struct boot_framebuffer framebuffer;
    uint64_t efi_system_table;           /* 0: not booted by EFI */
    bool efi_is_64;
    bool efi_boot_services_active;
    uint64_t info_start, info_end;       /* the loader's structure itself; of multiboot 1 the fixed part only */
    const char *reason;                  /* after an error */
};

/* Fill @info from what the loader left at @info_address, by the @magic from EAX.
 * -XEN_EINVAL: neither magic. -XEN_EFAULT: the structure is not mappable. -XEN_ENOENT: it holds no memory map.
 * info->reason says more. */
int multiboot_parse(const struct physmap *physmap, uint32_t magic, uint64_t info_address, struct boot_info *info);

/* For other loaders: add to a boot_info with the same bounds. False when there was no room or the range is empty. */
bool boot_info_add_memory(struct boot_info *info, uint64_t start, uint64_t size, uint32_t type);
struct boot_module *boot_info_add_module(struct boot_info *info, uint64_t start, uint64_t end);

/* Copy the terminated text at @address into @text of @size bytes; sets info->text_was_cut when it did not fit. */
void boot_info_copy_text(const struct physmap *physmap, uint64_t address, char *text, size_t size, struct boot_info *info);

#endif
