/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intrusive binary min-heap keyed by a 64-bit number, for timers and run queues.
 *
 * The caller owns the array of node pointers and grows it; every node knows its own place, so that removal and
 * a change of key are O(log n). Invariants: slot[i]->index == i; slot[i]->key >= slot[(i - 1) / 2]->key.
 * Nodes with equal keys leave in no particular order. The caller's lock guards the heap and its nodes' fields.
 */
#ifndef LIB_HEAP_H
#define LIB_HEAP_H

#include <lib/bits.h>

#define HEAP_NOT_QUEUED UINT32_MAX

struct heap_node {
    uint64_t key;
    uint32_t index; /* place in the array, or HEAP_NOT_QUEUED */
};

struct heap {
    struct heap_node **slot;
    uint32_t count;
    uint32_t capacity;
};

#define heap_entry(node, type, member) container_of(node, type, member)

static inline void heap_node_init(struct heap_node *node)
{
    node->key = 0;
    node->index = HEAP_NOT_QUEUED;
}

static inline bool heap_is_queued(const struct heap_node *node)
{
    return node->index != HEAP_NOT_QUEUED;
}

static inline bool heap_is_full(const struct heap *heap)
{
    return heap->count == heap->capacity;
}

/* The node with the smallest key; NULL when the heap is empty. */
static inline struct heap_node *heap_peek(const struct heap *heap)
{
    return heap->count > 0 ? heap->slot[0] : NULL;
}

/* An empty heap over @slots, room for @capacity nodes (both may be 0). */
void heap_init(struct heap *heap, struct heap_node **slots, uint32_t capacity);

/* Move the heap to a larger array; @capacity must not be below the count. Returns the old array, to free. */
struct heap_node **heap_grow(struct heap *heap, struct heap_node **slots, uint32_t capacity);

/* Put in @node, which must not be queued. Returns false, with nothing changed, when the array is full. */
bool heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);

/* Take out @node, which must be queued in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* Give a queued @node another key. */
void heap_update(struct heap *heap, struct heap_node *node, uint64_t key);

/* Take out and return the node with the smallest key; NULL when the heap is empty. */
struct heap_node *heap_pop(struct heap *heap);

#endif
