/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib/bzimage, and with it decompress and elf, on the kernel of this machine where there is one: the whole way from
 * file to Xen notes. The header's fields are tested on an image made here.
 */
#include "lib_test.h"
#include <lib/bzimage.h>
#include <lib/elf.h>
#include <abi/xen.h>
#include <abi/elfnote.h>
#include <abi/features.h>
#include <sanitizer/asan_interface.h>

#define IMAGE_SIZE 8192
#define PAGE       4096

/* Five setup sectors, then code with a gzip-looking payload at 0x100. */
static void make_image(uint8_t *image)
{
    memset(image, 0, IMAGE_SIZE);
    image[0x1f1] = 4;
    put_le16(image + 0x1fe, 0xaa55);
    memcpy(image + 0x202, "HdrS", 4);
    put_le16(image + 0x206, 0x020f);
    put_le16(image + 0x20e, 0x300);
    image[0x211] = 1;
    put_le32(image + 0x230, 0x200000);
    put_le32(image + 0x248, 0x100);
    put_le32(image + 0x24c, 0x400);
    put_le64(image + 0x258, 0x1000000);
    put_le32(image + 0x260, 0x3000000);
    strcpy((char *)image + 0x500, "6.1.0-test");
    memcpy(image + 2560 + 0x100, "\x1f\x8b\x08", 3);
    put_le32(image + 2560 + 0x4fc, 123456);
}

static int parse_copy(const uint8_t *image, size_t size, struct bzimage *bz)
{
    uint8_t *copy = exact_copy(image, size);
    const char *reason;
    int rc = bzimage_parse(copy, size, bz, &reason);

    assert_true((rc == 0) == (*reason == '\0'));
    free(copy);
    return rc;
}

static void test_fields(void **state)
{
    static uint8_t image[IMAGE_SIZE];
    struct bzimage bz;
    const char *reason;

    make_image(image);
    assert_true(bzimage_probe(image, IMAGE_SIZE));
    assert_int_equal(bzimage_parse(image, IMAGE_SIZE, &bz, &reason), 0);
    assert_int_equal(bz.protocol, 0x20f);
    assert_int_equal(bz.setup_size, 2560);
    assert_ptr_equal(bz.code, image + 2560);
    assert_int_equal(bz.code_size, IMAGE_SIZE - 2560);
    assert_ptr_equal(bz.payload, image + 2560 + 0x100);
    assert_int_equal(bz.payload_size, 0x400);
    assert_int_equal(bz.format, DECOMPRESS_GZIP);
    assert_int_equal(bz.decompressed_size, 123456);
    assert_int_equal(bz.init_size, 0x3000000);
    assert_int_equal(bz.pref_address, 0x1000000);
    assert_string_equal(bz.version, "6.1.0-test");
}

static void test_errors(void **state)
{
    static const struct {
        size_t offset;
        uint32_t value;
        int rc;
    } cases[] = {
        {0x202, 0, -XEN_EINVAL},          {0x206, 0x0207, -XEN_EOPNOTSUPP}, {0x210, 0, -XEN_EOPNOTSUPP},
        {0x248, IMAGE_SIZE, -XEN_EINVAL}, {0x248, 0xffffffff, -XEN_EINVAL}, {0x24c, 0xffffffff, -XEN_EINVAL},
        {0x24c, 3, -XEN_EINVAL},          {0x1ee, 0xff000000, -XEN_EINVAL},
    };
    static uint8_t image[IMAGE_SIZE];
    struct bzimage bz;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_image(image);
        put_le32(image + cases[i].offset, cases[i].value);
        assert_int_equal(parse_copy(image, IMAGE_SIZE, &bz), cases[i].rc);
    }
    make_image(image);
    put_le16(image + 0x20e, 0xffff);
    assert_int_equal(parse_copy(image, IMAGE_SIZE, &bz), 0);
    assert_null(bz.version);
}

static void test_truncated(void **state)
{
    static uint8_t image[IMAGE_SIZE];
    struct bzimage bz;

    make_image(image);
    for (size_t size = 0; size < IMAGE_SIZE; size++) {
        assert_true((parse_copy(image, size, &bz) == 0) == (size >= 2560 + 0x500));
    }
}

