/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib/multiboot: both versions on structures made here; truncated memory at every length, random damage.
 */
#include "lib_test.h"
#include <lib/multiboot.h>
#include <abi/xen.h>

#define MEMORY_SIZE 4096
#define INFO        0x100

static uint8_t memory[MEMORY_SIZE];
static size_t memory_end = MEMORY_SIZE;
static uint8_t *copies[40000];
static size_t copy_count;
static struct loader_info info;

static const void *map(void *opaque, uint64_t paddr, size_t size)
{
    if (!range_fits(paddr, size, memory_end)) {
        return NULL;
    }
    assert_true(copy_count < ARRAY_SIZE(copies));
    return copies[copy_count++] = exact_copy(memory + paddr, size);
}

static int parse(uint32_t magic)
{
    const struct physmap physmap = {.map = map};
    int rc = multiboot_parse(&physmap, magic, INFO, &info);

    while (copy_count > 0) {
        free(copies[--copy_count]);
    }
    assert_true((rc == 0) == (*info.reason == '\0'));
    return rc;
}

static void put_map_entry(uint8_t *p, uint64_t start, uint64_t size, uint32_t type)
{
    put_le64(p, start);
    put_le64(p + 8, size);
    put_le32(p + 16, type);
}

static void make_version_1(void)
{
    uint8_t *mbi = memory + INFO;

    memset(memory, 0, sizeof(memory));
    put_le32(mbi, 0x1 | 0x4 | 0x8 | 0x40 | 0x200 | 0x1000);
    put_le32(mbi + 4, 639);
    put_le32(mbi + 8, 65536);
    put_le32(mbi + 16, 0x400);
    strcpy((char *)memory + 0x400, "zendo dom0_mem=1G");
    put_le32(mbi + 20, 2);
    put_le32(mbi + 24, 0x500);
    put_le32(memory + 0x500, 0x1000000);
    put_le32(memory + 0x504, 0x1800000);
    put_le32(memory + 0x508, 0x600);
    strcpy((char *)memory + 0x600, "vmlinuz console=hvc0");
    put_le32(memory + 0x510, 0x2000000);
    put_le32(memory + 0x514, 0x2000010);
    put_le32(mbi + 44, 48);
    put_le32(mbi + 48, 0x700);
    put_le32(memory + 0x700, 20);
    put_map_entry(memory + 0x704, 0, 0x9fc00, 1);
    put_le32(memory + 0x718, 20);
    put_map_entry(memory + 0x71c, 0x100000, 0x7ff00000, 77);
    put_le32(mbi + 64, 0x800);
    strcpy((char *)memory + 0x800, "GRUB 2.06");
    put_le64(mbi + 88, 0xb8000);
    put_le32(mbi + 96, 160);
    put_le32(mbi + 100, 80);
    put_le32(mbi + 104, 25);
    mbi[108] = 16;
    mbi[109] = 2;
}

static void test_version_1(void **state)
{
    make_version_1();
    assert_int_equal(parse(MULTIBOOT1_LOADER_MAGIC), 0);
    assert_string_equal(info.cmdline, "zendo dom0_mem=1G");
    assert_string_equal(info.loader_name, "GRUB 2.06");
    assert_int_equal(info.module_count, 2);
    assert_int_equal(info.modules[0].end, 0x1800000);
    assert_string_equal(info.modules[0].cmdline, "vmlinuz console=hvc0");
    assert_string_equal(info.modules[1].cmdline, "");
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[0].end, 0x9fc00);
    assert_int_equal(info.memory[0].type, LOADER_MEMORY_RAM);
    assert_int_equal(info.memory[1].type, LOADER_MEMORY_RESERVED);
    assert_true(info.framebuffer.present && info.framebuffer.type == LOADER_FRAMEBUFFER_TEXT &&
                info.framebuffer.width == 80);
    assert_false(info.text_was_cut);
    assert_int_equal(info.dropped_count, 0);
}

static void test_version_1_without_map(void **state)
{
    make_version_1();
    put_le32(memory + INFO, 1);
    assert_int_equal(parse(MULTIBOOT1_LOADER_MAGIC), 0);
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[1].end, 0x100000 + 65536 * 1024);
    put_le32(memory + INFO, 0);
    assert_int_equal(parse(MULTIBOOT1_LOADER_MAGIC), -XEN_ENOENT);
}

static void test_bounds(void **state)
{
    make_version_1();
    /* More modules than are kept, one that ends before it starts. */
    put_le32(memory + INFO + 20, 1000000);
    put_le32(memory + 0x514, 1);
    assert_int_equal(parse(MULTIBOOT1_LOADER_MAGIC), 0);
    assert_int_equal(info.module_count, LOADER_MODULES_MAX);
    assert_true(info.dropped_count > 0);
    /* A command line without an end, as far as there is memory, and one that is longer than its array. */
    make_version_1();
    memset(memory + 0x900, 'x', MEMORY_SIZE - 0x900);
    put_le32(memory + INFO + 64, 0x900);
    put_le32(memory + INFO + 16, MEMORY_SIZE - 10);
    assert_int_equal(parse(MULTIBOOT1_LOADER_MAGIC), 0);
    assert_true(info.text_was_cut);
    assert_int_equal(strlen(info.loader_name), LOADER_NAME_MAX - 1);
    assert_int_equal(strlen(info.cmdline), 10);
}

