/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/msi.h>
#include <lib/string.h>

#define CFG_STATUS              0x06
#define CFG_CAPABILITIES        0x34
#define STATUS_HAS_CAPABILITIES 0x10
#define CAP_MSI                 0x05
#define CAP_MSIX                0x11
#define MSI_CONTROL             2
#define MSI_CONTROL_ENABLE      0x0001
#define MSI_CONTROL_MULTIPLE    0x0070
#define MSI_CONTROL_64BIT       0x0080
#define MSIX_CONTROL_ENTRIES    0x07ff
#define MSIX_TABLE              4
#define ENTRY_WORDS             4 /* address, address high, data, vector control */
#define ENTRY_MASKED            1u
#define MAPPINGS_FIRST          32u
#define MAPPINGS_MAX            4096u /* pages of MSI-X tables: what the domain may make us map */
#define CAPABILITIES_MAX        48    /* a device's list cannot be longer than its space */

static int find(uint32_t sbdf, uint8_t id, uint16_t *offset)
{
    uint8_t at;

    if (hw_pci_read(sbdf, 0, 4) == ~0u || !(hw_pci_read(sbdf, CFG_STATUS, 2) & STATUS_HAS_CAPABILITIES)) {
        return -XEN_ENODEV;
    }
    at = hw_pci_read(sbdf, CFG_CAPABILITIES, 1) & ~3u;
    for (unsigned int i = 0; i < CAPABILITIES_MAX && at >= 0x40; i++) {
        if (hw_pci_read(sbdf, at, 1) == id) {
            *offset = at;
            return 0;
        }
        at = hw_pci_read(sbdf, at + 1u, 1) & ~3u;
    }
    return -XEN_ENODEV;
}

int msi_find_capability(uint32_t sbdf, uint16_t *offset)
{
    return find(sbdf, CAP_MSI, offset);
}

struct mapping {
    paddr_t pa;
    void *va;
};
static struct mapping first_known[MAPPINGS_FIRST]; /* under the hardware domain's pirq lock, as all below */
static struct mapping *known = first_known;
static unsigned int known_count, known_room = MAPPINGS_FIRST;

/* Room for one more. */
static bool grow(void)
{
    unsigned int room = 2 * known_room;
    struct mapping *more;

    if (known_count < known_room) {
        return true;
    }
    more = room <= MAPPINGS_MAX ? zalloc(room * sizeof(*more)) : NULL;
    if (!more) {
        return false;
    }
    memcpy(more, known, known_count * sizeof(*more));
    if (known != first_known) {
        zfree(known);
    }
    known = more;
    known_room = room;
    return true;
}

/* Device mappings last for good: a page of a table is mapped once, however often its entries come and go. */
static uint8_t *map_page(paddr_t pa)
{
    void *va;

    for (unsigned int i = 0; i < known_count; i++) {
        if (known[i].pa == pa) {
            return known[i].va;
        }
    }
    va = grow() ? hw_map_device(pa, PAGE_SIZE) : NULL;
    if (va) {
        known[known_count++] = (struct mapping){pa, va};
    }
    return va;
}

int msi_find_msix_entry(const struct rangeset *devices, uint32_t sbdf, paddr_t bar, unsigned int entry,
                        volatile uint32_t **mapped)
{
    uint8_t *page;
    uint32_t count;
    uint16_t cap;
    paddr_t at;
    int rc = find(sbdf, CAP_MSIX, &cap);

    if (rc != 0) {
        return rc;
    }
    count = (hw_pci_read(sbdf, cap + MSI_CONTROL, 2) & MSIX_CONTROL_ENTRIES) + 1;
    if (entry >= count) {
        return -XEN_EINVAL;
    }
    at = bar + (hw_pci_read(sbdf, cap + MSIX_TABLE, 4) & ~7u) + (paddr_t)entry * ENTRY_WORDS * 4;
    /* we write there: it must be a device's registers that the domain has, never memory; and entries do not cross pages */
    if (at % (ENTRY_WORDS * 4) != 0 || !rangeset_has(devices, paddr_to_mfn(at).n) ||
        frame_is_ram(paddr_to_mfn(at))) {
        return -XEN_EINVAL;
    }
    page = map_page(at & PAGE_MASK);
    if (!page) {
        return -XEN_ENOMEM;
    }
    *mapped = (volatile uint32_t *)(page + (at & ~PAGE_MASK));
    return 0;
}

void msi_mask_entry(struct pirq *p, bool masked)
{
    if (p->msix_entry) {
        p->msix_entry[3] = masked ? ENTRY_MASKED : 0;
    }
}

static void program_msi(const struct pirq *p, uint64_t address, uint32_t data)
{
    uint16_t cap = p->msi_capability;
    uint32_t control = hw_pci_read(p->sbdf, cap + MSI_CONTROL, 2);
    unsigned int data_at = control & MSI_CONTROL_64BIT ? 12 : 8;

    hw_pci_write(p->sbdf, cap + 4u, 4, (uint32_t)address);
    if (control & MSI_CONTROL_64BIT) {
        hw_pci_write(p->sbdf, cap + 8u, 4, (uint32_t)(address >> 32));
    }
    hw_pci_write(p->sbdf, cap + data_at, 2, data);
    hw_pci_write(p->sbdf, cap + MSI_CONTROL, 2, (control & ~MSI_CONTROL_MULTIPLE) | MSI_CONTROL_ENABLE);
}

void msi_program(struct pirq *p, uint64_t address, uint32_t data)
{
    if (!p->msix_entry) {
        program_msi(p, address, data);
        return;
    }
    p->msix_entry[3] = ENTRY_MASKED;
    p->msix_entry[0] = (uint32_t)address;
    p->msix_entry[1] = (uint32_t)(address >> 32);
    p->msix_entry[2] = data;
    p->msix_entry[3] = p->port ? 0 : ENTRY_MASKED;
}

void msi_set_address(struct pirq *p, uint64_t address)
{
    uint32_t control;

    if (!p->msix_entry) {
        hw_pci_write(p->sbdf, p->msi_capability + 4u, 4, (uint32_t)address);
        return;
    }
    /* an entry may change only while it is masked; the device remembers what it wants to send */
    control = p->msix_entry[3];
    p->msix_entry[3] = control | ENTRY_MASKED;
    p->msix_entry[0] = (uint32_t)address;
    p->msix_entry[3] = control;
}

void msi_silence(struct pirq *p)
{
    if (p->msix_entry) {
        msi_mask_entry(p, true);
    } else if (p->msi_capability) {
        uint32_t control = hw_pci_read(p->sbdf, p->msi_capability + MSI_CONTROL, 2);

        hw_pci_write(p->sbdf, p->msi_capability + MSI_CONTROL, 2, control & ~MSI_CONTROL_ENABLE);
    }
}
