/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory that a PVH domain's p2m may use for tables: taken from the heap when the tools set the size (XEN_DOMCTL_set_paging_mempool_size), so that a
 * running guest can neither be refused a table that was promised nor take more than its share. Size: tables in use and frames in the list. Invariant: what is in
 * the list is zero, so that it is a table, or goes back to the heap, as it is.
 */
#include <base/softirq.h>
#include <core/memory/heap.h>
#include <guest/x86/pvh/p2m_internal.h>

#define CHECK_MASK 31u

uint64_t *p2m_pool_take(struct p2m *p)
{
    mfn_t mfn = frame_list_pop(&p->pool);

    if (mfn_is_invalid(mfn)) {
        return NULL;
    }
    p->table_pages++;
    return mfn_to_virt(mfn);
}

void p2m_pool_put(struct p2m *p, uint64_t *table)
{
    frame_list_push(&p->pool, virt_to_mfn(table));
    p->table_pages--;
}

uint64_t p2m_pool_pages(const struct p2m *p)
{
    return p->pool.count + p->table_pages;
}

/* One page more or less; false: out of memory. */
static bool step(struct p2m *p, uint64_t want_free)
{
    void *page;

    if (p->pool.count > want_free) {
        heap_free_clean(frame_list_pop(&p->pool), 0);
        return true;
    }
    page = heap_alloc_page();
    if (page) {
        frame_list_push(&p->pool, virt_to_mfn(page));
    }
    return page != NULL;
}

int p2m_pool_set(struct p2m *p, uint64_t pages)
{
    uint64_t want;
    int rc = 0;

    spin_lock(&p->lock);
    want = pages > p->table_pages ? pages - p->table_pages : 0;
    for (unsigned int i = 1; rc == 0 && p->pool.count != want; i++) {
        if (p->is_dead) {
            rc = -XEN_EINVAL;
        } else if (!step(p, want)) {
            rc = -XEN_ENOMEM;
        } else if ((i & CHECK_MASK) == 0 && hypercall_preempt_check()) {
            rc = -XEN_ERESTART;
        }
    }
    spin_unlock(&p->lock);
    return rc;
}

int p2m_pool_drain(struct p2m *p)
{
    while (p->pool.count > 0) {
        heap_free_clean(frame_list_pop(&p->pool), 0);
        if ((p->pool.count & CHECK_MASK) == 0 && hypercall_preempt_check()) {
            return -XEN_ERESTART;
        }
    }
    return 0;
}
