/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The static ACPI tables that a hypervisor needs, read once into plain structs. No AML is run: the one value that it
 * takes from AML, the sleep type of S5, comes from a scan of the DSDT's bytes.
 *
 * Every table is checked (signature, length, checksum) before it is used; one that fails is counted and skipped. Arrays
 * are bounded: what does not fit is counted in dropped_count. Needs no lock; used once at start. The struct is large
 * (some 20 KiB): static, not on a stack.
 * ACPI 6.4, chapter 5.2; HPET specification 1.0a; PCI firmware specification 3.0 for MCFG.
 */
#ifndef LIB_ACPI_H
#define LIB_ACPI_H

#include <lib/physmap.h>

#define ACPI_TABLES_MAX    64
#define ACPI_CPUS_MAX      512
#define ACPI_IOAPICS_MAX   32
#define ACPI_OVERRIDES_MAX 32
#define ACPI_NMIS_MAX      64
#define ACPI_MCFG_MAX      16
#define ACPI_MEMORY_MAX    64
#define ACPI_NODES_MAX     64

#define ACPI_RSDP_V1_SIZE 20
#define ACPI_RSDP_V2_SIZE 36
#define ACPI_UID_ALL      UINT32_MAX /* an NMI entry for every processor */

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1

/* Generic address structure; address 0 stands for "not there". */
struct acpi_address {
    uint8_t space;
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t access_size;
    uint64_t address;
};

struct acpi_table {
    char signature[5];
    uint64_t address;
    uint32_t length;
};

struct acpi_cpu {
    uint32_t apic_id;
    uint32_t uid;
    bool is_enabled;
    bool is_online_capable;
    bool is_x2apic; /* described by an x2APIC entry */
};

struct acpi_ioapic {
    uint8_t id;
    uint32_t address;
    uint32_t gsi_base;
};

/* ISA interrupt @irq arrives at @gsi; flags: bits 0-1 polarity (1 high, 3 low), bits 2-3 trigger (1 edge, 3 level). */
struct acpi_override {
    uint8_t irq;
    uint32_t gsi;
    uint16_t flags;
};

struct acpi_nmi {
    bool is_local; /* a LAPIC's LINT pin of processor @uid; otherwise GSI @gsi */
    uint32_t uid;
    uint32_t gsi;
    uint16_t flags;
    uint8_t lint;
};

struct acpi_fadt {
    bool present;
    bool is_hardware_reduced;
    uint16_t sci_irq;
    uint16_t boot_flags; /* IAPC_BOOT_ARCH */
    uint32_t flags;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable;
    struct acpi_address pm_timer;
    uint8_t pm_timer_bits; /* 24 or 32; 0 when there is none */
    struct acpi_address pm1a_event, pm1b_event;
    struct acpi_address pm1a_control, pm1b_control;
    bool has_reset_register;
    struct acpi_address reset_register;
    uint8_t reset_value;
    uint64_t facs_address;
    uint64_t dsdt_address;
};

struct acpi_s5 {
    bool present;
    uint8_t sleep_type_a, sleep_type_b;
};

struct acpi_hpet {
    bool present;
    uint32_t block_id;
    struct acpi_address base;
    uint8_t number;
    uint16_t minimum_tick;
};

struct acpi_mcfg {
    uint64_t base;
    uint16_t segment;
    uint8_t bus_first, bus_last;
};

struct acpi_memory {
    uint64_t start, size;
    uint32_t node;
    bool is_hotplug, is_nonvolatile;
};

struct acpi_cpu_node {
    uint32_t apic_id;
    uint32_t node;
};

struct acpi_info {
    uint8_t revision;                                  /* of the RSDP */
    uint64_t root_address;                             /* of the XSDT or RSDT used */
    uint64_t dmar_address, ivrs_address, bgrt_address; /* 0 when absent */
    uint32_t bad_table_count;                          /* wrong length or checksum, or not mappable */
    uint32_t dropped_count;                            /* entries that found no room */
    const char *reason;                                /* after an error */

    uint32_t table_count, cpu_count, ioapic_count, override_count, nmi_count, mcfg_count, memory_count,
        cpu_node_count;
    struct acpi_table tables[ACPI_TABLES_MAX];

    bool has_madt, has_pic; /* has_pic: PCAT_COMPAT */
    uint64_t lapic_address;
    struct acpi_cpu cpus[ACPI_CPUS_MAX];
    struct acpi_ioapic ioapics[ACPI_IOAPICS_MAX];
    struct acpi_override overrides[ACPI_OVERRIDES_MAX];
    struct acpi_nmi nmis[ACPI_NMIS_MAX];

    struct acpi_fadt fadt;
    struct acpi_s5 s5;
    struct acpi_hpet hpet;
    struct acpi_mcfg mcfg[ACPI_MCFG_MAX];

    bool has_srat;
    struct acpi_memory memory[ACPI_MEMORY_MAX];
    struct acpi_cpu_node cpu_nodes[ACPI_CPUS_MAX];
    uint32_t slit_nodes;                           /* 0 when there is no SLIT */
    uint8_t slit[ACPI_NODES_MAX * ACPI_NODES_MAX]; /* distance from a to b at a * slit_nodes + b */
};

/* Are these bytes a valid RSDP (signature and checksums of the version that it says it is)? */
bool acpi_rsdp_is_valid(const void *rsdp, size_t size);

/* Look for the RSDP where a BIOS leaves it: the EBDA's first KiB, 0xe0000 to 0xfffff. False when it is not there. */
bool acpi_find_rsdp(const struct physmap *physmap, uint64_t *rsdp_address);

/* Read everything, from the RSDP's bytes. -XEN_EINVAL: RSDP invalid. -XEN_ENOENT: neither XSDT nor RSDT is usable.
 * On an error info->reason says why; missing or bad tables below the root are no error. */
int acpi_parse(const struct physmap *physmap, const void *rsdp, size_t rsdp_size, struct acpi_info *info);

/* The checked table @signature that acpi_parse() listed; NULL when there is none. */
const struct acpi_table *acpi_find_table(const struct acpi_info *info, const char *signature);

/* Look for the _S5_ package in @size bytes of AML. */
bool acpi_scan_s5(const void *aml, size_t size, struct acpi_s5 *s5);

#endif
