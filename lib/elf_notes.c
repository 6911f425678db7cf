/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xen's ELF notes. A note is three 32-bit words (name size, descriptor size, type), the name and the descriptor, each
 * padded to four bytes. Numeric descriptors have four or eight bytes. See elf.h and <xen/elfnote.h>.
 */
#include <lib/elf_internal.h>
#include <lib/bytes.h>
#include <lib/string.h>
#include <abi/xen.h>
#include <abi/elfnote.h>
#include <abi/features.h>

#define SHT_NOTE    7u
#define NOTE_HEADER 12u

struct note {
    uint32_t type;
    const uint8_t *desc;
    uint32_t desc_size;
    uint64_t offset; /* of the note in the image, for messages */
};

struct feature_name {
    const char *name;
    unsigned int bit;
};

#define FEATURE(name)         \
    {                         \
#name, XENFEAT_##name \
    }
static const struct feature_name feature_names[] = {
    FEATURE(writable_page_tables),
    FEATURE(writable_descriptor_tables),
    FEATURE(auto_translated_physmap),
    FEATURE(supervisor_mode_kernel),
    FEATURE(pae_pgdir_above_4gb),
    FEATURE(mmu_pt_update_preserve_ad),
    FEATURE(highmem_assist),
    FEATURE(gnttab_map_avail_bits),
    FEATURE(hvm_callback_vector),
    FEATURE(hvm_safe_pvclock),
    FEATURE(hvm_pirqs),
    FEATURE(dom0),
    FEATURE(memory_op_vnode_supported),
    FEATURE(linux_rsdp_unrestricted),
};

static bool find_feature(const char *text, size_t length, unsigned int *bit)
{
    for (size_t i = 0; i < ARRAY_SIZE(feature_names); i++) {
        if (str_is(text, length, feature_names[i].name)) {
            *bit = feature_names[i].bit;
            return true;
        }
    }
    return false;
}

/* "a|!b|c": a name that is not known matters only when it is required. */
static int read_features(struct elf *elf, const struct note *note, struct elf_xen_info *info)
{
    const char *text = (const char *)note->desc;
    size_t length = strnlen(text, note->desc_size);

    for (size_t start = 0, end; start < length; start = end + 1) {
        bool required = text[start] == '!';
        unsigned int bit;

        for (end = start; end < length && text[end] != '|'; end++) {
        }
        start += required;
        if (find_feature(text + start, end - start, &bit)) {
            info->features_supported |= BIT(bit);
            info->features_required |= required ? BIT(bit) : 0;
        } else if (required) {
            return elf_fail(elf, -XEN_EOPNOTSUPP,
                            "Xen note 10 (features, at 0x%llx): requires \"%.*s\", which is not known",
                            (unsigned long long)note->offset, (int)MIN_T(size_t, end - start, ELF_TEXT_MAX),
                            text + start);
        }
    }
    str_copy_bytes(info->features, sizeof(info->features), text, length);
    return 0;
}

/* Where a note's number goes; NULL when it is not a numeric one. */
static uint64_t *numeric_field(struct elf_xen_info *info, uint32_t type)
{
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        return &info->entry;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        return &info->hypercall_page;
    case XEN_ELFNOTE_VIRT_BASE:
        return &info->virt_base;
    case XEN_ELFNOTE_PADDR_OFFSET:
        return &info->paddr_offset;
    case XEN_ELFNOTE_HV_START_LOW:
        return &info->hv_start_low;
    case XEN_ELFNOTE_SUSPEND_CANCEL:
        return &info->suspend_cancel;
    case XEN_ELFNOTE_INIT_P2M:
        return &info->init_p2m;
    case XEN_ELFNOTE_MOD_START_PFN:
        return &info->mod_start_pfn;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        return &info->supported_features;
    case XEN_ELFNOTE_PHYS32_ENTRY:
        return &info->phys32_entry;
    default:
        return NULL;
    }
}

static char *text_field(struct elf_xen_info *info, uint32_t type)
{
    switch (type) {
    case XEN_ELFNOTE_XEN_VERSION:
        return info->xen_version;
    case XEN_ELFNOTE_GUEST_OS:
        return info->guest_os;
    case XEN_ELFNOTE_GUEST_VERSION:
        return info->guest_version;
    case XEN_ELFNOTE_LOADER:
        return info->loader;
    case XEN_ELFNOTE_PAE_MODE:
        return info->pae_mode;
    case XEN_ELFNOTE_BSD_SYMTAB:
        return info->bsd_symtab;
    default:
        return NULL;
    }
}

static int read_numeric(struct elf *elf, const struct note *note, uint64_t *field)
{
    if (note->desc_size != 4 && note->desc_size != 8) {
        return elf_fail(elf, -XEN_EINVAL, "Xen note %u (at 0x%llx): a number of %u bytes, want 4 or 8",
                        note->type, (unsigned long long)note->offset, note->desc_size);
    }
    *field = note->desc_size == 8 ? read_le64(note->desc) : read_le32(note->desc);
    return 0;
}

