/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The FIFO layout: an event word for each port, and for each vCPU 16 queues of ports linked through their words. The hypervisor appends at the tail,
 * the guest takes from the head and may change any word at any time. (Public header event_channel.h, "FIFO ABI".)
 *
 * Invariant: the hypervisor never follows a link that it reads from a guest's page; it only stores ports of its own choosing there. A guest that writes
 * nonsense breaks its own queues and nothing else. Every loop on a shared word has a fixed bound.
 */
#include <base/frame.h>
#include <core/evtchn/evtchn_internal.h>

#define W_PENDING  (1u << EVTCHN_FIFO_PENDING)
#define W_MASKED   (1u << EVTCHN_FIFO_MASKED)
#define W_LINKED   (1u << EVTCHN_FIFO_LINKED)
#define W_BUSY     (1u << EVTCHN_FIFO_BUSY)
#define LINK_TRIES 4 /* without, and again with, the bit that asks the guest to keep off */

/* fifo_lock held. The port's word in the guest's page; NULL while the guest has given none. */
static event_word_t *word_of(const struct evtchn_fifo *f, uint32_t port)
{
    uint32_t page = port / FIFO_WORDS_PER_PAGE;

    return f && page < f->page_count ? &f->pages[page][port % FIFO_WORDS_PER_PAGE] : NULL;
}

/*
 * Make @w, the word at a queue's tail, point to @port. False when it is not on the queue any more (the guest took it), which means that the queue is empty;
 * also when the guest changed the word each time, which only a broken one does.
 */
