/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page allocator: random use with all invariants checked, zones, holes, claims, frames that TLBs may know, the slab on top. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <base/softirq.h>
#include <core/memory/heap.h>
#include <core/memory/heap_dirty.h>
#include <core/memory/heap_map.h>
#include <core/memory/slab.h>
#include <hypervisor/panics.h>
#include <hypervisor/random.h>

#define MEMORY (64ull << 20)
#define FRAMES (MEMORY >> PAGE_SHIFT)

static int setup(void **state)
{
    host_init(2, MEMORY);
    slab_reset();
    return 0;
}

static void test_map(void **state)
{
    static uint64_t words[4096];
    struct random r = random_seed(3);
    static const uint64_t sizes[] = {1, 63, 64, 65, 4095, 4096, 4097, 100000};

    for (unsigned int k = 0; k < ARRAY_SIZE(sizes); k++) {
        struct heap_map m = {{0}};
        uint64_t n = sizes[k];
        static uint8_t model[100000];

        assert_true(heap_map_words(n) <= ARRAY_SIZE(words));
        memset(words, 0, sizeof(words));
        memset(model, 0, sizeof(model));
        heap_map_init(&m, n, words);
        for (unsigned int i = 0; i < 3000; i++) {
            uint64_t bit = random_below(&r, n), end = random_below(&r, n + 1), want = HEAP_MAP_NONE,
                     want_end = HEAP_MAP_NONE;

            if (random_below(&r, 2)) {
                heap_map_set(&m, bit);
                model[bit] = 1;
            } else {
                bit =
                    random_below(&r, 4) && heap_map_highest(&m) != HEAP_MAP_NONE ? heap_map_highest(&m) : bit;
                heap_map_clear(&m, bit);
                model[bit] = 0;
            }
            if (i % 16) {
                continue;
            }
            for (uint64_t b = 0; b < n; b++) {
                want = model[b] ? b : want;
                want_end = model[b] && b < end ? b : want_end;
                assert_int_equal(heap_map_test(&m, b), model[b]);
            }
            assert_int_equal(heap_map_highest(&m), want);
            assert_int_equal(heap_map_highest_below(&m, end), want_end);
        }
    }
}

static void test_all_comes_back_together(void **state)
{
    uint64_t all = heap_free_frames();
    static mfn_t got[FRAMES];
    unsigned int n = 0;

    assert_int_equal(heap_total_frames(), FRAMES - 1);
    assert_true(all > FRAMES - 64);
    while (!mfn_is_invalid(got[n] = heap_alloc(0, 0))) {
        n++;
    }
    assert_int_equal(n, all);
    assert_int_equal(heap_free_frames(), 0);
    heap_check();
    for (unsigned int i = 0; i < n; i++) {
        heap_free(got[(i * 7919ull) % n], 0);
    }
    heap_check();
    assert_int_equal(heap_free_frames(), all);
    got[0] = heap_alloc(13, 0); /* half of memory in one piece: everything was joined again */
    assert_false(mfn_is_invalid(got[0]));
    heap_free(got[0], 13);
    assert_true(mfn_is_invalid(heap_alloc(HEAP_MAX_ORDER + 1, 0)));
    assert_true(mfn_is_invalid(heap_alloc(HEAP_MAX_ORDER, 0)));
}

struct block {
    mfn_t mfn;
    unsigned int order;
};

/* Blocks never overlap, are aligned; at the end everything is free. Frames are marked in their contents. */
static void test_random(void **state)
{
    struct random r = random_seed(42);
    static struct block blocks[2000];
    unsigned int n = 0;
    uint64_t all = heap_free_frames(), used = 0;

    for (unsigned int i = 0; i < 30000; i++) {
        if (n < ARRAY_SIZE(blocks) && random_below(&r, 100) < 52) {
            unsigned int order = (unsigned int)random_below(&r, random_below(&r, 10) ? 3 : 11);
            mfn_t mfn = heap_alloc(order, random_below(&r, 2) ? HEAP_ZERO : 0);

            if (mfn_is_invalid(mfn)) {
                continue;
            }
            assert_true(IS_ALIGNED(mfn.n, 1ull << order));
            for (uint64_t k = 0; k < 1ull << order; k++) {
                uint64_t *mark = mfn_to_virt(mfn_add(mfn, k));

                assert_int_equal(frame_read(mfn_add(mfn, k)), FRAME_OWNER(DOMID_NONE));
                assert_int_equal(*mark, 0); /* nobody else has it: freeing clears */
                *mark = ~0ull;
            }
            blocks[n++] = (struct block){mfn, order};
            used += 1ull << order;
        } else if (n > 0) {
            unsigned int k = (unsigned int)random_below(&r, n);

            if (blocks[k].order == 0 && random_below(&r, 2)) {
                *(uint64_t *)mfn_to_virt(blocks[k].mfn) = 0;
                (random_below(&r, 2) ? heap_free_stale : heap_free_stale_dirty)(blocks[k].mfn);
            } else {
                heap_free(blocks[k].mfn, blocks[k].order);
            }
            used -= 1ull << blocks[k].order;
            blocks[k] = blocks[--n];
        }
        assert_int_equal(heap_free_frames(), all - used);
        if (i % 1000 == 0) {
            heap_check();
        }
    }
    while (n > 0) {
        n--;
        heap_free(blocks[n].mfn, blocks[n].order);
    }
    heap_check();
    assert_int_equal(heap_free_frames(), all);
    assert_false(mfn_is_invalid(heap_alloc(12, 0))); /* also out of frames that waited for a flush */
}

