/* SPDX-License-Identifier: GPL-2.0-or-later */
/* physdev_op and platform_op of the hardware domain, and of guests that may not, over interrupt hardware that only counts. */
#include "guest_fuzz.h"
#include <abi/platform.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/pirq.h>

#define IS_PLATFORM 0x8000u
#define GSIS        24u
#define MSIX_PAGE   4096u

static unsigned int bound, functions; /* lines and messages that are bound now */
static uint8_t msix_table[MSIX_PAGE];

unsigned int hw_gsi_count(void)
{
    return GSIS;
}

bool hw_ioapic_read(paddr_t pa, uint32_t reg, uint32_t *value)
{
    *value = reg;
    return pa == 0xfec00000;
}

bool hw_gsi_isa_mode(unsigned int gsi, bool *level, bool *low)
{
    *level = *low = false;
    return gsi < 16;
}

int hw_bind_gsi(unsigned int gsi, bool level, bool low, void (*fn)(void *), void *arg, struct irq_desc **desc)
{
    fake_check(gsi < GSIS);
    bound++;
    *desc = (struct irq_desc *)&functions;
    return 0;
}

int hw_bind_msi(void (*fn)(void *), void *arg, struct irq_desc **desc, uint64_t *address, uint32_t *data)
{
    bound++;
    *desc = (struct irq_desc *)&functions;
    *address = 0xfee00000;
    *data = 0x40;
    return 0;
}

void hw_unbind_irq(struct irq_desc *desc)
{
    fake_check(bound > 0);
    bound--;
}

void hw_mask_irq(struct irq_desc *desc)
{
}

void hw_unmask_irq(struct irq_desc *desc)
{
}

bool hw_set_irq_cpu(struct irq_desc *desc, unsigned int cpu)
{
    fake_check(cpu < FAKE_CPUS);
    return true;
}

void hw_eoi_irq(struct irq_desc *desc)
{
}

void hw_msi_message(struct irq_desc *desc, uint64_t *address, uint32_t *data)
{
    *address = 0xfee00000;
    *data = 0x40;
}

/* One function at every address: a network card with MSI at 0x50, MSI-X at 0x70 whose table is in BAR 0. */
uint32_t hw_pci_read(uint32_t sbdf, unsigned int offset, unsigned int size)
{
    switch (offset) {
    case 0x00:
        return 0x10001af4;
    case 0x04:
        return 0x00100006;
    case 0x06:
        return 0x0010;
    case 0x10:
        return 0xfebc0000;
    case 0x34:
        return 0x50;
    case 0x50:
        return 0x00807005;
    case 0x51:
        return 0x70;
    case 0x70:
        return 0x00030011;
    case 0x72:
        return 0x0003;
    default:
        return 0;
    }
}

void hw_pci_write(uint32_t sbdf, unsigned int offset, unsigned int size, uint32_t value)
{
}

/* Segment 0 only. */
bool hw_pci_reaches(uint32_t sbdf)
{
    return sbdf <= 0xffff;
}

bool hw_pci_window_reserved(uint64_t base, uint16_t segment, uint8_t first_bus, uint8_t last_bus,
                            bool reserved)
{
    return segment == 0 && first_bus == 0;
}

void *hw_map_device(paddr_t pa, uint64_t size_bytes)
{
    return size_bytes <= MSIX_PAGE ? msix_table : NULL;
}

static void run_record(uint16_t command, uint16_t id, const uint8_t *args)
{
    struct xen_platform_op *op = (struct xen_platform_op *)fake_window;

    memcpy(fake_window, args, ARGS_SIZE);
    if (command & IS_PLATFORM) {
        if (id & 0x80) { /* most inputs should get past the version */
            op->interface_version = XENPF_INTERFACE_VERSION;
            op->cmd = command & 0xff;
        }
        if (op->cmd != XENPF_enter_acpi_sleep) { /* it ends the machine */
            call_as(0, do_platform_op, FAKE_WINDOW_AT, 0, 0);
        }
    } else {
        call_as(id, do_physdev_op, command & 0xff, FAKE_WINDOW_AT, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_records(data, size);
    return 0;
}
