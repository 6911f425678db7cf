/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port access on behalf of a guest. The PCI configuration ports are a pair, address then data, which the hypervisor also uses: a domain's address is kept, and
 * put into the port together with each access to the data.
 *
 * A port that a domain does not have reads as ones and takes writes silently, as an empty bus does; but the counters of the interval timer (Intel 8254),
 * which no domain has, read as zero, stopped. Linux measures the TSC by counter 2 before anything can tell it that none is there, and waits up to 100,000
 * reads for its 0xff to change: that many exits, though it has the TSC's frequency from us. At a zero it stops after the first.
 */
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/platform.h>

#define PIT_COUNTER0 0x40
#define PIT_COUNTER2 0x42
#define PCI_ADDRESS  0xcf8
#define PCI_DATA     0xcfc
#define PCI_ENABLE   0x80000000u

static uint32_t all_ones(unsigned int size)
{
    return size == 4 ? ~0u : (1u << (8 * size)) - 1;
}

static uint32_t read_absent(uint16_t port, unsigned int size)
{
    return port >= PIT_COUNTER0 && port + size - 1 <= PIT_COUNTER2 ? 0 : all_ones(size);
}

static bool has_port(struct x86_domain *xd, uint16_t port, unsigned int size)
{
    return rangeset_contains(&xd->ioports, port, (uint64_t)port + size - 1);
}

static bool is_pci_data(uint16_t port, unsigned int size)
{
    return port >= PCI_DATA && port + size <= PCI_DATA + 4;
}

uint32_t platform_port_read(struct domain *d, uint16_t port, unsigned int size)
{
    struct x86_domain *xd = x86_domain(d);

    if (!has_port(xd, port, size)) {
        return read_absent(port, size);
    }
    if (port == PCI_ADDRESS && size == 4) {
        return xd->pci_address;
    }
    if (is_pci_data(port, size)) {
        return xd->pci_address & PCI_ENABLE ? hw_pci_raw_read(xd->pci_address, port - PCI_DATA, size)
                                            : all_ones(size);
    }
    return hw_port_in(port, size);
}

void platform_port_write(struct domain *d, uint16_t port, unsigned int size, uint32_t value)
{
    struct x86_domain *xd = x86_domain(d);

    if (!has_port(xd, port, size)) {
        return;
    }
    if (port == PCI_ADDRESS && size == 4) {
        xd->pci_address = value;
    } else if (is_pci_data(port, size)) {
        if (xd->pci_address & PCI_ENABLE) {
            hw_pci_raw_write(xd->pci_address, port - PCI_DATA, size, value);
        }
    } else {
        hw_port_out(port, size, value);
    }
}
