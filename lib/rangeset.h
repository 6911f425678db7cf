/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A set of 64-bit numbers kept as sorted inclusive ranges: port numbers, frames, interrupt lines.
 *
 * The whole of [0, 2^64 - 1] can be held. Invariant: ranges are in ascending order, none empty, none touching
 * (range[i].last + 1 < range[i + 1].first). Storage is one array, grown through callbacks; a limit on its length
 * bounds what a guest can make the set cost. The caller's lock guards the set.
 */
#ifndef LIB_RANGESET_H
#define LIB_RANGESET_H

#include <lib/bits.h>

struct range {
    uint64_t first;
    uint64_t last;
};

struct rangeset_ops {
    /* Returns memory of @size_bytes, or NULL. */
    void *(*alloc)(void *opaque, size_t size_bytes);
    void (*free)(void *opaque, void *memory, size_t size_bytes);
};

struct rangeset {
    const struct rangeset_ops *ops;
    void *opaque; /* handed to the callbacks */
    struct range *ranges;
    size_t count;
    size_t capacity;
    size_t limit; /* most ranges it may hold */
};

/* An empty set of at most @limit ranges; allocates nothing yet. */
void rangeset_init(struct rangeset *set, const struct rangeset_ops *ops, void *opaque, size_t limit);

/* Free the storage; the set is empty and usable again. */
void rangeset_destroy(struct rangeset *set);

/* Put in, take out every number in [@first, @last]; what is already so stays so.
 * -XEN_EINVAL: @first > @last. -XEN_ENOMEM: no storage. -XEN_ENOSPC: it would take more ranges than the limit.
 * On an error the set is unchanged. */
int rangeset_add(struct rangeset *set, uint64_t first, uint64_t last);
int rangeset_remove(struct rangeset *set, uint64_t first, uint64_t last);

/* Put in every number of @other. The same errors; on one, some may have been put in. */
int rangeset_add_all(struct rangeset *set, const struct rangeset *other);

/* Are all, is any, of the numbers in [@first, @last] in the set? False for an empty range. */
bool rangeset_contains(const struct rangeset *set, uint64_t first, uint64_t last);
bool rangeset_overlaps(const struct rangeset *set, uint64_t first, uint64_t last);

static inline bool rangeset_has(const struct rangeset *set, uint64_t value)
{
    return rangeset_contains(set, value, value);
}

static inline bool rangeset_is_empty(const struct rangeset *set)
{
    return set->count == 0;
}

#define rangeset_for_each(range, set) \
    for ((range) = (set)->ranges; (range) < (set)->ranges + (set)->count; (range)++)

#endif
