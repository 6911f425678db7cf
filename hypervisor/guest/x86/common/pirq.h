/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Physical interrupts of the hardware domain: each is an IO-APIC line (then its number is the GSI) or a message (MSI, MSI-X entry), and is delivered to
 * the event channel that it is bound to. It follows that channel's vCPU: one that comes to another pCPU than the vCPU's is sent there from then
 * on. Lock class pirq.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>

struct irq_desc;

#define PIRQ_MAX 1024u

enum pirq_kind { PIRQ_FREE, PIRQ_GSI, PIRQ_MSI, PIRQ_MSIX };

struct pirq {
    uint8_t kind;
    bool level, low;       /* GSI: trigger and polarity */
    uint32_t port;         /* event channel, 0 none */
    struct irq_desc *desc; /* NULL until bound to a vector */
    uint16_t cpu;          /* pCPU that it is sent to */
    struct evtchn_table *events;
    uint32_t sbdf;                 /* message: the device */
    uint16_t msi_capability;       /* offset in its configuration space */
    volatile uint32_t *msix_entry; /* mapped table entry */
};

struct pirq_table {
    struct spinlock lock;
    unsigned long *eoi_page; /* the guest's, whose bits say which need pirq_eoi(); NULL: it queries each */
    struct pirq p[PIRQ_MAX];
};

/* Give @d its (empty) table. -XEN_ENOMEM. */
int pirq_init(struct x86_domain *xd);
/* A line: @pirq is set to the GSI. -XEN_EINVAL: no such line; -XEN_EEXIST is no error: mapped already. */
int pirq_map_gsi(struct x86_domain *xd, uint32_t gsi, uint32_t *pirq);
/* A message of device @sbdf: entry @entry of the MSI-X table at @table, or its MSI when @table is 0. Programs the device. -XEN_ENODEV, -XEN_ENOSPC. */
int pirq_map_msi(struct x86_domain *xd, uint32_t sbdf, unsigned int entry, paddr_t table, uint32_t *pirq);
int pirq_unmap(struct x86_domain *xd, uint32_t pirq);
/* Trigger mode and polarity of a line, before it is bound. */
int pirq_setup_gsi(struct x86_domain *xd, uint32_t gsi, bool level, bool low);
/* Program a device's messages again, after it was reset. */
int pirq_restore_msi(struct x86_domain *xd, uint32_t sbdf);
/* The guest has handled it. */
int pirq_eoi(struct x86_domain *xd, uint32_t pirq);
bool pirq_needs_eoi(struct x86_domain *xd, uint32_t pirq);
/* Show that for each in page @gfn of a PV domain, from now until it ends. -XEN_EINVAL: not a page that it may write to; -XEN_EBUSY: there is one. */
int pirq_show_eoi_in(struct x86_domain *xd, gfn_t gfn);
int pirq_get_free(struct x86_domain *xd, uint32_t *pirq);