static bool set_link(event_word_t *w, uint32_t port)
{
    event_word_t old = __atomic_load_n(w, __ATOMIC_RELAXED);
    bool linked = false;

    for (int try = 0; try < 2 * LINK_TRIES && (old & W_LINKED); try++) {
        if (try == LINK_TRIES) {
            old = __atomic_or_fetch(w, W_BUSY, __ATOMIC_SEQ_CST);
            if (!(old & W_LINKED)) {
                break;
            }
        }
        if (__atomic_compare_exchange_n(w, &old, (old & ~(W_BUSY | EVTCHN_FIFO_LINK_MASK)) | port, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
            linked = true;
            break;
        }
    }
    if (!linked && (old & W_BUSY)) {
        __atomic_fetch_and(w, ~W_BUSY, __ATOMIC_SEQ_CST);
    }
    return linked;
}

static struct evtchn_fifo_queue *queue_of(const struct evtchn_table *t, unsigned int vcpu,
                                          unsigned int priority)
{
    struct evtchn_vcpu *v = evtchn_vcpu_of(t, vcpu);

    return v && v->fifo ? &v->fifo->queue[priority] : NULL;
}

/* fifo_lock held; @w is @port's word, pending, neither masked nor linked. True when the vCPU must be told. */
static bool enqueue(struct evtchn_table *t, struct evtchn *e, uint32_t port, event_word_t *w,
                    unsigned int vcpu)
{
    unsigned int priority = __atomic_load_n(&e->priority, __ATOMIC_RELAXED);
    struct evtchn_fifo_queue *q = queue_of(t, vcpu, priority),
                             *last = queue_of(t, e->last_vcpu, e->last_priority);
    struct evtchn_fifo_control_block *control;
    event_word_t *tail;

    if (!q) {
        return false; /* the vCPU has no control block: the event stays pending, unseen */
    }
    if (__atomic_fetch_or(w, W_LINKED, __ATOMIC_SEQ_CST) & W_LINKED) {
        return false;
    }
    if (last && last->tail == port) {
        /* it was taken off there, so that queue is empty; appending to it must not go through this word */
        last->tail = 0;
    }
    e->last_vcpu = vcpu;
    e->last_priority = priority;
    tail = q->tail ? word_of(t->fifo, q->tail) : NULL;
    q->tail = port;
    if (tail && set_link(tail, port)) {
        return false; /* the guest has not come to the end of this queue yet */
    }
    control = t->vcpus[vcpu]->fifo->control;
    __atomic_store_n(&control->head[priority], port, __ATOMIC_RELAXED);
    /* orders the head before the bit that tells of it; the guest exchanges the word for 0 */
    return !(__atomic_fetch_or(&control->ready, 1u << priority, __ATOMIC_SEQ_CST) & (1u << priority));
}

void evtchn_fifo_deliver(struct evtchn_table *t, struct evtchn *e, uint32_t port)
{
    unsigned int vcpu = __atomic_load_n(&e->notify_vcpu, __ATOMIC_RELAXED);
    bool notify = false;
    event_word_t *w;

    spin_lock(&t->fifo_lock);
    w = word_of(t->fifo, port);
    if (w) {
        event_word_t old = __atomic_fetch_or(w, W_PENDING, __ATOMIC_SEQ_CST);

        if (!(old & (W_MASKED | W_LINKED))) {
            notify = enqueue(t, e, port, w, vcpu);
        }
    } else if (t->fifo) {
        e->pending = true;
    }
    spin_unlock(&t->fifo_lock);
    if (notify) {
        evtchn_mark_upcall(t, t->vcpus[vcpu], vcpu);
    }
    evtchn_wake_pollers(t, port);
}

struct evtchn_bits evtchn_fifo_bits(struct evtchn_table *t, const struct evtchn *e, uint32_t port)
{
    struct evtchn_bits bits = {0};
    event_word_t *w;

    spin_lock(&t->fifo_lock);
    bits.pending = e->pending;
    w = word_of(t->fifo, port);
    if (w) {
        event_word_t word = __atomic_load_n(w, __ATOMIC_RELAXED);

        bits = (struct evtchn_bits){word & W_PENDING, word & W_MASKED, word & W_LINKED};
    }
    spin_unlock(&t->fifo_lock);
    return bits;
}

void evtchn_fifo_clear_pending(struct evtchn_table *t, struct evtchn *e, uint32_t port)
{
    event_word_t *w;

    spin_lock(&t->fifo_lock);
    w = word_of(t->fifo, port);
    if (w) {
        __atomic_fetch_and(w, ~W_PENDING, __ATOMIC_SEQ_CST);
    }
    e->pending = false;
    spin_unlock(&t->fifo_lock);
}

bool evtchn_fifo_unmask(struct evtchn_table *t, uint32_t port)
{
    event_word_t *w;
    bool pending;

    spin_lock(&t->fifo_lock);
    w = word_of(t->fifo, port);
    pending = w && (__atomic_fetch_and(w, ~W_MASKED, __ATOMIC_SEQ_CST) & W_PENDING);
    spin_unlock(&t->fifo_lock);
    return pending;
}

/* --- the guest's pages ------------------------------------------------------------------------------------------------------------- */

/* What was pending in the 2-level layout stays pending until its word exists. Both locks held; t->fifo is not yet set. */
static void carry_over(struct evtchn_table *t)
{
    for (uint32_t port = 1; port < t->valid_ports; port++) {
        struct evtchn *e = evtchn_lookup(t, port);

        e->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        e->pending = e->kind > EC_RESERVED && port < t->two_level_ports && word_test(t->pending_words, port);
    }
}

/* Both locks held. */
static int set_control(struct evtchn_table *t, struct evtchn_fifo **spare, struct evtchn_fifo_vcpu *q,
                       uint32_t vcpu)
{
    struct evtchn_vcpu *v = evtchn_vcpu_of(t, vcpu);

    if (t->dying || !v) {
        return -XEN_ENOENT;
    }
    if (v->fifo) {
        return -XEN_EINVAL;
    }
    if (!t->fifo) {
        carry_over(t);
        /* senders look at it without a lock first */
        __atomic_store_n(&t->fifo, *spare, __ATOMIC_RELEASE);
        *spare = NULL;
    }
    v->fifo = q;
    q->next = t->fifo->vcpus;
    t->fifo->vcpus = q;
    return 0;
}

int evtchn_fifo_init_control(struct evtchn_table *t, uint64_t gfn, uint32_t offset, uint32_t vcpu,
                             uint8_t *link_bits)
{
    struct evtchn_fifo_vcpu *q;
    struct evtchn_fifo *spare;
    unsigned long flags;
    int rc;

    if (offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || offset % 8 != 0) {
        return -XEN_EINVAL;
    }
    if (!evtchn_vcpu_of(t, vcpu)) {
        return -XEN_ENOENT;
    }
    q = zalloc(sizeof(*q));
    spare = zalloc(sizeof(*spare));
    rc = q && spare ? evtchn_get_page(t, gfn, &q->mfn) : -XEN_ENOMEM;
    if (rc != 0) {
        goto out;
    }
    q->control = (struct evtchn_fifo_control_block *)((uint8_t *)mfn_to_virt(q->mfn) + offset);
    flags = spin_lock_irqsave(&t->lock);
    spin_lock(&t->fifo_lock);
    rc = set_control(t, &spare, q, vcpu);
    spin_unlock(&t->fifo_lock);
    spin_unlock_irqrestore(&t->lock, flags);
    if (rc != 0) {
        evtchn_put_page(t, q->mfn);
        goto out;
    }
    q = NULL;
    *link_bits = EVTCHN_FIFO_LINK_BITS;
out:
    zfree(q);
    zfree(spare);
    return rc;
}

/* Deliver what was sent to ports whose words exist only now. Table's lock held. */
static void deliver_held_back(struct evtchn_table *t, uint32_t first)
{
    for (uint32_t port = first; port < first + FIFO_WORDS_PER_PAGE && port < t->valid_ports; port++) {
        struct evtchn *e = evtchn_lookup(t, port);

        if (e->pending) {
            e->pending = false;
            evtchn_fifo_deliver(t, e, port);
        }
    }
}

int evtchn_fifo_expand_array(struct evtchn_table *t, uint64_t gfn)
{
    unsigned long flags;
    uint32_t first = 0;
    mfn_t mfn;
    int rc;

    rc = evtchn_get_page(t, gfn, &mfn);
    if (rc != 0) {
        return rc;
    }
    flags = spin_lock_irqsave(&t->lock);
    spin_lock(&t->fifo_lock);
    if (!t->fifo) {
        rc = -XEN_EOPNOTSUPP;
    } else if (t->fifo->page_count == FIFO_MAX_PAGES) {
        rc = -XEN_ENOSPC;
    } else {
        first = t->fifo->page_count * FIFO_WORDS_PER_PAGE;
        t->fifo->pages[t->fifo->page_count++] = mfn_to_virt(mfn);
    }
    spin_unlock(&t->fifo_lock);
    if (rc == 0) {
        deliver_held_back(t, first);
    }
    spin_unlock_irqrestore(&t->lock, flags);
    if (rc != 0) {
        evtchn_put_page(t, mfn);
    }
    return rc;
}

void evtchn_fifo_destroy(struct evtchn_table *t)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn_fifo_vcpu *q, *next;
    struct evtchn_fifo *f;

    spin_lock(&t->fifo_lock);
    f = t->fifo;
    t->fifo = NULL;
    for (unsigned int i = 0; f && i < t->max_vcpus; i++) {
        if (t->vcpus[i]) {
            t->vcpus[i]->fifo = NULL;
        }
    }
    spin_unlock(&t->fifo_lock);
    spin_unlock_irqrestore(&t->lock, flags);
    if (!f) {
        return;
    }
    for (q = f->vcpus; q; q = next) {
        next = q->next;
        evtchn_put_page(t, q->mfn);
        zfree(q);
    }
    for (uint32_t i = 0; i < f->page_count; i++) {
        evtchn_put_page(t, virt_to_mfn(f->pages[i]));
    }
    zfree(f);
}
