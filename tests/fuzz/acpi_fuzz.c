/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is physical memory from 0 on, the RSDP at 0x100. Checksums are put right before parsing, or nothing would
 * get past them: of the RSDP, of the root, and of each table that the root names.
 */
#include <lib/acpi.h>
#include <lib/bytes.h>
#include <lib/string.h>
#include <stdlib.h>

#define RSDP 0x100

static uint8_t *memory;
static size_t memory_size;

static const void *map(void *opaque, uint64_t paddr, size_t size)
{
    return range_fits(paddr, size, memory_size) ? memory + paddr : NULL;
}

static void seal(uint64_t at, uint64_t size, uint64_t checksum_at)
{
    uint8_t sum = 0;

    if (!range_fits(at, size, memory_size) || checksum_at >= size) {
        return;
    }
    for (uint64_t i = 0; i < size; i++) {
        sum += memory[at + i];
    }
    memory[at + checksum_at] -= sum;
}

static void seal_table(uint64_t at)
{
    if (range_fits(at, 36, memory_size)) {
        seal(at, read_le32(memory + at + 4), 9);
    }
}

static void seal_everything(void)
{
    uint64_t root = read_le32(memory + RSDP + 16);
    uint32_t stride = memory[RSDP + 15] >= 2 ? 8 : 4;

    memcpy(memory + RSDP, "RSD PTR ", 8);
    root = stride == 8 ? read_le64(memory + RSDP + 24) : root;
    if (range_fits(root, 36, memory_size)) {
        for (uint32_t i = 0; i < 16 && range_fits(root, 36 + (i + 1) * stride, memory_size); i++) {
            uint64_t table = read_le32(memory + root + 36 + i * stride);

            seal_table(table);
            if (range_fits(table, 148, memory_size) && memcmp(memory + table, "FACP", 4) == 0) {
                seal_table(read_le64(memory + table + 140));
            }
        }
    }
    seal_table(root);
    seal(RSDP, 20, 8);
    seal(RSDP, 36, 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct physmap physmap = {.map = map};
    static struct acpi_info info;
    struct acpi_s5 s5 = {0};
    uint64_t rsdp;

    acpi_scan_s5(data, size, &s5);
    if (size < RSDP + 36) {
        return 0;
    }
    memory = malloc(size);
    memory_size = size;
    memcpy(memory, data, size);
    seal_everything();
    acpi_parse(&physmap, memory + RSDP, 36, &info);
    acpi_find_rsdp(&physmap, &rsdp);
    free(memory);
    return 0;
}
