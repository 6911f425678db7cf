/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The entries of the nested page tables of a PVH domain: p2m.h. AMD APM volume 2, 15.25. */
#include <base/softirq.h>
#include <core/domain/domain.h>
#include <core/memory/heap.h>
#include <guest/x86/pvh/p2m_internal.h>

#define TEARDOWN_CHECK_MASK 7u

int p2m_init(struct p2m *p, bool use_1g)
{
    uint64_t *root;
    int rc;

    spin_lock_init(&p->lock, p2m);
    p->old_root = INVALID_MFN;
    p->root = INVALID_MFN;
    p->use_1g = use_1g;
    do {
        rc = p2m_pool_set(p, P2M_POOL_DEFAULT);
    } while (rc == -XEN_ERESTART);
    root = rc == 0 ? p2m_pool_take(p) : NULL;
    if (!root) {
        return -XEN_ENOMEM;
    }
    p->root = virt_to_mfn(root);
    return 0;
}

uint64_t p2m_make_leaf(mfn_t mfn, unsigned int level, enum p2m_type type)
{
    struct npt_entry e = {
        .paddr = mfn_to_paddr(mfn),
        .level = (uint8_t)level,
        .present = true,
        .leaf = true,
        .write = type != P2M_GRANT_RO,
        .exec = type == P2M_RAM,
        .accessed = true,
        .dirty = true,
        .type = type,
    };

    return npt_encode(&e);
}

static uint64_t make_pointer(const uint64_t *table)
{
    struct npt_entry e = {
        .paddr = mfn_to_paddr(virt_to_mfn(table)), .level = 2, .present = true, .accessed = true};

    return npt_encode(&e);
}

static enum p2m_type leaf_type(uint64_t e)
{
    return (enum p2m_type)(e >> 9 & 7);
}

struct p2m_leaf p2m_lookup(const struct p2m *p, uint64_t gfn)
{
    unsigned int level;
    uint64_t e = p2m_find(p, gfn, &level);

    if (e == 0) {
        return (struct p2m_leaf){P2M_NONE, false, INVALID_MFN};
    }
    return (struct p2m_leaf){leaf_type(e), (e & PTE_RW) != 0, p2m_frame(e, gfn, level)};
}

/* --- changing, under the lock ----------------------------------------------------------------------------------------------------------------- */

/* Replace a large page by a table of smaller ones that map the same: no translation changes, so no TLB need know. */
static int split(struct p2m *p, uint64_t *slot, unsigned int level)
{
    uint64_t *t = p2m_pool_take(p);
    mfn_t first = p2m_frame(*slot, 0, level);

    if (!t) {
        return -XEN_ENOMEM;
    }
    for (unsigned int i = 0; i < 512; i++) {
        t[i] = p2m_make_leaf(mfn_add(first, i * p2m_pages_at(level - 1)), level - 1, leaf_type(*slot));
    }
    __atomic_store_n(slot, make_pointer(t), __ATOMIC_RELEASE);
    return 0;
}

/* A table in place of an absent entry; what that promised, all of the table's entries promise. */
static int add_table(struct p2m *p, uint64_t *slot)
{
    uint64_t *t = p2m_pool_take(p);

    if (!t) {
        return -XEN_ENOMEM;
    }
    for (unsigned int i = 0; *slot != 0 && i < 512; i++) {
        t[i] = *slot;
    }
    __atomic_store_n(slot, make_pointer(t), __ATOMIC_RELEASE);
    return 0;
}

int p2m_find_slot(struct p2m *p, uint64_t gfn, unsigned int level, uint64_t **slot)
{
    uint64_t *t = mfn_to_virt(p->root);

    for (unsigned int l = P2M_LEVELS; l > level; l--) {
        uint64_t *s = &t[(gfn >> (9 * (l - 1))) & 511];
        int rc = 0;

        if (!(*s & PTE_P)) {
            rc = add_table(p, s);
        } else if (p2m_is_leaf(*s, l)) {
            rc = split(p, s, l);
        }
        if (rc != 0) {
            return rc;
        }
        t = mfn_to_virt(MFN((*s & PTE_ADDR) >> PAGE_SHIFT));
    }
    *slot = &t[(gfn >> (9 * (level - 1))) & 511];
    return 0;
}

