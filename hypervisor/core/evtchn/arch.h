/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/evtchn needs from above; core/domain defines it. Called with the table's lock held, interrupts off. */
#pragma once
#include <core/evtchn/evtchn.h>

/* The vCPU @vcpu of @t's domain has an event to look at: wake it, and interrupt it if it runs. */
void evtchn_notify_vcpu(struct evtchn_table *t, unsigned int vcpu);
/* vCPUs in SCHEDOP_poll may be waiting for @port. */
void evtchn_wake_pollers(struct evtchn_table *t, uint32_t port);
/* A channel bound to physical interrupt @pirq is closed. */
void evtchn_pirq_unbound(struct evtchn_table *t, uint32_t pirq);
/* The guest unmasked @port, bound to physical interrupt @pirq. */
void evtchn_pirq_unmasked(struct evtchn_table *t, uint32_t pirq);