/* What was in memory before the hypervisor is never seen by who asks for zeroes, and by nobody once it is cleaned. */
static void test_dirty_memory(void **state)
{
    struct random r = random_seed(8);
    uint64_t all = heap_free_frames();
    static struct block blocks[400];
    unsigned int n = 0;

    for (uint64_t f = 1; f < FRAMES; f++) {
        if (heap_dirty_next(f) == f) {
            memset(mfn_to_virt(MFN(f)), 0xa5, PAGE_SIZE);
        }
    }
    assert_int_equal(heap_dirty_frames(), all);
    for (unsigned int i = 0; i < 6000; i++) {
        uint64_t before = heap_dirty_frames();

        if (n < ARRAY_SIZE(blocks) && random_below(&r, 100) < 52) {
            unsigned int order = (unsigned int)random_below(&r, random_below(&r, 10) ? 3 : 9);
            bool zero = random_below(&r, 4);
            mfn_t mfn = heap_alloc(order, zero ? HEAP_ZERO : 0);

            if (mfn_is_invalid(mfn)) {
                continue;
            }
            for (uint64_t k = 0; zero && k < PAGE_SIZE << order; k += 8) {
                assert_int_equal(*(uint64_t *)((uint8_t *)mfn_to_virt(mfn) + k), 0);
            }
            assert_true(heap_dirty_frames() <= before && heap_dirty_frames() + (1ull << order) >= before);
            memset(mfn_to_virt(mfn), 0xff, PAGE_SIZE << order);
            blocks[n++] = (struct block){mfn, order};
        } else if (n > 0) {
            unsigned int k = (unsigned int)random_below(&r, n);

            heap_free(blocks[k].mfn, blocks[k].order);
            blocks[k] = blocks[--n];
            assert_int_equal(heap_dirty_frames(), before);
        }
        if (i > 3000 && i % 8 == 0) {
            uint64_t free = heap_free_frames();

            assert_true(heap_scrub_step());
            assert_true(heap_dirty_frames() < before + 1 && heap_dirty_frames() + 16 >= before);
            assert_int_equal(heap_free_frames(), free);
        }
        if (i % 500 == 0) {
            heap_check();
        }
    }
    heap_scrub_wanted = true;
    while (heap_scrub_step()) {
    }
    assert_false(heap_scrub_wanted);
    assert_int_equal(heap_dirty_frames(), 0);
    heap_check();
    while (n > 0) {
        n--;
        heap_free(blocks[n].mfn, blocks[n].order);
    }
    while (!mfn_is_invalid(blocks[0].mfn = heap_alloc(0, 0))) {
        assert_int_equal(*(uint64_t *)mfn_to_virt(blocks[0].mfn), 0);
        assert_int_equal(((uint64_t *)mfn_to_virt(blocks[0].mfn))[511], 0);
    }
}

/* A softirq that is due stops the cleaning; what is left is still known as dirty. */
static void test_scrubbing_yields(void **state)
{
    uint64_t before = heap_dirty_frames();

    softirq_raise(SOFTIRQ_TASKLET);
    assert_true(heap_scrub_step());
    assert_int_equal(heap_dirty_frames(), before);
    host_run_softirqs();
    assert_true(heap_scrub_step());
    assert_true(heap_dirty_frames() < before);
    heap_check();
}

static void test_double_free_is_caught(void **state)
{
    mfn_t mfn = heap_alloc(0, 0);

    *frame_state(mfn) = FRAME_OWNER(3) | 1;
    expect_panic(heap_free(mfn, 0));
}

