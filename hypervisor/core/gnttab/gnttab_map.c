/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mapping grants: the maptrack, a mapper's table of handles. A handle is MT_BUSY while one vCPU maps or unmaps through it, so nobody else can use it, and
 * neither table's lock is held while page tables change.
 */
#include <base/softirq.h>
#include <core/gnttab/gnttab_internal.h>

#define RELEASES_BETWEEN_CHECKS 32u
/* What one handle may stand for. Devices reach all memory by its machine address, so theirs is only a promise that the frame stays. */
#define MAPPINGS (GNTMAP_host_map | GNTMAP_device_map)

static struct gnttab_maptrack *maptrack(const struct gnttab *g, grant_handle_t handle)
{
    return &g->maptrack[handle / MAPTRACK_PER_PAGE][handle % MAPTRACK_PER_PAGE];
}

static bool is_writable(uint32_t flags)
{
    return !(flags & GNTMAP_readonly);
}

/* Lock held. */
static bool add_page(struct gnttab *g)
{
    struct gnttab_maptrack *page;
    uint32_t first = g->maptrack_frames * MAPTRACK_PER_PAGE;

    if (g->maptrack_frames == g->max_maptrack_frames) {
        return false;
    }
    page = heap_alloc_page();
    if (!page) {
        return false;
    }
    for (uint32_t i = 0; i < MAPTRACK_PER_PAGE; i++) {
        page[i].ref = i + 1 < MAPTRACK_PER_PAGE ? first + i + 1 : g->maptrack_free;
    }
    g->maptrack[g->maptrack_frames++] = page;
    g->maptrack_free = first;
    return true;
}

/* A handle that is MT_BUSY; false when there is none. */
static bool handle_alloc(struct gnttab *g, grant_handle_t *handle)
{
    bool ok;

    spin_lock(&g->lock);
    ok = !g->dying && (g->maptrack_free != MAPTRACK_END || add_page(g));
    if (ok) {
        struct gnttab_maptrack *m = maptrack(g, g->maptrack_free);

        *handle = g->maptrack_free;
        g->maptrack_free = m->ref;
        g->maptrack_used++;
        m->state = MT_BUSY;
    }
    spin_unlock(&g->lock);
    return ok;
}

static void handle_free(struct gnttab *g, grant_handle_t handle)
{
    struct gnttab_maptrack *m;

    spin_lock(&g->lock);
    m = maptrack(g, handle);
    m->state = MT_FREE;
    m->granter = NULL;
    m->ref = g->maptrack_free;
    g->maptrack_free = handle;
    g->maptrack_used--;
    spin_unlock(&g->lock);
}

/* The handle is MT_BUSY by this vCPU. */
static void set_live(struct gnttab *g, grant_handle_t handle)
{
    spin_lock(&g->lock);
    maptrack(g, handle)->state = MT_LIVE;
    spin_unlock(&g->lock);
}

int gnttab_map(struct gnttab *mapper, struct gnttab *granter, grant_ref_t ref, uint64_t host_addr,
               uint32_t flags, grant_handle_t *handle, mfn_t *mfn)
{
    struct gnttab_maptrack *m;
    grant_handle_t h;
    int rc;

    if (!(flags & MAPPINGS)) {
        return GNTST_bad_gntref;
    }
    if (!handle_alloc(mapper, &h)) {
        return GNTST_no_space;
    }
    rc = gnttab_pin(granter, ref, mapper->domid, is_writable(flags), mfn);
    if (rc == GNTST_okay && flags & GNTMAP_host_map) {
        rc = gnttab_enter_mapping(host_addr, *mfn, flags);
        if (rc != GNTST_okay) {
            gnttab_unpin(granter, ref, is_writable(flags));
        }
    }
    if (rc != GNTST_okay) {
        handle_free(mapper, h);
        return rc;
    }
    gnttab_hold(granter);
    m = maptrack(mapper, h);
    m->granter = granter;
    m->ref = ref;
    m->flags = flags;
    set_live(mapper, h);
    *handle = h;
    return GNTST_okay;
}

/* Make a live handle MT_BUSY. Lock held. */
static struct gnttab_maptrack *claim(struct gnttab *g, grant_handle_t handle)
{
    struct gnttab_maptrack *m;

    if (handle >= g->maptrack_frames * MAPTRACK_PER_PAGE) {
        return NULL;
    }
    m = maptrack(g, handle);
    if (m->state != MT_LIVE) {
        return NULL;
    }
    m->state = MT_BUSY;
    return m;
}

/* Take the mappings at @addr away from a handle that is MT_BUSY. *@gone: which. */
static int remove_mappings(const struct gnttab_maptrack *m, const struct gnttab_unmap_addr *addr,
                           uint8_t *gone)
{
    mfn_t mfn = MFN(gnttab_active(m->granter, m->ref)->mfn);
    int rc;

    *gone = (uint8_t)(m->flags & ((addr->host ? GNTMAP_host_map : 0) | (addr->dev ? GNTMAP_device_map : 0)));
    if (*gone & GNTMAP_device_map && addr->dev != mfn_to_paddr(mfn)) {
        return GNTST_bad_dev_addr;
    }
    if (*gone & GNTMAP_host_map) {
        rc = gnttab_remove_mapping(addr->host, mfn, m->flags, addr->new);
        if (rc != GNTST_okay) {
            return rc;
        }
    }
    return GNTST_okay;
}

int gnttab_unmap_begin(struct gnttab *mapper, grant_handle_t handle, const struct gnttab_unmap_addr *addr,
                       struct gnttab_unmapping *u)
{
    struct gnttab_maptrack *m;
    uint8_t gone;
    int rc;

    u->granter = NULL;
    spin_lock(&mapper->lock);
    m = claim(mapper, handle);
    spin_unlock(&mapper->lock);
    if (!m) {
        return GNTST_bad_handle;
    }
    rc = remove_mappings(m, addr, &gone);
    if (rc != GNTST_okay || gone == 0) {
        set_live(mapper, handle);
        return rc;
    }
    m->flags &= (uint8_t)~gone;
    u->granter = m->granter;
    u->handle = handle;
    u->ref = m->ref;
    u->write = is_writable(m->flags);
    u->is_part = m->flags & MAPPINGS;
    return GNTST_okay;
}

/* The handle is MT_BUSY; its mapping is gone. */
static void forget(struct gnttab *mapper, grant_handle_t handle, struct gnttab *granter, grant_ref_t ref,
                   bool write)
{
    gnttab_unpin(granter, ref, write);
    handle_free(mapper, handle);
    gnttab_let_go(granter);
}

void gnttab_unmap_end(struct gnttab *mapper, const struct gnttab_unmapping *u)
{
    if (!u->granter) {
        return;
    }
    if (u->is_part) {
        set_live(mapper, u->handle);
    } else {
        forget(mapper, u->handle, u->granter, u->ref, u->write);
    }
}

int gnttab_maptrack_release(struct gnttab *g)
{
    uint32_t end = g->maptrack_frames * MAPTRACK_PER_PAGE, done = 0;

    while (g->maptrack_used > 0 && g->release_next < end) {
        grant_handle_t handle = g->release_next++;
        struct gnttab_maptrack *m;

        spin_lock(&g->lock);
        m = claim(g, handle);
        spin_unlock(&g->lock);
        if (m) {
            forget(g, handle, m->granter, m->ref, is_writable(m->flags));
        }
        if (++done % RELEASES_BETWEEN_CHECKS == 0 && hypercall_preempt_check()) {
            return -XEN_ERESTART;
        }
    }
    return 0;
}