static uint8_t *tag_at;

static uint8_t *put_tag(uint32_t type, uint32_t size)
{
    uint8_t *tag = tag_at;

    put_le32(tag, type);
    put_le32(tag + 4, size);
    tag_at += ALIGN_UP(size, 8);
    return tag;
}

static void put_text_tag(uint32_t type, const char *text)
{
    strcpy((char *)put_tag(type, 8 + strlen(text) + 1) + 8, text);
}

static void make_version_2(void)
{
    uint8_t *tag;

    memset(memory, 0, sizeof(memory));
    tag_at = memory + INFO + 8;
    put_text_tag(1, "loglvl=all");
    put_text_tag(2, "GRUB 2.06");
    tag = put_tag(3, 16 + 8);
    put_le32(tag + 8, 0x1000);
    put_le32(tag + 12, 0x2000);
    strcpy((char *)tag + 16, "initrd!");
    tag = put_tag(4, 16);
    put_le32(tag + 8, 639);
    tag = put_tag(6, 16 + 2 * 24);
    put_le32(tag + 8, 24);
    put_map_entry(tag + 16, 0, 0x9fc00, 1);
    put_map_entry(tag + 40, 0xfffffffffffff000, 0x2000, 2);
    tag = put_tag(8, 38);
    put_le64(tag + 8, 0xe0000000);
    put_le32(tag + 20, 1024);
    tag[28] = 32;
    tag[29] = 1;
    memcpy(tag + 32, (uint8_t[]){16, 8, 8, 8, 0, 8}, 6);
    put_le64(put_tag(12, 16) + 8, 0x7f000000);
    memset(put_tag(15, 8 + 36) + 8, 0xaa, 36);
    memset(put_tag(14, 8 + 20) + 8, 0xbb, 20);
    put_tag(0x1234, 8);
    put_tag(0, 8);
    put_le32(memory + INFO, tag_at - (memory + INFO));
}

static void test_version_2(void **state)
{
    make_version_2();
    assert_int_equal(parse(MULTIBOOT2_LOADER_MAGIC), 0);
    assert_string_equal(info.cmdline, "loglvl=all");
    assert_string_equal(info.loader_name, "GRUB 2.06");
    assert_int_equal(info.module_count, 1);
    assert_string_equal(info.modules[0].cmdline, "initrd!");
    assert_int_equal(info.memory_count, 2);
    assert_int_equal(info.memory[1].end, UINT64_MAX);
    assert_true(info.framebuffer.present && info.framebuffer.width == 1024 &&
                info.framebuffer.red_position == 16);
    assert_true(info.efi_is_64 && info.efi_system_table == 0x7f000000);
    assert_int_equal(info.rsdp_size, 36);
    assert_int_equal(info.rsdp[35], 0xaa);
    assert_int_equal(info.info_end, tag_at - memory);
}

static void test_errors(void **state)
{
    make_version_2();
    assert_int_equal(parse(0), -XEN_EINVAL);
    put_le32(memory + INFO, 2 << 20);
    assert_int_equal(parse(MULTIBOOT2_LOADER_MAGIC), -XEN_EFAULT);
    put_le32(memory + INFO, 16);
    assert_int_equal(parse(MULTIBOOT2_LOADER_MAGIC), -XEN_ENOENT);
}

static void test_every_length(void **state)
{
    for (memory_end = 0; memory_end < MEMORY_SIZE; memory_end += memory_end < 0x900 ? 1 : 100) {
        make_version_1();
        parse(MULTIBOOT1_LOADER_MAGIC);
        make_version_2();
        parse(MULTIBOOT2_LOADER_MAGIC);
    }
    memory_end = MEMORY_SIZE;
    /* The same for the total size that the loader claims. */
    make_version_2();
    for (uint32_t total = tag_at - (memory + INFO); total > 0; total--) {
        put_le32(memory + INFO, total);
        parse(MULTIBOOT2_LOADER_MAGIC);
    }
}

static void test_damaged(void **state)
{
    for (int round = 0; round < 2000; round++) {
        bool is_1 = round % 2;

        if (is_1) {
            make_version_1();
        } else {
            make_version_2();
        }
        for (int n = 0; n < 3; n++) {
            memory[INFO + random_u64() % 400] = (uint8_t)(random_u64() % 2 ? random_u64() : 0xff);
        }
        parse(is_1 ? MULTIBOOT1_LOADER_MAGIC : MULTIBOOT2_LOADER_MAGIC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_1), cmocka_unit_test(test_version_1_without_map),
        cmocka_unit_test(test_bounds),    cmocka_unit_test(test_version_2),
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
