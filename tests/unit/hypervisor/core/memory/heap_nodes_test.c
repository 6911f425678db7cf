/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The heap on a machine of several memory nodes: who gets which memory, counts, and blocks that never reach over a border. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <host/host.h>
#include <hypervisor/random.h>
#include <hypervisor/two_nodes.h>

#define MEMORY (64ull << 20)
#define FRAMES (MEMORY >> PAGE_SHIFT)
#define FIRST  5001u /* borders that are good for single frames only */
#define SECOND 9002u

static int setup(void **state)
{
    host_init(2, MEMORY);
    make_nodes(FIRST, SECOND);
    heap_check();
    return 0;
}

static unsigned int node_of(mfn_t mfn)
{
    assert_false(mfn_is_invalid(mfn));
    return numa_frame_node(mfn);
}

static uint64_t free_in_all(void)
{
    return heap_node_free_frames(0) + heap_node_free_frames(1) + heap_node_free_frames(2);
}

static void counts(void **state)
{
    uint64_t before = heap_node_free_frames(2);
    mfn_t mfn;

    assert_int_equal(numa_nodes, 3);
    assert_int_equal(free_in_all(), heap_free_frames());
    assert_int_equal(before, SECOND - FIRST);
    assert_int_equal(heap_node_total_frames(2), SECOND - FIRST);
    assert_int_equal(heap_node_total_frames(0), FIRST - 1);
    mfn = heap_alloc(3, HEAP_NODE(2));
    assert_int_equal(heap_node_free_frames(2), before - 8);
    heap_free(mfn, 3);
    assert_int_equal(heap_node_free_frames(2), before);
    mfn = heap_alloc(0, HEAP_NODE(2));
    heap_free_stale(mfn);
    assert_int_equal(heap_node_free_frames(2), before);
    heap_check();
}

static void preferred(void **state)
{
    for (unsigned int node = 0; node < 3; node++) {
        for (unsigned int order = 0; order < 9; order++) {
            assert_int_equal(node_of(heap_alloc(order, HEAP_NODE(node))), node);
            assert_int_equal(node_of(heap_alloc(order, HEAP_NODE(node) | HEAP_EXACT_NODE)), node);
        }
    }
    assert_int_equal(node_of(heap_alloc(0, 0)), 0); /* this pCPU's */
    host_set_pcpu(1);
    assert_int_equal(node_of(heap_alloc(0, 0)), 1);
    host_set_pcpu(0);
    assert_int_equal(node_of(heap_alloc(0, HEAP_NODE(9))), 0); /* there is no such node */
    assert_true(mfn_is_invalid(heap_alloc(0, HEAP_NODE(9) | HEAP_EXACT_NODE)));
    assert_int_equal(node_of(heap_alloc(0, HEAP_EXACT_NODE)), 0); /* exactly nowhere */
    heap_check();
}

/* What one node has not comes from the nearest that has it, unless it must be that node. */
static void falls_back(void **state)
{
    while (heap_node_free_frames(2) > 0) {
        assert_int_equal(node_of(heap_alloc(0, HEAP_NODE(2) | HEAP_EXACT_NODE)), 2);
    }
    assert_true(mfn_is_invalid(heap_alloc(0, HEAP_NODE(2) | HEAP_EXACT_NODE)));
    while (heap_node_free_frames(1) > 0) {
        assert_int_equal(node_of(heap_alloc(0, HEAP_NODE(2))), 1);
    }
    assert_int_equal(node_of(heap_alloc(0, HEAP_NODE(2))), 0);
    while (heap_node_free_frames(0) > 0) {
        assert_int_equal(node_of(heap_alloc(0, HEAP_NODE(1))), 0);
    }
    assert_true(mfn_is_invalid(heap_alloc(0, HEAP_NODE(2))));
    assert_true(mfn_is_invalid(heap_alloc(0, 0)));
    heap_check();
}

