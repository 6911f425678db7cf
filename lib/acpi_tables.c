/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in the ACPI tables. A decoder gets checked bytes (length and checksum) and reads nothing beyond them; entries
 * that do not fit their array are counted as dropped. Offsets are those of the specification's tables.
 */
#include <lib/acpi_internal.h>
#include <lib/bytes.h>
#include <lib/string.h>

/* The next free element of one of info's arrays, or NULL when it is full. */
#define TAKE(info, array, count)                                                 \
    ((info)->count < ARRAY_SIZE((info)->array) ? &(info)->array[(info)->count++] \
                                               : ((info)->dropped_count++, NULL))

static struct acpi_address read_address(const uint8_t *p)
{
    return (struct acpi_address){
        .space = p[0],
        .bit_width = p[1],
        .bit_offset = p[2],
        .access_size = p[3],
        .address = read_le64(p + 4),
    };
}

/* --- subtables: a type byte, a length byte, content. Used by the MADT and the SRAT --- */

static const uint8_t *next_entry(const uint8_t *table, uint32_t length, uint32_t *offset)
{
    const uint8_t *entry = table + *offset;

    if (length - *offset < 2 || entry[1] < 2 || entry[1] > length - *offset) {
        return NULL;
    }
    *offset += entry[1];
    return entry;
}

/* --- MADT --- */

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t uid, uint32_t flags, bool is_x2apic)
{
    struct acpi_cpu *cpu = TAKE(info, cpus, cpu_count);

    if (cpu) {
        *cpu = (struct acpi_cpu){
            .apic_id = apic_id,
            .uid = uid,
            .is_enabled = flags & 1,
            .is_online_capable = flags & 2,
            .is_x2apic = is_x2apic,
        };
    }
}

static void add_ioapic(struct acpi_info *info, const uint8_t *e)
{
    struct acpi_ioapic *ioapic = TAKE(info, ioapics, ioapic_count);

    if (ioapic) {
        *ioapic = (struct acpi_ioapic){.id = e[2], .address = read_le32(e + 4), .gsi_base = read_le32(e + 8)};
    }
}

static void add_override(struct acpi_info *info, const uint8_t *e)
{
    struct acpi_override *override = TAKE(info, overrides, override_count);

    if (override) {
        *override = (struct acpi_override){.irq = e[3], .gsi = read_le32(e + 4), .flags = read_le16(e + 8)};
    }
}

static void add_nmi(struct acpi_info *info, struct acpi_nmi value)
{
    struct acpi_nmi *nmi = TAKE(info, nmis, nmi_count);

    if (nmi) {
        *nmi = value;
    }
}

static void decode_madt_entry(const uint8_t *e, struct acpi_info *info)
{
    static const uint8_t sizes[] = {8, 12, 10, 8, 6, 12, 0, 0, 0, 16, 12};

    if (e[0] >= ARRAY_SIZE(sizes) || e[1] < sizes[e[0]]) {
        return;
    }
    switch (e[0]) {
    case 0:
        add_cpu(info, e[3], e[2], read_le32(e + 4), false);
        break;
    case 1:
        add_ioapic(info, e);
        break;
    case 2:
        add_override(info, e);
        break;
    case 3:
        add_nmi(info, (struct acpi_nmi){.flags = read_le16(e + 2), .gsi = read_le32(e + 4)});
        break;
    case 4:
        add_nmi(info, (struct acpi_nmi){.is_local = true,
                                        .uid = e[2] == 0xff ? ACPI_UID_ALL : e[2],
                                        .flags = read_le16(e + 3),
                                        .lint = e[5]});
        break;
    case 5:
        info->lapic_address = read_le64(e + 4);
        break;
    case 9:
        add_cpu(info, read_le32(e + 4), read_le32(e + 12), read_le32(e + 8), true);
        break;
    case 10:
        add_nmi(info,
                (struct acpi_nmi){
                    .is_local = true, .uid = read_le32(e + 4), .flags = read_le16(e + 2), .lint = e[8]});
        break;
    default:
        break;
    }
}

void acpi_decode_madt(const uint8_t *table, uint32_t length, struct acpi_info *info)
{
    uint32_t offset = 44;
    const uint8_t *entry;

    /* A second MADT would describe the same processors again. */
    if (length < offset || info->has_madt) {
        return;
    }
    info->has_madt = true;
    info->lapic_address = read_le32(table + 36);
    info->has_pic = read_le32(table + 40) & 1;
    while ((entry = next_entry(table, length, &offset)) != NULL) {
        decode_madt_entry(entry, info);
    }
}

/* --- FADT --- */

/* A register block: the extended form where there is one, else the 32-bit port number. */
static struct acpi_address fadt_block(const uint8_t *table, uint32_t length, uint32_t legacy_offset,
                                      uint32_t length_offset, uint32_t extended_offset)
{
    struct acpi_address block = {.space = ACPI_SPACE_IO, .address = read_le32(table + legacy_offset)};

    block.bit_width = (uint8_t)MIN(table[length_offset] * 8, 255);
    if (extended_offset + 12 <= length && read_le64(table + extended_offset + 4) != 0) {
        block = read_address(table + extended_offset);
    }
    return block;
}

