/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The physical-to-machine map of a PVH domain: its nested page tables, with pages of 4 KiB, 2 MiB and 1 GiB. An entry for the domain's own memory holds no
 * reference; the entry of a grant mapping holds one of its own.
 *
 * Changes are made under the lock. A vCPU may look entries up without the lock as long as its interrupts are off: whoever removes an entry, or a table that
 * maps nothing, waits for an interrupt on every pCPU that runs the domain before the frame can get another owner.
 */
#pragma once
#include <base/frame.h>
#include <base/lock.h>
#include <guest/x86/common/x86_domain.h>
#include <guest/x86/pvh/frame_list.h>
#include <model/x86/pt/npt.h>

enum p2m_type {
    P2M_NONE = 0,
    P2M_RAM = 1,      /* the domain's own frames, and those that the hypervisor shares with it */
    P2M_GRANT_RW = 2, /* another's, by a grant; the entry holds a writable reference */
    P2M_GRANT_RO = 3, /* ... a general reference */
    P2M_POD =
        4, /* no memory yet: at first use a frame of the domain's populate-on-demand cache. The entry is absent */
};

#define P2M_MAX_GFN (1ull << 36) /* 48 address bits, four levels */

struct p2m {
    struct spinlock lock; /* class p2m */
    mfn_t root;           /* INVALID_MFN once teardown began */
    mfn_t old_root;       /* what teardown has still to free */
    uint64_t max_gfn;     /* highest that ever was in use */
    uint64_t table_pages;
    bool use_1g;
    bool is_dead;           /* teardown began */
    struct frame_list pool; /* for tables: p2m_pool_set() */
    struct pod {
        struct frame_list large,
            small; /* blocks of 512 frames, by their first; single frames. The domain owns them, nothing maps them */
        uint64_t cached;   /* frames in both */
        uint64_t promised; /* pages of P2M_POD entries */
    } pod;
    uint32_t flushes; /* atomic: counts removals that TLBs must hear of */
};

/* With a pool of P2M_POOL_DEFAULT pages. -XEN_ENOMEM. */
int p2m_init(struct p2m *p, bool use_1g);
#define P2M_POOL_DEFAULT 256u

/*
 * Memory for tables: what the domain has, and setting it to @pages, or to the tables that it has if those are more. 0, -XEN_ENOMEM (it has grown as far as
 * it could), -XEN_ERESTART (call again), -XEN_EINVAL (the domain dies).
 */
uint64_t p2m_pool_pages(const struct p2m *p);
int p2m_pool_set(struct p2m *p, uint64_t pages);

/* A leaf: 0 in *@mfn's place is none. Interrupts off, or the lock held. */
struct p2m_leaf {
    enum p2m_type type;
    bool write;
    mfn_t mfn;
};
struct p2m_leaf p2m_lookup(const struct p2m *p, uint64_t gfn);

/*
 * Map 2^order frames; what was mapped there goes: a page of the domain that it may give back is given back, a grant mapping's reference is dropped.
 * -XEN_ENOMEM: the domain's pool is used up (then nothing of the range is mapped); -XEN_EINVAL: beyond what tables can hold.
 * Interrupts on.
 */
int p2m_add(struct x86_domain *xd, struct p2m *p, uint64_t gfn, mfn_t mfn, unsigned int order,
            enum p2m_type type);
/* Unmap 2^order pages, all of which map @mfn and its successors with @type: -XEN_EINVAL otherwise, and nothing changed. No TLB has them afterwards. */
int p2m_remove(struct x86_domain *xd, struct p2m *p, uint64_t gfn, mfn_t mfn, unsigned int order,
               enum p2m_type type);
/* The same for a single page, without waiting for TLBs: p2m_flush() must follow before the frame is let go. */
int p2m_remove_lazily(struct p2m *p, uint64_t gfn, mfn_t mfn, enum p2m_type type);
/* No TLB has what was removed before. Interrupts on. */
void p2m_flush(struct x86_domain *xd, struct p2m *p);
/* Free the tables and the pool, in steps: 0, or -XEN_ERESTART. Nothing runs in the domain. */
int p2m_teardown(struct p2m *p);

/* --- populate on demand: p2m_pod.c. All with interrupts on --------------------------------------------------------------------------------------- */

/* For those who would rather not call for nothing. */
static inline bool p2m_has_promises(const struct p2m *p)
{
    return unlikely(__atomic_load_n(&p->pod.promised, __ATOMIC_RELAXED) != 0);
}

/*
 * Promise 2^order pages from @gfn. -XEN_EINVAL: beyond the tables, or the domain dies; -XEN_EBUSY: something is mapped there; -XEN_ENOMEM: the pool is
 * used up. The last two may leave a part of the range promised.
 */
int p2m_pod_promise(struct p2m *p, uint64_t gfn, unsigned int order);
/* Keep a promise: @gfn has memory when this returns 0. -XEN_EINVAL: nothing was promised there; -XEN_ENOMEM: the cache, or the pool, is used up. */
int p2m_pod_populate(struct p2m *p, uint64_t gfn);
/* The domain gives @gfn back before it ever used it. -XEN_EINVAL: nothing was promised there; -XEN_ENOMEM: the pool is used up. */
int p2m_pod_release(struct x86_domain *xd, struct p2m *p, uint64_t gfn);
/* The domain gives back @mfn, which is in no entry any more and which the caller holds a reference to: true when the cache, short of a page, took it. */
bool p2m_pod_reclaim(struct p2m *p, mfn_t mfn);
/*
 * Give the cache so many frames that the domain has @pages in all; not more than are promised, and not fewer than it has now, as the balloon driver is to
 * give those back. -XEN_ENOMEM, -XEN_E2BIG (over the domain's maximum), -XEN_ERESTART (call again).
 */
int p2m_pod_set_target(struct x86_domain *xd, struct p2m *p, uint64_t pages);

/* The entry that maps @gfn and its level; 0: none. Interrupts off, or the lock held. */
static inline uint64_t p2m_find(const struct p2m *p, uint64_t gfn, unsigned int *level)
{
    const uint64_t *t;
    uint64_t e;

    if (unlikely(gfn >= P2M_MAX_GFN || mfn_is_invalid(p->root))) {
        return 0;
    }
    t = mfn_to_virt(p->root);
    for (unsigned int l = 4;; l--) {
        e = __atomic_load_n(&t[(gfn >> (9 * (l - 1))) & 511], __ATOMIC_RELAXED);
        if (unlikely(!(e & PTE_P))) {
            return 0;
        }
        if (l == 1 || (e & PTE_PS)) {
            *level = l;
            return e;
        }
        t = mfn_to_virt(MFN((e & PTE_ADDR) >> PAGE_SHIFT));
    }
}

/* The frame of @gfn in such an entry. */
static inline mfn_t p2m_frame(uint64_t entry, uint64_t gfn, unsigned int level)
{
    uint64_t inside = (1ull << (9 * (level - 1))) - 1;

    return MFN(((entry & PTE_ADDR) >> PAGE_SHIFT & ~inside) | (gfn & inside));
}
