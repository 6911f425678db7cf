/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page sets against a naive model; domains' accounts: limits, claims, giving back, sharing, teardown, failing allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <base/softirq.h>
#include <core/memory/arch.h>
#include <hypervisor/random.h>
#include <host/host.h>

#define MEMORY (512ull << 20) /* four chunks of a page set */
#define FRAMES (MEMORY >> PAGE_SHIFT)
#define OWNER  5

static struct domain_mem account;
static unsigned int firsts, empties;

struct domain_mem *domain_mem_of(domid_t owner)
{
    assert_int_equal(owner, OWNER);
    return &account;
}

void domain_mem_first(domid_t owner)
{
    firsts++;
}

void domain_mem_empty(domid_t owner)
{
    empties++;
}

static uint64_t free_at_start;

static int setup(void **state)
{
    host_init(1, MEMORY);
    free_at_start = heap_free_frames();
    firsts = empties = 0;
    memset(&account, 0, sizeof(account));
    assert_int_equal(domain_mem_init(&account, OWNER), 0);
    account.max_pages = 1000;
    return 0;
}

static int teardown(void **state)
{
    domain_mem_destroy(&account);
    assert_int_equal(host_alloc_count(), 0);
    assert_int_equal(heap_free_frames(), free_at_start);
    assert_int_equal(heap_claimed_frames(), 0);
    heap_check();
    return 0;
}

static void test_pageset(void **state)
{
    static uint8_t model[FRAMES];
    struct random r = random_seed(5);
    struct pageset *s = &account.owned;
    uint64_t count = 0;

    memset(model, 0, sizeof(model));
    for (unsigned int i = 0; i < 100000; i++) {
        /* dense corners and everywhere */
        uint64_t n = random_below(&r, 2)
                         ? random_below(&r, FRAMES)
                         : (random_below(&r, 4) << PAGESET_CHUNK_SHIFT) + random_below(&r, 70);
        bool add = random_below(&r, 100) < (i / 10000 % 2 ? 20 : 80);

        assert_int_equal(pageset_has(s, MFN(n)), model[n]);
        if (add && !model[n]) {
            assert_int_equal(pageset_prepare(s, MFN(n)), 0);
            pageset_add(s, MFN(n));
            model[n] = 1;
            count++;
        } else if (!add && model[n]) {
            pageset_remove(s, MFN(n));
            model[n] = 0;
            count--;
        }
        assert_int_equal(s->count, count);
        if (i % 1000 == 0) {
            uint64_t at = 0;

            for (uint64_t k = 0; k < FRAMES; k++) {
                if (model[k]) {
                    mfn_t next = pageset_next(s, MFN(at));

                    assert_int_equal(next.n, k);
                    at = k + 1;
                }
            }
            assert_true(mfn_is_invalid(pageset_next(s, MFN(at))));
        }
    }
    assert_false(pageset_has(s, MFN(FRAMES)));
    assert_false(pageset_has(s, INVALID_MFN));
    assert_true(mfn_is_invalid(pageset_next(s, MFN(FRAMES + 100000))));
    for (mfn_t m; !mfn_is_invalid(m = pageset_next(s, MFN(0)));) {
        pageset_remove(s, m);
    }
    assert_int_equal(heap_free_frames(), free_at_start); /* empty bitmaps were given back */
}

static void test_pageset_ranges(void **state)
{
    struct pageset *s = &account.owned;
    mfn_t start = MFN((1ull << PAGESET_CHUNK_SHIFT) - 100);
    uint64_t count = (1ull << PAGESET_CHUNK_SHIFT) + 300, n = 0;

    assert_int_equal(pageset_prepare_range(s, start, count), 0);
    pageset_add_range(s, start, count);
    assert_int_equal(s->count, count);
    assert_false(pageset_has(s, MFN(start.n - 1)));
    assert_false(pageset_has(s, mfn_add(start, count)));
    for (mfn_t m; !mfn_is_invalid(m = pageset_next(s, MFN(0))); n++) {
        assert_int_equal(m.n, start.n + n);
        pageset_remove(s, m);
    }
    assert_int_equal(n, count);
}

