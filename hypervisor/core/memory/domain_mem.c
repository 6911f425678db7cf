/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain's frames: getting them, giving them back, and what happens when the last reference to one goes. */
#include <base/softirq.h>
#include <core/memory/arch.h>
#include <core/numa/numa.h>
#include <lib/string.h>

int domain_mem_init(struct domain_mem *m, domid_t owner)
{
    spin_lock_init(&m->lock, domain_mem);
    m->owner = owner;
    return pageset_init(&m->owned);
}

void domain_mem_destroy(struct domain_mem *m)
{
    ASSERT(m->tot_pages == 0);
    if (m->claim > 0) {
        heap_unclaim(m->claim);
        m->claim = 0;
    }
    pageset_destroy(&m->owned);
}

/* --- getting ---------------------------------------------------------------------------------------------------------------------------- */

/* May it have @count frames more? Under the lock. */
static int check_room(const struct domain_mem *m, uint64_t count)
{
    if (m->dying) {
        return -XEN_EINVAL;
    }
    if (m->tot_pages > m->max_pages || count > m->max_pages - m->tot_pages) {
        return -XEN_E2BIG;
    }
    return 0;
}

static void take_ownership(struct domain_mem *m, mfn_t start, uint64_t count)
{
    uint64_t state = FRAME_ALLOCATED | FRAME_OWNER(m->owner) | FRAME_REF_ONE;

    if (count == 1) {
        pageset_add(&m->owned, start);
    } else {
        pageset_add_range(&m->owned, start, count);
    }
    for (uint64_t i = 0; i < count; i++) {
        mfn_t mfn = mfn_add(start, i);

        ASSERT(frame_read(mfn) == FRAME_OWNER(DOMID_NONE));
        /* with refs 0 nobody else writes the word; the release makes the frame's contents visible with it */
        __atomic_store_n(frame_state(mfn), state, __ATOMIC_RELEASE);
    }
    if (m->tot_pages == 0) {
        domain_mem_first(m->owner);
    }
    m->tot_pages += count;
}

int domain_mem_assign(struct domain_mem *m, mfn_t start, unsigned int order)
{
    uint64_t count = 1ull << order;
    int rc;

    spin_lock(&m->lock);
    rc = check_room(m, count);
    if (rc == 0) {
        rc = pageset_prepare_range(&m->owned, start, count);
    }
    if (rc == 0) {
        take_ownership(m, start, count);
    }
    spin_unlock(&m->lock);
    return rc;
}

/* Put back what an allocation that failed took from the claim; the heap still has it promised. */
static void return_claim(struct domain_mem *m, uint64_t count)
{
    spin_lock(&m->lock);
    if (m->dying) {
        heap_unclaim(count);
    } else {
        m->claim += count;
    }
    spin_unlock(&m->lock);
}

#define NEAR_ORDER \
    9u /* larger blocks are not worth memory that is far: who asks for them takes smaller ones instead */

/* From the domain's nodes in turn, so that each gets the same; from others when these have nothing left. */
static mfn_t alloc_in_turn(struct domain_mem *m, unsigned int order, unsigned int flags, uint64_t claimed)
{
    uint64_t nodes = __atomic_load_n(&m->nodes, __ATOMIC_RELAXED) & numa_all_nodes(), left;
    unsigned int node = NUMA_NO_NODE;

    nodes = nodes ? nodes : numa_all_nodes();
    for (left = nodes; left != 0; left &= ~BIT(node)) {
        uint64_t after = left & ~((2ull << m->last_node) - 1);
        mfn_t mfn;

        node = ffs64(after ? after : left) - 1;
        m->last_node = (uint8_t)node;
        mfn = heap_alloc_claimed(order, flags | HEAP_NODE(node) | HEAP_EXACT_NODE, claimed);
        if (!mfn_is_invalid(mfn)) {
            return mfn;
        }
    }
    return nodes == numa_all_nodes() || order > NEAR_ORDER
               ? INVALID_MFN
               : heap_alloc_claimed(order, flags | HEAP_NODE(node), claimed);
}

static mfn_t alloc_near(struct domain_mem *m, unsigned int order, unsigned int flags, uint64_t claimed)
{
    return HEAP_GET_NODE(flags) < numa_nodes ? heap_alloc_claimed(order, flags, claimed)
                                             : alloc_in_turn(m, order, flags, claimed);
}

int domain_mem_alloc(struct domain_mem *m, unsigned int order, unsigned int heap_flags, mfn_t *start)
{
    uint64_t from_claim;
    mfn_t mfn;
    int rc;

    if (order > HEAP_MAX_ORDER) {
        return -XEN_ENOMEM;
    }
    spin_lock(&m->lock);
    rc = check_room(m, 1ull << order);
    if (rc != 0) {
        spin_unlock(&m->lock);
        return rc;
    }
    from_claim = MIN(m->claim, 1ull << order);
    m->claim -= from_claim;
    spin_unlock(&m->lock);

    heap_flags |= heap_flags & DOMAIN_MEM_AS_IS ? 0 : HEAP_ZERO;
    mfn = unlikely(numa_nodes > 1) ? alloc_near(m, order, heap_flags, from_claim)
                                   : heap_alloc_claimed(order, heap_flags, from_claim);
    if (mfn_is_invalid(mfn)) {
        return_claim(m, from_claim);
        return -XEN_ENOMEM;
    }
    rc = domain_mem_assign(m, mfn, order);
    if (rc != 0) {
        if (heap_flags & HEAP_ZERO) {
            heap_free_clean(mfn, order);
        } else {
            heap_free(mfn, order);
        }
        if (from_claim > 0 && heap_claim(from_claim) == 0) {
            return_claim(m, from_claim);
        }
        return rc;
    }
    *start = mfn;
    return 0;
}

