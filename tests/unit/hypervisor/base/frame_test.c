/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame word: random operations against a model, the limits of the counters, leaving a page-table type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <core/memory/arch.h>
#include <hypervisor/panics.h>
#include <hypervisor/random.h>

#define OWNER 7

static struct domain_mem account;

struct domain_mem *domain_mem_of(domid_t owner)
{
    assert_int_equal(owner, OWNER);
    return &account;
}

void domain_mem_first(domid_t owner)
{
}

void domain_mem_empty(domid_t owner)
{
}

static int setup(void **state)
{
    host_init(2, 1 << 22);
    assert_int_equal(domain_mem_init(&account, OWNER), 0);
    account.max_pages = 100;
    return 0;
}

static int teardown(void **state)
{
    domain_mem_destroy(&account);
    assert_int_equal(host_alloc_count(), 0);
    return 0;
}

static mfn_t one_page(void)
{
    mfn_t mfn;

    assert_int_equal(domain_mem_alloc(&account, 0, 0, &mfn), 0);
    return mfn;
}

static void set_state(mfn_t mfn, uint64_t s)
{
    *frame_state(mfn) = s;
}

static void test_who_may_not(void **state)
{
    mfn_t mfn = one_page();
    mfn_t free = heap_alloc(0, 0);

    assert_false(frame_get(mfn, OWNER + 1));
    assert_false(frame_get_writable(mfn, OWNER + 1));
    assert_false(frame_get(MFN(frame_limit), OWNER));
    assert_false(frame_get(INVALID_MFN, OWNER));
    assert_false(frame_get_writable(MFN(frame_limit), OWNER));
    assert_false(frame_get(MFN(0), 0)); /* a hole: all zero */
    assert_false(frame_get_writable(MFN(0), 0));
    assert_false(frame_get(free, DOMID_NONE));
    assert_false(frame_get_writable(free, DOMID_NONE));
    heap_free(free, 0);
    assert_false(frame_get(free, DOMID_NONE));
    assert_int_equal(domain_mem_give_back(&account, mfn), 0);
    assert_false(frame_get(mfn, OWNER));
    assert_int_equal(account.tot_pages, 0);
}

/* The model: counters as plain numbers. */
static void test_random(void **state)
{
    struct random r = random_seed(1);
    unsigned int refs = 0, trefs = 0;
    bool allocated = false;
    mfn_t mfn = INVALID_MFN;

    for (unsigned int i = 0; i < 200000; i++) {
        if (refs + trefs == 0) {
            assert_int_equal(account.tot_pages, 0);
            mfn = one_page();
            allocated = true;
            refs = 1;
        }
        switch (random_below(&r, 6)) {
        case 0:
            assert_true(frame_get(mfn, OWNER));
            refs++;
            break;
        case 1:
            assert_true(frame_get_writable(mfn, OWNER));
            trefs++;
            break;
        case 2:
            assert_true(frame_get_again(mfn));
            refs++;
            break;
        case 3:
            if (refs > allocated) {
                frame_put(mfn);
                refs--;
            }
            break;
        case 4:
            if (trefs > 0) {
                frame_put_writable(mfn);
                trefs--;
            }
            break;
        default:
            if (random_below(&r, 4) == 0) {
                assert_int_equal(domain_mem_give_back(&account, mfn), allocated ? 0 : -XEN_EINVAL);
                refs -= allocated;
                allocated = false;
            }
        }
        if (refs + trefs > 0) {
            uint64_t s = frame_read(mfn);

            assert_int_equal(frame_refs(s), refs + trefs);
            assert_int_equal(frame_type_refs(s), trefs);
            assert_int_equal(frame_owner(s), OWNER);
            assert_int_equal(!!(s & FRAME_ALLOCATED), allocated);
        } else {
            assert_int_equal(frame_read(mfn), FRAME_OWNER(DOMID_NONE));
        }
    }
    for (; trefs > 0; trefs--) {
        frame_put_writable(mfn);
    }
    for (; refs > 0; refs--) {
        if (allocated) {
            assert_true(frame_take_allocated(mfn));
            assert_false(refs > 1 && frame_take_allocated(mfn));
            allocated = false;
        }
        frame_put(mfn);
    }
    assert_int_equal(account.tot_pages, 0);
}

