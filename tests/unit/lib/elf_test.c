/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib/elf on small images made here (64- and 32-bit): fields, notes, each error with its reason, truncation at every
 * length, random damage. The real kernel is in bzimage_test.c.
 */
#include "lib_test.h"
#include <lib/elf.h>
#include <abi/xen.h>
#include <abi/elfnote.h>
#include <abi/features.h>

#define IMAGE_SIZE 2048
#define NOTES      0x200
#define SEGMENT(i) (64 + 56 * (i))

static uint8_t image[IMAGE_SIZE];
static size_t notes_size;

static void add_note(const char *name, uint32_t type, const void *desc, uint32_t size)
{
    uint8_t *p = image + NOTES + notes_size;

    put_le32(p, strlen(name) + 1);
    put_le32(p + 4, size);
    put_le32(p + 8, type);
    strcpy((char *)p + 12, name);
    memcpy(p + 12 + ALIGN_UP(strlen(name) + 1, 4), desc, size);
    notes_size += 12 + ALIGN_UP(strlen(name) + 1, 4) + ALIGN_UP(size, 4);
}

static void add_number(uint32_t type, uint64_t value)
{
    add_note("Xen", type, &value, 8);
}

static void add_text(uint32_t type, const char *text)
{
    add_note("Xen", type, text, strlen(text) + 1);
}

static void put_segment(int i, uint32_t type, uint64_t offset, uint64_t vaddr, uint64_t paddr, uint64_t file,
                        uint64_t mem)
{
    uint8_t *p = image + SEGMENT(i);

    put_le32(p, type);
    put_le32(p + 4, 5);
    put_le64(p + 8, offset);
    put_le64(p + 16, vaddr);
    put_le64(p + 24, paddr);
    put_le64(p + 32, file);
    put_le64(p + 40, mem);
    put_le64(p + 48, 0x1000);
}

static void finish_notes(void)
{
    put_segment(2, ELF_PT_NOTE, NOTES, 0, 0, notes_size, notes_size);
}

