/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of core/gnttab share. */
#pragma once
#include <core/gnttab/arch.h>
#include <core/gnttab/gnttab_ops.h>
#include <core/memory/heap.h>

BUILD_ASSERT(sizeof(struct gnttab_active) == 16, "a page holds a power of two of them");
#define ACTIVE_PER_PAGE        ((uint32_t)(PAGE_SIZE / sizeof(struct gnttab_active)))
#define ACTIVE_PAGES_PER_FRAME (GNTTAB_ENTRIES_PER_FRAME / ACTIVE_PER_PAGE)

enum maptrack_state {
    MT_FREE = 0,
    MT_BUSY, /* being mapped or unmapped by one vCPU: no other may touch it */
    MT_LIVE,
};

struct gnttab_maptrack {
    struct gnttab *granter; /* held while not free */
    uint32_t ref;           /* MT_FREE: the next free handle, or MAPTRACK_END */
    uint8_t flags;          /* GNTMAP_* below the guest's own bits */
    uint8_t state;          /* enum maptrack_state */
};

BUILD_ASSERT(sizeof(struct gnttab_maptrack) == 16, "a page holds a power of two of them");
#define MAPTRACK_PER_PAGE ((uint32_t)(PAGE_SIZE / sizeof(struct gnttab_maptrack)))
#define MAPTRACK_END      (~0u)

static inline struct gnttab_active *gnttab_active(const struct gnttab *g, grant_ref_t ref)
{
    return &g->active[ref / ACTIVE_PER_PAGE][ref % ACTIVE_PER_PAGE];
}

/* Forget every mapping of a dying mapper. 0 or -XEN_ERESTART. */
int gnttab_maptrack_release(struct gnttab *g);
