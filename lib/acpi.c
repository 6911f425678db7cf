/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the RSDP to each table: validation and the walk. What is in the tables: lib/acpi_tables.c. See acpi.h.
 */
#include <lib/acpi_internal.h>
#include <lib/bytes.h>
#include <lib/string.h>
#include <abi/xen.h>

#define TABLE_LENGTH_MAX (16u << 20) /* larger ones are taken for garbage */
#define ROOT_ENTRIES_MAX 256

static uint8_t sum_bytes(const uint8_t *bytes, size_t size)
{
    uint8_t sum = 0;

    while (size-- > 0) {
        sum += *bytes++;
    }
    return sum;
}

bool acpi_rsdp_is_valid(const void *rsdp, size_t size)
{
    const uint8_t *bytes = rsdp;
    uint32_t length;

    if (size < ACPI_RSDP_V1_SIZE || memcmp(bytes, "RSD PTR ", 8) != 0 ||
        sum_bytes(bytes, ACPI_RSDP_V1_SIZE) != 0) {
        return false;
    }
    if (bytes[15] < 2) {
        return true;
    }
    if (size < ACPI_RSDP_V2_SIZE) {
        return false;
    }
    length = read_le32(bytes + 20);
    return length >= ACPI_RSDP_V2_SIZE && length <= size && sum_bytes(bytes, length) == 0;
}

static bool scan_for_rsdp(const struct physmap *physmap, uint64_t start, uint64_t end, uint64_t *rsdp_address)
{
    for (uint64_t at = start; at + ACPI_RSDP_V2_SIZE <= end; at += 16) {
        const uint8_t *bytes = physmap_get(physmap, at, ACPI_RSDP_V2_SIZE);

        if (bytes && acpi_rsdp_is_valid(bytes, ACPI_RSDP_V2_SIZE)) {
            *rsdp_address = at;
            return true;
        }
    }
    return false;
}

bool acpi_find_rsdp(const struct physmap *physmap, uint64_t *rsdp_address)
{
    const uint8_t *ebda_segment = physmap_get(physmap, 0x40e, 2);
    uint64_t ebda = ebda_segment ? (uint64_t)read_le16(ebda_segment) << 4 : 0;

    if (ebda >= 0x400 && ebda < 0xa0000 && scan_for_rsdp(physmap, ebda, ebda + 1024, rsdp_address)) {
        return true;
    }
    return scan_for_rsdp(physmap, 0xe0000, 0x100000, rsdp_address);
}

/* Map and check the table at @address; NULL when it is not usable. */
static const uint8_t *get_table(const struct physmap *physmap, uint64_t address, uint32_t *length)
{
    const uint8_t *table = address ? physmap_get(physmap, address, ACPI_HEADER_SIZE) : NULL;

    if (!table) {
        return NULL;
    }
    *length = read_le32(table + 4);
    if (*length < ACPI_HEADER_SIZE || *length > TABLE_LENGTH_MAX) {
        return NULL;
    }
    table = physmap_get(physmap, address, *length);
    return table && sum_bytes(table, *length) == 0 ? table : NULL;
}

static void remember_table(struct acpi_info *info, const uint8_t *table, uint64_t address, uint32_t length)
{
    struct acpi_table *entry;

    if (info->table_count == ACPI_TABLES_MAX) {
        info->dropped_count++;
        return;
    }
    entry = &info->tables[info->table_count++];
    memcpy(entry->signature, table, 4);
    entry->signature[4] = '\0';
    entry->address = address;
    entry->length = length;
}