/* Mask and value pairs; the first is enough to tell a valid entry. */
static int read_l1_mfn_valid(struct elf *elf, const struct note *note, struct elf_xen_info *info)
{
    if (note->desc_size >= 16) {
        info->l1_mfn_valid_mask = read_le64(note->desc);
        info->l1_mfn_valid_value = read_le64(note->desc + 8);
        return 0;
    }
    if (note->desc_size == 8) {
        info->l1_mfn_valid_mask = read_le32(note->desc);
        info->l1_mfn_valid_value = read_le32(note->desc + 4);
        return 0;
    }
    return elf_fail(elf, -XEN_EINVAL,
                    "Xen note 13 (L1 MFN valid, at 0x%llx): %u bytes hold no pair of numbers",
                    (unsigned long long)note->offset, note->desc_size);
}

static int read_xen_note(struct elf *elf, const struct note *note, struct elf_xen_info *info)
{
    uint64_t *number = numeric_field(info, note->type);
    char *text = text_field(info, note->type);
    int rc = 0;

    if (number) {
        rc = read_numeric(elf, note, number);
    } else if (text) {
        str_copy_bytes(text, ELF_TEXT_MAX, (const char *)note->desc, note->desc_size);
    } else if (note->type == XEN_ELFNOTE_FEATURES) {
        rc = read_features(elf, note, info);
    } else if (note->type == XEN_ELFNOTE_L1_MFN_VALID) {
        rc = read_l1_mfn_valid(elf, note, info);
    }
    if (note->type < 64) {
        info->present |= BIT(note->type);
    }
    return rc;
}

/* Read the notes in [@offset, @offset + @size), which lies inside the image. *@budget, bytes that may still be read,
 * keeps headers that all point at the same notes from costing more than one walk over the image. */
static int read_notes(struct elf *elf, uint64_t offset, uint64_t size, uint64_t *budget,
                      struct elf_xen_info *info)
{
    uint64_t end = offset + size;

    if (size > *budget) {
        return elf_fail(elf, -XEN_EINVAL, "notes (at 0x%llx): the headers that list notes overlap",
                        (unsigned long long)offset);
    }
    *budget -= size;
    while (end - offset >= NOTE_HEADER) {
        const uint8_t *header = elf->bytes + offset;
        uint64_t name_size = read_le32(header), desc_size = read_le32(header + 4);
        uint64_t name_padded = ALIGN_UP(name_size, 4), desc_padded = ALIGN_UP(desc_size, 4);
        struct note note = {
            .type = read_le32(header + 8), .desc_size = (uint32_t)desc_size, .offset = offset};
        int rc;

        if (!range_fits(offset + NOTE_HEADER, name_padded + desc_size, end)) {
            return elf_fail(
                elf, -XEN_EINVAL,
                "note (at 0x%llx): name of %llu and descriptor of %llu bytes leave the notes' end 0x%llx",
                (unsigned long long)offset, (unsigned long long)name_size, (unsigned long long)desc_size,
                (unsigned long long)end);
        }
        note.desc = header + NOTE_HEADER + name_padded;
        if (name_size == 4 && memcmp(header + NOTE_HEADER, "Xen", 4) == 0) {
            rc = read_xen_note(elf, &note, info);
            if (rc) {
                return rc;
            }
        }
        offset = MIN(end, offset + NOTE_HEADER + name_padded + desc_padded);
    }
    return 0;
}

static int read_section_notes(struct elf *elf, struct elf_xen_info *info)
{
    uint64_t budget = elf->size;
    uint32_t wanted_stride = elf->is_64 ? 64 : 40;

    if (elf->section_count == 0 || elf->section_stride < wanted_stride ||
        !range_fits(elf->sections_offset, (uint64_t)elf->section_count * elf->section_stride, elf->size)) {
        return 0;
    }
    for (uint32_t i = 0; i < elf->section_count; i++) {
        const uint8_t *p = elf->bytes + elf->sections_offset + (uint64_t)i * elf->section_stride;
        uint64_t offset = elf_word(elf, p + (elf->is_64 ? 24 : 16));
        uint64_t size = elf_word(elf, p + (elf->is_64 ? 32 : 20));
        int rc;

        if (read_le32(p + 4) != SHT_NOTE) {
            continue;
        }
        if (!range_fits(offset, size, elf->size)) {
            return elf_fail(elf, -XEN_EINVAL,
                            "section header %u: notes 0x%llx + 0x%llx leave the image of 0x%zx bytes", i,
                            (unsigned long long)offset, (unsigned long long)size, elf->size);
        }
        rc = read_notes(elf, offset, size, &budget, info);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

int elf_read_xen_notes(struct elf *elf, struct elf_xen_info *info)
{
    uint64_t budget = elf->size;
    int rc = 0;

    *info = (struct elf_xen_info){0};
    for (uint32_t i = 0; rc == 0 && i < elf->segment_count; i++) {
        struct elf_segment s = elf_segment(elf, i);

        if (s.type == ELF_PT_NOTE) {
            rc = read_notes(elf, s.offset, s.file_size, &budget, info);
        }
    }
    if (rc == 0 && info->present == 0) {
        rc = read_section_notes(elf, info);
    }
    if (rc) {
        return rc;
    }
    if (info->present == 0) {
        return elf_fail(elf, -XEN_ENOENT,
                        "ELF image: no PT_NOTE segment or SHT_NOTE section holds a Xen note");
    }
    if (!elf_xen_has(info, XEN_ELFNOTE_ENTRY)) {
        info->entry = elf->entry;
    }
    info->features_supported |= info->supported_features;
    return 0;
}