static void test_limits(void **state)
{
    mfn_t mfn, big;

    account.max_pages = 5;
    assert_int_equal(domain_mem_alloc(&account, 3, 0, &mfn), -XEN_E2BIG);
    assert_int_equal(domain_mem_alloc(&account, 2, 0, &big), 0);
    assert_int_equal(domain_mem_alloc(&account, 0, 0, &mfn), 0);
    assert_int_equal(domain_mem_alloc(&account, 0, 0, &mfn), -XEN_E2BIG);
    assert_int_equal(firsts, 1);
    account.max_pages = 2; /* fewer than it has: nothing more, the rest stays */
    assert_int_equal(domain_mem_alloc(&account, 0, 0, &mfn), -XEN_E2BIG);
    assert_int_equal(domain_mem_alloc(&account, 64, 0, &mfn), -XEN_ENOMEM);
    account.max_pages = ~0ull;
    assert_int_equal(domain_mem_alloc(&account, HEAP_MAX_ORDER, 0, &mfn), -XEN_ENOMEM);
    assert_int_equal(account.tot_pages, 5);

    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(frame_read(mfn_add(big, i)), FRAME_ALLOCATED | FRAME_OWNER(OWNER) | 1);
        assert_int_equal(domain_mem_give_back(&account, mfn_add(big, i)), 0);
        assert_int_equal(domain_mem_give_back(&account, mfn_add(big, i)), -XEN_EINVAL);
    }
    assert_int_equal(domain_mem_give_back(&account, INVALID_MFN), -XEN_EINVAL);
    assert_int_equal(domain_mem_give_back(&account, MFN(0)), -XEN_EINVAL);
    assert_int_equal(empties, 0);
    assert_true(mfn_eq(pageset_next(&account.owned, MFN(0)), mfn));
    assert_int_equal(domain_mem_give_back(&account, mfn), 0);
    assert_int_equal(empties, 1);
    account.dying = true;
    assert_int_equal(domain_mem_alloc(&account, 0, 0, &mfn), -XEN_EINVAL);
}

static void test_mapped_page_outlives_giving_back(void **state)
{
    mfn_t mfn;

    assert_int_equal(domain_mem_alloc(&account, 0, 0, &mfn), 0);
    assert_true(frame_get_writable(mfn, OWNER));
    assert_int_equal(domain_mem_give_back(&account, mfn), 0);
    assert_int_equal(account.tot_pages, 1);
    assert_true(frame_get(mfn, OWNER)); /* somebody has it mapped: it is still the domain's */
    frame_put(mfn);
    frame_put_writable(mfn);
    assert_int_equal(account.tot_pages, 0);
    assert_int_equal(empties, 1);
}

/* Whoever gets @mfn next finds zeroes there. */
static void assert_cleared_for_the_next(mfn_t mfn)
{
    static mfn_t got[FRAMES];
    uint64_t n = 0;

    do {
        got[n] = heap_alloc(0, HEAP_ZERO);
        assert_false(mfn_is_invalid(got[n]));
    } while (got[n++].n != mfn.n);
    for (unsigned int i = 0; i < PAGE_SIZE; i++) {
        assert_int_equal(((const uint8_t *)mfn_to_virt(mfn))[i], 0);
    }
    while (n-- > 0) {
        heap_free_clean(got[n], 0);
    }
}

static void test_shared_page(void **state)
{
    uint64_t *page = heap_alloc_page();
    mfn_t mfn = virt_to_mfn(page);

    domain_mem_share(&account, mfn);
    assert_int_equal(account.shared_pages, 1);
    assert_int_equal(account.tot_pages, 0);
    assert_true(frame_get_writable(mfn, OWNER));
    assert_int_equal(domain_mem_give_back(&account, mfn), -XEN_EINVAL); /* not the guest's to give */
    page[1] = 1;
    domain_mem_unshare(&account, mfn);
    assert_int_equal(account.shared_pages, 0);
    assert_false(frame_get(mfn, OWNER));
    assert_int_equal(heap_free_frames(), free_at_start - 1); /* mapped */
    frame_put_writable(mfn);
    assert_cleared_for_the_next(mfn);
    assert_int_equal(firsts + empties, 0);
}

static void test_claims(void **state)
{
    mfn_t mfn, other;

    assert_int_equal(domain_mem_set_claim(&account, 1001), -XEN_EINVAL);
    assert_int_equal(domain_mem_alloc(&account, 0, 0, &other), 0);
    assert_int_equal(domain_mem_set_claim(&account, 9), 0);
    assert_int_equal(domain_mem_set_claim(&account, 10), -XEN_EINVAL); /* has one */
    assert_int_equal(heap_claimed_frames(), 8);
    assert_int_equal(domain_mem_alloc(&account, 2, 0, &mfn), 0);
    assert_int_equal(account.claim, 4);
    assert_int_equal(heap_claimed_frames(), 4);
    assert_int_equal(domain_mem_alloc(&account, 3, 0, &other), 0); /* more than is left of it */
    assert_int_equal(account.claim, 0);
    assert_int_equal(heap_claimed_frames(), 0);
    assert_int_equal(domain_mem_set_claim(&account, 5), -XEN_EINVAL); /* has more already */
    account.max_pages = ~0ull;
    assert_int_equal(domain_mem_set_claim(&account, FRAMES), -XEN_ENOMEM);
    assert_int_equal(domain_mem_set_claim(&account, 100), 0);
    assert_int_equal(domain_mem_alloc(&account, HEAP_MAX_ORDER, 0, &other), -XEN_ENOMEM);
    assert_int_equal(account.claim, 87); /* given back to the claim */
    assert_int_equal(domain_mem_set_claim(&account, 0), 0);
    account.dying = true;
    assert_int_equal(domain_mem_relinquish(&account, 100, NULL), 0);
}

static unsigned int drops;
static int drop_result;

static int drop(mfn_t mfn)
{
    assert_true(frame_refs(frame_read(mfn)) >= 2);
    drops++;
    return drop_result;
}

