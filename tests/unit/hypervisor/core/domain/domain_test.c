/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/domain/domain.c and vcpu.c: creation when memory is out at any step, the table of domains, references and who keeps a domain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>

#define ID         7
#define MOST_STEPS 64 /* allocations that creating a domain may need */

static mfn_t drained[FAKE_MEMORY / PAGE_SIZE];
static size_t drained_count;
static unsigned int timers_at_start;
static unsigned int timers(void);

static int start(void **state)
{
    struct domain_config c = {.id = ID, .max_vcpus = 1};
    struct domain *d;

    fake_x86_start();
    /* the table's part for this id, once made, stays */
    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(domain_kill(d), 0);
    host_run_softirqs();
    fake_objects_at_start = host_alloc_count();
    fake_free_at_start = heap_free_frames();
    timers_at_start = timers();
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static struct domain_config config(enum guest_kind kind, unsigned int vcpus)
{
    return (struct domain_config){.id = ID,
                                  .kind = kind,
                                  .max_vcpus = vcpus,
                                  .max_evtchn_port = ~0u,
                                  .max_grant_frames = 4,
                                  .max_maptrack_frames = 4};
}

/* Take all memory but @left frames. */
static void drain(unsigned int left)
{
    mfn_t mfn;

    drained_count = 0;
    while (mfn = heap_alloc(0, 0), !mfn_is_invalid(mfn)) {
        drained[drained_count++] = mfn;
    }
    while (left-- > 0) {
        heap_free(drained[--drained_count], 0);
    }
}

static void refill(void)
{
    while (drained_count > 0) {
        heap_free(drained[--drained_count], 0);
    }
}

static unsigned int timers(void)
{
    unsigned int n = 0;

    for (unsigned int cpu = 0; cpu < FAKE_CPUS; cpu++) {
        n += timer_count(cpu);
    }
    return n;
}

static void nothing_is_left(void)
{
    assert_int_equal(timers(), timers_at_start);
    assert_null(domain_get(ID));
    assert_int_equal(host_alloc_count(), fake_objects_at_start);
    assert_int_equal(heap_free_frames(), fake_free_at_start);
}

static void kill_now(struct domain *d)
{
    assert_int_equal(domain_kill(d), 0);
    host_run_softirqs();
}

/* Small objects run out after the n-th, for every n until creation needs no more. */
static void create_without_objects(void **state)
{
    for (int kind = GUEST_PV; kind <= GUEST_PVH; kind++) {
        struct domain_config c = config((enum guest_kind)kind, 3);
        struct domain *d;
        int rc = -1, steps;

        for (steps = 0; rc != 0; steps++) {
            assert_true(steps < MOST_STEPS);
            host_alloc_fail_after(steps);
            rc = domain_create(&c, &d);
            host_alloc_fail_after(-1);
            if (rc != 0) {
                assert_int_equal(rc, -XEN_ENOMEM);
                nothing_is_left();
            }
        }
        assert_true(steps > 5);
        kill_now(d);
        nothing_is_left();
    }
}

/* The same with frames: all memory but n frames is in use. */
static void create_without_frames(void **state)
{
    struct domain_config c = config(GUEST_PV, 3);
    struct domain *d;
    int rc = -1, steps;

    for (steps = 0; rc != 0; steps++) {
        assert_true(steps < MOST_STEPS);
        drain((unsigned int)steps);
        rc = domain_create(&c, &d);
        refill();
        if (rc != 0) {
            assert_int_equal(rc, -XEN_ENOMEM);
            nothing_is_left();
        }
    }
    assert_true(steps > 3);
    kill_now(d);
    nothing_is_left();
}

/* A vCPU that could not be made leaves nothing either, and can be made later. */
static void vcpu_without_objects(void **state)
{
    for (int kind = GUEST_PV; kind <= GUEST_PVH; kind++) {
        struct domain_config c = config((enum guest_kind)kind, 2);
        unsigned int timers_before;
        uint64_t objects, frames;
        struct domain *d;
        int rc = -1;

        assert_int_equal(domain_create(&c, &d), 0);
        timers_before = timers();
        objects = host_alloc_count();
        frames = heap_free_frames();
        for (int n = 0; rc != 0; n++) {
            assert_true(n < MOST_STEPS);
            host_alloc_fail_after(n);
            rc = vcpu_create(d, 1, NULL);
            host_alloc_fail_after(-1);
            if (rc != 0) {
                assert_int_equal(rc, -XEN_ENOMEM);
                assert_null(d->vcpus[1]);
                assert_int_equal(timers(), timers_before);
                assert_int_equal(host_alloc_count(), objects);
                assert_int_equal(heap_free_frames(), frames);
            }
        }
        assert_int_equal(vcpu_create(d, 1, NULL), -XEN_EEXIST);
        assert_int_equal(vcpu_create(d, 2, NULL), -XEN_EINVAL);
        kill_now(d); /* vCPU 0 was never made */
        nothing_is_left();
    }
}

static void create_refuses(void **state)
{
    struct domain_config c = config(GUEST_PV, 0);
    struct domain *d, *other;

    assert_int_equal(domain_create(&c, &d), -XEN_EINVAL);
    c = config(GUEST_PV, 1);
    c.id = DOMID_FIRST_RESERVED;
    assert_int_equal(domain_create(&c, &d), -XEN_EINVAL);
    c = config(GUEST_PV, 1);
    c.max_grant_frames = INT32_MAX;
    assert_int_equal(domain_create(&c, &d), -XEN_EINVAL);
    nothing_is_left();
    c = config(GUEST_PV, 1);
    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(domain_create(&c, &other), -XEN_EEXIST);
    assert_ptr_equal(domain_get(ID), d);
    domain_put(d);
}

/* domain_next() visits each domain once, also when one of them goes while the caller is there. */
/* Another vCPU stops the periodic timer while its callback is on its way: it does not start again, least of all with a period of 0. */
static void periodic_timer_stopped_on_its_way(void **state)
{
    struct domain_config c = config(GUEST_PV, 1);
    struct domain *d;
    struct vcpu *v;

    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(vcpu_create(d, 0, &v), 0);
    assert_int_equal(vcpu_set_periodic(v, MILLISECS(10)), 0);
    assert_true(timer_is_armed(&v->periodic));
    assert_int_equal(vcpu_set_periodic(v, 0), 0);
    v->sched.is_running = SCHED_RUNNING;
    vcpu_periodic_fired(v);
    v->sched.is_running = 0;
    assert_false(timer_is_armed(&v->periodic));
    kill_now(d);
    nothing_is_left();
}

static void walk(void **state)
{
    static const domid_t ids[] = {3, 4, 600, 0x7fef};
    struct domain *d[ARRAY_SIZE(ids)], *at;
    unsigned int seen = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
        struct domain_config c = config(GUEST_PV, 1);

        c.id = ids[i];
        assert_int_equal(domain_create(&c, &d[i]), 0);
    }
    for (at = domain_next(1); at; at = domain_next(ids[seen - 1] + 1)) {
        assert_ptr_equal(at, d[seen]);
        seen++;
        if (at->id == 4) {
            kill_now(at);
            assert_ptr_equal(domain_get(4), at); /* dead, but referenced */
            domain_put(at);
        }
        domain_put(at);
        host_run_softirqs();
    }
    assert_int_equal(seen, ARRAY_SIZE(ids));
    assert_null(domain_get(4));
    assert_null(domain_next(DOMID_FIRST_RESERVED));
    assert_null(domain_get(DOMID_SELF));
    for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
        if (ids[i] != 4) {
            kill_now(d[i]);
        }
    }
    fake_objects_at_start = host_alloc_count(); /* the table has two parts more */
}

