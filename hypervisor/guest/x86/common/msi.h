/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Message-signalled interrupts in a PCI device: its MSI capability and its MSI-X table. PCI 3.0, 6.8. */
#pragma once
#include <guest/x86/common/pirq.h>

/* Offset of the MSI capability. -XEN_ENODEV: no such device, or it has none. */
int msi_find_capability(uint32_t sbdf, uint16_t *offset);
/*
 * Map entry @entry of the device's table, which is in the area that the guest says starts at @bar. The caller holds the pirq table's lock. -XEN_ENODEV;
 * -XEN_EINVAL: no such entry, or it is not in device registers that @devices (frames) allows; -XEN_ENOMEM.
 */
int msi_find_msix_entry(const struct rangeset *devices, uint32_t sbdf, paddr_t bar, unsigned int entry,
                        volatile uint32_t **mapped);
/* Write the message; an MSI-X entry stays masked until an event channel has it. */
void msi_program(struct pirq *p, uint64_t address, uint32_t data);
/* Only its address has changed, in the low word: an interrupt that the device sends meanwhile goes to the old or the new one. */
void msi_set_address(struct pirq *p, uint64_t address);
void msi_mask_entry(struct pirq *p, bool masked);
/* The device sends it no more. */
void msi_silence(struct pirq *p);
