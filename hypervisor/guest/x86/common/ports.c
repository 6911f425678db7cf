/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Port access on behalf of a guest. The PCI configuration ports are a pair, address then data, which the hypervisor also uses: a domain's address is kept, and
 * put into the port together with each access to the data.
 */
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/platform.h>

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_ENABLE  0x80000000u

static uint32_t all_ones(unsigned int size)
{
    return size == 4 ? ~0u : (1u << (8 * size)) - 1;
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
        return all_ones(size);
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