void domain_mem_share(struct domain_mem *m, mfn_t mfn)
{
    ASSERT(frame_read(mfn) == FRAME_OWNER(DOMID_NONE));
    spin_lock(&m->lock);
    m->shared_pages++;
    spin_unlock(&m->lock);
    __atomic_store_n(frame_state(mfn), FRAME_OWNER(m->owner) | FRAME_REF_ONE, __ATOMIC_RELEASE);
}

void domain_mem_unshare(struct domain_mem *m, mfn_t mfn)
{
    uint64_t s = frame_read(mfn);

    ASSERT(frame_owner(s) == m->owner && !(s & FRAME_ALLOCATED) && frame_refs(s) > 0);
    spin_lock(&m->lock);
    m->shared_pages--;
    spin_unlock(&m->lock);
    /* without an owner from here on: those who have it mapped may outlive the domain */
    while (!frame_cas(mfn, &s, (s & ~FRAME_OWNER_MASK) | FRAME_OWNER(DOMID_NONE))) {
    }
    frame_put(mfn);
}

/* --- giving back ------------------------------------------------------------------------------------------------------------------------- */

int domain_mem_give_back(struct domain_mem *m, mfn_t mfn)
{
    uint64_t s, new;

    if (mfn.n >= frame_limit) {
        return -XEN_EINVAL;
    }
    s = frame_read(mfn);
    do {
        if (frame_owner(s) != m->owner || !(s & FRAME_ALLOCATED)) {
            return -XEN_EINVAL;
        }
        new = (s & ~FRAME_ALLOCATED) - FRAME_REF_ONE;
    } while (!frame_cas(mfn, &s, new));
    if (frame_refs(new) == 0) {
        frame_put_last(mfn, new);
    }
    return 0;
}

void frame_release(mfn_t mfn, domid_t owner)
{
    bool is_empty = false, is_dying = false;
    struct domain_mem *m;

    if (owner != DOMID_NONE) { /* else: a page that the hypervisor shared, and took back */
        m = domain_mem_of(owner);
        spin_lock(&m->lock);
        pageset_remove(&m->owned, mfn);
        is_empty = --m->tot_pages == 0;
        is_dying = m->dying;
        spin_unlock(&m->lock);
    }
    __atomic_store_n(frame_state(mfn), FRAME_OWNER(DOMID_NONE), __ATOMIC_RELEASE);
    if (unlikely(is_dying)) {
        heap_free_stale_dirty(mfn); /* whoever ends a domain shall not wait until all of it is cleared */
    } else {
        heap_free_stale(mfn);
    }
    if (is_empty) {
        domain_mem_empty(owner);
    }
}

/* The next owned frame from the cursor on, referenced; INVALID_MFN at the end. Skips those whose last reference is just going. */
static mfn_t next_to_relinquish(struct domain_mem *m)
{
    mfn_t mfn;

    spin_lock(&m->lock);
    do {
        mfn = pageset_next(&m->owned, MFN(m->relinquish_from));
        if (mfn_is_invalid(mfn)) {
            break;
        }
        m->relinquish_from = mfn.n + 1;
    } while (!frame_get(mfn, m->owner));
    spin_unlock(&m->lock);
    return mfn;
}

int domain_mem_relinquish(struct domain_mem *m, unsigned int budget, int (*drop_types)(mfn_t mfn))
{
    ASSERT(m->dying);
    while (budget-- > 0) {
        mfn_t mfn = next_to_relinquish(m);
        int rc = 0;

        if (mfn_is_invalid(mfn)) {
            return 0;
        }
        if (drop_types) {
            rc = drop_types(mfn);
        }
        if (rc != 0) {
            m->relinquish_from = mfn.n; /* again */
            frame_put(mfn);
            return rc;
        }
        if (frame_take_allocated(mfn)) {
            frame_put(mfn);
        }
        frame_put(mfn);
        if (budget % 16 == 0 && hypercall_preempt_check()) {
            break;
        }
    }
    return -XEN_ERESTART;
}

int domain_mem_set_claim(struct domain_mem *m, uint64_t total_pages)
{
    int rc = 0;

    spin_lock(&m->lock);
    if (total_pages == 0) {
        heap_unclaim(m->claim);
        m->claim = 0;
    } else if (m->dying || m->claim > 0 || total_pages < m->tot_pages || total_pages > m->max_pages) {
        rc = -XEN_EINVAL;
    } else {
        rc = heap_claim(total_pages - m->tot_pages);
        if (rc == 0) {
            m->claim = total_pages - m->tot_pages;
        }
    }
    spin_unlock(&m->lock);
    return rc;
}