static void test_ranges_and_holes(void **state)
{
    uint64_t n = 0;

    host_memory_init_bare(MEMORY);
    host_memory_hole(100, 50);
    host_memory_hole(5000, 3000);
    heap_add_range(MFN(1), 2); /* too small for the maps: waits */
    assert_int_equal(heap_free_frames(), 0);
    heap_add_range(MFN(7), 93);
    heap_add_range(MFN(150), 4850);
    heap_add_range(MFN(8000), FRAMES - 8000);
    heap_check();
    assert_int_equal(heap_total_frames(), 2 + 93 + 4850 + FRAMES - 8000);
    assert_true(heap_total_frames() - heap_free_frames() < 10);
    for (;; n++) {
        mfn_t mfn = heap_alloc(0, 0);

        if (mfn_is_invalid(mfn)) {
            break;
        }
        assert_true(frame_is_ram(mfn));
    }
    assert_true(n > 11000);
}

static void test_below_4g(void **state)
{
    uint64_t limit = 1ull << 20;
    mfn_t low, high;

    host_memory_init_bare(5ull << 30);
    heap_add_range(MFN(limit - 1000), 2000); /* the maps take the first 80 or so */
    high = heap_alloc(0, 0);
    assert_true(high.n >= limit); /* low memory is spared */
    for (unsigned int i = 0; i < 500; i++) {
        low = heap_alloc(0, HEAP_BELOW_4G);
        assert_true(low.n < limit);
    }
    low = heap_alloc(5, HEAP_BELOW_4G);
    assert_true(low.n + 31 < limit);
    heap_free_stale(heap_alloc(0, HEAP_BELOW_4G));
    while (!mfn_is_invalid(low = heap_alloc(0, HEAP_BELOW_4G))) {
        assert_true(low.n < limit);
    }
    assert_false(mfn_is_invalid(heap_alloc(0, 0)));
    heap_check();
}

static void test_claims(void **state)
{
    uint64_t all = heap_free_frames();
    mfn_t mfn;

    assert_int_equal(heap_claim(all + 1), -XEN_ENOMEM);
    assert_int_equal(heap_claim(all - 1), 0);
    assert_int_equal(heap_claim(2), -XEN_ENOMEM);
    assert_true(mfn_is_invalid(heap_alloc(1, 0))); /* promised to somebody */
    mfn = heap_alloc_claimed(1, 0, 2);
    assert_false(mfn_is_invalid(mfn));
    assert_int_equal(heap_claimed_frames(), all - 3);
    assert_false(mfn_is_invalid(heap_alloc(0, 0)));
    assert_true(mfn_is_invalid(heap_alloc(0, 0)));
    heap_unclaim(all - 3);
    assert_int_equal(heap_claimed_frames(), 0);
    heap_check();
}

static void test_stale_frames_wait_for_a_flush(void **state)
{
    static mfn_t got[FRAMES];
    uint64_t all = heap_free_frames(), n, flushes = host_flush_count;
    mfn_t mfn = heap_alloc(0, 0);

    heap_free_stale(mfn);
    assert_int_equal(heap_free_frames(), all);
    for (n = 0; n < all - 1; n++) {
        got[n] = heap_alloc(0, 0);
        assert_int_not_equal(got[n].n, mfn.n);
    }
    assert_int_equal(host_flush_count, flushes);
    irq_disable(); /* cannot flush now */
    assert_true(mfn_is_invalid(heap_alloc(0, 0)));
    irq_enable();
    assert_int_equal(heap_alloc(0, 0).n, mfn.n);
    assert_int_equal(host_flush_count, flushes + 1);
    /* many: one flush for some hundred */
    for (unsigned int i = 0; i < 5000; i++) {
        heap_free_stale(got[i]);
    }
    assert_int_equal(host_flush_count, flushes + 1 + 5000 / 256);
    heap_check();
}

/* Through what its TLB still knows the last owner can write to a frame after it was freed: whoever gets it next sees zeroes all the same. */
static void test_stale_frames_are_cleared_after_the_flush(void **state)
{
    mfn_t mfn = heap_alloc(0, HEAP_ZERO);
    uint8_t *page = mfn_to_virt(mfn);
    mfn_t got;

    memset(page, 0x5a, PAGE_SIZE);
    heap_free_stale(mfn);
    memset(page, 0xa5, PAGE_SIZE);
    do {
        got = heap_alloc(0, HEAP_ZERO);
        assert_false(mfn_is_invalid(got));
    } while (got.n != mfn.n);
    for (unsigned int i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(page[i], 0);
    }
    heap_check();
}

/* --- slab --- */

