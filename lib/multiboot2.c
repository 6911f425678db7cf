/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 2: a total size, then tags (type, size, content), each aligned to eight bytes, up to one of type 0.
 */
#include <lib/multiboot_internal.h>
#include <lib/bytes.h>
#include <lib/string.h>
#include <abi/xen.h>

#define TOTAL_MAX (1u << 20)

enum tag_type {
    TAG_END = 0,
    TAG_CMDLINE = 1,
    TAG_LOADER_NAME = 2,
    TAG_MODULE = 3,
    TAG_BASIC_MEMORY = 4,
    TAG_MEMORY_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_EFI32 = 11,
    TAG_EFI64 = 12,
    TAG_RSDP_OLD = 14,
    TAG_RSDP_NEW = 15,
    TAG_EFI_BOOT_SERVICES = 18,
};

static void copy_text(char *to, size_t to_size, const uint8_t *tag, uint32_t size, uint32_t offset,
                      struct loader_info *info)
{
    if (!str_copy_bytes(to, to_size, (const char *)tag + offset, size - offset)) {
        info->text_was_cut = true;
    }
}

static void read_module(const uint8_t *tag, uint32_t size, struct loader_info *info)
{
    struct loader_module *module = loader_info_add_module(info, read_le32(tag + 8), read_le32(tag + 12));

    if (module) {
        copy_text(module->cmdline, sizeof(module->cmdline), tag, size, 16, info);
    }
}

static void read_memory_map(const uint8_t *tag, uint32_t size, struct loader_info *info)
{
    uint32_t entry_size = read_le32(tag + 8);

    if (entry_size < 20 || entry_size > size) {
        return;
    }
    for (uint32_t offset = 16; size - offset >= entry_size; offset += entry_size) {
        const uint8_t *entry = tag + offset;

        loader_info_add_memory(info, read_le64(entry), read_le64(entry + 8), read_le32(entry + 16));
    }
}

/* The newer RSDP wins whatever their order. */
static void read_rsdp(const uint8_t *tag, uint32_t size, struct loader_info *info)
{
    uint32_t rsdp_size = MIN(size - 8, (uint32_t)LOADER_RSDP_MAX);

    if (rsdp_size > info->rsdp_size) {
        memcpy(info->rsdp, tag + 8, rsdp_size);
        info->rsdp_size = rsdp_size;
    }
}

static void read_basic_memory(const uint8_t *tag, struct loader_info *info)
{
    loader_info_add_memory(info, 0, (uint64_t)read_le32(tag + 8) << 10, LOADER_MEMORY_RAM);
    loader_info_add_memory(info, 1u << 20, (uint64_t)read_le32(tag + 12) << 10, LOADER_MEMORY_RAM);
}

/* The least size that a tag's fields need; 8 for one that is not read. */
static uint32_t least_size(uint32_t type)
{
    switch (type) {
    case TAG_MODULE:
    case TAG_BASIC_MEMORY:
    case TAG_MEMORY_MAP:
    case TAG_EFI64:
        return 16;
    case TAG_EFI32:
        return 12;
    case TAG_FRAMEBUFFER:
        return 30;
    default:
        return 8;
    }
}

/* @tag has @size bytes, at least what its fields need. */
static void read_tag(const uint8_t *tag, uint32_t type, uint32_t size, struct loader_info *info)
{
    switch (type) {
    case TAG_CMDLINE:
        copy_text(info->cmdline, sizeof(info->cmdline), tag, size, 8, info);
        break;
    case TAG_LOADER_NAME:
        copy_text(info->loader_name, sizeof(info->loader_name), tag, size, 8, info);
        break;
    case TAG_MODULE:
        read_module(tag, size, info);
        break;
    case TAG_MEMORY_MAP:
        read_memory_map(tag, size, info);
        break;
    case TAG_FRAMEBUFFER:
        multiboot_read_framebuffer(tag + 8, size >= 38 ? tag + 32 : NULL, &info->framebuffer);
        break;
    case TAG_EFI32:
        info->efi_system_table = read_le32(tag + 8);
        break;
    case TAG_EFI64:
        info->efi_system_table = read_le64(tag + 8);
        info->efi_is_64 = true;
        break;
    case TAG_EFI_BOOT_SERVICES:
        info->efi_boot_services_active = true;
        break;
    case TAG_RSDP_OLD:
    case TAG_RSDP_NEW:
        read_rsdp(tag, size, info);
        break;
    default:
        break;
    }
}

int multiboot2_parse(const struct physmap *physmap, uint64_t address, struct loader_info *info)
{
    const uint8_t *start = physmap_get(physmap, address, 8), *basic_memory = NULL;
    uint32_t total = start ? read_le32(start) : 0;

    if (total < 16 || total > TOTAL_MAX || !(start = physmap_get(physmap, address, total))) {
        return multiboot_fail(info, -XEN_EFAULT,
                              "multiboot2: the information (address in EBX) is not mappable or has no size");
    }
    info->info_start = address;
    info->info_end = address + total;
    for (uint32_t offset = 8; offset <= total && total - offset >= 8;) {
        const uint8_t *tag = start + offset;
        uint32_t type = read_le32(tag), size = read_le32(tag + 4);

        if (type == TAG_END || size < 8 || size > total - offset) {
            break;
        }
        if (size >= least_size(type)) {
            read_tag(tag, type, size, info);
        }
        if (type == TAG_BASIC_MEMORY && size >= 16) {
            basic_memory = tag;
        }
        offset += ALIGN_UP(size, 8);
    }
    if (info->memory_count == 0 && basic_memory) {
        read_basic_memory(basic_memory, info);
    }
    if (info->memory_count == 0) {
        return multiboot_fail(info, -XEN_ENOENT,
                              "multiboot2: no memory map (tag 6) and no memory sizes (tag 4)");
    }
    return 0;
}
