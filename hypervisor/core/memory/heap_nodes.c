/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The heap on a machine of several memory nodes. The maps are the same for all of them; a node is some ranges of frames, and a search that is limited to
 * these. Invariant, from heap_split_by_node() on: no free block belongs to two nodes.
 */
#include <core/memory/heap_internal.h>

/* --- allocation ------------------------------------------------------------------------------------------------------------------------------ */

/* The smallest block in [@first, @end) that has one of @order, the highest of several; HEAP_MAP_NONE. */
static uint64_t find_in_range(unsigned int order, uint64_t first, uint64_t end, unsigned int *from)
{
    for (uint32_t left = heap.orders_free & ~((1u << order) - 1); left; left &= left - 1) {
        unsigned int o = (unsigned int)__builtin_ctz(left);
        /* no free block reaches over @end, so the one that ends there, or below, is the highest */
        uint64_t bit = heap_map_highest_below(&heap.maps[o], end >> o);

        if (bit != HEAP_MAP_NONE && bit << o >= first) {
            *from = o;
            return bit << o;
        }
    }
    return HEAP_MAP_NONE;
}

/* The same, of one node's ranges and from the highest down. */
static uint64_t find_in_node(unsigned int node, unsigned int order, uint64_t limit, unsigned int *from)
{
    uint64_t found = HEAP_MAP_NONE, first, end;
    unsigned int owner;

    for (unsigned int i = 0; numa_range(i, &first, &end, &owner) && first < limit; i++) {
        unsigned int o;
        uint64_t mfn = owner == node ? find_in_range(order, first, MIN(end, limit), &o) : HEAP_MAP_NONE;

        if (mfn != HEAP_MAP_NONE) {
            found = mfn;
            *from = o;
        }
    }
    return found;
}

static mfn_t take_from(unsigned int node, unsigned int order, unsigned int flags)
{
    struct frame_list *flushed = &heap.flushed[node];
    uint64_t mfn;
    unsigned int from = 0;

    if (heap.node_free[node] < 1ull << order) {
        return INVALID_MFN;
    }
    if (order == 0 && flushed->count > 0 && !(flags & HEAP_BELOW_4G)) {
        return heap_list_pop(flushed);
    }
    mfn = find_in_node(node, order, flags & HEAP_BELOW_4G ? MIN(frame_limit, FRAMES_4G) : frame_limit, &from);
    return mfn == HEAP_MAP_NONE ? INVALID_MFN : heap_split(mfn, from, order);
}

mfn_t heap_take_near(unsigned int order, unsigned int flags)
{
    unsigned int wanted = HEAP_GET_NODE(flags);
    bool is_exact = flags & HEAP_EXACT_NODE && wanted != NUMA_NO_NODE;

    if (wanted >= numa_nodes) {
        if (is_exact) {
            return INVALID_MFN;
        }
        wanted = numa_cpu_node(pcpu_id());
    }
    for (unsigned int i = 0; i < (is_exact ? 1 : numa_nodes); i++) {
        unsigned int node = numa_nearest(wanted, i);
        mfn_t mfn = take_from(node, order, flags);

        if (!mfn_is_invalid(mfn)) {
            heap.node_free[node] -= 1ull << order;
            return mfn;
        }
    }
    return INVALID_MFN;
}

/* --- counts ------------------------------------------------------------------------------------------------------------------------------------ */

uint64_t heap_node_free_frames(unsigned int node)
{
    return numa_nodes > 1 ? __atomic_load_n(&heap.node_free[node], __ATOMIC_RELAXED) : heap_free_frames();
}

uint64_t heap_node_total_frames(unsigned int node)
{
    return numa_nodes > 1 ? numa_node_ram(node) : heap_total_frames();
}

/* --- start-up ---------------------------------------------------------------------------------------------------------------------------------- */

/* The free block around frame @mfn, if there is one, is divided until none of its parts has @mfn inside. */
static void split_at(uint64_t mfn)
{
    unsigned int order = 0;

    while (order < HEAP_ORDERS &&
           !((mfn >> order) < heap.maps[order].bits && heap_map_test(&heap.maps[order], mfn >> order))) {
        order++;
    }
    if (order == HEAP_ORDERS) {
        return;
    }
    heap_take_block(mfn >> order << order, order);
    for (; order > 0 && !IS_ALIGNED(mfn, 1ull << order); order--) {
        heap_put_block((mfn >> (order - 1) ^ 1) << (order - 1), order - 1); /* the half without it */
    }
    heap_put_block(mfn >> order << order, order);
}

static void count_free(unsigned int order)
{
    const struct heap_map *m = &heap.maps[order];
    uint64_t end = m->bits, bit;

    while ((bit = heap_map_highest_below(m, end)) != HEAP_MAP_NONE) {
        heap.node_free[numa_frame_node(MFN(bit << order))] += 1ull << order;
        end = bit;
    }
}

void heap_split_by_node(void)
{
    unsigned long flags = spin_lock_irqsave(&heap.lock);
    uint64_t first, end;
    unsigned int node;

    BUG_ON(heap.stale.count != 0 || heap.flushed[0].count != 0);
    for (unsigned int i = 1; numa_range(i, &first, &end, &node); i++) {
        heap.safe_order = MIN(heap.safe_order, (unsigned int)ffs64(first) - 1);
        split_at(first);
    }
    for (unsigned int o = 0; numa_nodes > 1 && o < HEAP_ORDERS; o++) {
        count_free(o);
    }
    spin_unlock_irqrestore(&heap.lock, flags);
}
