/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Using a grant: the guest's entry is checked and marked (GTF_reading, GTF_writing) in one compare-and-exchange of the word that holds flags and domain id,
 * then its frame is looked up and referenced. The guest may change the entry at any time; once pinned only struct gnttab_active counts.
 */
#include <core/gnttab/gnttab_internal.h>

#define MARK_TRIES 8 /* an honest guest changes an entry's flags rarely, and never while they are marked */

/* The entry's flags (low half) and domain id as one word. */
static uint32_t *entry_word(grant_entry_v1_t *entry)
{
    return (uint32_t *)&entry->flags;
}

static grant_entry_v1_t *entry_of(const struct gnttab *g, grant_ref_t ref)
{
    grant_entry_v1_t *frame = g->frames[ref / GNTTAB_ENTRIES_PER_FRAME];

    return frame ? &frame[ref % GNTTAB_ENTRIES_PER_FRAME] : NULL;
}

/* Grant status. */
static int mark(grant_entry_v1_t *entry, domid_t user, bool write)
{
    uint32_t *word = entry_word(entry);
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    for (int try = 0; try < MARK_TRIES; try++) {
        uint32_t flags = old & 0xffff;

        if ((flags & GTF_type_mask) != GTF_permit_access || old >> 16 != user ||
            (write && (flags & GTF_readonly))) {
            return GNTST_general_error;
        }
        if (__atomic_compare_exchange_n(word, &old, old | GTF_reading | (write ? GTF_writing : 0), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
            return GNTST_okay;
        }
    }
    return GNTST_general_error;
}

/* Take back the marks that no pin needs. */
static void unmark(grant_entry_v1_t *entry, const struct gnttab_active *a)
{
    uint16_t gone = a->pins_write ? 0 : GTF_writing;

    if (!a->pins_write && !a->pins_read) {
        gone |= GTF_reading;
    }
    if (entry && gone) {
        __atomic_fetch_and(&entry->flags, (uint16_t)~gone, __ATOMIC_SEQ_CST);
    }
}

/* The reference that the first pin of its kind takes. */
static bool reference(struct gnttab *g, const grant_entry_v1_t *entry, struct gnttab_active *a, bool write)
{
    mfn_t mfn = MFN(a->mfn);

    if (a->pins_read || a->pins_write) {
        return write ? frame_get_writable(mfn, g->domid) : frame_get_again(mfn);
    }
    if (gnttab_get_frame(g, __atomic_load_n(&entry->frame, __ATOMIC_RELAXED), write, &mfn) != 0) {
        return false;
    }
    a->mfn = mfn.n;
    return true;
}

static int pin(struct gnttab *g, grant_ref_t ref, domid_t user, bool write)
{
    grant_entry_v1_t *entry;
    struct gnttab_active *a;
    bool in_use;
    int rc;

    if (unlikely(g->dying)) {
        return GNTST_bad_domain;
    }
    if (unlikely(ref >= g->frame_count * GNTTAB_ENTRIES_PER_FRAME)) {
        return GNTST_bad_gntref;
    }
    entry = entry_of(g, ref);
    a = gnttab_active(g, ref);
    in_use = a->pins_read || a->pins_write;
    if (in_use && (a->domid != user || a->pins_read == UINT16_MAX || a->pins_write == UINT16_MAX)) {
        return GNTST_general_error;
    }
    if (!in_use || (write && !a->pins_write)) {
        rc = mark(entry, user, write);
        if (rc != GNTST_okay) {
            return rc;
        }
    }
    if ((write ? a->pins_write : a->pins_read) == 0 && !reference(g, entry, a, write)) {
        unmark(entry, a);
        return GNTST_bad_page;
    }
    a->domid = user;
    if (write) {
        a->pins_write++;
    } else {
        a->pins_read++;
    }
    return GNTST_okay;
}

int gnttab_pin(struct gnttab *g, grant_ref_t ref, domid_t user, bool write, mfn_t *mfn)
{
    int rc;

    spin_lock(&g->lock);
    rc = pin(g, ref, user, write);
    if (rc == GNTST_okay) {
        *mfn = MFN(gnttab_active(g, ref)->mfn);
    }
    spin_unlock(&g->lock);
    return rc;
}

void gnttab_unpin(struct gnttab *g, grant_ref_t ref, bool write)
{
    struct gnttab_active *a = gnttab_active(g, ref);
    uint16_t *pins = write ? &a->pins_write : &a->pins_read;
    bool last;
    mfn_t mfn;

    spin_lock(&g->lock);
    BUG_ON(*pins == 0);
    mfn = MFN(a->mfn);
    last = --*pins == 0;
    if (last) {
        unmark(entry_of(g, ref), a);
    }
    spin_unlock(&g->lock);
    if (last) {
        gnttab_put_frame(mfn, write);
    }
}

static bool is_used(const struct gnttab *g, grant_ref_t ref)
{
    const struct gnttab_active *a = gnttab_active(g, ref);

    return a->pins_read || a->pins_write;
}

int gnttab_swap(struct gnttab *g, grant_ref_t a, grant_ref_t b)
{
    int rc = GNTST_okay;

    spin_lock(&g->lock);
    if (g->dying || a >= g->frame_count * GNTTAB_ENTRIES_PER_FRAME ||
        b >= g->frame_count * GNTTAB_ENTRIES_PER_FRAME) {
        rc = GNTST_bad_gntref;
    } else if (is_used(g, a) || is_used(g, b)) {
        rc = GNTST_eagain;
    } else if (a != b) {
        grant_entry_v1_t *at_a = entry_of(g, a), *at_b = entry_of(g, b), spare = *at_a;

        *at_a = *at_b;
        *at_b = spare;
    }
    spin_unlock(&g->lock);
    return rc;
}
