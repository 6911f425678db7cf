/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What core/evtchn needs from above. Unless it says otherwise a function is called with interrupts off and a table's lock held: @t's own, or that
 * of the domain which sends to @t; so it takes only locks of a level above evtchn's, and waits for nothing.
 */
#pragma once
#include <core/evtchn/evtchn.h>

/* --- core/domain ---- */
/* The vCPU @vcpu of @t's domain has an event to look at: wake it, and interrupt it if it runs. */
void evtchn_notify_vcpu(struct evtchn_table *t, unsigned int vcpu);
/* vCPUs in SCHEDOP_poll may be waiting for @port. */
void evtchn_wake_pollers(struct evtchn_table *t, uint32_t port);

/* --- who has the physical interrupts: the guest layer ---- */
/*
 * Bind physical interrupt @pirq to @port; from now on it may send by evtchn_send_pirq(). @flags: BIND_PIRQ__*. Errors: -XEN_EINVAL (no such
 * interrupt), -XEN_EPERM (not this domain's), -XEN_EEXIST (bound already), -XEN_EBUSY (used by another that does not share it), -XEN_ENOMEM.
 */
int evtchn_pirq_bind(struct evtchn_table *t, uint32_t pirq, uint32_t flags, uint32_t port);
/* A channel bound to physical interrupt @pirq is closed. An evtchn_send_pirq() that is under way does no harm. */
void evtchn_pirq_unbound(struct evtchn_table *t, uint32_t pirq);
/* The guest unmasked @port, bound to physical interrupt @pirq. */
void evtchn_pirq_unmasked(struct evtchn_table *t, uint32_t pirq);

/* --- core/hypercall (evtchn_op.c): pages that the guest gives for the FIFO layout; no lock is held ---- */
/* Look up frame @gfn of @t's domain and take a writable reference. -XEN_EINVAL: not there or not writable. */
int evtchn_get_page(struct evtchn_table *t, uint64_t gfn, mfn_t *mfn);
void evtchn_put_page(struct evtchn_table *t, mfn_t mfn);
