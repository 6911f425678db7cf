/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant tables: what a domain offers of its memory to others, and what it has mapped of others' (the maptrack). Knows struct gnttab, which struct
 * domain embeds; who owns what and how a mapping is entered is asked through arch.h. Decoding: core/hypercall/grant_op.c.
 * Lock class gnttab, one a table; an operation on a grant of a remote domain holds the granter's lock.
 * Version 1 entries. Version 2 is refused clearly by set_version.
 */
#pragma once
#include <abi/grant_table.h>
#include <base/frame.h>
#include <base/lock.h>

#define GNTTAB_MAX_FRAMES_DEFAULT 64u
#define GNTTAB_MAPTRACK_DEFAULT 1024u

/* Pins of one active entry, and its frame. */
struct gnttab_active {
    uint64_t mfn;
    uint64_t gfn;
    domid_t domid; /* who uses it; all concurrent users are the same domain */
    uint16_t pad;
    uint32_t pins_read; /* mappings and copies that read */
    uint32_t pins_write;
};

struct gnttab_maptrack;

struct gnttab {
    struct spinlock lock; /* class gnttab; guards all below */
    domid_t domid; /* constant */
    uint32_t max_frames, max_maptrack_frames; /* constant */
    uint32_t frame_count;
    grant_entry_v1_t **frames; /* shared with the domain: read an entry once */
    mfn_t *frame_mfns;
    struct gnttab_active **active; /* pages of entries */
    struct gnttab_maptrack **maptrack; /* pages, each owned by this domain as a mapper */
    uint32_t maptrack_frames;
    uint32_t maptrack_free; /* first free handle */
    uint32_t maptrack_used;
    bool dying;
};
