/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The physical-to-machine map against a plain array: random additions, replacements and removals of all sizes, with the references that go with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <core/memory/arch.h>
#include <core/memory/heap.h>
#include <guest/x86/pvh/p2m.h>
#include <host/host.h>
#include <lib/string.h>
#include <stdlib.h>
#include <tests/unit/hypervisor/random.h>

#define GFNS  4096u
#define OTHER 2u

static struct x86_domain xd;
static struct domain_mem other;
static struct p2m p;

struct naive {
    enum p2m_type type;
    uint64_t mfn;
};
static struct naive want[GFNS];

struct domain_mem *domain_mem_of(domid_t owner)
{
    return owner == OTHER ? &other : &xd.d.mem;
}

void domain_mem_first(domid_t owner)
{
}

void domain_mem_empty(domid_t owner)
{
}

static int start(void **state)
{
    host_init(2, 192 << 20);
    memset(&xd, 0, sizeof(xd));
    memset(&other, 0, sizeof(other));
    memset(want, 0, sizeof(want));
    memset(&p, 0, sizeof(p));
    xd.d.id = 1;
    assert_int_equal(domain_mem_init(&xd.d.mem, 1), 0);
    assert_int_equal(domain_mem_init(&other, OTHER), 0);
    xd.d.mem.max_pages = other.max_pages = 1 << 20;
    assert_int_equal(p2m_init(&p, true), 0);
    return 0;
}

static void relinquish(struct domain_mem *m)
{
    m->dying = true;
    while (domain_mem_relinquish(m, 1000, NULL) != 0) {
    }
    assert_int_equal(m->tot_pages, 0);
    domain_mem_destroy(m);
}

static int end(void **state)
{
    while (p2m_teardown(&p) != 0) {
    }
    assert_int_equal(p.table_pages, 0);
    relinquish(&xd.d.mem);
    relinquish(&other);
    heap_check();
    return 0;
}

static mfn_t fresh(struct domain_mem *m, unsigned int order)
{
    mfn_t mfn;

    assert_int_equal(domain_mem_alloc(m, order, 0, &mfn), 0);
    return mfn;
}

static void check_all(void)
{
    uint64_t ram = 0, granted = 0;

    for (unsigned int i = 0; i < GFNS; i++) {
        struct p2m_leaf l = p2m_lookup(&p, i);

        assert_int_equal(l.type, want[i].type);
        if (want[i].type != P2M_NONE) {
            assert_int_equal(l.mfn.n, want[i].mfn);
            assert_int_equal(l.write, want[i].type != P2M_GRANT_RO);
        }
        if (want[i].type == P2M_RAM) {
            assert_int_equal(m2p_get(l.mfn), i);
            assert_int_equal(frame_refs(frame_read(l.mfn)), 1);
            ram++;
        } else if (want[i].type != P2M_NONE) {
            granted++;
        }
    }
    assert_int_equal(other.tot_pages, granted);
    assert_int_equal(xd.d.mem.tot_pages, ram); /* what was replaced was given back */
}

static void random_add(struct random *r)
{
    unsigned int order = random_below(r, 4) == 0 ? 9 : random_below(r, 3);
    uint64_t gfn = random_below(r, GFNS >> order) << order;
    mfn_t mfn = fresh(&xd.d.mem, order);

    assert_int_equal(p2m_add(&xd, &p, gfn, mfn, order, P2M_RAM), 0);
    for (unsigned int i = 0; i < 1u << order; i++) {
        want[gfn + i] = (struct naive){P2M_RAM, mfn.n + i};
    }
}

static void random_grant(struct random *r)
{
    enum p2m_type type = random_below(r, 2) ? P2M_GRANT_RW : P2M_GRANT_RO;
    uint64_t gfn = random_below(r, GFNS);
    mfn_t mfn = fresh(&other, 0);

    assert_true(type == P2M_GRANT_RW ? frame_get_writable(mfn, OTHER) : frame_get(mfn, OTHER));
    assert_int_equal(p2m_add(&xd, &p, gfn, mfn, 0, type), 0);
    assert_int_equal(domain_mem_give_back(&other, mfn), 0); /* the mapping alone holds it now */
    want[gfn] = (struct naive){type, mfn.n};
}

