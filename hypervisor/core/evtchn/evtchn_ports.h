/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports as the binding operations see them (evtchn_table.c defines these). */
#pragma once
#include <core/evtchn/evtchn.h>

/*
 * A free port, of kind @kind from now on, notifying vCPU 0; the caller, who holds the table's lock throughout, fills in the rest. -XEN_EINVAL:
 * the domain dies. -XEN_ENOSPC, -XEN_ENOMEM.
 */
int evtchn_port_alloc(struct evtchn_table *t, uint8_t kind, uint32_t *port);
/* Not bound to anything any more. Table's lock held. */
void evtchn_port_free(struct evtchn_table *t, struct evtchn *e, uint32_t port);
/* Close @port; the hypervisor's own only when not @by_guest. -XEN_EINVAL. No lock held. */
int evtchn_port_close(struct evtchn_table *t, uint32_t port, bool by_guest);
