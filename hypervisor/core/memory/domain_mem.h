/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's memory account: which frames it owns, how many it has, may have and has claimed. Knows no struct domain: core/domain embeds it.
 */
#pragma once
#include <base/lock.h>
#include <core/memory/heap.h>
#include <core/memory/pageset.h>

struct domain_mem {
    struct spinlock lock; /* class domain_mem; guards all below */
    domid_t owner;        /* constant */
    bool dying;           /* nothing more is assigned */
    uint64_t tot_pages;   /* frames with an `allocated` reference or still referenced */
    uint64_t max_pages;
    uint64_t shared_pages;    /* of the hypervisor's, shared with the domain (not in tot_pages) */
    uint64_t claim;           /* promised and not yet allocated */
    uint64_t relinquish_from; /* progress of domain_mem_relinquish() */
    uint64_t nodes; /* where its memory shall be, a bit a node; 0: anywhere. Atomic: read without the lock */
    uint8_t last_node;    /* of them, where the last block was taken; a hint, without the lock */
    struct pageset owned; /* the frames in tot_pages */
};

int domain_mem_init(struct domain_mem *m, domid_t owner);
void domain_mem_destroy(struct domain_mem *m);

/*
 * Allocate 2^order frames for the domain: each gets one reference, `allocated`, type none. Uses up the claim first. Errors: -XEN_ENOMEM (none
 * free, or memory for the bitmap), -XEN_E2BIG (over max_pages), -XEN_EINVAL (dying). M2P entries are left to the caller. All zeroes, unless
 * @heap_flags has DOMAIN_MEM_AS_IS: for the first domain, which may see what was in the machine before.
 */
#define DOMAIN_MEM_AS_IS (1u << 31)
/*
 * On a machine of several memory nodes: from the node that @heap_flags names, else from the domain's nodes in turn, else from the one that is nearest
 * to these.
 */
int domain_mem_alloc(struct domain_mem *m, unsigned int order, unsigned int heap_flags, mfn_t *start);
/* Make frames that the hypervisor allocated (owner none, refs 0) the domain's, the same way. Same errors. */
int domain_mem_assign(struct domain_mem *m, mfn_t start, unsigned int order);
/* Share a hypervisor page with the domain: owner it, one reference (the hypervisor's), not `allocated`. */
void domain_mem_share(struct domain_mem *m, mfn_t mfn);
/* Undo: drop the hypervisor's reference and the ownership; the page returns to the heap, cleared, when the last mapping goes (also after the domain). */
void domain_mem_unshare(struct domain_mem *m, mfn_t mfn);
/* Give a page back: the owner's reference goes; freed when no mapping is left. -XEN_EINVAL: not its page, or given back before. */
int domain_mem_give_back(struct domain_mem *m, mfn_t mfn);
/*
 * Teardown: take and drop the `allocated` reference of owned pages, at most @budget of them, calling @drop_types (may be NULL) on each first (PV: unpin and
 * devalidate). 0 when none is left with `allocated`, -XEN_ERESTART when the budget ended or preemption is due, or @drop_types's error.
 */
int domain_mem_relinquish(struct domain_mem *m, unsigned int budget, int (*drop_types)(mfn_t mfn));
/* Promise the domain memory until it has @total_pages in all (0 cancels). -XEN_ENOMEM, -XEN_EINVAL (more than max_pages, fewer than it has, dying, or
 * there is a claim already). */
int domain_mem_set_claim(struct domain_mem *m, uint64_t total_pages);
