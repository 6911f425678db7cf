/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's table of ports: its memory, allocating and freeing ports, closing them. Invariant: bucket_used[] counts the ports of a bucket that are
 * not EC_FREE, and every port below next_free_hint is in use.
 */
#include <abi/x86_32.h>
#include <base/softirq.h>
#include <core/evtchn/evtchn_internal.h>
#include <core/evtchn/evtchn_ports.h>
#include <core/memory/heap.h>
#include <lib/string.h>

#define CLOSES_BETWEEN_CHECKS 32u /* ports closed between two looks at preemption */
#define BUSY_PORTS_LOOKED_AT \
    512u /* free ports still on the guest's FIFO queues that one allocation passes over */

static uint32_t bucket_count(const struct evtchn_table *t)
{
    return MIN(t->max_port, EVTCHN_FIFO_PORTS - 1) / EVTCHN_BUCKET + 1;
}

static unsigned int bucket_order(const struct evtchn_table *t)
{
    return order_for(DIV_ROUND_UP(bucket_count(t) * sizeof(*t->buckets), PAGE_SIZE));
}

/*
 * A sender, which holds another table's lock, may see a mixture of the two: every mixture of port, array and selector lies inside the shared page
 * and the vCPU's info, so only the guest that changes its mind while it is sent events can miss one.
 */
static void set_layout(struct evtchn_table *t, bool is_32bit)
{
    struct x32_shared_info *shared_32 = (struct x32_shared_info *)t->shared;
    uint32_t *mask = is_32bit ? shared_32->evtchn_mask : (uint32_t *)t->shared->evtchn_mask;
    size_t sel = is_32bit ? offsetof(struct x32_vcpu_info, evtchn_pending_sel)
                          : offsetof(struct vcpu_info, evtchn_pending_sel);

    BUILD_ASSERT(offsetof(struct x32_shared_info, evtchn_pending) ==
                     offsetof(struct shared_info, evtchn_pending),
                 "pending_words is the same for both");
    t->pending_words = shared_32->evtchn_pending;
    __atomic_store_n(&t->mask_words, mask, __ATOMIC_RELAXED);
    __atomic_store_n(&t->sel_shift, is_32bit ? 5 : 6, __ATOMIC_RELAXED);
    __atomic_store_n(&t->sel_offset, (uint8_t)sel, __ATOMIC_RELAXED);
    __atomic_store_n(&t->two_level_ports, is_32bit ? EVTCHN_2L_PORTS_32 : EVTCHN_2L_PORTS, __ATOMIC_RELAXED);
    t->is_32bit = is_32bit;
}

int evtchn_table_init(struct evtchn_table *t, domid_t domid, struct shared_info *shared,
                      unsigned int max_vcpus, uint32_t max_port)
{
    mfn_t dir;

    spin_lock_init(&t->lock, evtchn);
    spin_lock_init(&t->fifo_lock, evtchn_fifo);
    t->domid = domid;
    t->max_port = max_port;
    t->max_vcpus = max_vcpus;
    t->shared = shared;
    set_layout(t, false);
    t->vcpus = zalloc(max_vcpus * sizeof(*t->vcpus));
    t->bucket_used = zalloc(bucket_count(t));
    dir = heap_alloc(bucket_order(t), HEAP_ZERO);
    t->buckets = mfn_is_invalid(dir) ? NULL : mfn_to_virt(dir);
    if (!t->vcpus || !t->bucket_used || !t->buckets) {
        return -XEN_ENOMEM;
    }
    t->buckets[0] = heap_alloc_page();
    if (!t->buckets[0]) {
        return -XEN_ENOMEM;
    }
    t->buckets[0][0].kind = EC_RESERVED;
    t->bucket_used[0] = 1;
    t->valid_ports = EVTCHN_BUCKET;
    t->next_free_hint = 1;
    return 0;
}

void evtchn_table_destroy(struct evtchn_table *t)
{
    ASSERT(!t->fifo);
    if (t->buckets) {
        for (uint32_t b = 0; b < bucket_count(t) && t->buckets[b]; b++) {
            heap_free_page(t->buckets[b]);
        }
        heap_free(virt_to_mfn(t->buckets), bucket_order(t));
    }
    zfree(t->bucket_used);
    zfree(t->vcpus);
    t->buckets = NULL;
    t->bucket_used = NULL;
    t->vcpus = NULL;
    t->valid_ports = 0;
}