static void test_relinquish(void **state)
{
    mfn_t mfn[8], mapped;

    for (unsigned int i = 0; i < 8; i++) {
        assert_int_equal(domain_mem_alloc(&account, 4, 0, &mfn[i]), 0);
    }
    mapped = mfn_add(mfn[3], 3);
    memset(mfn_to_virt(mapped), 0x55, PAGE_SIZE);
    assert_true(frame_get_writable(mapped, OWNER));
    account.dying = true;
    drop_result = -XEN_ERESTART;
    drops = 0;
    assert_int_equal(domain_mem_relinquish(&account, 50, drop), -XEN_ERESTART);
    assert_int_equal(drops, 1);
    assert_int_equal(account.tot_pages, 128);
    drop_result = 0;
    drops = 0;
    assert_int_equal(domain_mem_relinquish(&account, 50, drop), -XEN_ERESTART);
    assert_int_equal(drops, 50);
    softirq_raise(SOFTIRQ_TIMER); /* preemption is due */
    assert_int_equal(domain_mem_relinquish(&account, 1000, drop), -XEN_ERESTART);
    assert_true(drops < 70);
    softirq_run();
    assert_int_equal(domain_mem_relinquish(&account, 1000, drop), 0);
    assert_int_equal(drops, 128);
    assert_int_equal(domain_mem_relinquish(&account, 1000, drop), 0);
    assert_int_equal(account.tot_pages, 1);
    assert_int_equal(empties, 0);
    frame_put_writable(mapped);
    assert_int_equal(empties, 1);
    assert_cleared_for_the_next(mapped); /* nobody reads a dead domain's memory */
}

/* Each allocation that a domain needs fails in turn: an error each time, and nothing is lost (teardown counts). */
static void test_no_memory_for_bitmaps(void **state)
{
    static mfn_t all[FRAMES];
    struct domain_mem m = {0};
    uint64_t n = 0;
    mfn_t mfn;

    host_alloc_fail_after(0);
    assert_int_equal(domain_mem_init(&m, OWNER), -XEN_ENOMEM);
    host_alloc_fail_after(1);
    assert_int_equal(domain_mem_init(&m, OWNER), -XEN_ENOMEM);
    host_alloc_fail_after(-1);
    while (!mfn_is_invalid(all[n] = heap_alloc(0, 0))) {
        n++;
    }
    heap_free(all[--n], 0);
    assert_int_equal(domain_mem_alloc(&account, 0, 0, &mfn),
                     -XEN_ENOMEM); /* a frame, but none for the bitmap */
    assert_int_equal(heap_free_frames(), 1);
    while (n > 0) {
        heap_free_clean(all[--n], 0);
    }
}

/* Random life of a domain: the counts are those of a model. */
static void test_random(void **state)
{
    struct random r = random_seed(77);
    static struct {
        mfn_t mfn;
        unsigned int maps;
        bool given;
    } p[400];
    unsigned int n = 0;

    account.max_pages = ARRAY_SIZE(p);
    for (unsigned int i = 0; i < 50000; i++) {
        unsigned int k = n ? (unsigned int)random_below(&r, n) : 0;

        switch (random_below(&r, 5)) {
        case 0: {
            unsigned int order = (unsigned int)random_below(&r, 4);
            mfn_t mfn;
            int rc = domain_mem_alloc(&account, order, 0, &mfn);

            assert_int_equal(rc, n + (1u << order) > ARRAY_SIZE(p) ? -XEN_E2BIG : 0);
            for (unsigned int b = 0; rc == 0 && b < 1u << order; b++) {
                p[n].mfn = mfn_add(mfn, b);
                p[n].maps = 0;
                p[n++].given = false;
            }
            break;
        }
        case 1:
            if (n && p[k].maps < 5) {
                assert_true(frame_get_writable(p[k].mfn, OWNER));
                p[k].maps++;
            }
            break;
        case 2:
            if (n && p[k].maps > 0) {
                frame_put_writable(p[k].mfn);
                p[k].maps--;
            }
            break;
        default:
            if (n) {
                assert_int_equal(domain_mem_give_back(&account, p[k].mfn), p[k].given ? -XEN_EINVAL : 0);
                p[k].given = true;
            }
        }
        if (n && p[k].given && p[k].maps == 0) {
            p[k] = p[--n];
        }
        assert_int_equal(account.tot_pages, n);
        assert_int_equal(account.owned.count, n);
    }
    assert_int_equal(firsts, empties + 1);
    account.dying = true;
    assert_int_equal(domain_mem_relinquish(&account, 10000, NULL), 0);
    for (unsigned int k = 0; k < n; k++) {
        for (; p[k].maps > 0; p[k].maps--) {
            frame_put_writable(p[k].mfn);
        }
    }
    assert_int_equal(account.tot_pages, 0);
    assert_int_equal(firsts, empties);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pageset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pageset_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mapped_page_outlives_giving_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_claims, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relinquish, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_for_bitmaps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
