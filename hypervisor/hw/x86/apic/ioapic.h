/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IO-APICs' registers; who uses a line is in irq.c. Lock class ioapic; any context. */
#pragma once
#include <base/types.h>

/* Map every IO-APIC that the MADT names and mask all its lines. */
void ioapic_init(void);
/* Lines are numbered by GSI; below this number some IO-APIC has most of them. */
unsigned int ioapic_gsi_count(void);
bool ioapic_has_gsi(unsigned int gsi);
/* Program a line: vector, trigger, polarity, mask, the destination's APIC id. */
struct ioapic_route {
    uint8_t vector;
    bool level, low, masked;
    bool nmi; /* edge-triggered; the vector means nothing */
    uint32_t apic_id;
};
void ioapic_write_route(unsigned int gsi, const struct ioapic_route *r);
/* Only the destination: one access, so that neither an edge nor a pending level is lost. */
void ioapic_write_destination(unsigned int gsi, const struct ioapic_route *r);
/* Only the mask (and the rest of the low word) of a line programmed before. */
void ioapic_write_mask(unsigned int gsi, const struct ioapic_route *r);
/* Register @reg of the IO-APIC at physical address @pa, as the first domain may ask. False when there is none. */
bool ioapic_read_register(paddr_t pa, unsigned int reg, uint32_t *value);
