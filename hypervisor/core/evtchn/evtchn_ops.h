/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done with event channels. Unless it says otherwise a function takes the table's lock itself, may be called in any context in which
 * a lock of class evtchn may be taken, and returns 0 or
 *   -XEN_EINVAL  no such port, or it is not of the kind that the operation needs
 *   -XEN_ENOENT  no such vCPU
 *   -XEN_ENOSPC  every port is in use
 *   -XEN_ENOMEM  memory is out
 * The tables given must outlive the call (the caller holds a reference to their domains).
 */
#pragma once
#include <core/evtchn/evtchn.h>

/* --- life ------------------------------------------------------------------------------------------------------------------------ */
/* @t is zeroed memory. @max_port: highest port that may be allocated (~0u: as many as the layout has). -XEN_ENOMEM. */
int evtchn_table_init(struct evtchn_table *t, domid_t domid, struct shared_info *shared,
                      unsigned int max_vcpus, uint32_t max_port);
/* A vCPU exists from now on; @v->info is set, the rest zero. @id < max_vcpus. */
void evtchn_vcpu_attach(struct evtchn_table *t, unsigned int id, struct evtchn_vcpu *v);
/*
 * The vCPU's info is at @info from now on. What the old place held is copied; from a place outside the shared page (nobody's) the new one
 * starts with upcalls masked. Nothing pending is lost: all is marked pending, the guest looks and finds what is.
 */
void evtchn_vcpu_move_info(struct evtchn_table *t, unsigned int id, struct vcpu_info *info);
/* The guest uses the 32-bit or the 64-bit layout of the shared page and of vCPU infos from now on. What is pending in the old one is its affair. */
void evtchn_set_layout(struct evtchn_table *t, bool is_32bit);
/*
 * Close every port, also the hypervisor's own, and release the guest's FIFO pages. No port can be bound and nothing writes to the
 * guest's memory afterwards. 0, or -XEN_ERESTART: preemption is due, call again.
 */
int evtchn_table_close_all(struct evtchn_table *t);
/* Free the table's memory; works on a half-made one. Nobody can reach it any more. Does not look at vcpus[]. */
void evtchn_table_destroy(struct evtchn_table *t);

/* --- the guest's operations -------------------------------------------------------------------------------------------------------- */
int evtchn_alloc_unbound(struct evtchn_table *t, domid_t remote, uint32_t *port);
/* Bind a new port of @local to @remote's unbound @remote_port, and make it pending. The tables may be the same. */
int evtchn_bind_interdomain(struct evtchn_table *local, struct evtchn_table *remote, uint32_t remote_port,
                            uint32_t *port);
/* -XEN_EEXIST: bound already. Who may bind which VIRQ is the caller's to check. */
int evtchn_bind_virq(struct evtchn_table *t, uint32_t virq, uint32_t vcpu, uint32_t *port);
int evtchn_bind_ipi(struct evtchn_table *t, uint32_t vcpu, uint32_t *port);
/* Also the errors of evtchn_pirq_bind() (arch.h), which checks the right to it. */
int evtchn_bind_pirq(struct evtchn_table *t, uint32_t pirq, uint32_t flags, uint32_t *port);
/* Close a port; a remote end becomes unbound. The hypervisor's own ends are refused. */
int evtchn_close(struct evtchn_table *t, uint32_t port);
int evtchn_status(struct evtchn_table *t, uint32_t port, struct evtchn_status *status);
int evtchn_bind_vcpu(struct evtchn_table *t, uint32_t port, uint32_t vcpu);
int evtchn_unmask(struct evtchn_table *t, uint32_t port);
/* Close every port that a guest may close and return to the 2-level layout. -XEN_ERESTART as evtchn_table_close_all(). */
int evtchn_reset(struct evtchn_table *t);
/* Set the vCPU's control block at @offset of @gfn; the first one changes the domain to the FIFO layout. May sleep no more than a lock does. */
int evtchn_fifo_init_control(struct evtchn_table *t, uint64_t gfn, uint32_t offset, uint32_t vcpu,
                             uint8_t *link_bits);
/* Give the next page of the event array. -XEN_EOPNOTSUPP: 2-level. -XEN_ENOSPC: the array is complete. */
int evtchn_fifo_expand_array(struct evtchn_table *t, uint64_t gfn);
/* -XEN_ENOSYS: 2-level. */
int evtchn_set_priority(struct evtchn_table *t, uint32_t port, uint32_t priority);

/* --- sending ---------------------------------------------------------------------------------------------------------------------- */
/* The guest's send, from its @port. An unbound channel swallows it. */
int evtchn_send(struct evtchn_table *t, uint32_t port);
/* Raise @virq of @vcpu (0 for a global one); nothing happens when it is not bound. */
void evtchn_send_virq(struct evtchn_table *t, unsigned int vcpu, unsigned int virq);
/* The physical interrupt bound to @port came. Interrupt context; no lock of a level above evtchn's is held. The vCPU that the port is bound to;
 * EVTCHN_NO_VCPU when it is bound to no physical interrupt any more. */
#define EVTCHN_NO_VCPU (~0u)
uint32_t evtchn_send_pirq(struct evtchn_table *t, uint32_t port);

/* --- the hypervisor's own ends ----------------------------------------------------------------------------------------------------- */
/* An unbound port whose consumer is the hypervisor (t->xen_consumer is called with @vcpu); @remote may bind to it. */
int evtchn_xen_alloc(struct evtchn_table *t, unsigned int vcpu, domid_t remote, uint32_t *port);
/* Close one. */
void evtchn_xen_close(struct evtchn_table *t, uint32_t port);
/* Send from one to its remote end; nothing when it is not bound. */
void evtchn_xen_send(struct evtchn_table *t, uint32_t port);

/* --- for SCHEDOP_poll and debug keys --------------------------------------------------------------------------------------------------------------- */
bool evtchn_is_valid(struct evtchn_table *t, uint32_t port);
/* Pending, masked or not; false for a port that is not valid. */
bool evtchn_is_pending(struct evtchn_table *t, uint32_t port);
/* What stands in @port's bits, for who looks for an event that does not come: `queued` is FIFO's, linked and not yet taken by the guest. */
struct evtchn_bits {
    bool pending, masked, queued;
};
struct evtchn_bits evtchn_bits(struct evtchn_table *t, uint32_t port);

/* Global VIRQs go to one vCPU of the domain that handles them, the others to each vCPU. */
static inline bool evtchn_virq_is_global(uint32_t virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}
