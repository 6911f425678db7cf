/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib/list, bitmap, bits, heap, rangeset: each against a plain model under random operations.
 */
#include "lib_test.h"
#include <lib/bitmap.h>
#include <lib/heap.h>
#include <lib/list.h>
#include <lib/rangeset.h>
#include <abi/xen.h>

/* --- list --- */

struct item {
    int number;
    struct list_head link;
};

static void expect_list(struct list_head *head, const int *numbers, int count)
{
    struct item *item;
    int i = 0;

    list_for_each_entry(item, head, link)
    {
        assert_true(i < count);
        assert_int_equal(item->number, numbers[i++]);
        assert_ptr_equal(item->link.next->prev, &item->link);
    }
    assert_int_equal(i, count);
    list_for_each_entry_reverse(item, head, link)
    {
        assert_int_equal(item->number, numbers[--i]);
    }
}

static void test_list(void **state)
{
    struct item items[4] = {{0}, {1}, {2}, {3}}, *item, *next;
    struct list_head other;
    LIST_HEAD(head);

    assert_true(list_is_empty(&head));
    assert_null(list_first_entry_or_null(&head, struct item, link));
    list_add_tail(&items[1].link, &head);
    list_add_tail(&items[2].link, &head);
    list_add(&items[0].link, &head);
    expect_list(&head, (int[]){0, 1, 2}, 3);
    assert_int_equal(list_first_entry(&head, struct item, link)->number, 0);
    assert_int_equal(list_last_entry(&head, struct item, link)->number, 2);
    list_move_tail(&items[0].link, &head);
    expect_list(&head, (int[]){1, 2, 0}, 3);
    list_init(&other);
    list_add(&items[3].link, &other);
    list_splice_tail(&head, &other);
    assert_true(list_is_empty(&head));
    expect_list(&other, (int[]){3, 1, 2, 0}, 4);
    list_for_each_entry_safe(item, next, &other, link)
    {
        if (item->number % 2) {
            list_del(&item->link);
            list_del(&item->link);
            assert_true(list_is_empty(&item->link));
        }
    }
    expect_list(&other, (int[]){2, 0}, 2);
}

/* --- bits --- */

static void test_bits(void **state)
{
    int array[7];
    uint64_t sum;

    assert_int_equal(ARRAY_SIZE(array), 7);
    assert_int_equal(fls64(0), 0);
    assert_int_equal(fls64(1), 1);
    assert_int_equal(fls64(BIT(63)), 64);
    assert_int_equal(ffs64(0), 0);
    assert_int_equal(ffs64(BIT(63) | 8), 4);
    assert_int_equal(hweight64(UINT64_MAX), 64);
    assert_int_equal(hweight64(0x8000000000000101), 3);
    assert_int_equal(GENMASK(63, 0), UINT64_MAX);
    assert_int_equal(GENMASK(7, 4), 0xf0);
    assert_int_equal(order_for(0), 0);
    assert_int_equal(order_for(4096), 12);
    assert_int_equal(order_for(4097), 13);
    assert_int_equal(ALIGN_UP(0x100000001ull, 0x1000), 0x100001000);
    assert_int_equal(ALIGN_DOWN(0x1fff, 0x1000u), 0x1000);
    assert_int_equal(ROUND_UP(10, 3), 12);
    assert_true(IS_POWER_OF_2(64u) && !IS_POWER_OF_2(0u) && !IS_POWER_OF_2(12u));
    assert_true(add_overflows(UINT64_MAX, 1, &sum) && !add_overflows(1, 2, &sum) && sum == 3);
    assert_true(range_fits(10, 0, 10) && range_fits(0, 10, 10) && !range_fits(11, 0, 10) &&
                !range_fits(1, UINT64_MAX, 10));
}

/* --- bitmap --- */

#define BITS 203

static size_t model_next(const bool *model, size_t from, bool value)
{
    while (from < BITS && model[from] != value) {
        from++;
    }
    return MIN(from, (size_t)BITS);
}

