/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/pci/pci.h>
#include <base/lock.h>
#include <base/log.h>
#include <guest/x86/common/irq_contract.h>
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/mmu/mmu.h>

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_ENABLE  0x80000000u
#define CF8_SIZE    256u
#define ECAM_SIZE   4096u
#define BUS_BYTES   (1ull << 20)

struct window {
    uint8_t *bus[256]; /* mapped when first used, for good */
    bool is_used;      /* atomic: the area is known to be what MCFG says */
};

static struct spinlock pci_lock = SPINLOCK_INIT(pci); /* the ports, and the filling in of bus[] */
static struct window *windows[ACPI_MCFG_MAX];         /* of platform.acpi.mcfg[] */

/* --- the ports --- */

uint32_t hw_pci_raw_read(uint32_t address, unsigned int lane, unsigned int size)
{
    unsigned long flags = spin_lock_irqsave(&pci_lock);
    uint32_t value;

    out32(PCI_ADDRESS, address);
    value = size == 1   ? in8((uint16_t)(PCI_DATA + lane))
            : size == 2 ? in16((uint16_t)(PCI_DATA + lane))
                        : in32(PCI_DATA);
    spin_unlock_irqrestore(&pci_lock, flags);
    return value;
}

void hw_pci_raw_write(uint32_t address, unsigned int lane, unsigned int size, uint32_t value)
{
    unsigned long flags = spin_lock_irqsave(&pci_lock);

    out32(PCI_ADDRESS, address);
    if (size == 1) {
        out8((uint16_t)(PCI_DATA + lane), (uint8_t)value);
    } else if (size == 2) {
        out16((uint16_t)(PCI_DATA + lane), (uint16_t)value);
    } else {
        out32(PCI_DATA, value);
    }
    spin_unlock_irqrestore(&pci_lock, flags);
}

/* --- windows in memory --- */

static bool has_bus(const struct acpi_mcfg *m, uint32_t sbdf)
{
    unsigned int bus = sbdf >> 8 & 0xff;

    return m->segment == sbdf >> 16 && m->bus_first <= bus && bus <= m->bus_last;
}

/* The window that holds a function; ACPI_MCFG_MAX when there is none in use. */
static unsigned int find_window(uint32_t sbdf)
{
    for (unsigned int i = 0; i < platform.acpi.mcfg_count; i++) {
        if (windows[i] && __atomic_load_n(&windows[i]->is_used, __ATOMIC_ACQUIRE) &&
            has_bus(&platform.acpi.mcfg[i], sbdf)) {
            return i;
        }
    }
    return ACPI_MCFG_MAX;
}

/* A function's 4 KiB, or NULL. A bus is mapped on its first use; of two CPUs that do so at once one has mapped it in vain. */
static volatile uint8_t *function(uint32_t sbdf)
{
    unsigned int i = find_window(sbdf), bus = sbdf >> 8 & 0xff;
    uint8_t *mapped, *none = NULL;

    if (i == ACPI_MCFG_MAX) {
        return NULL;
    }
    mapped = __atomic_load_n(&windows[i]->bus[bus], __ATOMIC_ACQUIRE);
    if (!mapped) {
        /* the table's base is where bus 0 is or would be */
        mapped = mmu_map_device(platform.acpi.mcfg[i].base + bus * BUS_BYTES, BUS_BYTES);
        if (mapped && !__atomic_compare_exchange_n(&windows[i]->bus[bus], &none, mapped, false,
                                                   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            mapped = none;
        }
    }
    return mapped ? mapped + (sbdf & 0xff) * ECAM_SIZE : NULL;
}

bool hw_pci_reaches(uint32_t sbdf)
{
    return sbdf >> 16 == 0 || find_window(sbdf) != ACPI_MCFG_MAX;
}

uint32_t hw_pci_read(uint32_t sbdf, unsigned int offset, unsigned int size)
{
    volatile uint8_t *at = function(sbdf);

    if (at) {
        at += offset;
        return size == 1 ? *at : size == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
    }
    if (sbdf >> 16 || offset >= CF8_SIZE) {
        return ~0u;
    }
    return hw_pci_raw_read(PCI_ENABLE | sbdf << 8 | (offset & 0xfc), offset & 3, size);
}

void hw_pci_write(uint32_t sbdf, unsigned int offset, unsigned int size, uint32_t value)
{
    volatile uint8_t *at = function(sbdf);

    if (!at) {
        if (sbdf >> 16 == 0 && offset < CF8_SIZE) {
            hw_pci_raw_write(PCI_ENABLE | sbdf << 8 | (offset & 0xfc), offset & 3, size, value);
        }
        return;
    }
    at += offset;
    if (size == 1) {
        *at = (uint8_t)value;
    } else if (size == 2) {
        *(volatile uint16_t *)at = (uint16_t)value;
    } else {
        *(volatile uint32_t *)at = value;
    }
}

/* --- which windows may be used --- */

static bool is_reserved_by_firmware(const struct acpi_mcfg *m)
{
    paddr_t start = m->base + m->bus_first * BUS_BYTES, end = m->base + (m->bus_last + 1) * BUS_BYTES;

    for (unsigned int i = 0; i < boot_info.map_count; i++) {
        const struct loader_memory *r = &boot_info.map[i];

        if (r->start <= start && r->end >= end) {
            return r->type == LOADER_MEMORY_RESERVED;
        }
    }
    return false;
}

static void use_window(unsigned int i, bool use)
{
    const struct acpi_mcfg *m = &platform.acpi.mcfg[i];

    if (__atomic_exchange_n(&windows[i]->is_used, use, __ATOMIC_ACQ_REL) != use) {
        log_info("PCI: segment %u, buses %u to %u: %s memory at %#lx", m->segment, m->bus_first, m->bus_last,
                 use ? "configuration by" : "not by", m->base);
    }
}

bool hw_pci_window_reserved(uint64_t base, uint16_t segment, uint8_t first, uint8_t last, bool reserved)
{
    for (unsigned int i = 0; i < platform.acpi.mcfg_count; i++) {
        const struct acpi_mcfg *m = &platform.acpi.mcfg[i];

        if (windows[i] && m->base == base && m->segment == segment && m->bus_first == first &&
            m->bus_last == last) {
            use_window(i, reserved);
            return true;
        }
    }
    return false;
}

void pci_init(void)
{
    for (unsigned int i = 0; i < platform.acpi.mcfg_count; i++) {
        windows[i] = zalloc(sizeof(*windows[i]));
        if (windows[i] && is_reserved_by_firmware(&platform.acpi.mcfg[i])) {
            use_window(i, true);
        }
    }
}
