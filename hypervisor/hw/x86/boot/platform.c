/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/boot/platform.h>
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/mmu/mmu.h>
#include <hw/x86/cpu/insn.h>
#include <core/param/options.h>
#include <base/layout.h>
#include <base/log.h>
#include <lib/string.h>

#define LOW_MEMORY_END  0x100000u
#define XAPIC_BROADCAST 0xffu

struct platform_info platform;

static const void *map_for_parser(void *opaque, uint64_t paddr, size_t size_bytes)
{
    if (size_bytes == 0 || paddr + size_bytes > MMU_ADDR) {
        return NULL;
    }
    if (paddr + size_bytes <= LOW_MEMORY_END) {
        return (const void *)(VA_DIRECT + paddr);
    }
    return mmu_map_firmware(paddr, size_bytes);
}

static const struct physmap physmap = {.map = map_for_parser};

/* The RSDP: the loader's copy, else what a BIOS left in low memory. */
static bool read_tables(void)
{
    const void *rsdp = boot_info.loader.rsdp;
    size_t size = boot_info.loader.rsdp_size;
    int rc;

    if (boot_info.rsdp_address) {
        platform.rsdp_address = boot_info.rsdp_address;
    } else if (!boot_info.is_efi && acpi_find_rsdp(&physmap, &platform.rsdp_address) && size == 0) {
        rsdp = map_for_parser(NULL, platform.rsdp_address, ACPI_RSDP_V2_SIZE);
        size = ACPI_RSDP_V2_SIZE;
    }
    if (!rsdp || size == 0) {
        log_warning("No ACPI tables found");
        return false;
    }
    rc = acpi_parse(&physmap, rsdp, size, &platform.acpi);
    if (rc < 0) {
        log_warning("ACPI tables not usable: %s", platform.acpi.reason);
        return false;
    }
    if (platform.acpi.bad_table_count) {
        log_warning("ACPI: %u bad tables skipped", platform.acpi.bad_table_count);
    }
    return true;
}

static uint32_t boot_apic_id(void)
{
    struct cpuid_result max = cpuid(0, 0);

    if (max.eax >= 0xb) {
        struct cpuid_result topology = cpuid(0xb, 0);

        if (topology.ebx) {
            return topology.edx;
        }
    }
    return cpuid(1, 0).ebx >> 24;
}

static void add_cpu(uint32_t apic_id)
{
    unsigned int limit = opt_maxcpus ? MIN_T(uint64_t, opt_maxcpus, MAX_PCPUS) : MAX_PCPUS;

    for (unsigned int i = 0; i < platform.cpu_count; i++) {
        if (platform.cpu_apic_id[i] == apic_id) {
            return;
        }
    }
    if (platform.cpu_count >= limit) {
        platform.cpus_ignored++;
        return;
    }
    platform.cpu_apic_id[platform.cpu_count++] = apic_id;
}

static void list_cpus(void)
{
    add_cpu(boot_apic_id());
    for (uint32_t i = 0; i < platform.acpi.cpu_count; i++) {
        const struct acpi_cpu *c = &platform.acpi.cpus[i];

        if (c->is_enabled && (c->is_x2apic || c->apic_id != XAPIC_BROADCAST)) {
            add_cpu(c->apic_id);
        }
    }
}

void platform_init(void)
{
    platform.has_acpi = read_tables();
    list_cpus();
    if (platform.has_acpi) {
        log_info("ACPI: revision %u, %u tables, %u CPUs, %u IO-APICs%s%s", platform.acpi.revision,
                 platform.acpi.table_count, platform.cpu_count + platform.cpus_ignored,
                 platform.acpi.ioapic_count, platform.acpi.hpet.present ? ", HPET" : "",
                 platform.acpi.mcfg_count ? ", MCFG" : "");
    }
    if (platform.cpus_ignored) {
        log_info("%u CPUs are not used (maxcpus=, or more than %u)", platform.cpus_ignored, MAX_PCPUS);
    }
}