/* Only what is there already; NULL: nothing, or a larger page. */
static uint64_t *existing_slot(const struct p2m *p, uint64_t gfn, unsigned int level)
{
    uint64_t *t = mfn_to_virt(p->root);

    for (unsigned int l = P2M_LEVELS; l > level; l--) {
        uint64_t e = t[(gfn >> (9 * (l - 1))) & 511];

        if (!(e & PTE_P) || p2m_is_leaf(e, l)) {
            return NULL;
        }
        t = mfn_to_virt(MFN((e & PTE_ADDR) >> PAGE_SHIFT));
    }
    return &t[(gfn >> (9 * (level - 1))) & 511];
}

static void drop_page(struct x86_domain *xd, uint64_t gfn, mfn_t mfn, enum p2m_type type)
{
    switch (type) {
    case P2M_RAM:
        if (m2p_get(mfn) == gfn) {
            m2p_set(mfn, ~0ull);
        }
        (void)domain_mem_give_back(&xd->d.mem, mfn); /* refused for pages that are only shared with it */
        break;
    case P2M_GRANT_RW:
        frame_put_writable(mfn);
        break;
    case P2M_GRANT_RO:
        frame_put(mfn);
        break;
    default:
        break;
    }
}

/* An entry that was replaced: the TLBs forget it, then its frames go. */
static void drop_leaf(struct x86_domain *xd, struct p2m *p, uint64_t gfn, uint64_t old, unsigned int level)
{
    p2m_flush(xd, p);
    for (uint64_t i = 0; i < p2m_pages_at(level); i++) {
        drop_page(xd, gfn + i, p2m_frame(old, i, level), leaf_type(old));
    }
}

/* The largest level whose pages fit at the start of the range. */
static unsigned int best_level(const struct p2m *p, uint64_t gfn, mfn_t mfn, uint64_t count)
{
    unsigned int level = p->use_1g ? 3 : 2;

    while (level > 1 && (((gfn | mfn.n) & (p2m_pages_at(level) - 1)) || count < p2m_pages_at(level))) {
        level--;
    }
    return level;
}

/* A table below @slot that maps nothing goes, so that a large page can take its place. False: it maps something. */
static bool drop_empty_table(struct x86_domain *xd, struct p2m *p, uint64_t *slot)
{
    uint64_t *t = mfn_to_virt(MFN((*slot & PTE_ADDR) >> PAGE_SHIFT));

    for (unsigned int i = 0; i < 512; i++) {
        if (t[i] != 0) {
            return false;
        }
    }
    __atomic_store_n(slot, 0, __ATOMIC_SEQ_CST);
    p2m_flush(xd, p); /* nobody is on the way through it any more */
    p2m_pool_put(p, t);
    return true;
}

/* Map one page of the largest size that fits; *@done becomes the number of frames. */
static int add_some(struct x86_domain *xd, struct p2m *p, uint64_t gfn, mfn_t mfn, uint64_t count,
                    enum p2m_type type, uint64_t *done)
{
    unsigned int level = best_level(p, gfn, mfn, count);
    uint64_t *slot, old, new;
    int rc;

    for (;; level--) {
        rc = p2m_find_slot(p, gfn, level, &slot);
        if (rc != 0) {
            return rc;
        }
        if (!(*slot & PTE_P) || p2m_is_leaf(*slot, level) || drop_empty_table(xd, p, slot)) {
            break;
        }
        /* a table in which smaller pages are mapped stays */
    }
    new = p2m_make_leaf(mfn, level, type);
    old = __atomic_exchange_n(slot, new, __ATOMIC_SEQ_CST);
    if (p2m_is_leaf(old, level) && old != new) {
        drop_leaf(xd, p, gfn, old, level);
    } else if (p2m_is_promise(old)) {
        p->pod.promised -= p2m_pages_at(level);
    }
    *done = p2m_pages_at(level);
    if (type == P2M_RAM) {
        for (uint64_t i = 0; i < *done; i++) {
            m2p_set(mfn_add(mfn, i), gfn + i);
        }
    }
    return 0;
}

static bool maps(const struct p2m *p, uint64_t gfn, mfn_t mfn, enum p2m_type type)
{
    struct p2m_leaf l = p2m_lookup(p, gfn);

    return l.type == type && mfn_eq(l.mfn, mfn);
}

