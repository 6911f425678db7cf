/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending and 2-level delivery: a bit of the domain's pending array, a bit of the notified vCPU's selector, its upcall flag. Each step is done only
 * when the one before changed something, so an event that is pending already costs one atomic operation. (Public header event_channel.h, "2-level ABI".)
 */
#include <base/counters.h>
#include <core/evtchn/evtchn_internal.h>

/* Step two and three for a pending port that is not masked. */
static inline void select_and_notify(struct evtchn_table *t, uint32_t port, unsigned int vcpu)
{
    struct evtchn_vcpu *v = evtchn_vcpu_of(t, vcpu);
    uint32_t *sel;

    if (unlikely(!v)) {
        return;
    }
    sel = (uint32_t *)((uint8_t *)__atomic_load_n(&v->info, __ATOMIC_RELAXED) + t->sel_offset);
    if (!word_test_and_set(sel, port >> t->sel_shift)) {
        evtchn_mark_upcall(t, v, vcpu);
    }
}

static inline void deliver(struct evtchn_table *t, struct evtchn *e, uint32_t port)
{
    unsigned int vcpu = __atomic_load_n(&e->notify_vcpu, __ATOMIC_RELAXED);

    count(COUNTER_events_sent);
    if (unlikely(e->is_consumer_xen)) {
        if (t->xen_consumer) {
            t->xen_consumer(t, port, vcpu);
        }
        return;
    }
    if (__atomic_load_n(&t->fifo, __ATOMIC_RELAXED)) {
        evtchn_fifo_deliver(t, e, port);
        return;
    }
    if (unlikely(port >= t->two_level_ports) || word_test_and_set(t->pending_words, port)) {
        return;
    }
    if (!word_test(t->mask_words, port)) {
        select_and_notify(t, port, vcpu);
    }
    evtchn_wake_pollers(t, port);
}

void evtchn_deliver(struct evtchn_table *t, struct evtchn *e, uint32_t port)
{
    deliver(t, e, port);
}

/* @t's lock is held, which keeps the other end bound. */
static inline void deliver_remote(const struct evtchn *e)
{
    struct evtchn_table *remote = e->u.remote.table;
    uint32_t port = e->u.remote.port;

    deliver(remote, &remote->buckets[port / EVTCHN_BUCKET][port % EVTCHN_BUCKET], port);
}

int evtchn_send(struct evtchn_table *t, uint32_t port)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn *e = evtchn_lookup(t, port);
    int rc = 0;

    if (unlikely(!e || e->is_consumer_xen)) {
        rc = -XEN_EINVAL;
    } else if (likely(e->kind == EC_INTERDOMAIN)) {
        deliver_remote(e);
    } else if (e->kind == EC_IPI) {
        deliver(t, e, port);
    } else if (e->kind != EC_UNBOUND) {
        rc = -XEN_EINVAL;
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return rc;
}

void evtchn_xen_send(struct evtchn_table *t, uint32_t port)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn *e = evtchn_lookup(t, port);

    if (e && e->is_consumer_xen && e->kind == EC_INTERDOMAIN) {
        deliver_remote(e);
    }
    spin_unlock_irqrestore(&t->lock, flags);
}

void evtchn_send_virq(struct evtchn_table *t, unsigned int vcpu, unsigned int virq)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn_vcpu *v = evtchn_vcpu_of(t, vcpu);
    uint32_t port = v ? v->virq_port[virq] : 0;

    if (port != 0) {
        deliver(t, evtchn_lookup(t, port), port);
    }
    spin_unlock_irqrestore(&t->lock, flags);
}

uint32_t evtchn_send_pirq(struct evtchn_table *t, uint32_t port)
{
    uint32_t vcpu = EVTCHN_NO_VCPU;
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn *e = evtchn_lookup(t, port);

    if (e && e->kind == EC_PIRQ) {
        vcpu = e->notify_vcpu;
        deliver(t, e, port);
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return vcpu;
}

static void unmask(struct evtchn_table *t, struct evtchn *e, uint32_t port)
{
    if (t->fifo) {
        if (evtchn_fifo_unmask(t, port)) {
            evtchn_fifo_deliver(t, e, port);
        }
        return;
    }
    if (port < t->two_level_ports && word_test_and_clear(t->mask_words, port) &&
        word_test(t->pending_words, port)) {
        select_and_notify(t, port, e->notify_vcpu);
    }
}

int evtchn_unmask(struct evtchn_table *t, uint32_t port)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn *e = evtchn_lookup_used(t, port);

    if (e && !e->is_consumer_xen) {
        unmask(t, e, port);
        if (e->kind == EC_PIRQ) {
            evtchn_pirq_unmasked(t, e->u.pirq);
        }
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return e && !e->is_consumer_xen ? 0 : -XEN_EINVAL;
}

bool evtchn_is_valid(struct evtchn_table *t, uint32_t port)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    bool valid = evtchn_lookup(t, port) != NULL;

    spin_unlock_irqrestore(&t->lock, flags);
    return valid;
}

struct evtchn_bits evtchn_bits(struct evtchn_table *t, uint32_t port)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn *e = evtchn_lookup_used(t, port);
    struct evtchn_bits bits = {0};

    if (e && t->fifo) {
        bits = evtchn_fifo_bits(t, e, port);
    } else if (e && port < t->two_level_ports) {
        bits.pending = word_test(t->pending_words, port);
        bits.masked = word_test(t->mask_words, port);
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return bits;
}

bool evtchn_is_pending(struct evtchn_table *t, uint32_t port)
{
    return evtchn_bits(t, port).pending;
}
