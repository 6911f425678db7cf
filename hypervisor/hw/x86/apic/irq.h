/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device interrupts: one struct irq_desc for each line of an IO-APIC (GSI) and each MSI in use, with a vector of its own that is the same on
 * every CPU, so that one can be moved to another CPU at any time. Handlers run in interrupt context, with interrupts off and no lock held, after the local APIC's EOI.
 *
 * A level-triggered line is masked while its handler's owner works on it: hw_interrupt() masks it, irq_eoi() opens it again.
 * Lock class irq_desc guards binding and the IO-APIC's registers.
 */
#pragma once
#include <base/contract.h>

struct irq_desc;
typedef void (*irq_handler_t)(void *arg);

#define IRQ_EDGE  false
#define IRQ_LEVEL true
#define IRQ_HIGH  false
#define IRQ_LOW   true

struct msi_message {
    uint64_t address;
    uint32_t data;
};

/* Boot CPU, after apic_init_bsp(). */
void irq_init(void);

/* Every vector from 32 up, from the entry code, with interrupts off. */
void hw_interrupt(unsigned int vector);

/* The GSI of an ISA line (MADT overrides), and whether it is level triggered / active low there. */
unsigned int irq_isa_gsi(unsigned int isa);
bool irq_isa_level(unsigned int isa);
bool irq_isa_low(unsigned int isa);
/* GSIs below this number belong to some IO-APIC. */
unsigned int irq_gsi_count(void);

/*
 * Bind a GSI to @handler, masked. -XEN_ENODEV: no IO-APIC has it. -XEN_EBUSY: bound already. -XEN_ENOSPC: no vector left.
 * Not in interrupt context; nor are the other bind and unbind calls.
 */
int irq_bind_gsi(unsigned int gsi, bool level, bool low, irq_handler_t handler, void *arg);
/* Send a GSI to the boot CPU as an NMI from now on; nobody else can bind it. -XEN_ENODEV, -XEN_EBUSY as above. */
int irq_route_nmi(unsigned int gsi);
/* The descriptor of a bound GSI, or NULL. */
struct irq_desc *irq_of_gsi(unsigned int gsi);
/*
 * Make an MSI: *@msg is what the device must write. It cannot be masked here, only in the device. -XEN_ENOSPC: no vector or descriptor.
 */
int irq_bind_msi(irq_handler_t handler, void *arg, struct irq_desc **desc, struct msi_message *msg);
/* Undo either; returns when no handler of it runs any more: hold no lock that the handler takes. */
void irq_unbind(struct irq_desc *desc);

/* Any context. An MSI ignores mask, unmask and eoi. */
void irq_mask(struct irq_desc *desc);
void irq_unmask(struct irq_desc *desc);
/* The owner has handled a level-triggered interrupt: let the next one come. Nothing for edges. */
void irq_eoi(struct irq_desc *desc);
/*
 * Deliver to @cpu from now on; an interrupt that is under way still comes to the old one, and is not lost. For an MSI the caller then gives the device
 * irq_message(). False: that CPU's number does not fit into a message or a line's route; nothing has changed. Any context.
 */
bool irq_set_cpu(struct irq_desc *desc, unsigned int cpu);
/* What the device of a bound MSI must write. */
struct msi_message irq_message(const struct irq_desc *desc);
/* Vector, for messages. */
unsigned int irq_vector(const struct irq_desc *desc);
