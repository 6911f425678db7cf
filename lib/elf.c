/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF header and program headers: checked once, read many times. See elf.h.
 */
#include <lib/elf_internal.h>
#include <lib/bytes.h>
#include <lib/printf.h>
#include <lib/string.h>
#include <abi/xen.h>

#define EI_CLASS    4
#define EI_DATA     5
#define CLASS_32    1
#define CLASS_64    2
#define DATA_LITTLE 1
#define TYPE_EXEC   2u
#define TYPE_DYN    3u
#define NO_MORE     0xffffu /* e_phnum, e_shnum that stand for "elsewhere" */

int elf_fail(struct elf *elf, int rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    zvsnprintf(elf->reason, sizeof(elf->reason), format, args);
    va_end(args);
    return rc;
}

uint64_t elf_word(const struct elf *elf, const uint8_t *at)
{
    return elf->is_64 ? read_le64(at) : read_le32(at);
}

struct elf_segment elf_segment(const struct elf *elf, uint32_t index)
{
    const uint8_t *p = elf->bytes + elf->segments_offset + (uint64_t)index * elf->segment_stride;

    if (elf->is_64) {
        return (struct elf_segment){
            .type = read_le32(p),
            .flags = read_le32(p + 4),
            .offset = read_le64(p + 8),
            .vaddr = read_le64(p + 16),
            .paddr = read_le64(p + 24),
            .file_size = read_le64(p + 32),
            .mem_size = read_le64(p + 40),
            .align = read_le64(p + 48),
        };
    }
    return (struct elf_segment){
        .type = read_le32(p),
        .offset = read_le32(p + 4),
        .vaddr = read_le32(p + 8),
        .paddr = read_le32(p + 12),
        .file_size = read_le32(p + 16),
        .mem_size = read_le32(p + 20),
        .flags = read_le32(p + 24),
        .align = read_le32(p + 28),
    };
}

static int check_identity(struct elf *elf)
{
    const uint8_t *b = elf->bytes;
    uint32_t type;

    if (elf->size < 20 || memcmp(b, "\177ELF", 4) != 0) {
        return elf_fail(elf, -XEN_EINVAL, "ELF header: no magic 7f 45 4c 46 at 0x0 of %zu bytes", elf->size);
    }
    if (b[EI_CLASS] != CLASS_32 && b[EI_CLASS] != CLASS_64) {
        return elf_fail(elf, -XEN_EINVAL, "ELF header: class (at 0x4) is %u, want 1 (32-bit) or 2 (64-bit)",
                        b[EI_CLASS]);
    }
    if (b[EI_DATA] != DATA_LITTLE) {
        return elf_fail(elf, -XEN_EOPNOTSUPP,
                        "ELF header: data encoding (at 0x5) is %u, want 1 (little-endian)", b[EI_DATA]);
    }
    type = read_le16(b + 16);
    elf->is_64 = b[EI_CLASS] == CLASS_64;
    elf->machine = read_le16(b + 18);
    if (type != TYPE_EXEC && type != TYPE_DYN) {
        return elf_fail(elf, -XEN_EOPNOTSUPP,
                        "ELF header: type (at 0x10) is %u, want 2 (executable) or 3 (shared)", type);
    }
    if (elf->machine != (elf->is_64 ? ELF_MACHINE_X86_64 : ELF_MACHINE_386) &&
        !(elf->is_64 && elf->machine == ELF_MACHINE_AARCH64)) {
        return elf_fail(elf, -XEN_EOPNOTSUPP,
                        "ELF header: machine (at 0x12) is %u in a %d-bit image, want x86 or arm64",
                        elf->machine, elf->is_64 ? 64 : 32);
    }
    return 0;
}

/* The tables' places; the section table is for notes alone, and checked when it is used. */
static int check_header(struct elf *elf)
{
    const uint8_t *b = elf->bytes;
    size_t header_size = elf->is_64 ? 64 : 52;
    const uint8_t *counts = b + (elf->is_64 ? 54 : 42);
    uint32_t wanted_stride = elf->is_64 ? 56 : 32;

    if (elf->size < header_size) {
        return elf_fail(elf, -XEN_EINVAL, "ELF header: %zu bytes, the image has %zu", header_size, elf->size);
    }
    elf->entry = elf_word(elf, b + 24);
    elf->segments_offset = elf_word(elf, b + (elf->is_64 ? 32 : 28));
    elf->sections_offset = elf_word(elf, b + (elf->is_64 ? 40 : 32));
    elf->segment_stride = read_le16(counts);
    elf->segment_count = read_le16(counts + 2);
    elf->section_stride = read_le16(counts + 4);
    elf->section_count = read_le16(counts + 6);
    if (elf->segment_count == 0 || elf->segment_count == NO_MORE) {
        return elf_fail(elf, -XEN_EINVAL, "ELF header: program header count (at 0x%x) is %u",
                        elf->is_64 ? 56 : 44, elf->segment_count);
    }
    if (elf->segment_stride < wanted_stride) {
        return elf_fail(elf, -XEN_EINVAL, "ELF header: program header size (at 0x%x) is %u, want %u or more",
                        elf->is_64 ? 54 : 42, elf->segment_stride, wanted_stride);
    }
    if (!range_fits(elf->segments_offset, (uint64_t)elf->segment_count * elf->segment_stride, elf->size)) {
        return elf_fail(elf, -XEN_EINVAL,
                        "ELF header: %u program headers at 0x%llx leave the image of 0x%zx bytes",
                        elf->segment_count, (unsigned long long)elf->segments_offset, elf->size);
    }
    return 0;
}

