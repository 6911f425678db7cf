/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is an ELF image. What elf_init() accepted must keep its promises: segments inside the image, no wrapping.
 */
#include <lib/elf.h>
#include <lib/string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_xen_info info;
    struct elf_segment s;
    struct elf elf;
    uint64_t paddr;
    uint32_t i = 0;

    if (elf_init(&elf, data, size) != 0) {
        if (elf.reason[0] == '\0') {
            __builtin_trap();
        }
        return 0;
    }
    while (elf_next_load(&elf, &i, &s)) {
        if (!range_fits(s.offset, s.file_size, size) || s.file_size > s.mem_size ||
            s.paddr + s.mem_size < s.paddr || s.paddr < elf.load_paddr_start ||
            s.paddr + s.mem_size > elf.load_paddr_end) {
            __builtin_trap();
        }
    }
    if (elf_read_xen_notes(&elf, &info) == 0) {
        elf_vaddr_to_paddr(&elf, info.entry, &paddr);
    }
    return 0;
}
