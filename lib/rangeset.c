/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Range sets: find the ranges that a change touches, work out what replaces them (at most two), splice. See rangeset.h.
 */
#include <lib/rangeset.h>
#include <lib/string.h>
#include <abi/xen.h>

#define FIRST_CAPACITY 8

void rangeset_init(struct rangeset *set, const struct rangeset_ops *ops, void *opaque, size_t limit)
{
    *set = (struct rangeset){.ops = ops, .opaque = opaque, .limit = limit};
}

void rangeset_destroy(struct rangeset *set)
{
    if (set->ranges) {
        set->ops->free(set->opaque, set->ranges, set->capacity * sizeof(struct range));
    }
    rangeset_init(set, set->ops, set->opaque, set->limit);
}

/* Index of the first range that ends at or after @value; the count when there is none. */
static size_t lower_bound(const struct rangeset *set, uint64_t value)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->ranges[middle].last < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int reserve(struct rangeset *set, size_t wanted)
{
    size_t capacity = MAX_T(size_t, set->capacity, FIRST_CAPACITY);
    struct range *ranges;

    if (wanted > set->limit) {
        return -XEN_ENOSPC;
    }
    if (wanted <= set->capacity) {
        return 0;
    }
    while (capacity < wanted) {
        capacity *= 2;
    }
    ranges = set->ops->alloc(set->opaque, capacity * sizeof(*ranges));
    if (!ranges) {
        return -XEN_ENOMEM;
    }
    if (set->ranges) {
        memcpy(ranges, set->ranges, set->count * sizeof(*ranges));
        set->ops->free(set->opaque, set->ranges, set->capacity * sizeof(*ranges));
    }
    set->ranges = ranges;
    set->capacity = capacity;
    return 0;
}

/* Replace ranges [@from, @to) by the @new_count ones at @new_ranges. */
static int splice(struct rangeset *set, size_t from, size_t to, const struct range *new_ranges,
                  size_t new_count)
{
    size_t count = set->count - (to - from) + new_count;
    int rc = count > set->count ? reserve(set, count) : 0;

    if (rc) {
        return rc;
    }
    if (set->count > to) {
        memmove(&set->ranges[from + new_count], &set->ranges[to], (set->count - to) * sizeof(struct range));
    }
    for (size_t i = 0; i < new_count; i++) {
        set->ranges[from + i] = new_ranges[i];
    }
    set->count = count;
    return 0;
}

int rangeset_add(struct rangeset *set, uint64_t first, uint64_t last)
{
    struct range merged = {first, last};
    size_t from, to;

    if (first > last) {
        return -XEN_EINVAL;
    }
    from = lower_bound(set, first > 0 ? first - 1 : 0);
    for (to = from; to < set->count; to++) {
        const struct range *range = &set->ranges[to];

        if (last != UINT64_MAX && range->first > last + 1) {
            break;
        }
        merged.first = MIN(merged.first, range->first);
        merged.last = MAX(merged.last, range->last);
    }
    return splice(set, from, to, &merged, 1);
}

int rangeset_remove(struct rangeset *set, uint64_t first, uint64_t last)
{
    struct range rest[2];
    size_t rest_count = 0, from, to;

    if (first > last) {
        return -XEN_EINVAL;
    }
    from = lower_bound(set, first);
    for (to = from; to < set->count && set->ranges[to].first <= last; to++) {
        const struct range *range = &set->ranges[to];

        if (range->first < first) {
            rest[rest_count++] = (struct range){range->first, first - 1};
        }
        if (range->last > last) {
            rest[rest_count++] = (struct range){last + 1, range->last};
        }
    }
    return from == to ? 0 : splice(set, from, to, rest, rest_count);
}

int rangeset_add_all(struct rangeset *set, const struct rangeset *other)
{
    const struct range *range;

    rangeset_for_each(range, other)
    {
        int rc = rangeset_add(set, range->first, range->last);

        if (rc) {
            return rc;
        }
    }
    return 0;
}

bool rangeset_contains(const struct rangeset *set, uint64_t first, uint64_t last)
{
    size_t i = lower_bound(set, first);

    return first <= last && i < set->count && set->ranges[i].first <= first && set->ranges[i].last >= last;
}

bool rangeset_overlaps(const struct rangeset *set, uint64_t first, uint64_t last)
{
    size_t i = lower_bound(set, first);

    return first <= last && i < set->count && set->ranges[i].first <= last;
}