static void decode_table(const uint8_t *table, uint64_t address, uint32_t length, struct acpi_info *info)
{
    static const struct {
        char signature[5];
        void (*decode)(const uint8_t *table, uint32_t length, struct acpi_info *info);
    } decoders[] = {
        {"APIC", acpi_decode_madt}, {"FACP", acpi_decode_fadt}, {"HPET", acpi_decode_hpet},
        {"MCFG", acpi_decode_mcfg}, {"SRAT", acpi_decode_srat}, {"SLIT", acpi_decode_slit},
    };
    static const char addresses[][5] = {"DMAR", "IVRS", "BGRT"};
    uint64_t *const where[] = {&info->dmar_address, &info->ivrs_address, &info->bgrt_address};

    remember_table(info, table, address, length);
    for (size_t i = 0; i < ARRAY_SIZE(decoders); i++) {
        if (memcmp(table, decoders[i].signature, 4) == 0) {
            decoders[i].decode(table, length, info);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        if (memcmp(table, addresses[i], 4) == 0) {
            *where[i] = address;
        }
    }
}

static void walk_root(const struct physmap *physmap, const uint8_t *root, uint32_t length,
                      uint32_t entry_size, struct acpi_info *info)
{
    uint32_t count = (length - ACPI_HEADER_SIZE) / entry_size;

    if (count > ROOT_ENTRIES_MAX) {
        info->dropped_count += count - ROOT_ENTRIES_MAX;
        count = ROOT_ENTRIES_MAX;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = root + ACPI_HEADER_SIZE + i * entry_size;
        uint64_t address = entry_size == 8 ? read_le64(entry) : read_le32(entry);
        uint32_t table_length;
        const uint8_t *table = get_table(physmap, address, &table_length);

        if (table) {
            decode_table(table, address, table_length, info);
        } else {
            info->bad_table_count++;
        }
    }
}

/* PkgLength: the top two bits of the first byte say how many more bytes follow. */
static size_t skip_package_length(const uint8_t *aml, size_t size)
{
    return size > 0 ? 1u + (aml[0] >> 6) : 1;
}

/* An integer of one byte: ZeroOp, OneOp, BytePrefix, or the low byte behind WordPrefix or DWordPrefix. */
static bool read_small_integer(const uint8_t **at, const uint8_t *end, uint8_t *value)
{
    size_t left = end - *at, bytes;

    if (left == 0) {
        return false;
    }
    switch (**at) {
    case 0x00:
    case 0x01:
        *value = *(*at)++;
        return true;
    case 0x0a:
        bytes = 1;
        break;
    case 0x0b:
        bytes = 2;
        break;
    case 0x0c:
        bytes = 4;
        break;
    default:
        return false;
    }
    if (left < 1 + bytes) {
        return false;
    }
    *value = (*at)[1];
    *at += 1 + bytes;
    return true;
}

bool acpi_scan_s5(const void *aml, size_t size, struct acpi_s5 *s5)
{
    const uint8_t *bytes = aml, *end = bytes + size;

    for (size_t i = 1; i + 7 < size; i++) {
        const uint8_t *at = bytes + i;
        bool is_named = at[-1] == 0x08 || (i > 1 && at[-1] == '\\' && at[-2] == 0x08);

        if (!is_named || memcmp(at, "_S5_", 4) != 0 || at[4] != 0x12) {
            continue;
        }
        at += 5;
        at += skip_package_length(at, end - at) + 1;
        if (at < end && read_small_integer(&at, end, &s5->sleep_type_a)) {
            s5->sleep_type_b = s5->sleep_type_a;
            read_small_integer(&at, end, &s5->sleep_type_b);
            s5->present = true;
            return true;
        }
    }
    return false;
}

/* The sleep type is in the DSDT as a rule, in an SSDT now and then. */
static void find_s5(const struct physmap *physmap, struct acpi_info *info)
{
    uint32_t length;
    const uint8_t *dsdt = get_table(physmap, info->fadt.dsdt_address, &length);

    if (dsdt && memcmp(dsdt, "DSDT", 4) == 0) {
        remember_table(info, dsdt, info->fadt.dsdt_address, length);
        acpi_scan_s5(dsdt + ACPI_HEADER_SIZE, length - ACPI_HEADER_SIZE, &info->s5);
    } else if (info->fadt.dsdt_address) {
        info->bad_table_count++;
    }
    for (uint32_t i = 0; i < info->table_count && !info->s5.present; i++) {
        const struct acpi_table *entry = &info->tables[i];
        const uint8_t *ssdt;

        if (strcmp(entry->signature, "SSDT") == 0 &&
            (ssdt = get_table(physmap, entry->address, &length)) != NULL) {
            acpi_scan_s5(ssdt + ACPI_HEADER_SIZE, length - ACPI_HEADER_SIZE, &info->s5);
        }
    }
}

int acpi_parse(const struct physmap *physmap, const void *rsdp, size_t rsdp_size, struct acpi_info *info)
{
    const uint8_t *bytes = rsdp, *root = NULL;
    uint32_t entry_size = 8, length = 0;

    memset(info, 0, sizeof(*info));
    info->reason = "";
    if (!acpi_rsdp_is_valid(rsdp, rsdp_size)) {
        info->reason = "RSDP: wrong signature, length or checksum";
        return -XEN_EINVAL;
    }
    info->revision = bytes[15];
    if (info->revision >= 2) {
        info->root_address = read_le64(bytes + 24);
        root = get_table(physmap, info->root_address, &length);
        root = root && memcmp(root, "XSDT", 4) == 0 ? root : NULL;
    }
    if (!root) {
        entry_size = 4;
        info->root_address = read_le32(bytes + 16);
        root = get_table(physmap, info->root_address, &length);
        root = root && memcmp(root, "RSDT", 4) == 0 ? root : NULL;
    }
    if (!root) {
        info->reason = "RSDP: neither XSDT nor RSDT is mappable with the right signature and checksum";
        return -XEN_ENOENT;
    }
    walk_root(physmap, root, length, entry_size, info);
    find_s5(physmap, info);
    return 0;
}

const struct acpi_table *acpi_find_table(const struct acpi_info *info, const char *signature)
{
    for (uint32_t i = 0; i < info->table_count; i++) {
        if (strcmp(info->tables[i].signature, signature) == 0) {
            return &info->tables[i];
        }
    }
    return NULL;
}