void acpi_decode_fadt(const uint8_t *table, uint32_t length, struct acpi_info *info)
{
    struct acpi_fadt *fadt = &info->fadt;

    if (length < 116) {
        return;
    }
    fadt->present = true;
    fadt->facs_address = read_le32(table + 36);
    fadt->dsdt_address = read_le32(table + 40);
    fadt->sci_irq = read_le16(table + 46);
    fadt->smi_command = read_le32(table + 48);
    fadt->acpi_enable = table[52];
    fadt->acpi_disable = table[53];
    fadt->boot_flags = read_le16(table + 109);
    fadt->flags = read_le32(table + 112);
    fadt->is_hardware_reduced = fadt->flags & BIT(20);
    fadt->pm1a_event = fadt_block(table, length, 56, 88, 148);
    fadt->pm1b_event = fadt_block(table, length, 60, 88, 160);
    fadt->pm1a_control = fadt_block(table, length, 64, 89, 172);
    fadt->pm1b_control = fadt_block(table, length, 68, 89, 184);
    fadt->pm_timer = fadt_block(table, length, 76, 91, 208);
    if (fadt->pm_timer.address != 0) {
        fadt->pm_timer_bits = fadt->flags & BIT(8) ? 32 : 24;
    }
    if (length >= 129 && (fadt->flags & BIT(10))) {
        fadt->has_reset_register = true;
        fadt->reset_register = read_address(table + 116);
        fadt->reset_value = table[128];
    }
    if (length >= 148) {
        fadt->facs_address = read_le64(table + 132) ? read_le64(table + 132) : fadt->facs_address;
        fadt->dsdt_address = read_le64(table + 140) ? read_le64(table + 140) : fadt->dsdt_address;
    }
}

/* --- HPET, MCFG --- */

void acpi_decode_hpet(const uint8_t *table, uint32_t length, struct acpi_info *info)
{
    if (length < 56 || info->hpet.present) {
        return;
    }
    info->hpet = (struct acpi_hpet){
        .present = true,
        .block_id = read_le32(table + 36),
        .base = read_address(table + 40),
        .number = table[52],
        .minimum_tick = read_le16(table + 53),
    };
}

void acpi_decode_mcfg(const uint8_t *table, uint32_t length, struct acpi_info *info)
{
    for (uint32_t offset = 44; offset <= length && length - offset >= 16; offset += 16) {
        const uint8_t *e = table + offset;
        struct acpi_mcfg *mcfg;

        if (e[10] > e[11]) {
            continue;
        }
        mcfg = TAKE(info, mcfg, mcfg_count);
        if (mcfg) {
            *mcfg = (struct acpi_mcfg){
                .base = read_le64(e),
                .segment = read_le16(e + 8),
                .bus_first = e[10],
                .bus_last = e[11],
            };
        }
    }
}

/* --- SRAT, SLIT --- */

static void add_cpu_node(struct acpi_info *info, uint32_t apic_id, uint32_t node, uint32_t flags)
{
    struct acpi_cpu_node *entry = flags & 1 ? TAKE(info, cpu_nodes, cpu_node_count) : NULL;

    if (entry) {
        *entry = (struct acpi_cpu_node){.apic_id = apic_id, .node = node};
    }
}

static void add_memory(struct acpi_info *info, const uint8_t *e)
{
    uint64_t start = read_le64(e + 8), size = read_le64(e + 16), end;
    uint32_t flags = read_le32(e + 28);
    struct acpi_memory *memory;

    if (!(flags & 1) || size == 0 || add_overflows(start, size, &end)) {
        return;
    }
    memory = TAKE(info, memory, memory_count);
    if (memory) {
        *memory = (struct acpi_memory){
            .start = start,
            .size = size,
            .node = read_le32(e + 2),
            .is_hotplug = flags & 2,
            .is_nonvolatile = flags & 4,
        };
    }
}

void acpi_decode_srat(const uint8_t *table, uint32_t length, struct acpi_info *info)
{
    uint32_t offset = 48;
    const uint8_t *e;

    if (length < offset || info->has_srat) {
        return;
    }
    info->has_srat = true;
    while ((e = next_entry(table, length, &offset)) != NULL) {
        if (e[0] == 0 && e[1] >= 16) {
            add_cpu_node(info, e[3], e[2] | (read_le32(e + 8) & 0xffffff00), read_le32(e + 4));
        } else if (e[0] == 1 && e[1] >= 40) {
            add_memory(info, e);
        } else if (e[0] == 2 && e[1] >= 24) {
            add_cpu_node(info, read_le32(e + 8), read_le32(e + 4), read_le32(e + 12));
        }
    }
}

void acpi_decode_slit(const uint8_t *table, uint32_t length, struct acpi_info *info)
{
    uint64_t nodes;

    if (length < 44) {
        return;
    }
    nodes = read_le64(table + 36);
    if (nodes > ACPI_NODES_MAX || nodes * nodes > length - 44) {
        info->dropped_count++;
        return;
    }
    info->slit_nodes = (uint32_t)nodes;
    memcpy(info->slit, table + 44, nodes * nodes);
}
