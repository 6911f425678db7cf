/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/memory_map.h>
#include <hw/x86/mmu/bootmem.h>
#include <base/contract.h>
#include <lib/bytes.h>
#include <lib/string.h>

#define BOOT_MAP_END (4ull << 30)
/* EFI system table, 64-bit: number and address of the configuration tables, each a GUID and an address (UEFI 2.10, 4.3 and 4.6). */
#define EFI_TABLE_COUNT       104
#define EFI_TABLE_ADDRESS     112
#define EFI_SYSTEM_TABLE_SIZE 120
#define EFI_ENTRY_SIZE        24
#define EFI_ENTRIES_MAX       256

struct boot_info boot_info;

static const void *map_early(void *opaque, uint64_t paddr, size_t size_bytes)
{
    if (paddr == 0 || paddr >= BOOT_MAP_END || size_bytes > BOOT_MAP_END - paddr) {
        return NULL;
    }
    return (const void *)(VA_DIRECT + paddr);
}

static const struct physmap early_physmap = {.map = map_early};

/* The ACPI 2.0 table's address among EFI's configuration tables; the loader hands on only a copy of the RSDP. */
static paddr_t rsdp_from_efi(void)
{
    static const uint8_t acpi_20[16] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                                        0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81};
    const uint8_t *table = map_early(NULL, boot_info.loader.efi_system_table, EFI_SYSTEM_TABLE_SIZE);
    const uint8_t *entry;
    uint64_t count;

    if (!table || !boot_info.loader.efi_is_64) {
        return 0;
    }
    count = MIN_T(uint64_t, read_le64(table + EFI_TABLE_COUNT), EFI_ENTRIES_MAX);
    entry = map_early(NULL, read_le64(table + EFI_TABLE_ADDRESS), count * EFI_ENTRY_SIZE);
    for (uint64_t i = 0; entry && i < count; i++, entry += EFI_ENTRY_SIZE) {
        if (!memcmp(entry, acpi_20, sizeof(acpi_20))) {
            return read_le64(entry + 16);
        }
    }
    return 0;
}

/* The arguments of a command line: QEMU puts the file's name first, and old loaders a path; GRUB 2 neither. */
static const char *skip_file_name(const char *text)
{
    if (*text == '/' || *text == '(' || str_starts_with(boot_info.loader.loader_name, "qemu")) {
        while (*text && *text != ' ') {
            text++;
        }
    }
    while (*text == ' ') {
        text++;
    }
    return text;
}

void boot_info_read(uint32_t magic, paddr_t info_pa)
{
    struct loader_info *l = &boot_info.loader;

    if (multiboot_parse(&early_physmap, magic, info_pa, l) < 0) {
        port_panic("Not started by a multiboot loader that we understand: %s", l->reason ? l->reason : "");
    }
    boot_info.cmdline = skip_file_name(l->cmdline);
    boot_info.is_efi = l->efi_system_table != 0;
    boot_info.rsdp_address = rsdp_from_efi();
    boot_info.has_text_screen =
        l->framebuffer.present ? l->framebuffer.type == LOADER_FRAMEBUFFER_TEXT : !boot_info.is_efi;
    boot_info.map_count = memory_map_build(l->memory, l->memory_count, boot_info.map, BOOT_MAP_MAX);
}

void boot_info_remove_ram(paddr_t start, paddr_t end)
{
    static struct loader_memory parts[2 * BOOT_MAP_MAX];
    unsigned int count = boot_info.map_count;

    memcpy(parts, boot_info.map, count * sizeof(parts[0]));
    for (unsigned int i = 0; i < boot_info.map_count; i++) {
        const struct loader_memory *m = &boot_info.map[i];

        if (m->type == LOADER_MEMORY_RAM && m->start < end && m->end > start) {
            /* where two overlap the map keeps the worse */
            parts[count++] =
                (struct loader_memory){MAX(m->start, start), MIN(m->end, end), LOADER_MEMORY_UNUSABLE};
        }
    }
    boot_info.map_count = memory_map_build(parts, count, boot_info.map, BOOT_MAP_MAX);
}

const void *boot_module(unsigned int index, uint64_t *size_bytes, const char **cmdline)
{
    const struct loader_module *m = &boot_info.loader.modules[index];

    if (index >= boot_info.loader.module_count) {
        return NULL;
    }
    *size_bytes = m->end - m->start;
    *cmdline = skip_file_name(m->cmdline);
    return (const void *)(VA_DIRECT + m->start);
}

void boot_module_release(unsigned int index)
{
    const struct loader_module *m = &boot_info.loader.modules[index];

    bootmem_release(m->start, m->end);
}

bool boot_module_at(paddr_t start, paddr_t end)
{
    for (unsigned int i = 0; i < boot_info.loader.module_count; i++) {
        if (boot_info.loader.modules[i].start < end && boot_info.loader.modules[i].end > start) {
            return true;
        }
    }
    return false;
}