/* The range is mapped, to @mfn and its successors; a large page is looked up once. */
static bool maps_range(const struct p2m *p, uint64_t gfn, mfn_t mfn, uint64_t count, enum p2m_type type)
{
    uint64_t i = 0;

    while (i < count) {
        unsigned int level = 1;
        uint64_t e = p2m_find(p, gfn + i, &level);

        if (e == 0 || leaf_type(e) != type || p2m_frame(e, gfn + i, level).n != mfn.n + i) {
            return false;
        }
        i += p2m_pages_at(level) - ((gfn + i) & (p2m_pages_at(level) - 1));
    }
    return true;
}

/* Clear the entries of [@gfn, @gfn + @count), which are mapped; large pages that are only partly in it are split. */
static int clear_range(struct x86_domain *xd, struct p2m *p, uint64_t gfn, uint64_t count)
{
    while (count > 0) {
        unsigned int level = 1, have = 1;
        uint64_t *slot, e = p2m_find(p, gfn, &have);

        while (level < have && !(gfn & (p2m_pages_at(level + 1) - 1)) && count >= p2m_pages_at(level + 1)) {
            level++;
        }
        if (e != 0) {
            int rc = p2m_find_slot(p, gfn, level, &slot);

            if (rc != 0) {
                return rc;
            }
            __atomic_store_n(slot, 0, __ATOMIC_SEQ_CST);
        }
        gfn += p2m_pages_at(level);
        count -= p2m_pages_at(level);
    }
    return 0;
}

/* A page that the hypervisor shares with the domain has one place only: leave the one that it has. */
static void leave_old_place(struct x86_domain *xd, struct p2m *p, uint64_t gfn, mfn_t mfn)
{
    uint64_t old = m2p_get(mfn);

    if ((frame_read(mfn) & FRAME_ALLOCATED) || old == gfn || !maps(p, old, mfn, P2M_RAM)) {
        return;
    }
    if (clear_range(xd, p, old, 1) == 0) {
        p2m_flush(xd, p);
    }
}

static bool in_range(uint64_t gfn, unsigned int order)
{
    return gfn < P2M_MAX_GFN && (1ull << order) <= P2M_MAX_GFN - gfn;
}

int p2m_add(struct x86_domain *xd, struct p2m *p, uint64_t gfn, mfn_t mfn, unsigned int order,
            enum p2m_type type)
{
    uint64_t count = 1ull << order, i = 0;
    int rc = 0;

    if (!in_range(gfn, order)) {
        return -XEN_EINVAL;
    }
    spin_lock(&p->lock);
    if (mfn_is_invalid(p->root)) {
        spin_unlock(&p->lock);
        return -XEN_EINVAL;
    }
    if (order == 0 && type == P2M_RAM) {
        leave_old_place(xd, p, gfn, mfn);
    }
    while (rc == 0 && i < count) {
        uint64_t done = 0;

        rc = add_some(xd, p, gfn + i, mfn_add(mfn, i), count - i, type, &done);
        i += done;
    }
    if (rc != 0 && i > 0) {
        BUG_ON(clear_range(xd, p, gfn, i) != 0); /* whole pages as they were made: nothing to split */
        p2m_flush(xd, p);
    } else if (rc == 0) {
        p->max_gfn = MAX(p->max_gfn, gfn + count - 1);
    }
    spin_unlock(&p->lock);
    return rc;
}

/* The usual removal: one small page in tables of small pages. False: it is not like that, nothing is done. */
static bool remove_small(struct p2m *p, uint64_t gfn, mfn_t mfn, enum p2m_type type)
{
    uint64_t *slot = mfn_is_invalid(p->root) ? NULL : existing_slot(p, gfn, 1);

    if (!slot || !p2m_is_leaf(*slot, 1) || leaf_type(*slot) != type || p2m_frame(*slot, gfn, 1).n != mfn.n) {
        return false;
    }
    __atomic_store_n(slot, 0, __ATOMIC_SEQ_CST);
    return true;
}

int p2m_remove(struct x86_domain *xd, struct p2m *p, uint64_t gfn, mfn_t mfn, unsigned int order,
               enum p2m_type type)
{
    int rc = 0;

