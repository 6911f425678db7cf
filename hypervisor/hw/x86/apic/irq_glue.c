/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest/x86/common/irq_contract.h in terms of irq.h, and PCI configuration by ports CF8 and CFC. */
#include <base/lock.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/memory_map.h>
#include <hw/x86/apic/ioapic.h>
#include <hw/x86/apic/irq.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/mmu/mmu.h>

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_ENABLE  0x80000000u

static struct spinlock pci_lock = SPINLOCK_INIT(pci);

unsigned int hw_gsi_count(void)
{
    return irq_gsi_count();
}

bool hw_gsi_isa_mode(unsigned int gsi, bool *level, bool *low)
{
    for (unsigned int isa = 0; isa < 16; isa++) {
        if (irq_isa_gsi(isa) == gsi) {
            *level = irq_isa_level(isa);
            *low = irq_isa_low(isa);
            return true;
        }
    }
    return false;
}

int hw_bind_gsi(unsigned int gsi, bool level, bool low, void (*fn)(void *), void *arg, struct irq_desc **desc)
{
    int rc = irq_bind_gsi(gsi, level, low, fn, arg);

    *desc = rc == 0 ? irq_of_gsi(gsi) : NULL;
    return rc;
}

int hw_bind_msi(void (*fn)(void *), void *arg, struct irq_desc **desc, uint64_t *address, uint32_t *data)
{
    struct msi_message m;
    int rc = irq_bind_msi(fn, arg, desc, &m);

    if (rc == 0) {
        *address = m.address;
        *data = m.data;
    }
    return rc;
}

void hw_unbind_irq(struct irq_desc *desc)
{
    irq_unbind(desc);
}

bool hw_set_irq_cpu(struct irq_desc *desc, unsigned int cpu)
{
    return irq_set_cpu(desc, cpu);
}

void hw_mask_irq(struct irq_desc *desc)
{
    irq_mask(desc);
}

void hw_unmask_irq(struct irq_desc *desc)
{
    irq_unmask(desc);
}

void hw_eoi_irq(struct irq_desc *desc)
{
    irq_eoi(desc);
}

void hw_msi_message(struct irq_desc *desc, uint64_t *address, uint32_t *data)
{
    struct msi_message m = irq_message(desc);

    *address = m.address;
    *data = m.data;
}

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

uint32_t hw_pci_read(uint16_t bdf, unsigned int offset, unsigned int size)
{
    return hw_pci_raw_read(PCI_ENABLE | (uint32_t)bdf << 8 | (offset & 0xfc), offset & 3, size);
}

void hw_pci_write(uint16_t bdf, unsigned int offset, unsigned int size, uint32_t value)
{
    hw_pci_raw_write(PCI_ENABLE | (uint32_t)bdf << 8 | (offset & 0xfc), offset & 3, size, value);
}

void *hw_map_device(paddr_t pa, uint64_t size_bytes)
{
    return mmu_map_device(pa, size_bytes);
}

bool hw_ioapic_read(paddr_t pa, uint32_t reg, uint32_t *value)
{
    return ioapic_read_register(pa, reg, value);
}
