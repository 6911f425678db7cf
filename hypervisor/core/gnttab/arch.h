/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/gnttab needs from above. */
#pragma once
#include <core/gnttab/gnttab.h>

/* --- core/domain ---- */
/*
 * Look up frame @gfn of the granting domain and reference it: frame_get(), or frame_get_writable() when @write. -XEN_EINVAL: not there or not so.
 * The granter's lock is held.
 */
int gnttab_get_frame(struct gnttab *granter, uint64_t gfn, bool write, mfn_t *mfn);
/* No lock is held. */
void gnttab_put_frame(mfn_t mfn, bool write);

/* --- core/hypercall (grant_op.c) ---- */
/* Keep the domain that @g is part of from being freed, and let it go. No lock is held in gnttab_let_go(). */
void gnttab_hold(struct gnttab *g);
void gnttab_let_go(struct gnttab *g);

/* --- the guest layer; no lock is held ---- */
/*
 * Enter or remove a mapping of @mfn in the current (mapping) domain. @addr is a virtual address, or the machine address of a page-table entry
 * (GNTMAP_contains_pte) in PV; a guest-physical address in PVH. @flags: GNTMAP_*; without GNTMAP_readonly it is writable. Entering takes a reference of its
 * own for the mapping (the grant's holds the frame meanwhile), which goes with the mapping however that is undone: also by the guest's overwriting
 * it, and by the domain's teardown. Removing fails when @addr does not map @mfn so; TLBs may know the mapping until gnttab_flush_removed().
 * @new_addr, not 0: a virtual address whose mapping moves to @addr (GNTTABOP_unmap_and_replace). Return GNTST_*.
 */
int gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags);
int gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr);
/* No TLB knows any mapping of the current domain that was removed. */
void gnttab_flush_removed(void);
