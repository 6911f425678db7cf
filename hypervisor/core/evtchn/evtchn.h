/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels: a domain's table of ports, their bindings, and delivery by the 2-level or the FIFO layout. Knows struct evtchn_table, which
 * struct domain embeds; what is done with a table is in evtchn_ops.h, the hypercall's decoding in core/hypercall/evtchn_op.c.
 *
 * Lock class evtchn (interrupts off), one a table; operations that change two tables take both in address order. Sending takes only the
 * sender's: the other end cannot be closed meanwhile, because closing it takes both. What a sender touches of the receiver is therefore either
 * constant while the channel is bound, atomic, or under the receiver's fifo_lock (class evtchn_fifo).
 */
#pragma once
#include <abi/event_channel.h>
#include <base/lock.h>

#define EVTCHN_2L_PORTS    4096u
#define EVTCHN_2L_PORTS_32 1024u /* 32-bit layout of the shared page */
#define EVTCHN_FIFO_PORTS  (1u << 17)

enum evtchn_kind { EC_FREE, EC_RESERVED, EC_UNBOUND, EC_INTERDOMAIN, EC_PIRQ, EC_VIRQ, EC_IPI };

struct evtchn_table;

struct evtchn {
    uint8_t kind;          /* enum evtchn_kind */
    uint8_t priority;      /* FIFO */
    uint8_t last_priority; /* FIFO, fifo_lock: the queue it was last linked on */
    bool is_consumer_xen;  /* the hypervisor's own end: a guest may not close it */
    uint16_t notify_vcpu;
    uint16_t last_vcpu; /* FIFO, fifo_lock */
    bool pending;       /* FIFO, fifo_lock: sent while the guest had given no event word for it */
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

BUILD_ASSERT(sizeof(struct evtchn) == 32, "a bucket holds a power of two of them");
#define EVTCHN_BUCKET ((uint32_t)(PAGE_SIZE / sizeof(struct evtchn)))

/* A vCPU's share of delivery. Words shared with the guest are volatile memory that it may change at any time. */
struct evtchn_vcpu {
    struct vcpu_info *info;        /* in the domain's shared page, or where the guest registered it */
    uint32_t virq_port[NR_VIRQS];  /* table lock; 0: none. Global VIRQs are kept in vCPU 0's */
    struct evtchn_fifo_vcpu *fifo; /* fifo_lock; NULL: no control block */
};

struct evtchn_table {
    struct spinlock lock;    /* class evtchn; guards all that does not say otherwise */
    domid_t domid;           /* constant */
    uint32_t max_port;       /* constant: highest port that may be allocated */
    uint32_t max_vcpus;      /* constant: size of vcpus[] */
    struct evtchn **buckets; /* pages of struct evtchn, by port; a page stays until the table is destroyed */
    uint8_t *bucket_used;    /* ports of each bucket that are not EC_FREE */
    uint32_t valid_ports;    /* ports below have a struct */
    uint32_t used_ports;     /* not counting port 0, which is reserved */
    uint32_t next_free_hint; /* every port below is in use */
    uint32_t close_next,
        reset_next; /* progress of closing all ports; 0: from the start. The caller of either is alone */
    struct evtchn_vcpu **vcpus; /* by vCPU id; an entry is NULL until the vCPU exists, then constant */
    bool dying;                 /* nothing more is bound */

    /* 2-level delivery: constant after creation, but for evtchn_set_layout() */
    bool is_32bit;
    struct shared_info *shared;
    uint32_t *
        pending_words; /* bit `port`, in 32-bit words: on a little-endian machine the same bits for both word sizes */
    uint32_t *mask_words;
    uint8_t sel_shift;  /* ports for each bit of the selector: 6 or 5 */
    uint8_t sel_offset; /* of the selector in struct vcpu_info */
    uint16_t two_level_ports;

    /* The consumer of ports with is_consumer_xen; NULL: none. Called under a table's lock, interrupts off. */
    void (*xen_consumer)(struct evtchn_table *t, uint32_t port, unsigned int vcpu);

    struct spinlock fifo_lock; /* class evtchn_fifo */
    struct evtchn_fifo *fifo;  /* event array; NULL: 2-level. Changed under both locks */
};