void evtchn_set_layout(struct evtchn_table *t, bool is_32bit)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);

    set_layout(t, is_32bit);
    spin_unlock_irqrestore(&t->lock, flags);
}

void evtchn_vcpu_attach(struct evtchn_table *t, unsigned int id, struct evtchn_vcpu *v)
{
    ASSERT(id < t->max_vcpus && !t->vcpus[id]);
    /* pairs with senders, which hold another table's lock */
    __atomic_store_n(&t->vcpus[id], v, __ATOMIC_RELEASE);
}

static bool is_in_shared_page(const struct evtchn_table *t, const struct vcpu_info *info)
{
    return info >= &t->shared->vcpu_info[0] && info < &t->shared->vcpu_info[XEN_LEGACY_MAX_VCPUS];
}

void evtchn_vcpu_move_info(struct evtchn_table *t, unsigned int id, struct vcpu_info *info)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn_vcpu *v = t->vcpus[id];

    if (t->dying) {
        v->info = info;
        spin_unlock_irqrestore(&t->lock, flags);
        return;
    }
    if (is_in_shared_page(t, v->info)) {
        memcpy(info, v->info, sizeof(*info));
    } else {
        memset(info, 0, sizeof(*info));
        info->evtchn_upcall_mask = 1;
    }
    __atomic_store_n(&v->info, info, __ATOMIC_RELEASE);
    /*
     * A sender sets the port's pending bit, then reads v->info; so if it read the old place, its bit is visible from here on and
     * the selector, all ones, leads the guest to it.
     */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (t->is_32bit) {
        ((struct x32_vcpu_info *)info)->evtchn_pending_sel = ~0u;
    } else {
        info->evtchn_pending_sel = ~0ul;
    }
    evtchn_mark_upcall(t, v, id);
    spin_unlock_irqrestore(&t->lock, flags);
}

/* --- ports ------------------------------------------------------------------------------------------------------------------------ */

/* Ports below may be allocated now. */
static uint32_t port_limit(const struct evtchn_table *t)
{
    uint32_t layout = t->fifo ? EVTCHN_FIFO_PORTS : t->two_level_ports;

    return t->max_port < layout ? t->max_port + 1 : layout;
}

static int add_bucket(struct evtchn_table *t, uint32_t bucket)
{
    struct evtchn *page = heap_alloc_page();

    if (!page) {
        return -XEN_ENOMEM;
    }
    ASSERT(bucket * EVTCHN_BUCKET == t->valid_ports);
    t->buckets[bucket] = page;
    t->valid_ports += EVTCHN_BUCKET;
    return 0;
}

/* The first free port from the hint on that is not on a queue. */
static int find_free(struct evtchn_table *t, uint32_t *found)
{
    uint32_t limit = port_limit(t), busy = 0;

    for (uint32_t port = t->next_free_hint; port < limit;) {
        uint32_t bucket = port / EVTCHN_BUCKET;
        const struct evtchn *e;

        if (t->bucket_used[bucket] == EVTCHN_BUCKET) {
            port = (bucket + 1) * EVTCHN_BUCKET;
            continue;
        }
        if (port >= t->valid_ports) {
            int rc = add_bucket(t, bucket);

            if (rc != 0) {
                return rc;
            }
        }
        e = evtchn_lookup(t, port);
        if (e->kind == EC_FREE) {
            if (!t->fifo || !evtchn_fifo_bits(t, e, port).queued) {
                *found = port;
                t->next_free_hint = busy ? t->next_free_hint : port + 1;
                return 0;
            }
            if (++busy == BUSY_PORTS_LOOKED_AT) {
                break;
            }
        }
        port++;
    }
    t->next_free_hint = busy ? t->next_free_hint : limit;
    return -XEN_ENOSPC;
}

int evtchn_port_alloc(struct evtchn_table *t, uint8_t kind, uint32_t *port)
{
    struct evtchn *e;
    int rc;

    if (t->dying) {
        return -XEN_EINVAL;
    }
    rc = find_free(t, port);
    if (rc != 0) {
        return rc;
    }
    e = evtchn_lookup(t, *port);
    e->kind = kind;
    e->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    e->notify_vcpu = 0;
    t->bucket_used[*port / EVTCHN_BUCKET]++;
    t->used_ports++;
    return 0;
}

