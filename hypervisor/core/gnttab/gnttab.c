/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A grant table's life and its shared frames. */
#include <base/softirq.h>
#include <core/gnttab/gnttab_internal.h>
#include <core/memory/domain_mem.h>
#include <lib/string.h>

/* Arrays of pointers may be larger than a page, so they come from the page allocator. */
static unsigned int array_order(uint32_t count)
{
    return order_for(DIV_ROUND_UP(count * sizeof(void *), PAGE_SIZE));
}

static void *array_alloc(uint32_t count)
{
    mfn_t mfn = heap_alloc(array_order(count), HEAP_ZERO);

    return mfn_is_invalid(mfn) ? NULL : mfn_to_virt(mfn);
}

static void array_free(void *array, uint32_t count)
{
    if (array) {
        heap_free(virt_to_mfn(array), array_order(count));
    }
}

/* A negative @wanted means the limit itself; false: it is above that. */
static bool choose_limit(uint32_t *wanted, const uint64_t *limit)
{
    uint32_t most = (uint32_t)__atomic_load_n(limit, __ATOMIC_RELAXED);

    if (*wanted > INT32_MAX) {
        *wanted = most;
    }
    return *wanted <= most;
}

int gnttab_init(struct gnttab *g, domid_t domid, struct domain_mem *mem, uint32_t max_frames,
                uint32_t max_maptrack_frames)
{
    spin_lock_init(&g->lock, gnttab);
    g->domid = domid;
    g->mem = mem;
    g->maptrack_free = MAPTRACK_END;
    if (!choose_limit(&max_frames, &gnttab_limits.frames) ||
        !choose_limit(&max_maptrack_frames, &gnttab_limits.maptrack_frames)) {
        return -XEN_EINVAL;
    }
    g->max_frames = max_frames;
    g->max_maptrack_frames = max_maptrack_frames;
    g->frames = array_alloc(max_frames);
    g->active = array_alloc(max_frames * ACTIVE_PAGES_PER_FRAME);
    g->maptrack = array_alloc(max_maptrack_frames);
    return g->frames && g->active && g->maptrack ? 0 : -XEN_ENOMEM;
}

void gnttab_destroy(struct gnttab *g)
{
    ASSERT(g->maptrack_used == 0);
    for (uint32_t i = 0; i < g->frame_count; i++) {
        BUG_ON(g->frames[i]); /* gnttab_release_frames() took them back */
    }
    for (uint32_t i = 0; i < g->frame_count * ACTIVE_PAGES_PER_FRAME; i++) {
        heap_free_page(g->active[i]);
    }
    for (uint32_t i = 0; i < g->maptrack_frames; i++) {
        heap_free_page(g->maptrack[i]);
    }
    array_free(g->frames, g->max_frames);
    array_free(g->active, g->max_frames * ACTIVE_PAGES_PER_FRAME);
    array_free(g->maptrack, g->max_maptrack_frames);
    memset(g, 0, sizeof(*g));
}

/* Lock held. The pages behind one more frame, all or none. */
static int add_frame(struct gnttab *g)
{
    void *page[1 + ACTIVE_PAGES_PER_FRAME];
    uint32_t i;

    for (i = 0; i < ARRAY_SIZE(page); i++) {
        page[i] = heap_alloc_page();
        if (!page[i]) {
            break;
        }
    }
    if (i < ARRAY_SIZE(page)) {
        while (i > 0) {
            heap_free_page(page[--i]);
        }
        return -XEN_ENOMEM;
    }
    domain_mem_share(g->mem, virt_to_mfn(page[0]));
    m2p_set(virt_to_mfn(page[0]), ~0ull);
    g->frames[g->frame_count] = page[0];
    memcpy(&g->active[g->frame_count * ACTIVE_PAGES_PER_FRAME], &page[1],
           ACTIVE_PAGES_PER_FRAME * sizeof(page[1]));
    g->frame_count++;
    return 0;
}

int gnttab_grow(struct gnttab *g, uint32_t frames)
{
    int rc = 0;

    if (frames > g->max_frames) {
        return -XEN_EINVAL;
    }
    spin_lock(&g->lock);
    if (g->dying) {
        rc = -XEN_EINVAL;
    }
    while (rc == 0 && g->frame_count < frames) {
        rc = add_frame(g);
    }
    spin_unlock(&g->lock);
    return rc;
}

int gnttab_frame_mfn(struct gnttab *g, uint32_t index, mfn_t *mfn)
{
    int rc;

    if (index >= g->max_frames) {
        return -XEN_EINVAL;
    }
    rc = gnttab_grow(g, index + 1);
    if (rc != 0) {
        return rc;
    }
    spin_lock(&g->lock);
    if (g->frames[index]) {
        *mfn = virt_to_mfn(g->frames[index]);
    } else {
        rc = -XEN_EINVAL;
    }
    spin_unlock(&g->lock);
    return rc;
}

uint32_t gnttab_frame_count(struct gnttab *g)
{
    return __atomic_load_n(&g->frame_count, __ATOMIC_RELAXED);
}

bool gnttab_next_used(struct gnttab *g, grant_ref_t *ref, struct gnttab_active *use)
{
    grant_ref_t r;
    bool found = false;

    spin_lock(&g->lock);
    for (r = *ref; r < g->frame_count * GNTTAB_ENTRIES_PER_FRAME && !found; r++) {
        *use = *gnttab_active(g, r);
        found = use->pins_read + use->pins_write > 0;
        *ref = r;
    }
    spin_unlock(&g->lock);
    return found;
}

void gnttab_release_frames(struct gnttab *g)
{
    for (uint32_t i = 0; i < g->frame_count; i++) {
        grant_entry_v1_t *frame;

        spin_lock(&g->lock);
        frame = g->frames[i];
        g->frames[i] = NULL;
        spin_unlock(&g->lock);
        if (frame) {
            domain_mem_unshare(g->mem, virt_to_mfn(frame));
        }
    }
}

int gnttab_release_mappings(struct gnttab *g)
{
    spin_lock(&g->lock);
    g->dying = true;
    spin_unlock(&g->lock);
    return gnttab_maptrack_release(g);
}