static void random_remove(struct random *r)
{
    uint64_t gfn = random_below(r, GFNS);
    struct naive w = want[gfn];
    int rc;

    if (w.type == P2M_NONE) {
        assert_int_equal(p2m_remove(&xd, &p, gfn, MFN(77), 0, P2M_RAM), -XEN_EINVAL);
        return;
    }
    assert_int_equal(p2m_remove(&xd, &p, gfn, MFN(w.mfn + 1), 0, w.type), -XEN_EINVAL);
    if (w.type == P2M_RAM) {
        rc = p2m_remove(&xd, &p, gfn, MFN(w.mfn), 0, P2M_RAM);
        assert_int_equal(domain_mem_give_back(&xd.d.mem, MFN(w.mfn)), 0);
    } else {
        uint32_t flushes = p.flushes;

        rc = p2m_remove_lazily(&p, gfn, MFN(w.mfn), w.type);
        assert_int_not_equal(p.flushes, flushes);
        if (w.type == P2M_GRANT_RW) {
            frame_put_writable(MFN(w.mfn));
        } else {
            frame_put(MFN(w.mfn));
        }
    }
    assert_int_equal(rc, 0);
    want[gfn].type = P2M_NONE;
}

static void random_operations(void **state)
{
    for (unsigned int seed = 1; seed <= 8; seed++) {
        struct random r;

        r = random_seed(seed);
        for (unsigned int i = 0; i < 300; i++) {
            switch (random_below(&r, 3)) {
            case 0:
                random_add(&r);
                break;
            case 1:
                random_grant(&r);
                break;
            default:
                random_remove(&r);
                break;
            }
            if (i % 50 == 49) {
                check_all();
            }
        }
        check_all();
    }
}

static void large_pages_are_used_and_split(void **state)
{
    unsigned int level;
    mfn_t mfn = fresh(&xd.d.mem, 9);
    uint64_t tables;

    assert_int_equal(p2m_add(&xd, &p, 512, mfn, 9, P2M_RAM), 0);
    assert_true(p2m_find(&p, 600, &level) != 0 && level == 2);
    tables = p.table_pages;
    assert_int_equal(p2m_remove(&xd, &p, 700, mfn_add(mfn, 700 - 512), 0, P2M_RAM), 0);
    assert_int_equal(p.table_pages, tables + 1);
    assert_true(p2m_find(&p, 600, &level) != 0 && level == 1);
    assert_true(p2m_find(&p, 700, &level) == 0);
    assert_int_equal(p2m_lookup(&p, 701).mfn.n, mfn.n + 701 - 512);
    assert_int_equal(p.max_gfn, 1023);
}

static void unaligned_ranges_take_small_pages(void **state)
{
    unsigned int level;
    mfn_t mfn = fresh(&xd.d.mem, 9);

    assert_int_equal(p2m_add(&xd, &p, 513, mfn, 9, P2M_RAM), 0);
    assert_true(p2m_find(&p, 513, &level) != 0 && level == 1);
    assert_int_equal(p2m_lookup(&p, 1024).mfn.n, mfn.n + 511);
}

static void a_used_up_pool_leaves_nothing_behind(void **state)
{
    mfn_t mfn = fresh(&xd.d.mem, 9);

    assert_int_equal(p2m_pool_set(&p, p.table_pages), 0);
    assert_int_equal(p2m_add(&xd, &p, 512, mfn, 9, P2M_RAM), -XEN_ENOMEM);
    assert_int_equal(p2m_pool_set(&p, p.table_pages + 3), 0);
    assert_int_equal(p2m_add(&xd, &p, 700, mfn, 9, P2M_RAM),
                     -XEN_ENOMEM); /* ends in a second level 1 table */
    for (unsigned int i = 0; i < GFNS; i++) {
        assert_int_equal(p2m_lookup(&p, i).type, P2M_NONE);
    }
    assert_int_equal(xd.d.mem.tot_pages, 512);
}

static void the_pool_is_taken_from_the_heap_and_given_back(void **state)
{
    uint64_t before = heap_free_frames();

    assert_int_equal(p2m_pool_pages(&p), P2M_POOL_DEFAULT);
    assert_int_equal(p2m_pool_set(&p, P2M_POOL_DEFAULT + 100), 0);
    assert_int_equal(p2m_pool_pages(&p), P2M_POOL_DEFAULT + 100);
    assert_int_equal(heap_free_frames(), before - 100);
    assert_int_equal(p2m_pool_set(&p, 0), 0); /* the root is in use */
    assert_int_equal(p2m_pool_pages(&p), 1);
    assert_int_equal(heap_free_frames(), before + P2M_POOL_DEFAULT - 1);
    assert_int_equal(p2m_add(&xd, &p, 5, fresh(&xd.d.mem, 0), 0, P2M_RAM), -XEN_ENOMEM);
    assert_int_equal(p2m_pool_set(&p, 1 << 20), -XEN_ENOMEM); /* more than the machine has */
    assert_true(p2m_pool_pages(&p) > 1000);
    assert_int_equal(p2m_pool_set(&p, 10), 0);
}

