/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib/acpi on a machine's tables made here: two revisions of the root, every decoder, bad checksums, each table cut at
 * every length, random bytes in every table. Memory is mapped piece by piece in exact copies, so that ASan sees a read
 * outside what was asked for.
 */
#include "lib_test.h"
#include <lib/acpi.h>
#include <abi/xen.h>

#define MEMORY_SIZE 0x8000
#define RSDP        0x100
#define RSDT        0x400
#define XSDT        0x800
#define MADT        0x1000
#define FADT        0x2000
#define DSDT        0x2400
#define HPET        0x2800
#define MCFG        0x2a00
#define SRAT        0x3000
#define SLIT        0x3400
#define DMAR        0x3600

static uint8_t memory[MEMORY_SIZE];
static uint8_t *copies[4096];
static size_t copy_count;
static struct acpi_info info;

static const void *map(void *opaque, uint64_t paddr, size_t size)
{
    if (!range_fits(paddr, size, MEMORY_SIZE)) {
        return NULL;
    }
    assert_true(copy_count < ARRAY_SIZE(copies));
    return copies[copy_count++] = exact_copy(memory + paddr, size);
}

static const struct physmap physmap = {.map = map};

static void drop_copies(void)
{
    while (copy_count > 0) {
        free(copies[--copy_count]);
    }
}

static void seal(uint32_t at, size_t size, size_t checksum_at)
{
    uint8_t sum = 0;

    memory[at + checksum_at] = 0;
    for (size_t i = 0; i < size; i++) {
        sum += memory[at + i];
    }
    memory[at + checksum_at] = -sum;
}

static void put_table(uint32_t at, const char *signature, uint32_t length)
{
    memcpy(memory + at, signature, 4);
    put_le32(memory + at + 4, length);
    seal(at, length, 9);
}

static void make_madt(void)
{
    static const uint8_t entries[] = {
        0,    8,  0,    0, 1,  0, 0,    0,                              /* CPU 0, APIC 0, enabled */
        0,    8,  1,    2, 2,  0, 0,    0,                              /* CPU 1, APIC 2, online capable */
        9,    16, 0,    0, 0,  1, 0,    0,    1,   0, 0, 0, 7, 0, 0, 0, /* x2APIC 256, uid 7 */
        1,    12, 5,    0, 0,  0, 0xc0, 0xfe, 24,  0, 0, 0,             /* I/O APIC 5 at fec00000, GSI 24 */
        2,    10, 0,    9, 9,  0, 0,    0,    0xf, 0,                   /* IRQ 9: level, low */
        2,    10, 0,    0, 2,  0, 0,    0,    0,   0,                   /* IRQ 0 at GSI 2 */
        3,    8,  1,    0, 30, 0, 0,    0,                              /* NMI at GSI 30 */
        4,    6,  0xff, 5, 0,  1,                                       /* LINT1 of everyone */
        10,   12, 5,    0, 7,  0, 0,    0,    1,   0, 0, 0,             /* LINT1 of uid 7 */
        5,    12, 0,    0, 0,  0, 0xe0, 0xfe, 1,   0, 0, 0,             /* LAPIC at 0x1fee00000 */
        0x80, 4,  0,    0,                                              /* somebody's own */
        0,    4,  9,    9,                                              /* too short for what it is */
    };

    put_le32(memory + MADT + 36, 0xfee00000);
    put_le32(memory + MADT + 40, 1);
    memcpy(memory + MADT + 44, entries, sizeof(entries));
    put_table(MADT, "APIC", 44 + sizeof(entries));
}

static void make_fadt(void)
{
    uint8_t *t = memory + FADT;

    put_le32(t + 40, DSDT);
    put_le16(t + 46, 9);
    put_le32(t + 48, 0xb2);
    t[52] = 0xf1;
    t[53] = 0xf0;
    put_le32(t + 56, 0x600);
    put_le32(t + 64, 0x604);
    put_le32(t + 76, 0x608);
    t[88] = 4;
    t[89] = 2;
    t[91] = 4;
    put_le16(t + 109, 3);
    put_le32(t + 112, BIT(8) | BIT(10));
    memcpy(t + 116, (uint8_t[]){1, 8, 0, 1, 0xf9, 0x0c, 0, 0, 0, 0, 0, 0}, 12);
    t[128] = 6;
    put_le64(t + 140, DSDT);
    memcpy(t + 208, (uint8_t[]){1, 32, 0, 3, 0x08, 0xb0, 0, 0, 0, 0, 0, 0}, 12);
    put_table(FADT, "FACP", 268);
}

static void make_dsdt(void)
{
    static const uint8_t aml[] = {0x14, 0x22, '_',  'S',  '5',  '_',  0,    0x08, '_',  'S',
                                  '5',  '_',  0x12, 0x07, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00};

    memcpy(memory + DSDT + 36, aml, sizeof(aml));
    put_table(DSDT, "DSDT", 36 + sizeof(aml) + 8);
}

