/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Populate on demand against a plain array: promises made, kept, taken back, pages given back to the cache, targets. */
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

#define GFNS 2048u

static struct x86_domain xd;
static struct p2m p;
static enum p2m_type want[GFNS];

struct domain_mem *domain_mem_of(domid_t owner)
{
    return &xd.d.mem;
}

void domain_mem_first(domid_t owner)
{
}

void domain_mem_empty(domid_t owner)
{
}

static int start(void **state)
{
    host_init(2, 64 << 20);
    memset(&xd, 0, sizeof(xd));
    memset(want, 0, sizeof(want));
    memset(&p, 0, sizeof(p));
    xd.d.id = 1;
    assert_int_equal(domain_mem_init(&xd.d.mem, 1), 0);
    xd.d.mem.max_pages = 1 << 20;
    assert_int_equal(p2m_init(&p, true), 0);
    return 0;
}

static int end(void **state)
{
    while (p2m_teardown(&p) != 0) {
    }
    xd.d.mem.dying = true;
    while (domain_mem_relinquish(&xd.d.mem, 1000, NULL) != 0) {
    }
    assert_int_equal(xd.d.mem.tot_pages, 0);
    domain_mem_destroy(&xd.d.mem);
    heap_check();
    return 0;
}

static void check_all(void)
{
    uint64_t ram = 0, promised = 0;

    for (unsigned int i = 0; i < GFNS; i++) {
        struct p2m_leaf l = p2m_lookup(&p, i);

        assert_int_equal(l.type, want[i] == P2M_RAM ? P2M_RAM : P2M_NONE);
        if (l.type == P2M_RAM) {
            assert_int_equal(m2p_get(l.mfn), i);
            assert_int_equal(frame_refs(frame_read(l.mfn)), 1);
        }
        ram += want[i] == P2M_RAM;
        promised += want[i] == P2M_POD;
    }
    assert_int_equal(p.pod.promised, promised);
    assert_int_equal(p.pod.large.count * 512 + p.pod.small.count, p.pod.cached);
    assert_int_equal(xd.d.mem.tot_pages, ram + p.pod.cached);
    assert_true(p.pod.cached <= promised || promised == 0);
}

static void set_target(uint64_t pages)
{
    int rc;

    do {
        rc = p2m_pod_set_target(&xd, &p, pages);
    } while (rc == -XEN_ERESTART);
    assert_int_equal(rc, 0);
}

static void promise(uint64_t gfn, unsigned int order)
{
    assert_int_equal(p2m_pod_promise(&p, gfn, order), 0);
    for (uint64_t i = gfn; i < gfn + (1ull << order); i++) {
        want[i] = P2M_POD;
    }
}

/* What 2 MiB it is in came with it. */
static void note_populated(uint64_t gfn)
{
    unsigned int level;

    assert_true(p2m_find(&p, gfn, &level) != 0);
    if (level == 2) {
        gfn &= ~511ull;
    }
    for (uint64_t i = gfn; i < gfn + (level == 2 ? 512 : 1); i++) {
        want[i] = P2M_RAM;
    }
}

static void touch(uint64_t gfn)
{
    int rc = p2m_pod_populate(&p, gfn);

    if (want[gfn] == P2M_POD && p.pod.cached == 0 && rc != 0) {
        assert_int_equal(rc, -XEN_ENOMEM);
        return;
    }
    if (want[gfn] == P2M_NONE || p.pod.promised == 0) {
        assert_true(rc == -XEN_EINVAL || (rc == 0 && want[gfn] != P2M_NONE));
    }
    if (want[gfn] == P2M_POD) {
        assert_int_equal(rc, 0);
        note_populated(gfn);
    }
}

/* As XENMEM_decrease_reservation does. */
static void give_back(uint64_t gfn)
{
    struct p2m_leaf l = p2m_lookup(&p, gfn);

    if (want[gfn] == P2M_POD) {
        assert_int_equal(p2m_pod_release(&xd, &p, gfn), 0);
    } else {
        assert_int_equal(p2m_pod_release(&xd, &p, gfn), -XEN_EINVAL);
    }
    if (want[gfn] == P2M_RAM) {
        bool is_short = p.pod.cached < p.pod.promised;

        assert_true(frame_get(l.mfn, 1));
        assert_int_equal(p2m_remove(&xd, &p, gfn, l.mfn, 0, P2M_RAM), 0);
        assert_int_equal(p2m_pod_reclaim(&p, l.mfn), is_short);
        if (!is_short) {
            assert_int_equal(domain_mem_give_back(&xd.d.mem, l.mfn), 0);
        }
        frame_put(l.mfn);
    }
    want[gfn] = P2M_NONE;
}

static void add_memory(uint64_t gfn)
{
    mfn_t mfn;

    if (want[gfn] == P2M_RAM) {
        return;
    }
    assert_int_equal(domain_mem_alloc(&xd.d.mem, 0, 0, &mfn), 0);
    assert_int_equal(p2m_add(&xd, &p, gfn, mfn, 0, P2M_RAM), 0);
    want[gfn] = P2M_RAM;
}

