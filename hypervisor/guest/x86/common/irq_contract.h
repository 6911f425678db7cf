/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device interrupts and PCI configuration, as the guest layer uses them; defined by hw/x86 (meanings: hw/x86/apic/irq.h). */
#pragma once
#include <base/types.h>

struct irq_desc;

unsigned int hw_gsi_count(void);
/* Register @reg of the IO-APIC at @pa; false when there is none. */
bool hw_ioapic_read(paddr_t pa, uint32_t reg, uint32_t *value);
/* Trigger mode and polarity that the firmware gives an ISA line's GSI; false for a GSI that is none. */
bool hw_gsi_isa_mode(unsigned int gsi, bool *level, bool *low);
int hw_bind_gsi(unsigned int gsi, bool level, bool low, void (*fn)(void *), void *arg,
                struct irq_desc **desc);
int hw_bind_msi(void (*fn)(void *), void *arg, struct irq_desc **desc, uint64_t *address, uint32_t *data);
void hw_unbind_irq(struct irq_desc *desc);
void hw_mask_irq(struct irq_desc *desc);
void hw_unmask_irq(struct irq_desc *desc);
void hw_eoi_irq(struct irq_desc *desc);
/* Deliver to @cpu from now on; a message must then be given to the device again. False: that CPU cannot be reached, nothing has changed. */
bool hw_set_irq_cpu(struct irq_desc *desc, unsigned int cpu);
/* Address and data of a bound message again. */
void hw_msi_message(struct irq_desc *desc, uint64_t *address, uint32_t *data);

/*
 * Configuration space of function @sbdf: segment in bits 16 to 31, bus 8 to 15, device and function. @size 1, 2 or 4, @offset below 4096 and a
 * multiple of @size. What cannot be reached (hw_pci_reaches(); beyond 256 without a window in memory) reads as all ones. Any context.
 */
uint32_t hw_pci_read(uint32_t sbdf, unsigned int offset, unsigned int size);
void hw_pci_write(uint32_t sbdf, unsigned int offset, unsigned int size, uint32_t value);
/* Can its first 256 bytes be reached? */
bool hw_pci_reaches(uint32_t sbdf);
/* The hardware domain knows whether the window that MCFG describes so is really set aside for it. False: MCFG has no such window. */
bool hw_pci_window_reserved(uint64_t base, uint16_t segment, uint8_t first_bus, uint8_t last_bus,
                            bool reserved);
/* Access to the data port with @address in the address port, for a guest's own CF8 accesses. */
uint32_t hw_pci_raw_read(uint32_t address, unsigned int lane, unsigned int size);
void hw_pci_raw_write(uint32_t address, unsigned int lane, unsigned int size, uint32_t value);
/* Uncached mapping, for good; NULL: no memory. */
void *hw_map_device(paddr_t pa, uint64_t size_bytes);
