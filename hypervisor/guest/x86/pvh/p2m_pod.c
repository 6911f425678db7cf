/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Populate on demand: a PVH domain that starts with less memory than it is told of (memory < maxmem). All of its pages are promised (P2M_POD entries); a
 * promise is kept out of a cache of frames that the domain owns when the page is first used. Until the guest's balloon driver has given back as many pages
 * as there are fewer frames, the cache holds less than is promised: what the guest gives back then fills the cache, and promises are kept page by page
 * rather than by 2 MiB, so that little-used memory does not eat it up.
 *
 * Invariants: `promised` counts the pages of P2M_POD entries; a cached frame is owned by the domain with one reference and is in no entry. More is cached
 * than promised only while the toolstack has set a target and not yet made the promises, or when a guest puts other memory of its own in their place.
 */
#include <base/softirq.h>
#include <core/domain/domain.h>
#include <core/memory/heap.h>
#include <guest/x86/pvh/p2m_internal.h>

#define LARGE_ORDER 9u
#define LARGE_PAGES (1ull << LARGE_ORDER)
#define CHECK_MASK  15u

/* --- the cache ----------------------------------------------------------------------------------------------------------------------------------- */

static void cache_add(struct p2m *p, mfn_t mfn, unsigned int order)
{
    frame_list_push(order == 0 ? &p->pod.small : &p->pod.large, mfn);
    p->pod.cached += 1ull << order;
}

/* INVALID_MFN: no block of this size. */
static mfn_t cache_take(struct p2m *p, unsigned int order)
{
    mfn_t mfn;

    if (order == 0 && p->pod.small.count == 0 && p->pod.large.count > 0) {
        mfn = frame_list_pop(&p->pod.large);
        for (uint64_t i = 0; i < LARGE_PAGES; i++) {
            frame_list_push(&p->pod.small, mfn_add(mfn, i));
        }
    }
    mfn = frame_list_pop(order == 0 ? &p->pod.small : &p->pod.large);
    if (!mfn_is_invalid(mfn)) {
        p->pod.cached -= 1ull << order;
    }
    return mfn;
}

static void shrink_by_one(struct x86_domain *xd, struct p2m *p)
{
    mfn_t mfn = cache_take(p, 0);

    BUG_ON(mfn_is_invalid(mfn));
    (void)domain_mem_give_back(&xd->d.mem, mfn);
}

/* --- promises ------------------------------------------------------------------------------------------------------------------------------------ */

/* The entry that covers @gfn, if it is a promise, and its level; 0: none there. */
static uint64_t find_promise(const struct p2m *p, uint64_t gfn, unsigned int *level)
{
    const uint64_t *t;

    if (gfn >= P2M_MAX_GFN || mfn_is_invalid(p->root)) {
        return 0;
    }
    t = mfn_to_virt(p->root);
    for (unsigned int l = P2M_LEVELS; l > 0; l--) {
        uint64_t e = t[(gfn >> (9 * (l - 1))) & 511];

        if (!(e & PTE_P) || p2m_is_leaf(e, l)) {
            *level = l;
            return p2m_is_promise(e) ? e : 0;
        }
        t = mfn_to_virt(MFN((e & PTE_ADDR) >> PAGE_SHIFT));
    }
    return 0;
}

/* Promise one entry of @level. */
static int promise(struct p2m *p, uint64_t gfn, unsigned int level)
{
    uint64_t *slot;
    int rc = p2m_find_slot(p, gfn, level, &slot);

    if (rc != 0) {
        return rc;
    }
    if (*slot & PTE_P) {
        return -XEN_EBUSY;
    }
    if (*slot == 0) {
        *slot = (uint64_t)P2M_POD << 9;
        p->pod.promised += p2m_pages_at(level);
    }
    return 0;
}

int p2m_pod_promise(struct p2m *p, uint64_t gfn, unsigned int order)
{
    uint64_t count = 1ull << order, i = 0;
    int rc = 0;

    if (gfn >= P2M_MAX_GFN || count > P2M_MAX_GFN - gfn) {
        return -XEN_EINVAL;
    }
    spin_lock(&p->lock);
    if (p->is_dead) {
        rc = -XEN_EINVAL;
    }
    while (rc == 0 && i < count) {
        unsigned int level = ((gfn + i) & (LARGE_PAGES - 1)) == 0 && count - i >= LARGE_PAGES ? 2 : 1;

        rc = promise(p, gfn + i, level);
        if (rc == -XEN_EBUSY &&
            level == 2) { /* a table of small pages may be there, itself promised or free */
            level = 1;
            rc = promise(p, gfn + i, 1);
        }
        i += p2m_pages_at(level);
    }
    if (rc == 0) {
        p->max_gfn = MAX(p->max_gfn, gfn + count - 1);
    }
    spin_unlock(&p->lock);
    return rc;
}

