/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 82093AA data sheet, section 3. */
#include <hw/x86/apic/ioapic.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/mmu/mmu.h>
#include <base/lock.h>
#include <base/log.h>

#define INDEX            0x00
#define WINDOW           0x10
#define REG_VERSION      1
#define REG_ROUTE(pin)   (0x10 + 2 * (pin))
#define ROUTE_NMI        0x0400u
#define ROUTE_LOW_ACTIVE 0x2000u
#define ROUTE_LEVEL      0x8000u
#define ROUTE_MASKED     0x10000u

struct ioapic {
    volatile uint8_t *regs;
    paddr_t pa;
    unsigned int gsi_base, pin_count;
};

static struct ioapic ioapics[ACPI_IOAPICS_MAX];
static unsigned int ioapic_count;
static struct spinlock ioapic_lock = SPINLOCK_INIT(ioapic);

static uint32_t reg_read(const struct ioapic *a, unsigned int reg)
{
    mmio_write32(a->regs + INDEX, reg);
    return mmio_read32(a->regs + WINDOW);
}

static void reg_write(const struct ioapic *a, unsigned int reg, uint32_t value)
{
    mmio_write32(a->regs + INDEX, reg);
    mmio_write32(a->regs + WINDOW, value);
}

void ioapic_init(void)
{
    for (uint32_t i = 0; i < platform.acpi.ioapic_count; i++) {
        struct ioapic *a = &ioapics[ioapic_count];

        a->pa = platform.acpi.ioapics[i].address;
        a->gsi_base = platform.acpi.ioapics[i].gsi_base;
        a->regs = mmu_map_device(a->pa, PAGE_SIZE);
        BUG_ON(!a->regs);
        a->pin_count = (reg_read(a, REG_VERSION) >> 16 & 0xff) + 1;
        if (a->pin_count > 240 || a->gsi_base > 1024) {
            log_warning("IO-APIC at %#lx does not answer", a->pa);
            continue;
        }
        for (unsigned int pin = 0; pin < a->pin_count; pin++) {
            reg_write(a, REG_ROUTE(pin), ROUTE_MASKED);
        }
        log_info("IO-APIC %u at %#lx: GSIs %u to %u", platform.acpi.ioapics[i].id, a->pa, a->gsi_base,
                 a->gsi_base + a->pin_count - 1);
        ioapic_count++;
    }
}

static const struct ioapic *find(unsigned int gsi)
{
    for (unsigned int i = 0; i < ioapic_count; i++) {
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].pin_count) {
            return &ioapics[i];
        }
    }
    return NULL;
}

unsigned int ioapic_gsi_count(void)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < ioapic_count; i++) {
        count = MAX(count, ioapics[i].gsi_base + ioapics[i].pin_count);
    }
    return count;
}

bool ioapic_has_gsi(unsigned int gsi)
{
    return find(gsi) != NULL;
}

static uint32_t low_word(const struct ioapic_route *r)
{
    return r->vector | (r->nmi ? ROUTE_NMI : 0) | (r->low ? ROUTE_LOW_ACTIVE : 0) |
           (r->level ? ROUTE_LEVEL : 0) | (r->masked ? ROUTE_MASKED : 0);
}

void ioapic_write_route(unsigned int gsi, const struct ioapic_route *r)
{
    const struct ioapic *a = find(gsi);
    unsigned int reg;
    unsigned long flags;

    if (!a) {
        return;
    }
    reg = REG_ROUTE(gsi - a->gsi_base);
    flags = spin_lock_irqsave(&ioapic_lock);
    reg_write(a, reg, low_word(r) | ROUTE_MASKED);
    reg_write(a, reg + 1, r->apic_id << 24);
    reg_write(a, reg, low_word(r));
    spin_unlock_irqrestore(&ioapic_lock, flags);
}

void ioapic_write_destination(unsigned int gsi, const struct ioapic_route *r)
{
    const struct ioapic *a = find(gsi);
    unsigned long flags;

    if (!a) {
        return;
    }
    flags = spin_lock_irqsave(&ioapic_lock);
    reg_write(a, REG_ROUTE(gsi - a->gsi_base) + 1, r->apic_id << 24);
    spin_unlock_irqrestore(&ioapic_lock, flags);
}

void ioapic_write_mask(unsigned int gsi, const struct ioapic_route *r)
{
    const struct ioapic *a = find(gsi);
    unsigned long flags;

    if (!a) {
        return;
    }
    flags = spin_lock_irqsave(&ioapic_lock);
    reg_write(a, REG_ROUTE(gsi - a->gsi_base), low_word(r));
    spin_unlock_irqrestore(&ioapic_lock, flags);
}

bool ioapic_read_register(paddr_t pa, unsigned int reg, uint32_t *value)
{
    for (unsigned int i = 0; i < ioapic_count; i++) {
        if (ioapics[i].pa == pa) {
            unsigned long flags = spin_lock_irqsave(&ioapic_lock);

            *value = reg_read(&ioapics[i], reg & 0xff);
            spin_unlock_irqrestore(&ioapic_lock, flags);
            return true;
        }
    }
    return false;
}
