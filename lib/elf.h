/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ELF kernels, 64- and 32-bit, little-endian x86 or arm64, and the Xen notes in them.
 *
 * elf_init() checks the header and every program header once; after that elf_segment() cannot fail and a PT_LOAD
 * segment's file range lies inside the image, its file size is not above its memory size, and its physical and
 * virtual ranges do not wrap. The image is borrowed and must stay as it is while the struct is used. Pure.
 * System V ABI (gABI) chapters 4 and 5; the notes' numbers are in <xen/elfnote.h>.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H

#include <lib/bits.h>

#define ELF_REASON_MAX 160

#define ELF_PT_LOAD 1u
#define ELF_PT_NOTE 4u
#define ELF_PF_X    1u
#define ELF_PF_W    2u
#define ELF_PF_R    4u

#define ELF_MACHINE_386     3u
#define ELF_MACHINE_X86_64  62u
#define ELF_MACHINE_AARCH64 183u

struct elf {
    const uint8_t *bytes;
    size_t size;
    bool is_64;
    uint16_t machine;
    uint64_t entry; /* e_entry: virtual for a kernel */
    uint64_t segments_offset;
    uint64_t sections_offset;
    uint32_t segment_count;
    uint32_t section_count;
    uint32_t segment_stride;
    uint32_t section_stride;
    /* Where the PT_LOAD segments lie, last byte excluded. */
    uint64_t load_paddr_start, load_paddr_end;
    uint64_t load_vaddr_start, load_vaddr_end;
    char reason[ELF_REASON_MAX]; /* after an error: which header, where, what was wrong with it */
};

struct elf_segment {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t file_size;
    uint64_t mem_size; /* what is beyond file_size is zero */
    uint64_t align;
};

/* Check @image and fill @elf. -XEN_EINVAL: no ELF, truncated or corrupt. -XEN_EOPNOTSUPP: big-endian, another
 * machine, not an executable. elf->reason says which field. */
int elf_init(struct elf *elf, const void *image, size_t size);

/* Program header @index, below elf->segment_count. */
struct elf_segment elf_segment(const struct elf *elf, uint32_t index);

/* Walk the PT_LOAD segments that have memory: start with *@index = 0; false when there are no more. */
bool elf_next_load(const struct elf *elf, uint32_t *index, struct elf_segment *segment);

/* Physical address of a virtual one inside a PT_LOAD segment; false when it is in none. */
bool elf_vaddr_to_paddr(const struct elf *elf, uint64_t vaddr, uint64_t *paddr);

#define ELF_TEXT_MAX 64

/* Bit XEN_ELFNOTE_x of `present` says whether the note was there; a value without its bit is its default (0, ""). */
struct elf_xen_info {
    uint64_t present;
    char guest_os[ELF_TEXT_MAX];
    char guest_version[ELF_TEXT_MAX];
    char xen_version[ELF_TEXT_MAX];
    char loader[ELF_TEXT_MAX];
    char pae_mode[ELF_TEXT_MAX];
    char bsd_symtab[ELF_TEXT_MAX];
    char features[4 * ELF_TEXT_MAX]; /* the string as it stands; cut if longer */
    uint64_t features_supported; /* XENFEAT_ bits from the string (required ones too) and the numeric note */
    uint64_t features_required;  /* those with a ! */
    uint64_t entry;              /* virtual; elf->entry when absent */
    uint64_t hypercall_page;
    uint64_t virt_base;
    uint64_t paddr_offset;
    uint64_t hv_start_low;
    uint64_t init_p2m;
    uint64_t suspend_cancel;
    uint64_t mod_start_pfn;
    uint64_t supported_features; /* the numeric note alone */
    uint64_t phys32_entry;
    uint64_t l1_mfn_valid_mask, l1_mfn_valid_value;
};

static inline bool elf_xen_has(const struct elf_xen_info *info, unsigned int note)
{
    return info->present & BIT(note);
}

/* Read the Xen notes: of the PT_NOTE segments, or of the SHT_NOTE sections when those hold none.
 * -XEN_ENOENT: there are none. -XEN_EINVAL: a note is malformed. -XEN_EOPNOTSUPP: requires a feature that has no
 * number here. elf->reason says which. */
int elf_read_xen_notes(struct elf *elf, struct elf_xen_info *info);

#endif