static void make_numa(void)
{
    uint8_t *e = memory + SRAT + 48;

    e[0] = 0, e[1] = 16, e[2] = 1, e[3] = 2, e[4] = 1;
    e += 16;
    e[0] = 1, e[1] = 40, e[2] = 1, e[28] = 3;
    put_le64(e + 8, 0x100000000);
    put_le64(e + 16, 0x40000000);
    e += 40;
    e[0] = 2, e[1] = 24, e[4] = 3, e[12] = 1;
    put_le32(e + 8, 256);
    put_table(SRAT, "SRAT", 48 + 16 + 40 + 24);
    put_le64(memory + SLIT + 36, 2);
    memcpy(memory + SLIT + 44, (uint8_t[]){10, 20, 21, 10}, 4);
    put_table(SLIT, "SLIT", 48);
}

static void make_machine(void)
{
    static const uint32_t tables[] = {MADT, FADT, HPET, MCFG, SRAT, SLIT, DMAR};

    memset(memory, 0, sizeof(memory));
    make_madt();
    make_fadt();
    make_dsdt();
    make_numa();
    put_le32(memory + HPET + 36, 0x8086a201);
    put_le64(memory + HPET + 44, 0xfed00000);
    put_le16(memory + HPET + 53, 100);
    put_table(HPET, "HPET", 56);
    put_le64(memory + MCFG + 44, 0xb0000000);
    memory[MCFG + 44 + 11] = 255;
    put_table(MCFG, "MCFG", 60);
    put_table(DMAR, "DMAR", 48);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        put_le64(memory + XSDT + 36 + 8 * i, tables[i]);
        put_le32(memory + RSDT + 36 + 4 * i, tables[i]);
    }
    put_table(XSDT, "XSDT", 36 + 8 * ARRAY_SIZE(tables));
    put_table(RSDT, "RSDT", 36 + 4 * ARRAY_SIZE(tables));
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = 2;
    put_le32(memory + RSDP + 16, RSDT);
    put_le32(memory + RSDP + 20, 36);
    put_le64(memory + RSDP + 24, XSDT);
    seal(RSDP, 20, 8);
    seal(RSDP, 36, 32);
}

static int parse(void)
{
    int rc = acpi_parse(&physmap, memory + RSDP, 36, &info);

    drop_copies();
    return rc;
}

static void check_cpus(void)
{
    assert_int_equal(info.cpu_count, 3);
    assert_true(info.cpus[0].is_enabled && !info.cpus[0].is_x2apic);
    assert_true(!info.cpus[1].is_enabled && info.cpus[1].is_online_capable && info.cpus[1].apic_id == 2);
    assert_true(info.cpus[2].is_x2apic && info.cpus[2].apic_id == 256 && info.cpus[2].uid == 7);
    assert_int_equal(info.lapic_address, 0x1fee00000);
    assert_true(info.has_pic);
    assert_int_equal(info.ioapic_count, 1);
    assert_int_equal(info.ioapics[0].address, 0xfec00000);
    assert_int_equal(info.ioapics[0].gsi_base, 24);
    assert_int_equal(info.override_count, 2);
    assert_int_equal(info.overrides[0].flags, 0xf);
    assert_int_equal(info.overrides[1].gsi, 2);
    assert_int_equal(info.nmi_count, 3);
    assert_true(!info.nmis[0].is_local && info.nmis[0].gsi == 30);
    assert_true(info.nmis[1].is_local && info.nmis[1].uid == ACPI_UID_ALL && info.nmis[1].lint == 1);
    assert_true(info.nmis[2].uid == 7 && info.nmis[2].lint == 1);
}

static void check_fadt(void)
{
    assert_true(info.fadt.present && info.fadt.sci_irq == 9);
    assert_int_equal(info.fadt.pm_timer_bits, 32);
    assert_int_equal(info.fadt.pm_timer.address, 0xb008);
    assert_int_equal(info.fadt.pm_timer.space, ACPI_SPACE_IO);
    assert_int_equal(info.fadt.pm1a_control.address, 0x604);
    assert_int_equal(info.fadt.pm1a_control.bit_width, 16);
    assert_int_equal(info.fadt.pm1b_control.address, 0);
    assert_true(info.fadt.has_reset_register && info.fadt.reset_register.address == 0xcf9 &&
                info.fadt.reset_value == 6);
    assert_true(info.s5.present && info.s5.sleep_type_a == 5 && info.s5.sleep_type_b == 1);
}