/* The kernel's file, shorter by a page each time, what is cut off poisoned: refused until all that is unpacked is there. */
static void cut_bzimage(const uint8_t *image, size_t size, const struct bzimage *whole)
{
    size_t needed = (size_t)(whole->payload - image) + whole->payload_size;
    const char *reason;
    struct bzimage bz;

    for (size_t pages = size / PAGE; pages > 0; pages--) {
        size_t cut = (pages - 1) * PAGE;

        ASAN_POISON_MEMORY_REGION(image + cut, size - cut < 2 * PAGE ? size - cut : PAGE);
        assert_true((bzimage_parse(image, cut, &bz, &reason) == 0) == (cut >= needed));
        assert_true((cut >= needed) == (*reason == '\0'));
    }
    ASAN_UNPOISON_MEMORY_REGION(image, size);
}

/* The same with the unpacked kernel: refused, or what is cut off is not loaded. */
static void cut_vmlinux(const uint8_t *vmlinux, size_t size, uint64_t loaded)
{
    unsigned int refused = 0, taken = 0;
    struct elf_xen_info info;
    struct elf elf;

    for (size_t pages = size / PAGE; pages > 0; pages--) {
        size_t cut = (pages - 1) * PAGE;

        ASAN_POISON_MEMORY_REGION(vmlinux + cut, size - cut < 2 * PAGE ? size - cut : PAGE);
        if (elf_init(&elf, vmlinux, cut) == 0) {
            taken++;
            elf_read_xen_notes(&elf, &info);
            assert_int_equal(elf.load_paddr_end - elf.load_paddr_start, loaded);
        } else {
            refused++;
            assert_true(elf.reason[0] != '\0');
        }
    }
    ASAN_UNPOISON_MEMORY_REGION(vmlinux, size);
    print_message("cut at each page: %u refused, %u whole without their end\n", refused, taken);
    assert_true(refused > taken);
}

static void check_vmlinux(uint8_t *vmlinux, size_t size)
{
    struct elf_xen_info info;
    struct elf_segment segment;
    struct elf elf;
    uint64_t paddr;
    uint32_t index = 0, loads = 0;

    assert_int_equal(elf_init(&elf, vmlinux, size), 0);
    while (elf_next_load(&elf, &index, &segment)) {
        loads++;
    }
    assert_true(loads >= 2);
    assert_int_equal(elf.load_paddr_start, 0x1000000);
    assert_int_equal(elf_read_xen_notes(&elf, &info), 0);
    assert_string_equal(info.guest_os, "linux");
    assert_string_equal(info.xen_version, "xen-3.0");
    assert_string_equal(info.loader, "generic");
    assert_int_equal(info.virt_base, 0xffffffff80000000);
    assert_true(elf_xen_has(&info, XEN_ELFNOTE_PHYS32_ENTRY));
    assert_true(info.phys32_entry >= elf.load_paddr_start && info.phys32_entry < elf.load_paddr_end);
    assert_true(info.features_supported & BIT(XENFEAT_writable_page_tables));
    assert_true(elf_vaddr_to_paddr(&elf, info.entry, &paddr));
    assert_true(elf_vaddr_to_paddr(&elf, info.hypercall_page, &paddr));
    cut_vmlinux(vmlinux, size, elf.load_paddr_end - elf.load_paddr_start);
}

static void test_real_kernel(void **state)
{
    size_t size, scratch_size, produced;
    uint8_t *image = read_first_match("/boot/vmlinuz-*", &size), *out, *scratch;
    struct bzimage bz;
    const char *reason;

    if (!image) { /* what the machine tests boot */
        image = read_first_match("build/system-cache/linux-image-*/boot/vmlinuz-*", &size);
    }
    if (!image) {
        skip();
    }
    assert_int_equal(bzimage_parse(image, size, &bz, &reason), 0);
    cut_bzimage(image, size, &bz);
    assert_true(decompress_is_supported(bz.format));
    assert_non_null(bz.version);
    out = malloc(bz.decompressed_size);
    scratch_size = decompress_scratch_bytes(bz.payload, bz.payload_size, bz.decompressed_size);
    scratch = malloc(scratch_size);
    assert_int_equal(decompress(bz.payload, bz.payload_size, out, bz.decompressed_size, scratch, scratch_size,
                                &produced, &reason),
                     0);
    assert_int_equal(produced, bz.decompressed_size);
    print_message("kernel %s: %s, %zu -> %zu bytes, scratch %zu\n", bz.version,
                  decompress_format_name(bz.format), bz.payload_size, produced, scratch_size);
    check_vmlinux(out, produced);
    free(scratch);
    free(out);
    free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_real_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