void evtchn_port_free(struct evtchn_table *t, struct evtchn *e, uint32_t port)
{
    if (t->fifo) {
        evtchn_fifo_clear_pending(t, e, port);
    } else if (port < t->two_level_ports) {
        word_test_and_clear(t->pending_words, port);
    }
    e->kind = EC_FREE;
    e->is_consumer_xen = false;
    e->u.remote.table = NULL;
    e->u.remote.port = 0;
    t->bucket_used[port / EVTCHN_BUCKET]--;
    t->used_ports--;
    t->next_free_hint = MIN(t->next_free_hint, port);
}

/* --- closing ----------------------------------------------------------------------------------------------------------------------- */

/* With @held locked, lock @other too, in address order. False when that would mean waiting out of order. */
static bool lock_other(struct evtchn_table *held, struct evtchn_table *other)
{
    if (other == held) {
        return true;
    }
    if (&held->lock < &other->lock) {
        lock_check_acquire(&other->lock, true);
        spin_lock_raw(&other->lock);
        return true;
    }
    return spin_trylock(&other->lock);
}

/* Both ends' locks are held. */
static void unbind(struct evtchn_table *t, struct evtchn *e, uint32_t port)
{
    struct evtchn *other;

    switch (e->kind) {
    case EC_INTERDOMAIN:
        other = evtchn_lookup(e->u.remote.table, e->u.remote.port);
        BUG_ON(!other || other->kind != EC_INTERDOMAIN || other->u.remote.table != t ||
               other->u.remote.port != port);
        other->kind = EC_UNBOUND;
        other->u.unbound_remote = t->domid;
        break;
    case EC_VIRQ:
        for (unsigned int i = 0; i < t->max_vcpus; i++) {
            struct evtchn_vcpu *v = t->vcpus[i];

            if (v && v->virq_port[e->u.virq] == port) {
                v->virq_port[e->u.virq] = 0;
            }
        }
        break;
    case EC_PIRQ:
        evtchn_pirq_unbound(t, e->u.pirq);
        break;
    default:
        break;
    }
    evtchn_port_free(t, e, port);
}

int evtchn_port_close(struct evtchn_table *t, uint32_t port, bool by_guest)
{
    for (;;) {
        unsigned long flags = spin_lock_irqsave(&t->lock);
        struct evtchn *e = evtchn_lookup_used(t, port);
        struct evtchn_table *other;

        if (!e || (by_guest && e->is_consumer_xen)) {
            spin_unlock_irqrestore(&t->lock, flags);
            return -XEN_EINVAL;
        }
        other = e->kind == EC_INTERDOMAIN ? e->u.remote.table : t;
        if (lock_other(t, other)) {
            unbind(t, e, port);
            if (other != t) {
                spin_unlock(&other->lock);
            }
            spin_unlock_irqrestore(&t->lock, flags);
            return 0;
        }
        /* Once unlocked, the other end may go away; so look again. Whoever locks in order gets through. */
        spin_unlock_irqrestore(&t->lock, flags);
        cpu_relax();
    }
}

int evtchn_close(struct evtchn_table *t, uint32_t port)
{
    return evtchn_port_close(t, port, true);
}

/* Close all, in one pass over the ports that may stop on the way and goes on at *@next. */
static int close_ports(struct evtchn_table *t, bool by_guest, uint32_t *next)
{
    uint32_t done = 0, port = MAX(*next, 1u);

    while (port < t->valid_ports) {
        if (t->bucket_used[port / EVTCHN_BUCKET] == 0) {
            port = (port / EVTCHN_BUCKET + 1) * EVTCHN_BUCKET;
            continue;
        }
        if (evtchn_port_close(t, port, by_guest) == 0 && ++done % CLOSES_BETWEEN_CHECKS == 0 &&
            hypercall_preempt_check()) {
            *next = port + 1;
            return -XEN_ERESTART;
        }
        port++;
    }
    *next = 1;
    return 0;
}

int evtchn_reset(struct evtchn_table *t)
{
    int rc = close_ports(t, true, &t->reset_next);

    if (rc == 0) {
        evtchn_fifo_destroy(t);
    }
    return rc;
}

int evtchn_table_close_all(struct evtchn_table *t)
{
    unsigned long flags;
    int rc;

    flags = spin_lock_irqsave(&t->lock);
    t->dying = true;
    spin_unlock_irqrestore(&t->lock, flags);
    rc = close_ports(t, false, &t->close_next);
    if (rc == 0) {
        evtchn_fifo_destroy(t);
    }
    return rc;
}
