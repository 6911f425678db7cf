/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done with grant tables. Each function takes the locks it needs (class gnttab, so never in an interrupt). Those that return a grant status say so:
 * GNTST_okay, or a negative GNTST_* of the ABI. The tables given must outlive the call.
 */
#pragma once
#include <core/gnttab/gnttab.h>

/* --- life ------------------------------------------------------------------------------------------------------------------------ */
/*
 * @g is zeroed memory. Limits above INT32_MAX mean the default (the tools say so with -1). -XEN_EINVAL: a limit is absurd. -XEN_ENOMEM. After an error
 * gnttab_destroy() frees what there is.
 */
int gnttab_init(struct gnttab *g, domid_t domid, struct domain_mem *mem, uint32_t max_frames,
                uint32_t max_maptrack_frames);
/*
 * The domain dies and does not run: nothing of it can be used any more, its mappings of others' pages count no more. Others' mappings of its pages stay
 * until they undo them. 0, or -XEN_ERESTART: preemption is due, call again.
 */
int gnttab_release_mappings(struct gnttab *g);
/*
 * After that, and when the domain's own page tables map nothing any more: take the table's frames back; who has mapped one of them keeps it until it unmaps.
 * The entries behind stay: others may have pins.
 */
void gnttab_release_frames(struct gnttab *g);
/* Free the table's memory; nobody holds it any more. */
void gnttab_destroy(struct gnttab *g);

/* --- the table's frames ------------------------------------------------------------------------------------------------------------ */
/* At least @frames of them. -XEN_EINVAL: more than the limit, or the domain dies. -XEN_ENOMEM. */
int gnttab_grow(struct gnttab *g, uint32_t frames);
/* Frame number @index of the table, which grows to have it. The same errors. */
int gnttab_frame_mfn(struct gnttab *g, uint32_t index, mfn_t *mfn);
uint32_t gnttab_frame_count(struct gnttab *g);
/* The next entry from *@ref on that somebody uses: false when there is none, else its number and a copy of how it is used. For those who show it. */
bool gnttab_next_used(struct gnttab *g, grant_ref_t *ref, struct gnttab_active *use);

/* --- using a grant ------------------------------------------------------------------------------------------------------------------ */
/*
 * Domain @user uses entry @ref of @g until gnttab_unpin() with the same @write. Grant status: bad_domain (it dies), bad_gntref (no such entry),
 * general_error (not granted to @user, or not for writing; in use by another; the guest keeps changing it), bad_page (its frame is none).
 */
int gnttab_pin(struct gnttab *g, grant_ref_t ref, domid_t user, bool write, mfn_t *mfn);
void gnttab_unpin(struct gnttab *g, grant_ref_t ref, bool write);
/* Exchange two entries that nobody uses. Grant status: bad_gntref, eagain (in use). */
int gnttab_swap(struct gnttab *g, grant_ref_t a, grant_ref_t b);

/* --- mapping ------------------------------------------------------------------------------------------------------------------------ */
/*
 * Map entry @ref of @granter into @mapper, whose domain is the current one. @flags: GNTMAP_*, host_map or device_map or both. Grant status: also gnttab_pin()'s
 * and gnttab_enter_mapping()'s, and no_space (every handle is used).
 */
int gnttab_map(struct gnttab *mapper, struct gnttab *granter, grant_ref_t ref, uint64_t host_addr,
               uint32_t flags, grant_handle_t *handle, mfn_t *mfn);

/* A mapping that is removed, and still to be forgotten once no TLB knows it. */
struct gnttab_unmapping {
    struct gnttab *granter; /* NULL: nothing to do */
    grant_handle_t handle;
    grant_ref_t ref;
    bool write;
    bool is_part; /* the handle stands for another mapping still */
};

/* Where the mappings are that shall go: 0 leaves that one alone. */
struct gnttab_unmap_addr {
    uint64_t host, dev;
    uint64_t new; /* what this maps is put where the host mapping was, if not 0 */
};

/*
 * Remove the mappings at @addr from @handle; one that it has not is no error. On success gnttab_unmap_end() must follow, after gnttab_flush_removed()
 * (arch.h). Grant status: bad_handle, bad_dev_addr, and gnttab_remove_mapping()'s.
 */
int gnttab_unmap_begin(struct gnttab *mapper, grant_handle_t handle, const struct gnttab_unmap_addr *addr,
                       struct gnttab_unmapping *u);
void gnttab_unmap_end(struct gnttab *mapper, const struct gnttab_unmapping *u);
