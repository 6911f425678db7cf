/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What core/gnttab needs from above: core/domain and the guest layer define it. */
#pragma once
#include <core/gnttab/gnttab.h>

/* Look up frame @gfn of the granting domain and reference it (with a writable type when @write). -XEN_EINVAL: not there or not so. */
int gnttab_get_frame(struct gnttab *granter, uint64_t gfn, bool write, mfn_t *mfn);
void gnttab_put_frame(mfn_t mfn, bool write);
/*
 * Enter or remove a mapping of @mfn in the current (mapping) domain. @addr is a virtual address, or the machine address of a page-table entry
 * (GNTMAP_contains_pte) in PV; a guest-physical address in PVH. Errors: GNTST_*.
 */
int gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags);
int gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr);
