/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first byte picks the version; the rest is physical memory from 0 on, the loader's structure at 0x100.
 */
#include <lib/multiboot.h>
#include <lib/string.h>
#include <stdlib.h>

#define INFO 0x100

static uint8_t *memory;
static size_t memory_size;

static const void *map(void *opaque, uint64_t paddr, size_t size)
{
    return range_fits(paddr, size, memory_size) ? memory + paddr : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct physmap physmap = {.map = map};
    static struct loader_info info;

    if (size < 2) {
        return 0;
    }
    memory_size = size - 1;
    memory = malloc(memory_size);
    memcpy(memory, data + 1, memory_size);
    multiboot_parse(&physmap, data[0] & 1 ? MULTIBOOT1_LOADER_MAGIC : MULTIBOOT2_LOADER_MAGIC, INFO, &info);
    if (info.module_count > LOADER_MODULES_MAX || info.memory_count > LOADER_MEMORY_MAX ||
        strnlen(info.cmdline, LOADER_CMDLINE_MAX) == LOADER_CMDLINE_MAX) {
        __builtin_trap();
    }
    for (uint32_t i = 0; i < info.module_count; i++) {
        if (info.modules[i].end < info.modules[i].start ||
            strnlen(info.modules[i].cmdline, LOADER_MODULE_CMDLINE_MAX) == LOADER_MODULE_CMDLINE_MAX) {
            __builtin_trap();
        }
    }
    free(memory);
    return 0;
}