static void test_bitmap(void **state)
{
    DECLARE_BITMAP(map, BITS) = {0};
    DECLARE_BITMAP(other, BITS);
    bool model[BITS] = {false};

    for (int round = 0; round < 3000; round++) {
        size_t bit = random_u64() % BITS, count = random_u64() % (BITS - bit + 1), weight = 0, seen = 0, at;

        switch (random_u64() % 7) {
        case 0:
            bitmap_set(map, bit);
            model[bit] = true;
            break;
        case 1:
            bitmap_clear(map, bit);
            model[bit] = false;
            break;
        case 2:
            assert_int_equal(bitmap_test_and_set(map, bit), model[bit]);
            model[bit] = true;
            break;
        case 3:
            assert_int_equal(bitmap_test_and_clear(map, bit), model[bit]);
            model[bit] = false;
            break;
        case 4:
            assert_int_equal(bitmap_test_and_flip(map, bit), model[bit]);
            model[bit] = !model[bit];
            break;
        case 5:
            bitmap_set_range(map, bit, count);
            memset(model + bit, true, count);
            break;
        default:
            bitmap_clear_range(map, bit, count);
            memset(model + bit, false, count);
            break;
        }
        for (size_t i = 0; i < BITS; i++) {
            assert_int_equal(bitmap_test(map, i), model[i]);
            weight += model[i];
        }
        assert_int_equal(bitmap_weight(map, BITS), weight);
        assert_int_equal(bitmap_find_next(map, BITS, bit), model_next(model, bit, true));
        assert_int_equal(bitmap_find_next_zero(map, BITS, bit), model_next(model, bit, false));
        bitmap_for_each(at, map, BITS)
        {
            assert_true(model[at]);
            seen++;
        }
        assert_int_equal(seen, weight);
    }
    /* Bits beyond the last are ignored. */
    bitmap_fill(map, BITS);
    assert_true(bitmap_is_full(map, BITS));
    assert_int_equal(map[3], BIT(BITS % 64) - 1);
    bitmap_zero(other, BITS);
    other[3] = BIT(63);
    assert_true(bitmap_is_empty(other, BITS));
    assert_false(bitmap_intersects(map, other, BITS));
    assert_true(bitmap_is_subset(other, map, BITS));
    assert_int_equal(bitmap_find_first(other, BITS), BITS);
    assert_int_equal(bitmap_find_next(other, BITS, BITS + 5), BITS);
    bitmap_set(other, 70);
    assert_true(bitmap_intersects(map, other, BITS));
    bitmap_andnot(map, map, other, BITS);
    assert_int_equal(bitmap_find_first_zero(map, BITS), 70);
    bitmap_or(map, map, other, BITS);
    assert_true(bitmap_is_full(map, BITS));
    bitmap_and(map, map, other, BITS);
    assert_true(bitmap_equal(map, other, BITS));
}

/* --- heap --- */

#define NODES 100

static void check_heap(const struct heap *heap)
{
    for (uint32_t i = 0; i < heap->count; i++) {
        assert_int_equal(heap->slot[i]->index, i);
        assert_true(i == 0 || heap->slot[i]->key >= heap->slot[(i - 1) / 2]->key);
    }
}

static void test_heap(void **state)
{
    struct heap_node *small[10], *large[NODES], nodes[NODES];
    struct heap heap;
    uint64_t last = 0;

    heap_init(&heap, small, ARRAY_SIZE(small));
    assert_null(heap_pop(&heap));
    for (size_t i = 0; i < NODES; i++) {
        heap_node_init(&nodes[i]);
        if (heap_is_full(&heap)) {
            assert_false(heap_insert(&heap, &nodes[i], 1));
            assert_ptr_equal(heap_grow(&heap, large, NODES), small);
        }
        assert_true(heap_insert(&heap, &nodes[i], random_u64() % 50));
        check_heap(&heap);
    }
    for (int round = 0; round < 5000; round++) {
        struct heap_node *node = &nodes[random_u64() % NODES];

        if (!heap_is_queued(node)) {
            assert_true(heap_insert(&heap, node, random_u64() % 50));
        } else if (random_u64() % 2) {
            heap_remove(&heap, node);
            assert_false(heap_is_queued(node));
        } else {
            heap_update(&heap, node, random_u64() % 50);
        }
        check_heap(&heap);
    }
    while (heap_peek(&heap)) {
        struct heap_node *node = heap_pop(&heap);

        assert_true(node->key >= last);
        last = node->key;
        check_heap(&heap);
    }
}