static void test_whole_machine(void **state)
{
    make_machine();
    assert_int_equal(parse(), 0);
    assert_int_equal(info.bad_table_count, 0);
    assert_int_equal(info.dropped_count, 0);
    assert_int_equal(info.root_address, XSDT);
    check_cpus();
    check_fadt();
    assert_true(info.hpet.present && info.hpet.base.address == 0xfed00000 && info.hpet.minimum_tick == 100);
    assert_true(info.mcfg_count == 1 && info.mcfg[0].base == 0xb0000000 && info.mcfg[0].bus_last == 255);
    assert_true(info.memory_count == 1 && info.memory[0].start == 0x100000000 && info.memory[0].node == 1);
    assert_true(info.memory[0].is_hotplug);
    assert_true(info.cpu_node_count == 2 && info.cpu_nodes[0].apic_id == 2 && info.cpu_nodes[0].node == 1);
    assert_true(info.cpu_nodes[1].apic_id == 256 && info.cpu_nodes[1].node == 3);
    assert_true(info.slit_nodes == 2 && info.slit[1] == 20 && info.slit[2] == 21);
    assert_true(info.dmar_address == DMAR && info.ivrs_address == 0);
    assert_int_equal(acpi_find_table(&info, "DSDT")->address, DSDT);
    assert_null(acpi_find_table(&info, "NONE"));
}

static void test_version_1(void **state)
{
    make_machine();
    memory[RSDP + 15] = 0;
    seal(RSDP, 20, 8);
    assert_int_equal(acpi_parse(&physmap, memory + RSDP, 20, &info), 0);
    drop_copies();
    assert_int_equal(info.root_address, RSDT);
    check_cpus();
    check_fadt();
}

static void test_falls_back_to_rsdt(void **state)
{
    make_machine();
    memory[XSDT + 9] ^= 1;
    assert_int_equal(parse(), 0);
    assert_int_equal(info.root_address, RSDT);
    memory[RSDT + 9] ^= 1;
    assert_int_equal(parse(), -XEN_ENOENT);
    assert_true(*info.reason);
}

static void test_bad_rsdp(void **state)
{
    make_machine();
    for (size_t size = 0; size < 36; size++) {
        uint8_t *copy = exact_copy(memory + RSDP, size);

        assert_false(acpi_rsdp_is_valid(copy, size));
        assert_int_equal(acpi_parse(&physmap, copy, size, &info), -XEN_EINVAL);
        free(copy);
    }
    memory[RSDP + 33] ^= 1;
    assert_int_equal(parse(), -XEN_EINVAL);
}

static void test_bad_table_is_skipped(void **state)
{
    make_machine();
    memory[MADT + 50] ^= 1;
    assert_int_equal(parse(), 0);
    assert_int_equal(info.bad_table_count, 1);
    assert_false(info.has_madt);
    check_fadt();
}

static uint8_t low[0x100000];

static const void *map_low(void *opaque, uint64_t paddr, size_t size)
{
    return range_fits(paddr, size, sizeof(low)) ? low + paddr : NULL;
}

static void test_find_rsdp(void **state)
{
    const struct physmap low_map = {.map = map_low};
    uint64_t where;

    make_machine();
    assert_false(acpi_find_rsdp(&low_map, &where));
    memcpy(low + 0xf5a10, memory + RSDP, 36);
    assert_true(acpi_find_rsdp(&low_map, &where));
    assert_int_equal(where, 0xf5a10);
    /* One in the EBDA comes first. */
    put_le16(low + 0x40e, 0x9fc0);
    memcpy(low + 0x9fc40, memory + RSDP, 36);
    assert_true(acpi_find_rsdp(&low_map, &where));
    assert_int_equal(where, 0x9fc40);
    /* Nothing is mappable. */
    assert_false(acpi_find_rsdp(&physmap, &where));
    drop_copies();
}

/* Each table with each length that it might claim, its checksum right: nothing is read outside it. */
static void test_every_length(void **state)
{
    static const struct {
        uint32_t at;
        const char *signature;
        uint32_t length;
    } tables[] = {
        {MADT, "APIC", 180}, {FADT, "FACP", 268}, {DSDT, "DSDT", 64}, {HPET, "HPET", 56},
        {MCFG, "MCFG", 92},  {SRAT, "SRAT", 128}, {SLIT, "SLIT", 60}, {XSDT, "XSDT", 92},
    };

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        for (uint32_t length = 36; length <= tables[i].length; length++) {
            make_machine();
            put_table(tables[i].at, tables[i].signature, length);
            assert_int_equal(parse(), 0);
        }
        for (int round = 0; round < 300; round++) {
            make_machine();
            memory[tables[i].at + 36 + random_u64() % (tables[i].length - 36)] = (uint8_t)random_u64();
            put_table(tables[i].at, tables[i].signature, tables[i].length);
            parse();
        }
    }
}

static void test_slit_too_large(void **state)
{
    make_machine();
    put_le64(memory + SLIT + 36, UINT64_C(1) << 32);
    put_table(SLIT, "SLIT", 48);
    assert_int_equal(parse(), 0);
    assert_int_equal(info.slit_nodes, 0);
    assert_int_equal(info.dropped_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_machine),        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_falls_back_to_rsdt),   cmocka_unit_test(test_bad_rsdp),
        cmocka_unit_test(test_bad_table_is_skipped), cmocka_unit_test(test_find_rsdp),
        cmocka_unit_test(test_every_length),         cmocka_unit_test(test_slit_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