static void test_full_counters(void **state)
{
    mfn_t mfn = one_page();
    uint64_t base = FRAME_ALLOCATED | FRAME_OWNER(OWNER);
    uint64_t s;

    set_state(mfn, base | (FRAME_REF_MASK - 1));
    assert_true(frame_get(mfn, OWNER));
    assert_false(frame_get(mfn, OWNER));
    assert_false(frame_get_again(mfn));
    assert_false(frame_get_writable(mfn, OWNER));
    s = frame_read(mfn);
    assert_int_equal(s, base | FRAME_REF_MASK); /* nothing spilled over */
    set_state(mfn, base | FRAME_TYPE(FT_WRITABLE) | FRAME_REF_MASK);
    assert_false(frame_get_writable(mfn, OWNER));
    assert_int_equal(frame_read(mfn), base | FRAME_TYPE(FT_WRITABLE) | FRAME_REF_MASK);
    set_state(mfn, base | FRAME_TYPE(FT_WRITABLE) | (FRAME_TREF_MASK - FRAME_TREF_ONE) | 0x500000);
    assert_true(frame_get_writable(mfn, OWNER));
    assert_false(frame_get_writable(mfn, OWNER));
    assert_true(frame_get(mfn, OWNER));
    assert_int_equal(frame_type_refs(frame_read(mfn)), 0x3ffff);
    set_state(mfn, base | 1);
    assert_int_equal(domain_mem_give_back(&account, mfn), 0);
}

static void test_underflow_is_caught(void **state)
{
    mfn_t mfn = heap_alloc(0, 0);

    expect_panic(frame_put(mfn));
    expect_panic(frame_put_writable(mfn));
    set_state(mfn, FRAME_OWNER(DOMID_NONE));
    heap_free(mfn, 0);
}

static void test_types(void **state)
{
    static const enum frame_type special[] = {FT_L1, FT_L2, FT_L3, FT_L4, FT_SEGDESC};
    mfn_t mfn = one_page();
    uint64_t base = FRAME_ALLOCATED | FRAME_OWNER(OWNER) | 1;

    for (unsigned int i = 0; i < ARRAY_SIZE(special); i++) {
        uint64_t flushes = host_flush_count;

        set_state(mfn, base | FRAME_TYPE(special[i]) | FRAME_VALIDATED | FRAME_TREF_ONE);
        assert_false(frame_get_writable(mfn, OWNER)); /* in use as such */
        assert_true(frame_get(mfn, OWNER));
        set_state(mfn, base | FRAME_TYPE(special[i]) | FRAME_PARTIAL);
        assert_false(frame_get_writable(mfn, OWNER));
        assert_int_equal(host_flush_count, flushes);
        /* no longer in use: the TLBs that may know it are flushed first */
        set_state(mfn, base | FRAME_TYPE(special[i]) | FRAME_VALIDATED);
        *frame_aux(mfn) = port_tlb_clock();
        assert_true(frame_get_writable(mfn, OWNER));
        assert_int_equal(host_flush_count, flushes + 1);
        assert_int_equal(frame_read(mfn), (base | FRAME_TYPE(FT_WRITABLE)) + FRAME_REF_ONE + FRAME_TREF_ONE);
        frame_put_writable(mfn);
        /* they were flushed since: not again */
        set_state(mfn, base | FRAME_TYPE(special[i]) | FRAME_VALIDATED);
        *frame_aux(mfn) = port_tlb_clock() - 1;
        assert_true(frame_get_writable(mfn, OWNER));
        assert_int_equal(host_flush_count, flushes + 1);
        frame_put_writable(mfn);
        assert_int_equal(*frame_aux(mfn), port_tlb_clock());
    }
    set_state(mfn, base);
    assert_int_equal(domain_mem_give_back(&account, mfn), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_may_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_underflow_is_caught, setup, teardown),
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