static void bounds(void **state)
{
    mfn_t mfn = fresh(&xd.d.mem, 0);

    assert_int_equal(p2m_add(&xd, &p, P2M_MAX_GFN, mfn, 0, P2M_RAM), -XEN_EINVAL);
    assert_int_equal(p2m_add(&xd, &p, P2M_MAX_GFN - 1, mfn, 9, P2M_RAM), -XEN_EINVAL);
    assert_int_equal(p2m_add(&xd, &p, ~0ull, mfn, 18, P2M_RAM), -XEN_EINVAL);
    assert_int_equal(p2m_add(&xd, &p, P2M_MAX_GFN - 1, mfn, 0, P2M_RAM), 0);
    assert_int_equal(p2m_lookup(&p, P2M_MAX_GFN - 1).mfn.n, mfn.n);
    assert_int_equal(p2m_lookup(&p, P2M_MAX_GFN).type, P2M_NONE);
    assert_int_equal(p2m_lookup(&p, ~0ull).type, P2M_NONE);
}

static void a_shared_page_moves(void **state)
{
    mfn_t mfn = heap_alloc(0, HEAP_ZERO);

    domain_mem_share(&xd.d.mem, mfn);
    assert_int_equal(p2m_add(&xd, &p, 5, mfn, 0, P2M_RAM), 0);
    assert_int_equal(p2m_add(&xd, &p, 9, mfn, 0, P2M_RAM), 0);
    assert_int_equal(p2m_lookup(&p, 5).type, P2M_NONE);
    assert_int_equal(p2m_lookup(&p, 9).mfn.n, mfn.n);
    assert_int_equal(p2m_add(&xd, &p, 9, fresh(&xd.d.mem, 0), 0, P2M_RAM), 0);
    assert_int_equal(frame_refs(frame_read(mfn)), 1); /* only unmapped */
    domain_mem_unshare(&xd.d.mem, mfn);
}

static void nothing_after_teardown(void **state)
{
    mfn_t mfn = fresh(&xd.d.mem, 0);

    assert_int_equal(p2m_add(&xd, &p, 5, mfn, 0, P2M_RAM), 0);
    while (p2m_teardown(&p) != 0) {
    }
    assert_int_equal(p2m_lookup(&p, 5).type, P2M_NONE);
    assert_int_equal(p2m_add(&xd, &p, 6, mfn, 0, P2M_RAM), -XEN_EINVAL);
}

/* Memory that was given up page by page comes back as a large page: the empty table between goes. */
static void an_empty_table_makes_room(void **state)
{
    mfn_t large = fresh(&xd.d.mem, 9), again;
    uint64_t tables;
    unsigned int level = 0;

    assert_int_equal(p2m_add(&xd, &p, 512, large, 9, P2M_RAM), 0);
    tables = p.table_pages;
    for (unsigned int i = 0; i < 512; i++) {
        mfn_t mfn = mfn_add(large, i);

        assert_int_equal(p2m_remove(&xd, &p, 512 + i, mfn, 0, P2M_RAM), 0);
        assert_int_equal(domain_mem_give_back(&xd.d.mem, mfn), 0);
        assert_int_equal(p.table_pages, tables + 1); /* it was split */
    }
    again = fresh(&xd.d.mem, 9);
    assert_int_equal(p2m_add(&xd, &p, 512, again, 9, P2M_RAM), 0);
    assert_int_equal(p.table_pages, tables);
    assert_int_not_equal(p2m_find(&p, 700, &level), 0);
    assert_int_equal(level, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_operations, start, end),
        cmocka_unit_test_setup_teardown(large_pages_are_used_and_split, start, end),
        cmocka_unit_test_setup_teardown(unaligned_ranges_take_small_pages, start, end),
        cmocka_unit_test_setup_teardown(a_used_up_pool_leaves_nothing_behind, start, end),
        cmocka_unit_test_setup_teardown(the_pool_is_taken_from_the_heap_and_given_back, start, end),
        cmocka_unit_test_setup_teardown(bounds, start, end),
        cmocka_unit_test_setup_teardown(an_empty_table_makes_room, start, end),
        cmocka_unit_test_setup_teardown(a_shared_page_moves, start, end),
        cmocka_unit_test_setup_teardown(nothing_after_teardown, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