    if (!in_range(gfn, order)) {
        return -XEN_EINVAL;
    }
    spin_lock(&p->lock);
    if (order != 0 || !remove_small(p, gfn, mfn, type)) {
        rc = maps_range(p, gfn, mfn, 1ull << order, type) ? clear_range(xd, p, gfn, 1ull << order)
                                                          : -XEN_EINVAL;
    }
    if (rc == 0) {
        p2m_flush(xd, p);
        for (uint64_t i = 0; type == P2M_RAM && i < 1ull << order; i++) {
            m2p_set(mfn_add(mfn, i), ~0ull);
        }
    }
    spin_unlock(&p->lock);
    return rc;
}

int p2m_remove_lazily(struct p2m *p, uint64_t gfn, mfn_t mfn, enum p2m_type type)
{
    bool done;

    if (!in_range(gfn, 0)) {
        return -XEN_EINVAL;
    }
    spin_lock(&p->lock);
    done = remove_small(p, gfn, mfn, type); /* grant mappings are never in large pages */
    if (done) {
        __atomic_fetch_add(&p->flushes, 1, __ATOMIC_SEQ_CST);
    }
    spin_unlock(&p->lock);
    return done ? 0 : -XEN_EINVAL;
}

static void nothing(void *arg)
{
}

/*
 * Each vCPU compares `flushes` at its entry, so it is enough that those which run now leave the guest once. That they took an interrupt also ends every
 * look-up that was under way with interrupts off.
 */
void p2m_flush(struct x86_domain *xd, struct p2m *p)
{
    cpuset_t cpus;

    __atomic_fetch_add(&p->flushes, 1, __ATOMIC_SEQ_CST);
    cpus.bits = __atomic_load_n(&xd->dirty_cpus.bits, __ATOMIC_SEQ_CST) & cpus_online.bits &
                ~cpuset_of(pcpu_id()).bits;
    if (!cpuset_is_empty(cpus)) {
        port_call_on(cpus, nothing, NULL, true);
    }
}

/* --- teardown ------------------------------------------------------------------------------------------------------------------------------------ */

static void drop_grants(const uint64_t *t)
{
    for (unsigned int i = 0; i < 512; i++) {
        if (t[i] & PTE_P) {
            mfn_t mfn = p2m_frame(t[i], 0, 1);

            if (leaf_type(t[i]) == P2M_GRANT_RW) {
                frame_put_writable(mfn);
            } else if (leaf_type(t[i]) == P2M_GRANT_RO) {
                frame_put(mfn);
            }
        }
    }
}

/* Free what is below @t, at @level. False: preemption is due; what is freed is gone from the table. */
static bool free_below(struct p2m *p, uint64_t *t, unsigned int level)
{
    if (level == 1) {
        drop_grants(t);
        return true;
    }
    for (unsigned int i = 0; i < 512; i++) {
        uint64_t *child;

        if (!(t[i] & PTE_P) || p2m_is_leaf(t[i], level)) {
            continue;
        }
        child = mfn_to_virt(MFN((t[i] & PTE_ADDR) >> PAGE_SHIFT));
        if (!free_below(p, child, level - 1)) {
            return false;
        }
        t[i] = 0;
        heap_free_page(child);
        p->table_pages--;
        if ((p->table_pages & TEARDOWN_CHECK_MASK) == 0 && hypercall_preempt_check()) {
            return false;
        }
    }
    return true;
}

int p2m_teardown(struct p2m *p)
{
    uint64_t *root;

    spin_lock(&p->lock);
    if (!mfn_is_invalid(p->root)) {
        p->old_root = p->root;
        p->root = INVALID_MFN;
    }
    p->is_dead = true;
    p->pod = (struct pod){.cached = 0}; /* its frames go with the domain's others */
    spin_unlock(&p->lock);
    if (p2m_pool_drain(p) != 0) {
        return -XEN_ERESTART;
    }
    if (mfn_is_invalid(p->old_root)) {
        return 0;
    }
    root = mfn_to_virt(p->old_root);
    if (!free_below(p, root, P2M_LEVELS)) {
        return -XEN_ERESTART;
    }
    heap_free_page(root);
    p->table_pages--;
    p->old_root = INVALID_MFN;
    return 0;
}