static void random_lives(void **state)
{
    for (unsigned int seed = 1; seed <= 6; seed++) {
        struct random r = random_seed(seed);

        assert_int_equal(start(NULL), 0);
        set_target(600 + random_below(&r, 400));
        promise(0, 10);
        promise(1024, 0);
        promise(1100, 6);
        check_all();
        for (unsigned int i = 0; i < 3000; i++) {
            uint64_t gfn = random_below(&r, GFNS);

            switch (random_below(&r, 8)) {
            case 0:
            case 1:
                touch(gfn);
                break;
            case 2:
            case 3:
            case 4:
                give_back(gfn);
                break;
            case 5:
                if (p.pod.cached <
                    p.pod.promised) { /* else the cache would hold more than what is left of the promises */
                    add_memory(gfn);
                }
                break;
            default:
                set_target(xd.d.mem.tot_pages + random_below(&r, 20));
                break;
            }
            if (i % 100 == 99) {
                check_all();
            }
        }
        check_all();
        assert_int_equal(end(NULL), 0);
    }
}

static void large_pages_while_the_cache_suffices(void **state)
{
    unsigned int level;

    set_target(1024);
    promise(0, 10);
    touch(700);
    assert_true(p2m_find(&p, 512, &level) != 0 && level == 2);
    check_all();
    end(NULL);

    start(NULL);
    set_target(600);
    promise(0, 10);
    touch(700);
    assert_true(p2m_find(&p, 700, &level) != 0 && level == 1);
    assert_true(p2m_find(&p, 701, &level) == 0);
    check_all();
}

/* What Linux does: its balloon driver takes pages, which uses them, and gives them back, until the domain has what it was started with. */
static void a_balloon_makes_ends_meet(void **state)
{
    set_target(512);
    promise(0, 10);
    for (uint64_t i = 0; i < 300; i++) {
        touch(i);
    }
    for (uint64_t i = 512; i < 1024; i++) {
        touch(i);
        give_back(i);
    }
    check_all();
    for (uint64_t i = 300; i < 512; i++) {
        touch(i);
    }
    check_all();
    assert_int_equal(p.pod.promised, 0);
    assert_int_equal(p.pod.cached, 0);
    assert_int_equal(xd.d.mem.tot_pages, 512);
}

static void nothing_left(void **state)
{
    set_target(2);
    promise(0, 3);
    touch(0);
    touch(1);
    assert_int_equal(p2m_pod_populate(&p, 2), -XEN_ENOMEM);
    set_target(3);
    touch(2);
    assert_int_equal(p2m_pod_populate(&p, 2), 0); /* it is there */
    assert_int_equal(p2m_pod_populate(&p, 3), -XEN_ENOMEM);
    check_all();
}

static void targets(void **state)
{
    xd.d.mem.max_pages = 700;
    set_target(600);
    assert_int_equal(xd.d.mem.tot_pages, 600);
    promise(0, 10);
    touch(0);
    set_target(500); /* the balloon driver's business */
    assert_int_equal(xd.d.mem.tot_pages, 600);
    set_target(650);
    assert_int_equal(xd.d.mem.tot_pages, 650);
    assert_int_equal(p2m_pod_set_target(&xd, &p, 800), -XEN_E2BIG);
    assert_int_equal(xd.d.mem.tot_pages, 700);
    check_all();
}

static void refusals(void **state)
{
    add_memory(7);
    assert_int_equal(p2m_pod_promise(&p, 0, 4), -XEN_EBUSY);
    assert_int_equal(p2m_pod_promise(&p, P2M_MAX_GFN, 0), -XEN_EINVAL);
    assert_int_equal(p2m_pod_promise(&p, P2M_MAX_GFN - 1, 1), -XEN_EINVAL);
    assert_int_equal(p2m_pod_promise(&p, ~0ull, 18), -XEN_EINVAL);
    assert_int_equal(p2m_pod_populate(&p, ~0ull), -XEN_EINVAL);
    assert_int_equal(p2m_pod_release(&xd, &p, ~0ull), -XEN_EINVAL);
    assert_int_equal(p2m_pool_set(&p, 0), 0);
    assert_int_equal(p2m_pod_promise(&p, 1ull << 30, 9), -XEN_ENOMEM);
    while (p2m_teardown(&p) != 0) {
    }
    assert_int_equal(p2m_pod_promise(&p, 0, 0), -XEN_EINVAL);
    assert_int_equal(p2m_pool_set(&p, 100), -XEN_EINVAL);
    assert_int_equal(p2m_pod_set_target(&xd, &p, 100), 0); /* and nothing happens */
    assert_int_equal(p.pod.cached, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives),
        cmocka_unit_test_setup_teardown(large_pages_while_the_cache_suffices, start, end),
        cmocka_unit_test_setup_teardown(a_balloon_makes_ends_meet, start, end),
        cmocka_unit_test_setup_teardown(nothing_left, start, end),
        cmocka_unit_test_setup_teardown(targets, start, end),
        cmocka_unit_test_setup_teardown(refusals, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
