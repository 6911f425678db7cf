/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of the p2m: p2m.c (entries), p2m_pool.c (memory for its tables), p2m_pod.c (populate on demand). All under p2m.lock. */
#pragma once
#include <guest/x86/pvh/p2m.h>

#define P2M_LEVELS 4u

/* Pages that an entry of @level covers. */
static inline uint64_t p2m_pages_at(unsigned int level)
{
    return 1ull << (9 * (level - 1));
}

static inline bool p2m_is_leaf(uint64_t e, unsigned int level)
{
    return (e & PTE_P) && (level == 1 || (e & PTE_PS));
}

/* An absent entry that promises memory: P2M_POD. */
static inline bool p2m_is_promise(uint64_t e)
{
    return !(e & PTE_P) && (e >> 9 & 7) == P2M_POD;
}

uint64_t p2m_make_leaf(mfn_t mfn, unsigned int level, enum p2m_type type);
/* The entry of @gfn at @level, in tables made on the way; larger pages, and promises of them, are split. -XEN_ENOMEM: the pool is used up. */
int p2m_find_slot(struct p2m *p, uint64_t gfn, unsigned int level, uint64_t **slot);

/* --- p2m_pool.c ---- */
/* A table, all zeroes, out of the domain's pool; NULL: it is used up. */
uint64_t *p2m_pool_take(struct p2m *p);
/* A table that is all zeroes again, and in nobody's way, goes back there. */
void p2m_pool_put(struct p2m *p, uint64_t *table);
/* Give what no table uses back to the heap, in steps: 0 or -XEN_ERESTART. */
int p2m_pool_drain(struct p2m *p);