/* Two PT_LOAD segments and a PT_NOTE one. */
static void make_image(void)
{
    memset(image, 0, sizeof(image));
    memcpy(image, "\177ELF\2\1\1", 7);
    put_le16(image + 16, 2);
    put_le16(image + 18, ELF_MACHINE_X86_64);
    put_le64(image + 24, 0xffffffff81000100);
    put_le64(image + 32, 64);
    put_le16(image + 54, 56);
    put_le16(image + 56, 3);
    put_segment(0, ELF_PT_LOAD, 0, 0xffffffff81000000, 0x1000000, 0x100, 0x100);
    put_segment(1, ELF_PT_LOAD, 0x100, 0xffffffff81200000, 0x1200000, 0x100, 0x3000);
    notes_size = 0;
    add_note("GNU", 5, "12345678", 8);
    add_text(XEN_ELFNOTE_GUEST_OS, "linux");
    add_text(XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    add_text(XEN_ELFNOTE_LOADER, "generic");
    add_number(XEN_ELFNOTE_VIRT_BASE, 0xffffffff80000000);
    add_number(XEN_ELFNOTE_ENTRY, 0xffffffff81200010);
    add_number(XEN_ELFNOTE_HYPERCALL_PAGE, 0xffffffff81201000);
    add_text(XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb|from_the_future");
    add_number(XEN_ELFNOTE_SUPPORTED_FEATURES, BIT(XENFEAT_dom0));
    add_number(XEN_ELFNOTE_L1_MFN_VALID, 0);
    put_le32(image + NOTES + notes_size - 20, 16);
    put_le64(image + NOTES + notes_size - 8, 1);
    put_le64(image + NOTES + notes_size, 3);
    notes_size += 8;
    add_note("Xen", XEN_ELFNOTE_PHYS32_ENTRY, (uint32_t[]){0x1000850}, 4);
    finish_notes();
}

static int init(struct elf *elf)
{
    return elf_init(elf, image, IMAGE_SIZE);
}

static void test_fields(void **state)
{
    struct elf_segment s;
    struct elf elf;
    uint32_t i = 0;
    uint64_t paddr;

    make_image();
    assert_int_equal(init(&elf), 0);
    assert_true(elf.is_64 && elf.segment_count == 3);
    assert_int_equal(elf.load_paddr_start, 0x1000000);
    assert_int_equal(elf.load_paddr_end, 0x1203000);
    assert_int_equal(elf.load_vaddr_end, 0xffffffff81203000);
    assert_true(elf_next_load(&elf, &i, &s) && s.paddr == 0x1000000);
    assert_true(elf_next_load(&elf, &i, &s) && s.mem_size == 0x3000 && s.offset == 0x100 && s.flags == 5);
    assert_false(elf_next_load(&elf, &i, &s));
    assert_true(elf_vaddr_to_paddr(&elf, 0xffffffff81202fff, &paddr));
    assert_int_equal(paddr, 0x1202fff);
    assert_false(elf_vaddr_to_paddr(&elf, 0xffffffff81203000, &paddr));
}

static void test_notes(void **state)
{
    struct elf_xen_info info;
    struct elf elf;

    make_image();
    assert_int_equal(init(&elf), 0);
    assert_int_equal(elf_read_xen_notes(&elf, &info), 0);
    assert_string_equal(info.guest_os, "linux");
    assert_string_equal(info.loader, "generic");
    assert_int_equal(info.entry, 0xffffffff81200010);
    assert_int_equal(info.phys32_entry, 0x1000850);
    assert_int_equal(info.features_required, BIT(XENFEAT_writable_page_tables));
    assert_int_equal(info.features_supported, BIT(XENFEAT_writable_page_tables) |
                                                  BIT(XENFEAT_pae_pgdir_above_4gb) | BIT(XENFEAT_dom0));
    assert_true(info.l1_mfn_valid_mask == 1 && info.l1_mfn_valid_value == 3);
    assert_true(elf_xen_has(&info, XEN_ELFNOTE_ENTRY));
    assert_false(elf_xen_has(&info, XEN_ELFNOTE_INIT_P2M));
}

/* A PT_NOTE without Xen notes: they are looked for in the sections. */
static void test_section_notes(void **state)
{
    struct elf_xen_info info;
    struct elf elf;

    make_image();
    put_segment(2, ELF_PT_NOTE, NOTES, 0, 0, 24, 24);
    put_le64(image + 40, 0x700);
    put_le16(image + 58, 64);
    put_le16(image + 60, 2);
    memset(image + 0x700, 0, 128);
    put_le32(image + 0x700 + 64 + 4, 7);
    put_le64(image + 0x700 + 64 + 24, NOTES);
    put_le64(image + 0x700 + 64 + 32, 48);
    assert_int_equal(init(&elf), 0);
    assert_int_equal(elf_read_xen_notes(&elf, &info), 0);
    assert_string_equal(info.guest_os, "linux");
    put_le64(image + 0x700 + 64 + 24, UINT64_MAX);
    assert_int_equal(elf_read_xen_notes(&elf, &info), -XEN_EINVAL);
    assert_non_null(strstr(elf.reason, "section header 1"));
    put_le32(image + 0x700 + 64 + 4, 1);
    assert_int_equal(elf_read_xen_notes(&elf, &info), -XEN_ENOENT);
}

static void test_header_errors(void **state)
{
    static const struct {
        size_t offset, size;
        uint64_t value;
        int rc;
        const char *reason;
    } cases[] = {
        {0, 1, 0, -XEN_EINVAL, "magic"},
        {4, 1, 3, -XEN_EINVAL, "class (at 0x4) is 3"},
        {5, 1, 2, -XEN_EOPNOTSUPP, "little-endian"},
        {16, 2, 1, -XEN_EOPNOTSUPP, "type (at 0x10) is 1"},
        {18, 2, 8, -XEN_EOPNOTSUPP, "machine (at 0x12) is 8"},
        {32, 8, UINT64_MAX, -XEN_EINVAL, "3 program headers at 0xffffffffffffffff"},
        {54, 2, 40, -XEN_EINVAL, "size (at 0x36) is 40"},
        {56, 2, 0, -XEN_EINVAL, "count (at 0x38) is 0"},
        {56, 2, 0xffff, -XEN_EINVAL, "count (at 0x38)"},
        {56, 2, 500, -XEN_EINVAL, "leave the image of 0x800 bytes"},
        {SEGMENT(1) + 8, 8, UINT64_MAX, -XEN_EINVAL, "program header 1 (at 0x78): file range"},
        {SEGMENT(1) + 32, 8, IMAGE_SIZE, -XEN_EINVAL, "program header 1 (at 0x78): file range 0x100 + 0x800"},
        {SEGMENT(1) + 40, 8, 0xff, -XEN_EINVAL, "file size 0x100 is above memory size 0xff"},
        {SEGMENT(1) + 40, 8, UINT64_MAX, -XEN_EINVAL, "wraps"},
        {SEGMENT(0) + 24, 8, UINT64_MAX - 4, -XEN_EINVAL, "wraps"},
        {SEGMENT(2) + 8, 8, IMAGE_SIZE, -XEN_EINVAL, "program header 2"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct elf elf;

        make_image();
        memcpy(image + cases[i].offset, &cases[i].value, cases[i].size);
        assert_int_equal(init(&elf), cases[i].rc);
        if (!strstr(elf.reason, cases[i].reason)) {
            fail_msg("case %zu: %s", i, elf.reason);
        }
    }
}

static void expect_note_error(int rc, const char *reason)
{
    struct elf_xen_info info;
    struct elf elf;

    finish_notes();
    assert_int_equal(init(&elf), 0);
    assert_int_equal(elf_read_xen_notes(&elf, &info), rc);
    if (!strstr(elf.reason, reason)) {
        fail_msg("%s", elf.reason);
    }
}

static void test_note_errors(void **state)
{
    make_image();
    add_text(XEN_ELFNOTE_FEATURES, "dom0|!time_travel|x");
    expect_note_error(-XEN_EOPNOTSUPP, "requires \"time_travel\"");
    make_image();
    add_note("Xen", XEN_ELFNOTE_INIT_P2M, "123", 3);
    expect_note_error(-XEN_EINVAL, "Xen note 15");
    make_image();
    add_note("Xen", XEN_ELFNOTE_L1_MFN_VALID, "1234", 4);
    expect_note_error(-XEN_EINVAL, "Xen note 13");
    make_image();
    put_le32(image + NOTES, UINT32_MAX);
    expect_note_error(-XEN_EINVAL, "note (at 0x200)");
    make_image();
    put_le32(image + NOTES + 4, UINT32_MAX);
    expect_note_error(-XEN_EINVAL, "note (at 0x200)");
    make_image();
    notes_size = 0;
    expect_note_error(-XEN_ENOENT, "no PT_NOTE");
}

/* Headers that all list the same notes must not cost a walk each. */
static void test_overlapping_notes(void **state)
{
    struct elf_xen_info info;
    struct elf elf;

    make_image();
    add_note("Big", 1, image, 200);
    for (int i = 2; i < 8; i++) {
        put_segment(i, ELF_PT_NOTE, NOTES, 0, 0, notes_size, notes_size);
    }
    put_le16(image + 56, 8);
    assert_int_equal(init(&elf), 0);
    assert_true(6 * notes_size > IMAGE_SIZE);
    assert_int_equal(elf_read_xen_notes(&elf, &info), -XEN_EINVAL);
}

static void try_copy(size_t size)
{
    uint8_t *copy = exact_copy(image, size);
    struct elf_xen_info info;
    struct elf elf;
    uint64_t paddr;

    if (elf_init(&elf, copy, size) == 0) {
        elf_read_xen_notes(&elf, &info);
        elf_vaddr_to_paddr(&elf, info.entry, &paddr);
    } else {
        assert_true(elf.reason[0] != '\0');
    }
    free(copy);
}

static void test_every_length(void **state)
{
    make_image();
    for (size_t size = 0; size <= IMAGE_SIZE; size++) {
        try_copy(size);
    }
}

static void test_damaged(void **state)
{
    for (int round = 0; round < 20000; round++) {
        make_image();
        for (uint64_t n = 1 + random_u64() % 3; n > 0; n--) {
            image[random_u64() % (NOTES + notes_size)] = (uint8_t)(random_u64() % 3 ? random_u64() : 0xff);
        }
        try_copy(IMAGE_SIZE);
    }
}

static void test_32_bit(void **state)
{
    struct elf_segment s;
    struct elf elf;
    uint32_t i = 0;

    memset(image, 0, sizeof(image));
    memcpy(image, "\177ELF\1\1\1", 7);
    put_le16(image + 16, 2);
    put_le16(image + 18, ELF_MACHINE_386);
    put_le32(image + 24, 0x100000);
    put_le32(image + 28, 52);
    put_le16(image + 42, 32);
    put_le16(image + 44, 1);
    put_le32(image + 52, ELF_PT_LOAD);
    put_le32(image + 56, 0x80);
    put_le32(image + 60, 0x100000);
    put_le32(image + 64, 0x100000);
    put_le32(image + 68, 0x80);
    put_le32(image + 72, 0x1000);
    assert_int_equal(init(&elf), 0);
    assert_true(!elf.is_64 && elf.entry == 0x100000);
    assert_true(elf_next_load(&elf, &i, &s) && s.paddr == 0x100000 && s.mem_size == 0x1000 &&
                s.offset == 0x80);
    /* Addresses that leave 32 bits. */
    put_le32(image + 64, 0xfffff001);
    assert_int_equal(init(&elf), -XEN_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_section_notes), cmocka_unit_test(test_header_errors),
        cmocka_unit_test(test_note_errors),   cmocka_unit_test(test_overlapping_notes),
        cmocka_unit_test(test_every_length),  cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_32_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