/* What a domain held when it was taken down is free at once, and cleared before anybody gets it, by whoever comes first. */
static void test_a_dead_domains_frames_are_dirty(void **state)
{
    uint64_t all = heap_free_frames(), flushes = host_flush_count;
    mfn_t first;

    while (heap_scrub_step()) {
    }
    first = heap_alloc(9, 0);
    memset(mfn_to_virt(first), 0x5a, PAGE_SIZE << 9);
    for (unsigned int i = 0; i < 512; i++) {
        heap_free_stale_dirty(mfn_add(first, i));
        heap_check();
    }
    assert_int_equal(heap_free_frames(), all);
    assert_int_equal(host_flush_count, flushes + 2);
    assert_int_equal(heap_dirty_frames(), 512);
    assert_false(heap_scrub_wanted); /* nobody said that idle pCPUs may */
    /* who gets one of them sees nothing of it */
    assert_int_equal(heap_alloc(9, HEAP_ZERO).n, first.n);
    for (uint64_t i = 0; i < PAGE_SIZE << 9; i += 8) {
        assert_int_equal(*(uint64_t *)((uint8_t *)mfn_to_virt(first) + i), 0);
    }
    assert_int_equal(heap_dirty_frames(), 0);
    /* or idle pCPUs clear them */
    memset(mfn_to_virt(first), 0x5a, PAGE_SIZE << 9);
    heap_scrub_allowed = true;
    for (unsigned int i = 0; i < 512; i++) {
        heap_free_stale_dirty(mfn_add(first, i));
    }
    assert_true(heap_scrub_wanted);
    while (heap_scrub_step()) {
    }
    assert_false(heap_scrub_wanted);
    assert_int_equal(heap_dirty_frames(), 0);
    for (uint64_t i = 0; i < PAGE_SIZE << 9; i += 8) {
        assert_int_equal(*(uint64_t *)((uint8_t *)mfn_to_virt(first) + i), 0);
    }
    heap_check();
}

static void test_slab(void **state)
{
    struct random r = random_seed(9);
    static struct {
        uint8_t *p;
        size_t size;
        uint8_t mark;
    } a[3000];
    uint64_t all = heap_free_frames();

    for (unsigned int i = 0; i < 60000; i++) {
        unsigned int k = (unsigned int)random_below(&r, ARRAY_SIZE(a));

        if (!a[k].p) {
            a[k].size = 1 + random_below(&r, random_below(&r, 20) ? 2100 : 20000);
            a[k].p = slab_alloc(a[k].size);
            assert_non_null(a[k].p);
            assert_true(IS_ALIGNED((uintptr_t)a[k].p, a[k].size % 64 ? 16 : 64));
            for (size_t b = 0; b < a[k].size; b++) {
                assert_int_equal(a[k].p[b], 0);
            }
            a[k].mark = (uint8_t)(i | 1);
            memset(a[k].p, a[k].mark, a[k].size);
        } else {
            for (size_t b = 0; b < a[k].size; b++) {
                assert_int_equal(a[k].p[b], a[k].mark);
            }
            slab_free(a[k].p);
            a[k].p = NULL;
        }
    }
    for (unsigned int k = 0; k < ARRAY_SIZE(a); k++) {
        slab_free(a[k].p);
    }
    heap_check();
    assert_int_equal(slab_pages(), 0);
    assert_int_equal(heap_free_frames(), all);
}

static void test_slab_out_of_memory(void **state)
{
    void *big = slab_alloc(PAGE_SIZE << 13);
    uint64_t n = 0;
    void **first = NULL;

    assert_non_null(big);
    for (void **p; (p = slab_alloc(1000)) != NULL; n++) {
        *p = first;
        first = p;
    }
    assert_null(slab_alloc(100000));
    assert_null(slab_alloc(SIZE_MAX));
    assert_true(n > 20000);
    while (first) {
        void **next = *first;

        slab_free(first);
        first = next;
    }
    slab_free(big);
    slab_free(NULL);
    heap_check();
}

static void test_slab_misuse_is_caught(void **state)
{
    uint8_t *page = heap_alloc_page();

    expect_panic(slab_free(page + 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map),
        cmocka_unit_test_setup(test_all_comes_back_together, setup),
        cmocka_unit_test_setup(test_random, setup),
        cmocka_unit_test_setup(test_dirty_memory, setup),
        cmocka_unit_test_setup(test_scrubbing_yields, setup),
        cmocka_unit_test_setup(test_double_free_is_caught, setup),
        cmocka_unit_test_setup(test_ranges_and_holes, setup),
        cmocka_unit_test_setup(test_below_4g, setup),
        cmocka_unit_test_setup(test_claims, setup),
        cmocka_unit_test_setup(test_stale_frames_wait_for_a_flush, setup),
        cmocka_unit_test_setup(test_stale_frames_are_cleared_after_the_flush, setup),
        cmocka_unit_test_setup(test_a_dead_domains_frames_are_dirty, setup),
        cmocka_unit_test_setup(test_slab, setup),
        cmocka_unit_test_setup(test_slab_out_of_memory, setup),
        cmocka_unit_test_setup(test_slab_misuse_is_caught, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
