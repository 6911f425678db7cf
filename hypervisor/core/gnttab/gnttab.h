/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant tables: what a domain offers of its memory to others (the shared entries and, behind them, how they are used now), and what it has mapped of
 * others' (the maptrack). Knows struct gnttab, which struct domain embeds; what is done with it is in gnttab_ops.h; who owns what and how a mapping is
 * entered is asked through arch.h. Decoding: core/hypercall/grant_op.c. Version 1 entries; version 2 is refused by set_version.
 *
 * Lock class gnttab, one a table, never two at a time: using a grant holds the granter's lock, the maptrack the mapper's. Entering and removing mappings
 * holds none, because the pin keeps the frame and the handle's state keeps others off the handle.
 *
 * Invariants: pins of an entry = live mappings and copies under way of it. While an entry has read pins the table holds one general reference to its
 * frame, while it has write pins one writable reference. A live maptrack entry holds one pin, and its granter (gnttab_hold()).
 */
#pragma once
#include <abi/grant_table.h>
#include <base/frame.h>
#include <base/lock.h>

struct domain_mem;

#define GNTTAB_MAX_FRAMES_DEFAULT 64u
#define GNTTAB_MAPTRACK_DEFAULT   1024u
#define GNTTAB_MAX_FRAMES_LIMIT   8192u
#define GNTTAB_MAPTRACK_LIMIT     65536u
/* What a new domain gets when its configuration says nothing, and the most that it may say. Change at any time. */
struct gnttab_limits {
    uint64_t frames, maptrack_frames;
};
extern struct gnttab_limits gnttab_limits;

#define GNTTAB_ENTRIES_PER_FRAME ((uint32_t)(PAGE_SIZE / sizeof(grant_entry_v1_t)))

/* How one entry is used. */
struct gnttab_active {
    uint64_t mfn;        /* constant while there are pins */
    domid_t domid;       /* who uses it; all concurrent users are the same domain */
    uint16_t pins_read;  /* mappings and copies that read */
    uint16_t pins_write; /* that may write */
    uint16_t pad;
};

struct gnttab_maptrack;

struct gnttab {
    struct spinlock lock;                     /* class gnttab; guards all below */
    domid_t domid;                            /* constant */
    struct domain_mem *mem;                   /* constant: the domain's account, for the frames it shares */
    uint32_t max_frames, max_maptrack_frames; /* constant */
    uint32_t frame_count;
    grant_entry_v1_t **
        frames; /* shared with the domain: read an entry once. NULL entries: taken back from a dying domain */
    struct gnttab_active **active;     /* pages of entries; stay until the table is destroyed */
    struct gnttab_maptrack **maptrack; /* pages; stay until the table is destroyed */
    uint32_t maptrack_frames;
    uint32_t maptrack_free; /* first free handle */
    uint32_t maptrack_used;
    uint32_t release_next; /* progress of gnttab_release_mappings() */
    bool dying;
};