/* Ids are not used again at once, and never while something of the old domain is there. */
static void ids_are_not_reused(void **state)
{
    domid_t first = domain_free_id(), second;
    struct domain_config c = config(GUEST_PV, 1);
    struct domain *d;

    c.id = first;
    assert_int_equal(domain_create(&c, &d), 0);
    domain_ref(d);
    kill_now(d);
    second = domain_free_id();
    assert_int_not_equal(first, second);
    assert_int_equal(domain_create(&c, &d), -XEN_EEXIST);
    d = domain_get(first);
    domain_put(d);
    domain_put(d);
    host_run_softirqs();
    assert_null(domain_get(first));
}

/* Someone else's mapping of a dead domain's page keeps the domain in the table; the last one frees both. */
static void a_mapping_keeps_the_domain(void **state)
{
    struct domain_config c = config(GUEST_PV, 1);
    struct domain *d;
    mfn_t mfn;

    assert_int_equal(domain_create(&c, &d), 0);
    d->mem.max_pages = 8;
    assert_int_equal(domain_mem_alloc(&d->mem, 0, 0, &mfn), 0);
    assert_true(frame_get(mfn, ID));
    kill_now(d);
    assert_int_equal(d->dying, DOMAIN_DEAD);
    assert_int_equal(d->mem.tot_pages, 1);
    assert_ptr_equal(domain_get(ID), d);
    domain_put(d);
    assert_int_equal(domain_kill(d), 0); /* again: it is done */
    frame_put(mfn);
    host_run_softirqs();
    nothing_is_left();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(create_without_objects),
        T(create_without_frames),
        T(vcpu_without_objects),
        T(create_refuses),
        T(periodic_timer_stopped_on_its_way),
        T(walk),
        T(ids_are_not_reused),
        T(a_mapping_keeps_the_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
