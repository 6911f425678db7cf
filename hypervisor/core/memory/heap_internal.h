/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to the heap's files: its state, and what is done with one block or one list. All under heap.lock. */
#pragma once
#include <base/lock.h>
#include <core/memory/heap.h>
#include <core/memory/heap_map.h>
#include <core/numa/numa.h>

#define HEAP_ORDERS (HEAP_MAX_ORDER + 1)
#define FRAMES_4G   (1ull << (32 - PAGE_SHIFT))
#define LIST_END    UINT32_MAX
#define LIST_EMPTY             \
    {                          \
        LIST_END, LIST_END, 0, \
    }

/* Single frames, linked through their auxiliary words. */
struct frame_list {
    uint32_t head, tail;
    uint64_t count;
};

struct heap_state {
    struct spinlock lock;
    struct heap_map maps[HEAP_ORDERS];
    uint32_t orders_free;    /* bit n: maps[n] is not empty */
    unsigned int safe_order; /* two buddies of an order below it never belong to different nodes */
    struct frame_list stale, stale_dirty, flushed[NUMA_NODES_MAX];
    uint64_t free_count, total_count, claimed_count;
    uint64_t node_free[NUMA_NODES_MAX]; /* counted only where there are several nodes */
    bool maps_ready;
};
extern struct heap_state heap;

static inline void heap_put_block(uint64_t mfn, unsigned int order)
{
    heap_map_set(&heap.maps[order], mfn >> order);
    heap.orders_free |= 1u << order;
}

static inline void heap_take_block(uint64_t mfn, unsigned int order)
{
    struct heap_map *m = &heap.maps[order];

    heap_map_clear(m, mfn >> order);
    if (m->level[m->top][0] == 0) {
        heap.orders_free &= ~(1u << order);
    }
}

/* Take the block at @mfn, of order @from, out of the maps, and put all but its last part, of @order, back. */
static inline mfn_t heap_split(uint64_t mfn, unsigned int from, unsigned int order)
{
    heap_take_block(mfn, from);
    while (from > order) {
        from--;
        heap_put_block(mfn, from);
        mfn += 1ull << from;
    }
    return MFN(mfn);
}

static inline void heap_list_push(struct frame_list *l, mfn_t mfn)
{
    *frame_aux(mfn) = l->head;
    l->head = (uint32_t)mfn.n;
    if (l->count++ == 0) {
        l->tail = l->head;
    }
}

static inline mfn_t heap_list_pop(struct frame_list *l)
{
    mfn_t mfn = MFN(l->head);

    l->head = *frame_aux(mfn);
    l->count--;
    *frame_aux(mfn) = 0;
    return mfn;
}

/* @count frames of one node became free. */
static inline void heap_count_free(mfn_t start, uint64_t count)
{
    heap.free_count += count;
    if (unlikely(numa_nodes > 1)) {
        heap.node_free[numa_frame_node(start)] += count;
    }
}

/* heap_nodes.c: a block of exactly @order out of the maps or lists, from the nearest node that has one; INVALID_MFN. */
mfn_t heap_take_near(unsigned int order, unsigned int flags);