/* Frames that wait for a flush come back to their own node. */
static void stale_frames(void **state)
{
    static mfn_t got[FRAMES];
    unsigned int n = 0;

    while (heap_node_free_frames(1) > 0) {
        got[n++] = heap_alloc(0, HEAP_NODE(1) | HEAP_EXACT_NODE);
    }
    for (unsigned int i = 0; i < 1500; i++) {
        heap_free_stale(got[i]);
    }
    heap_check();
    for (unsigned int i = 0; i < 1500; i++) {
        assert_int_equal(node_of(heap_alloc(0, HEAP_NODE(1) | HEAP_EXACT_NODE)), 1);
    }
    assert_true(mfn_is_invalid(heap_alloc(0, HEAP_NODE(1) | HEAP_EXACT_NODE)));
    heap_check();
}

/* A module's memory that comes late may reach over a border. */
static void late_range(void **state)
{
    host_memory_init_bare(MEMORY);
    heap_add_range(MFN(1), FIRST - 101);
    heap_add_range(MFN(FIRST + 100), FRAMES - FIRST - 100);
    make_nodes(FIRST, SECOND);
    assert_int_equal(heap_node_free_frames(2), SECOND - FIRST - 100);
    heap_add_range(MFN(FIRST - 100), 200);
    assert_int_equal(heap_node_free_frames(2), SECOND - FIRST);
    heap_check();
}

struct block {
    mfn_t mfn;
    unsigned int order;
};

static void random_use(void **state)
{
    struct random r = random_seed(77);
    static struct block blocks[3000];
    uint64_t all = heap_free_frames();
    unsigned int n = 0;

    for (unsigned int i = 0; i < 40000; i++) {
        if (n < ARRAY_SIZE(blocks) && random_below(&r, 100) < 53) {
            unsigned int order = (unsigned int)random_below(&r, random_below(&r, 10) ? 3 : 11);
            unsigned int node = (unsigned int)random_below(&r, 4),
                         exact = random_below(&r, 2) ? HEAP_EXACT_NODE : 0;
            mfn_t mfn = heap_alloc(order, (node < 3 ? HEAP_NODE(node) : 0) | exact);

            if (mfn_is_invalid(mfn)) {
                continue;
            }
            assert_true(IS_ALIGNED(mfn.n, 1ull << order));
            assert_false(numa_is_split(mfn, 1ull << order));
            assert_true(node == 3 || !exact || numa_frame_node(mfn) == node);
            *(uint64_t *)mfn_to_virt(mfn) = 1;
            blocks[n++] = (struct block){mfn, order};
        } else if (n > 0) {
            unsigned int k = (unsigned int)random_below(&r, n);

            if (blocks[k].order == 0 && random_below(&r, 2)) {
                *(uint64_t *)mfn_to_virt(blocks[k].mfn) = 0;
                (random_below(&r, 2) ? heap_free_stale : heap_free_stale_dirty)(blocks[k].mfn);
            } else {
                heap_free(blocks[k].mfn, blocks[k].order);
            }
            blocks[k] = blocks[--n];
        }
        assert_int_equal(free_in_all(), heap_free_frames());
        if (i % 1000 == 0) {
            heap_check();
        }
        if (i % 50 == 0) {
            (void)heap_scrub_step();
        }
    }
    while (n > 0) {
        n--;
        heap_free(blocks[n].mfn, blocks[n].order);
    }
    heap_check();
    assert_int_equal(heap_free_frames(), all);
    assert_int_equal(node_of(heap_alloc(11, HEAP_NODE(0) | HEAP_EXACT_NODE)), 0); /* all joined again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts, setup),     cmocka_unit_test_setup(preferred, setup),
        cmocka_unit_test_setup(falls_back, setup), cmocka_unit_test_setup(stale_frames, setup),
        cmocka_unit_test_setup(late_range, setup), cmocka_unit_test_setup(random_use, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
