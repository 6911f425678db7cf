/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels: a domain's table of ports, their bindings, and delivery by the 2-level or the FIFO layout. Knows struct evtchn_table, which struct
 * domain embeds; the hypercall's decoding is in core/hypercall/evtchn_op.c. Lock class evtchn (interrupts off), one a table; operations on
 * two tables take both in address order. Sending takes only the sender's.
 */
#pragma once
#include <abi/event_channel.h>
#include <base/lock.h>

#define EVTCHN_2L_PORTS 4096u
#define EVTCHN_FIFO_PORTS (1u << 17)

enum evtchn_kind { EC_FREE, EC_RESERVED, EC_UNBOUND, EC_INTERDOMAIN, EC_PIRQ, EC_VIRQ, EC_IPI };

struct evtchn_table;

struct evtchn {
    uint8_t kind; /* enum evtchn_kind */
    uint8_t priority; /* FIFO */
    uint8_t last_priority;
    bool is_consumer_xen; /* the hypervisor's own end: a guest may not close it */
    uint16_t notify_vcpu;
    uint16_t last_vcpu; /* FIFO: whose queue it was last linked on */
    union {
        domid_t unbound_remote; /* who may bind */
        struct {
            struct evtchn_table *table;
            uint32_t port;
        } remote;
        uint32_t pirq;
        uint32_t virq;
    } u;
};

/* A vCPU's share of delivery. Words shared with the guest are volatile memory that it may change at any time. */
struct evtchn_vcpu {
    struct vcpu_info *info; /* in the domain's shared page, or where the guest registered it */
    uint32_t virq_port[24]; /* NR_VIRQS; 0: none */
    struct evtchn_fifo_vcpu *fifo; /* NULL: 2-level */
};

struct evtchn_table {
    struct spinlock lock; /* class evtchn; guards all below */
    domid_t domid; /* constant */
    uint32_t max_port; /* limit given at creation: highest port that may be allocated */
    struct evtchn **buckets; /* pages of struct evtchn, by port */
    uint32_t valid_ports; /* ports below have a struct */
    uint32_t used_ports;
    uint32_t next_free_hint;
    struct shared_info *shared;
    struct evtchn_vcpu **vcpus; /* by vCPU id; an entry is NULL until the vCPU exists */
    uint32_t vcpu_count;
    struct evtchn_fifo *fifo; /* event array; NULL: 2-level */
    bool dying;
};