/* --- rangeset --- */

static size_t allocated_bytes;
static bool allocation_fails;

static void *take(void *opaque, size_t size)
{
    if (allocation_fails) {
        return NULL;
    }
    allocated_bytes += size;
    return malloc(size);
}

static void give_back(void *opaque, void *memory, size_t size)
{
    allocated_bytes -= size;
    free(memory);
}

static const struct rangeset_ops ops = {take, give_back};

#define VALUES 128

/* The value that stands for @i: small ones, and those next to the top. */
static uint64_t value_of(size_t i)
{
    return i < VALUES / 2 ? i : UINT64_MAX - (VALUES - 1 - i);
}

static void check_rangeset(const struct rangeset *set, const bool *model)
{
    for (size_t i = 0; i < set->count; i++) {
        assert_true(set->ranges[i].first <= set->ranges[i].last);
        assert_true(i == 0 || set->ranges[i - 1].last + 1 < set->ranges[i].first);
    }
    for (size_t i = 0; i < VALUES; i++) {
        assert_int_equal(rangeset_has(set, value_of(i)), model[i]);
    }
}

static void test_rangeset(void **state)
{
    bool model[VALUES] = {false};
    struct rangeset set;

    rangeset_init(&set, &ops, NULL, 1000);
    for (int round = 0; round < 5000; round++) {
        size_t half = random_u64() % 2 * (VALUES / 2);
        size_t first = half + random_u64() % (VALUES / 2),
               last = first + random_u64() % (half + VALUES / 2 - first);
        bool add = random_u64() % 2, all = true, any = false;

        for (size_t i = first; i <= last; i++) {
            all = all && model[i];
            any = any || model[i];
        }
        assert_int_equal(rangeset_contains(&set, value_of(first), value_of(last)), all);
        assert_int_equal(rangeset_overlaps(&set, value_of(first), value_of(last)), any);
        assert_int_equal((add ? rangeset_add : rangeset_remove)(&set, value_of(first), value_of(last)), 0);
        memset(model + first, add, last - first + 1);
        check_rangeset(&set, model);
    }
    assert_int_equal(rangeset_add(&set, 0, UINT64_MAX), 0);
    assert_int_equal(set.count, 1);
    assert_int_equal(rangeset_remove(&set, 0, UINT64_MAX), 0);
    assert_true(rangeset_is_empty(&set));
    rangeset_destroy(&set);
    assert_int_equal(allocated_bytes, 0);
}

static void test_rangeset_limits(void **state)
{
    struct rangeset set, copy;

    rangeset_init(&set, &ops, NULL, 2);
    assert_int_equal(rangeset_add(&set, 2, 1), -XEN_EINVAL);
    assert_int_equal(rangeset_remove(&set, 2, 1), -XEN_EINVAL);
    allocation_fails = true;
    assert_int_equal(rangeset_add(&set, 1, 1), -XEN_ENOMEM);
    allocation_fails = false;
    assert_int_equal(rangeset_add(&set, 1, 10), 0);
    assert_int_equal(rangeset_add(&set, 20, 30), 0);
    assert_int_equal(rangeset_add(&set, 40, 50), -XEN_ENOSPC);
    assert_int_equal(rangeset_remove(&set, 5, 5), -XEN_ENOSPC);
    assert_true(rangeset_has(&set, 5));
    assert_int_equal(rangeset_add(&set, 11, 19), 0);
    assert_true(rangeset_contains(&set, 1, 30));
    assert_int_equal(rangeset_remove(&set, 5, 5), 0);
    assert_false(rangeset_contains(&set, 1, 30));
    rangeset_init(&copy, &ops, NULL, 10);
    assert_int_equal(rangeset_add_all(&copy, &set), 0);
    assert_int_equal(copy.count, 2);
    rangeset_destroy(&set);
    rangeset_destroy(&copy);
    assert_int_equal(allocated_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list), cmocka_unit_test(test_bits),     cmocka_unit_test(test_bitmap),
        cmocka_unit_test(test_heap), cmocka_unit_test(test_rangeset), cmocka_unit_test(test_rangeset_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