/* The last address of the type's range plus one must still fit. */
static bool wraps(const struct elf *elf, uint64_t start, uint64_t length)
{
    uint64_t end;

    return add_overflows(start, length, &end) || (!elf->is_64 && end > BIT(32));
}

static int check_segment(struct elf *elf, uint32_t index)
{
    struct elf_segment s = elf_segment(elf, index);
    unsigned long long at = elf->segments_offset + (uint64_t)index * elf->segment_stride;

    if (s.type != ELF_PT_LOAD && s.type != ELF_PT_NOTE) {
        return 0;
    }
    if (!range_fits(s.offset, s.file_size, elf->size)) {
        return elf_fail(
            elf, -XEN_EINVAL,
            "program header %u (at 0x%llx): file range 0x%llx + 0x%llx leaves the image of 0x%zx bytes",
            index, at, (unsigned long long)s.offset, (unsigned long long)s.file_size, elf->size);
    }
    if (s.type == ELF_PT_NOTE) {
        return 0;
    }
    if (s.file_size > s.mem_size) {
        return elf_fail(elf, -XEN_EINVAL,
                        "program header %u (at 0x%llx): file size 0x%llx is above memory size 0x%llx", index,
                        at, (unsigned long long)s.file_size, (unsigned long long)s.mem_size);
    }
    if (wraps(elf, s.paddr, s.mem_size) || wraps(elf, s.vaddr, s.mem_size)) {
        return elf_fail(
            elf, -XEN_EINVAL,
            "program header %u (at 0x%llx): address 0x%llx (physical 0x%llx) + 0x%llx wraps around", index,
            at, (unsigned long long)s.vaddr, (unsigned long long)s.paddr, (unsigned long long)s.mem_size);
    }
    return 0;
}

static int find_extent(struct elf *elf)
{
    struct elf_segment s;

    elf->load_paddr_start = elf->load_vaddr_start = UINT64_MAX;
    for (uint32_t i = 0; elf_next_load(elf, &i, &s);) {
        elf->load_paddr_start = MIN(elf->load_paddr_start, s.paddr);
        elf->load_vaddr_start = MIN(elf->load_vaddr_start, s.vaddr);
        elf->load_paddr_end = MAX(elf->load_paddr_end, s.paddr + s.mem_size);
        elf->load_vaddr_end = MAX(elf->load_vaddr_end, s.vaddr + s.mem_size);
    }
    if (elf->load_paddr_end == 0) {
        return elf_fail(elf, -XEN_EINVAL,
                        "ELF image: none of its %u program headers is a PT_LOAD with memory",
                        elf->segment_count);
    }
    return 0;
}

int elf_init(struct elf *elf, const void *image, size_t size)
{
    int rc;

    *elf = (struct elf){.bytes = image, .size = size};
    rc = check_identity(elf);
    if (rc == 0) {
        rc = check_header(elf);
    }
    for (uint32_t i = 0; rc == 0 && i < elf->segment_count; i++) {
        rc = check_segment(elf, i);
    }
    return rc ? rc : find_extent(elf);
}

bool elf_next_load(const struct elf *elf, uint32_t *index, struct elf_segment *segment)
{
    while (*index < elf->segment_count) {
        *segment = elf_segment(elf, (*index)++);
        if (segment->type == ELF_PT_LOAD && segment->mem_size > 0) {
            return true;
        }
    }
    return false;
}

bool elf_vaddr_to_paddr(const struct elf *elf, uint64_t vaddr, uint64_t *paddr)
{
    struct elf_segment s;

    for (uint32_t i = 0; elf_next_load(elf, &i, &s);) {
        if (vaddr >= s.vaddr && vaddr - s.vaddr < s.mem_size) {
            *paddr = s.paddr + (vaddr - s.vaddr);
            return true;
        }
    }
    return false;
}
