/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heap's check of itself, for tests: every invariant, frame by frame. */
#include <core/memory/heap_internal.h>
#include <lib/string.h>

/* Frames of each node that were found free. */
static uint64_t found[NUMA_NODES_MAX];

/* @node: all are of it; NUMA_NO_NODE: of any. */
static uint64_t check_list(const struct frame_list *l, unsigned int node)
{
    uint64_t n = 0;
    uint32_t at = l->head, last = LIST_END;

    for (; at != LIST_END; at = *frame_aux(MFN(at))) {
        BUG_ON(frame_read(MFN(at)) != FRAME_OWNER(DOMID_NONE) || heap_map_test(&heap.maps[0], at));
        BUG_ON(node != NUMA_NO_NODE && numa_frame_node(MFN(at)) != node);
        found[numa_frame_node(MFN(at))]++;
        last = at;
        BUG_ON(++n > l->count);
    }
    BUG_ON(n != l->count || (n > 0 && last != l->tail));
    return n;
}

static uint64_t check_map(unsigned int order)
{
    const struct heap_map *m = &heap.maps[order];
    uint64_t n = 0;

    for (uint64_t b = 0; b < m->bits; b++) {
        if (!heap_map_test(m, b)) {
            continue;
        }
        BUG_ON(order < HEAP_MAX_ORDER && (b ^ 1) < m->bits && heap_map_test(m, b ^ 1) &&
               !numa_is_split(MFN((b & ~1ull) << order), 2ull << order));
        BUG_ON(numa_is_split(MFN(b << order), 1ull << order));
        found[numa_frame_node(MFN(b << order))] += 1ull << order;
        for (uint64_t i = 0; i < 1ull << order; i++) {
            BUG_ON(frame_read(MFN((b << order) + i)) != FRAME_OWNER(DOMID_NONE));
        }
        n++;
    }
    BUG_ON((n != 0) != ((heap.orders_free >> order) & 1));
    BUG_ON((n != 0) != (heap_map_highest(m) != HEAP_MAP_NONE));
    return n << order;
}

void heap_check(void)
{
    unsigned long flags = spin_lock_irqsave(&heap.lock);
    uint64_t n;

    memset(found, 0, sizeof(found));
    n = check_list(&heap.stale, NUMA_NO_NODE) + check_list(&heap.stale_dirty, NUMA_NO_NODE);
    for (unsigned int node = 0; node < numa_nodes; node++) {
        n += check_list(&heap.flushed[node], node);
    }

    for (unsigned int o = 0; heap.maps_ready && o < HEAP_ORDERS; o++) {
        n += check_map(o);
    }
    for (unsigned int node = 0; numa_nodes > 1 && node < numa_nodes; node++) {
        BUG_ON(found[node] != heap.node_free[node]);
    }
    BUG_ON(n != heap.free_count || heap.claimed_count > heap.free_count);
    spin_unlock_irqrestore(&heap.lock, flags);
}
