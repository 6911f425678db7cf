/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interrupts of guest/x86/common/irq_contract.h in terms of irq.h. */
#include <guest/x86/common/irq_contract.h>
#include <hw/x86/apic/ioapic.h>
#include <hw/x86/apic/irq.h>
#include <hw/x86/mmu/mmu.h>

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

void *hw_map_device(paddr_t pa, uint64_t size_bytes)
{
    return mmu_map_device(pa, size_bytes);
}

bool hw_ioapic_read(paddr_t pa, uint32_t reg, uint32_t *value)
{
    return ioapic_read_register(pa, reg, value);
}