/* Put 2^order frames of the cache where @gfn's are promised, in an entry of @level. */
static int keep_promise(struct p2m *p, uint64_t gfn, unsigned int level)
{
    uint64_t pages = p2m_pages_at(level), *slot;
    mfn_t mfn = cache_take(p, level == 1 ? 0 : LARGE_ORDER);
    int rc;

    if (mfn_is_invalid(mfn)) {
        return -XEN_ENOMEM;
    }
    gfn &= ~(pages - 1);
    rc = p2m_find_slot(p, gfn, level, &slot);
    if (rc != 0) {
        cache_add(p, mfn, level == 1 ? 0 : LARGE_ORDER);
        return rc;
    }
    for (uint64_t i = 0; i < pages; i++) {
        m2p_set(mfn_add(mfn, i), gfn + i);
    }
    p->pod.promised -= pages;
    __atomic_store_n(slot, p2m_make_leaf(mfn, level, P2M_RAM), __ATOMIC_RELEASE);
    return 0;
}

int p2m_pod_populate(struct p2m *p, uint64_t gfn)
{
    unsigned int level, found;
    int rc = -XEN_EINVAL;

    if (!p2m_has_promises(p)) {
        return -XEN_EINVAL;
    }
    spin_lock(&p->lock);
    if (find_promise(p, gfn, &level) != 0) {
        if (level == 2 && p->pod.cached >= p->pod.promised && p->pod.large.count > 0) {
            rc = keep_promise(p, gfn, 2);
        } else {
            rc = keep_promise(p, gfn, 1);
        }
    } else if (p2m_find(p, gfn, &found) != 0) {
        rc = 0; /* another vCPU was first */
    }
    spin_unlock(&p->lock);
    return rc;
}

int p2m_pod_release(struct x86_domain *xd, struct p2m *p, uint64_t gfn)
{
    unsigned int level;
    uint64_t *slot;
    int rc = -XEN_EINVAL;

    if (!p2m_has_promises(p)) {
        return -XEN_EINVAL;
    }
    spin_lock(&p->lock);
    if (find_promise(p, gfn, &level) != 0) {
        rc = p2m_find_slot(p, gfn, 1, &slot);
    }
    if (rc == 0) {
        __atomic_store_n(slot, 0, __ATOMIC_RELAXED);
        p->pod.promised--;
        if (p->pod.cached > p->pod.promised) {
            shrink_by_one(xd, p);
        }
    }
    spin_unlock(&p->lock);
    return rc;
}

bool p2m_pod_reclaim(struct p2m *p, mfn_t mfn)
{
    uint64_t s;
    bool taken = false;

    if (!p2m_has_promises(p)) {
        return false;
    }
    spin_lock(&p->lock);
    s = frame_read(mfn);
    /* the owner's reference and the caller's: nobody else has it, and nobody can get it, as no entry leads there */
    if (!p->is_dead && p->pod.cached < p->pod.promised && (s & FRAME_ALLOCATED) && frame_refs(s) == 2) {
        port_clear_page(mfn_to_virt(mfn));
        cache_add(p, mfn, 0);
        taken = true;
    }
    spin_unlock(&p->lock);
    return taken;
}

/* --- the target ---------------------------------------------------------------------------------------------------------------------------------- */

/* How many frames the cache should have for the domain to have @pages in all. */
static uint64_t cache_wanted(const struct x86_domain *xd, const struct p2m *p, uint64_t pages)
{
    uint64_t total = xd->d.mem.tot_pages, populated = total - p->pod.cached, want;

    if ((populated > 0 && p->pod.promised == 0) || pages < total) {
        return p->pod.cached; /* no such domain, or the balloon driver gives back what is too much */
    }
    want = pages - populated;
    return populated > 0 ? MIN(want, MAX(p->pod.promised, p->pod.cached)) : want;
}

static int grow(struct x86_domain *xd, struct p2m *p, uint64_t by)
{
    mfn_t mfn;
    int rc = by >= LARGE_PAGES ? domain_mem_alloc(&xd->d.mem, LARGE_ORDER, 0, &mfn) : -XEN_ENOMEM;

    if (rc == 0) {
        cache_add(p, mfn, LARGE_ORDER);
        return 0;
    }
    rc = domain_mem_alloc(&xd->d.mem, 0, 0, &mfn);
    if (rc == 0) {
        cache_add(p, mfn, 0);
    }
    return rc;
}

int p2m_pod_set_target(struct x86_domain *xd, struct p2m *p, uint64_t pages)
{
    int rc = 0;

    for (unsigned int i = 1; rc == 0; i++) {
        uint64_t want;

        spin_lock(&p->lock);
        want = p->is_dead ? p->pod.cached : cache_wanted(xd, p, pages);
        if (p->pod.cached < want) {
            rc = grow(xd, p, want - p->pod.cached);
        }
        want = p->pod.cached >= want;
        spin_unlock(&p->lock);
        if (want) {
            break;
        }
        if (rc == 0 && (i & CHECK_MASK) == 0 && hypercall_preempt_check()) {
            rc = -XEN_ERESTART;
        }
    }
    return rc;
}
