/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of core/evtchn share: looking up ports, bit operations on shared words, delivery. */
#pragma once
#include <core/evtchn/arch.h>
#include <core/evtchn/evtchn_ops.h>

struct evtchn_fifo_queue {
    uint32_t tail; /* port linked last; 0: none that counts */
};

struct evtchn_fifo_vcpu {
    struct evtchn_fifo_vcpu *next;             /* all of one struct evtchn_fifo */
    struct evtchn_fifo_control_block *control; /* in the guest's page */
    mfn_t mfn;
    struct evtchn_fifo_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};

#define FIFO_WORDS_PER_PAGE ((uint32_t)(PAGE_SIZE / sizeof(event_word_t)))
#define FIFO_MAX_PAGES      (EVTCHN_FIFO_PORTS / FIFO_WORDS_PER_PAGE)

struct evtchn_fifo {
    struct evtchn_fifo_vcpu *vcpus;
    uint32_t page_count;
    event_word_t *pages[FIFO_MAX_PAGES]; /* the guest's, by the direct map */
};

/* The port's struct; NULL when there is none. Port 0 has one, which is EC_RESERVED. */
static inline struct evtchn *evtchn_lookup(const struct evtchn_table *t, uint32_t port)
{
    if (unlikely(port >= t->valid_ports)) {
        return NULL;
    }
    return &t->buckets[port / EVTCHN_BUCKET][port % EVTCHN_BUCKET];
}

/* The same for a port that is in use. */
static inline struct evtchn *evtchn_lookup_used(const struct evtchn_table *t, uint32_t port)
{
    struct evtchn *e = evtchn_lookup(t, port);

    return e && e->kind > EC_RESERVED ? e : NULL;
}

static inline struct evtchn_vcpu *evtchn_vcpu_of(const struct evtchn_table *t, unsigned int vcpu)
{
    return vcpu < t->max_vcpus ? t->vcpus[vcpu] : NULL;
}

static inline bool word_test(const uint32_t *words, uint32_t bit)
{
    return __atomic_load_n(&words[bit / 32], __ATOMIC_RELAXED) & (1u << (bit % 32));
}

/* Full barriers, both: the guest does the same on its side. */
static inline bool word_test_and_set(uint32_t *words, uint32_t bit)
{
    uint32_t m = 1u << (bit % 32);

    return __atomic_fetch_or(&words[bit / 32], m, __ATOMIC_SEQ_CST) & m;
}

static inline bool word_test_and_clear(uint32_t *words, uint32_t bit)
{
    uint32_t m = 1u << (bit % 32);

    return __atomic_fetch_and(&words[bit / 32], ~m, __ATOMIC_SEQ_CST) & m;
}

/* Tell the vCPU to look, unless it was told and has not looked yet. */
static inline void evtchn_mark_upcall(struct evtchn_table *t, const struct evtchn_vcpu *v, unsigned int vcpu)
{
    struct vcpu_info *info = __atomic_load_n(&v->info, __ATOMIC_RELAXED);

    if (__atomic_exchange_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) == 0) {
        evtchn_notify_vcpu(t, vcpu);
    }
}

/* Make @port (@e) pending. The lock of @t, or of the table that @port is bound to, is held. */
void evtchn_deliver(struct evtchn_table *t, struct evtchn *e, uint32_t port);

/* --- FIFO; t->lock held unless it says otherwise --- */
/* evtchn_deliver() when @t has a FIFO. */
void evtchn_fifo_deliver(struct evtchn_table *t, struct evtchn *e, uint32_t port);
/* A port that is `queued` is still on a queue of the guest's: it must not be used for another channel yet. Nothing when the table is not FIFO any more. */
struct evtchn_bits evtchn_fifo_bits(struct evtchn_table *t, const struct evtchn *e, uint32_t port);
void evtchn_fifo_clear_pending(struct evtchn_table *t, struct evtchn *e, uint32_t port);
/* Clear the mask; true when the port is pending and must be delivered anew. */
bool evtchn_fifo_unmask(struct evtchn_table *t, uint32_t port);
/* Back to 2-level, and release the guest's pages. No lock held. */
void evtchn_fifo_destroy(struct evtchn_table *t);
