/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Binary min-heap. A node moves by leaving a hole that travels up or down until the node fits. See heap.h.
 */
#include <lib/heap.h>

static void place(struct heap *heap, struct heap_node *node, uint32_t index)
{
    heap->slot[index] = node;
    node->index = index;
}

static void sift_up(struct heap *heap, struct heap_node *node, uint32_t hole)
{
    while (hole > 0) {
        uint32_t parent = (hole - 1) / 2;

        if (heap->slot[parent]->key <= node->key) {
            break;
        }
        place(heap, heap->slot[parent], hole);
        hole = parent;
    }
    place(heap, node, hole);
}

static void sift_down(struct heap *heap, struct heap_node *node, uint32_t hole)
{
    for (;;) {
        uint32_t child = 2 * hole + 1;

        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && heap->slot[child + 1]->key < heap->slot[child]->key) {
            child++;
        }
        if (heap->slot[child]->key >= node->key) {
            break;
        }
        place(heap, heap->slot[child], hole);
        hole = child;
    }
    place(heap, node, hole);
}

static void settle(struct heap *heap, struct heap_node *node, uint32_t index)
{
    if (index > 0 && heap->slot[(index - 1) / 2]->key > node->key) {
        sift_up(heap, node, index);
    } else {
        sift_down(heap, node, index);
    }
}

void heap_init(struct heap *heap, struct heap_node **slots, uint32_t capacity)
{
    heap->slot = slots;
    heap->count = 0;
    heap->capacity = capacity;
}

struct heap_node **heap_grow(struct heap *heap, struct heap_node **slots, uint32_t capacity)
{
    struct heap_node **old = heap->slot;

    for (uint32_t i = 0; i < heap->count; i++) {
        slots[i] = old[i];
    }
    heap->slot = slots;
    heap->capacity = capacity;
    return old;
}

bool heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
    if (heap_is_full(heap)) {
        return false;
    }
    node->key = key;
    sift_up(heap, node, heap->count++);
    return true;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    uint32_t index = node->index;
    struct heap_node *last = heap->slot[--heap->count];

    node->index = HEAP_NOT_QUEUED;
    if (last != node) {
        settle(heap, last, index);
    }
}

void heap_update(struct heap *heap, struct heap_node *node, uint64_t key)
{
    node->key = key;
    settle(heap, node, node->index);
}

struct heap_node *heap_pop(struct heap *heap)
{
    struct heap_node *node = heap_peek(heap);

    if (node) {
        heap_remove(heap, node);
    }
    return node;
}
