/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op: whose memory, how much at once, lists that stop or cannot be read, numbers that are too large. Domain 3 is PV, domain 4 PVH. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/memory.h>
#include <core/gnttab/gnttab_ops.h>

#define GUEST(p)  ((uint64_t)(uintptr_t)(p))
#define PV        3
#define PVH       4
#define NOBODY    9
#define MAX_PAGES 1024u

/* What a test may set of the argument, at the start of the window; lists are at `list` and `more`, at the end of it `edge`, eight bytes from the end. */
static union {
    struct xen_memory_reservation reservation;
    struct xen_memory_exchange exchange;
    struct xen_add_to_physmap add;
    struct xen_add_to_physmap_batch batch;
    struct xen_remove_from_physmap remove;
    struct xen_mem_acquire_resource resource;
    domid_t id;
} * arg;
static uint64_t *list, *more, *edge;
static struct domain *pv, *pvh;
static struct vcpu *dom0_vcpu;

static int start(void **state)
{
    fake_x86_start();
    arg = (void *)fake_window;
    list = (uint64_t *)(fake_window + 4096);
    more = (uint64_t *)(fake_window + 16384);
    edge = (uint64_t *)(fake_window + FAKE_WINDOW) - 1;
    dom0_vcpu = current_vcpu();
    pv = fake_domain(PV, GUEST_PV, 1);
    pvh = fake_domain(PVH, GUEST_PVH, 1);
    pv->mem.max_pages = pvh->mem.max_pages = MAX_PAGES;
    return 0;
}

static int end(void **state)
{
    set_current_vcpu(dom0_vcpu);
    fake_x86_end();
    return 0;
}

static long call(uint64_t op)
{
    return fake_call(do_memory_op, op, GUEST(arg));
}

static void as(struct domain *d)
{
    set_current_vcpu(d->vcpus[0]);
}

static void ask_for(domid_t id, uint64_t *extents, uint64_t count, unsigned int order)
{
    arg->reservation =
        (struct xen_memory_reservation){.nr_extents = count, .extent_order = order, .domid = id};
    set_xen_guest_handle(arg->reservation.extent_start, extents);
}

static long populate(domid_t id, uint64_t *extents, uint64_t count, unsigned int order)
{
    ask_for(id, extents, count, order);
    return call(XENMEM_populate_physmap);
}

static long decrease(domid_t id, uint64_t *extents, uint64_t count, unsigned int order)
{
    ask_for(id, extents, count, order);
    return call(XENMEM_decrease_reservation);
}

/* --- whose ---- */

static void rights(void **state)
{
    static const uint64_t questions[] = {XENMEM_current_reservation, XENMEM_maximum_reservation,
                                         XENMEM_maximum_gpfn};
    static const uint64_t changes[] = {XENMEM_increase_reservation, XENMEM_decrease_reservation,
                                       XENMEM_populate_physmap,     XENMEM_add_to_physmap,
                                       XENMEM_add_to_physmap_batch, XENMEM_remove_from_physmap};

    as(pv);
    for (unsigned int i = 0; i < ARRAY_SIZE(questions); i++) {
        arg->id = PVH;
        assert_int_equal(call(questions[i]), -XEN_EPERM);
        arg->id = 0;
        assert_int_equal(call(questions[i]), -XEN_EPERM);
        arg->id = NOBODY;
        assert_int_equal(call(questions[i]), -XEN_ESRCH);
        assert_int_equal(fake_call(do_memory_op, questions[i], 8), -XEN_EFAULT);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(changes); i++) {
        memset(arg, 0, sizeof(*arg));
        if (i < 3) {
            ask_for(PVH, list, 1, 0);
        } else {
            arg->id = PVH; /* the first field of each of them */
        }
        assert_int_equal(call(changes[i]), -XEN_EPERM);
    }
    assert_int_equal(pvh->mem.tot_pages, 0);
    assert_int_equal(call(XENMEM_claim_pages), -XEN_EPERM);
    /* the domain that it is the device model of, and no other */
    pv->target = PVH;
    arg->id = PVH;
    assert_int_equal(call(XENMEM_maximum_reservation), MAX_PAGES);
    assert_int_equal(populate(PVH, list, 1, 0), 1);
    assert_int_equal(populate(0, list, 1, 0), -XEN_EPERM);
    arg->id = DOMID_SELF;
    assert_int_equal(call(XENMEM_current_reservation), 0);
    as(fake_dom0);
    arg->id = PVH;
    assert_int_equal(call(XENMEM_current_reservation), 1);
}

/* --- reservations: the number of extents done is the answer ---- */

static void limits(void **state)
{
    as(pv);
    assert_int_equal(populate(DOMID_SELF, list, 2, 9), 2);
    assert_int_equal(pv->mem.tot_pages, MAX_PAGES);
    assert_int_equal(populate(DOMID_SELF, list, 1, 0), 0); /* no more than it may have */
    assert_int_equal(decrease(DOMID_SELF, list, 2, 9), 2);
    assert_int_equal(pv->mem.tot_pages, 0);
    assert_int_equal(populate(DOMID_SELF, list, 1, 10), 0); /* for the control domain only */
    assert_int_equal(populate(DOMID_SELF, list, 1, 64), 0);
    assert_int_equal(populate(DOMID_SELF, list, 1, ~0u), 0);
    assert_int_equal(populate(DOMID_SELF, list, ~0ull, 0), 0);
    assert_int_equal(populate(DOMID_SELF, list, (~0ull >> 6) + 1, 0), 0);
    assert_int_equal(pv->mem.tot_pages, 0);
    /* "go on at extent 2" of a list of one, which only a guest can say */
    ask_for(DOMID_SELF, list, 1, 0);
    assert_int_equal(call(XENMEM_populate_physmap | 2 << 6), 2);
    assert_int_equal(call(XENMEM_populate_physmap | ~0ull << 6), ~0ull >> 6);
    assert_int_equal(fake_call(do_memory_op, XENMEM_populate_physmap, 8), 0); /* nothing done */
    assert_int_equal(pv->mem.tot_pages, 0);
    as(fake_dom0);
    assert_int_equal(populate(PV, list, 1, 10), 1);
    assert_int_equal(populate(PV, list, 1, 19), 0);
    assert_int_equal(pv->mem.tot_pages, MAX_PAGES);
}

static void partly(void **state)
{
    as(pv);
    pv->mem.max_pages = 5;
    for (unsigned int i = 0; i < 8; i++) {
        list[i] = 0x100 + i;
    }
    assert_int_equal(populate(DOMID_SELF, list, 8, 0), 5);
    for (unsigned int i = 0; i < 5; i++) {
        assert_int_equal(frame_owner(frame_read(MFN(list[i]))), PV);
        assert_int_equal(m2p_get(MFN(list[i])), 0x100 + i);
    }
    assert_int_equal(list[5], 0x105); /* as it was */
    /* one that is not its own, one that was given back, one that there is not: the list ends there */
    list[5] = fake_dom0->shared_mfn.n;
    assert_int_equal(decrease(DOMID_SELF, list + 4, 2, 0), 1);
    assert_int_equal(decrease(DOMID_SELF, list + 4, 1, 0), 0);
    list[5] = ~0ull;
    assert_int_equal(decrease(DOMID_SELF, list + 5, 1, 0), 0);
    assert_int_equal(decrease(DOMID_SELF, list + 5, 1, 9), 0);
    list[5] = 1ull << 52;
    assert_int_equal(decrease(DOMID_SELF, list + 5, 1, 9), 0);
    assert_int_equal(pv->mem.tot_pages, 4);
    *edge = list[0];
    assert_int_equal(decrease(DOMID_SELF, edge, 2, 0), 1); /* the second cannot be read */
    *edge = 0x200;
    assert_int_equal(populate(DOMID_SELF, edge, 2, 0), 1);
    assert_int_equal(pv->mem.tot_pages, 4);
    /* increase_reservation reads no list, and may be given none */
    assert_int_equal(decrease(DOMID_SELF, edge, 1, 0), 1);
    ask_for(DOMID_SELF, NULL, 2, 0);
    assert_int_equal(call(XENMEM_increase_reservation), 2);
    ask_for(DOMID_SELF, more, 1, 0);
    assert_int_equal(call(XENMEM_increase_reservation), 0);
    assert_int_equal(pv->mem.tot_pages, 5);
}

static void stopped(void **state)
{
    struct hypercall c = {.arg = {XENMEM_populate_physmap, GUEST(arg)}};

    as(pv);
    ask_for(DOMID_SELF, list, 3, 0);
    for (uint64_t done = 1; done < 3; done++) {
        softirq_raise(SOFTIRQ_SCHEDULE);
        assert_int_equal(do_memory_op(&c), -XEN_ERESTART);
        assert_int_equal(c.arg[0], XENMEM_populate_physmap | done << 6);
        assert_int_equal(pv->mem.tot_pages, done);
    }
    assert_int_equal(do_memory_op(&c), 3);
    assert_int_equal(pv->mem.tot_pages, 3);
    host_run_softirqs();
}

static void claims(void **state)
{
    ask_for(PV, NULL, 16, 0);
    assert_int_equal(call(XENMEM_claim_pages), 0);
    assert_int_equal(pv->mem.claim, 16);
    arg->reservation.nr_extents = MAX_PAGES + 1;
    assert_int_equal(call(XENMEM_claim_pages), -XEN_EINVAL);
    arg->reservation.extent_order = 1;
    assert_int_equal(call(XENMEM_claim_pages), -XEN_EINVAL);
    ask_for(PV, list, 0, 0);
    assert_int_equal(call(XENMEM_claim_pages), -XEN_EINVAL);
    ask_for(NOBODY, NULL, 0, 0);
    assert_int_equal(call(XENMEM_claim_pages), -XEN_ESRCH);
    ask_for(PV, NULL, 0, 0);
    assert_int_equal(call(XENMEM_claim_pages), 0);
    assert_int_equal(pv->mem.claim, 0);
}

/* --- exchange ---- */

static void make_exchange(uint64_t in, unsigned int in_order, uint64_t out, unsigned int out_order)
{
    memset(arg, 0, sizeof(*arg));
    arg->exchange.in =
        (struct xen_memory_reservation){.nr_extents = in, .extent_order = in_order, .domid = DOMID_SELF};
    arg->exchange.out =
        (struct xen_memory_reservation){.nr_extents = out, .extent_order = out_order, .domid = DOMID_SELF};
    set_xen_guest_handle(arg->exchange.in.extent_start, list);
    set_xen_guest_handle(arg->exchange.out.extent_start, more);
}

static void exchange(void **state)
{
    uint64_t free;

    as(pv);
    assert_int_equal(populate(DOMID_SELF, list, 4, 0), 4);
    *(uint64_t *)mfn_to_virt(MFN(list[0])) = 0x5ec7e7;
    more[0] = 0x300, more[1] = 0x302;
    free = heap_free_frames();
    make_exchange(4, 0, 2, 1);
    assert_int_equal(call(XENMEM_exchange), 0);
    assert_int_equal(arg->exchange.nr_exchanged, 4);
    assert_int_equal(pv->mem.tot_pages, 4);
    assert_int_equal(heap_free_frames(), free);
    for (unsigned int i = 0; i < 4; i++) {
        mfn_t mfn = MFN(more[i / 2] + i % 2);

        assert_int_equal(frame_owner(frame_read(mfn)), PV);
        assert_int_equal(m2p_get(mfn), 0x300 + i);
        assert_int_equal(*(uint64_t *)mfn_to_virt(mfn), 0);
    }
    assert_int_equal(more[0] % 2, 0);
    /* and apart again: the pages of an extent one by one */
    list[0] = more[0], list[1] = more[1];
    make_exchange(2, 1, 4, 0);
    assert_int_equal(call(XENMEM_exchange), 0);
    assert_int_equal(pv->mem.tot_pages, 4);
}

static void exchange_refused(void **state)
{
    uint64_t wrong[] = {0, fake_dom0->shared_mfn.n, ~0ull, 1ull << 40};

    assert_int_equal(domain_mem_alloc(&pvh->mem, 0, 0, (mfn_t *)wrong), 0);
    as(pv);
    assert_int_equal(populate(DOMID_SELF, list, 2, 0), 2);
    make_exchange(2, 0, 2, 1); /* more than is given */
    assert_int_equal(call(XENMEM_exchange), -XEN_EINVAL);
    make_exchange(2, 10, 2, 10);
    assert_int_equal(call(XENMEM_exchange), -XEN_EINVAL);
    assert_int_equal(populate(DOMID_SELF, list + 2, 1, 1), 1);
    make_exchange(1ull << 63, 1, 0, 0); /* 2^64 pages are none in 64 bits */
    set_xen_guest_handle(arg->exchange.in.extent_start, list + 2);
    assert_int_equal(call(XENMEM_exchange), -XEN_EINVAL);
    assert_int_equal(arg->exchange.nr_exchanged, 0);
    make_exchange(2, 0, 2, 0);
    arg->exchange.out.domid = PV;
    assert_int_equal(call(XENMEM_exchange), -XEN_EINVAL);
    make_exchange(2, 0, 2, 0);
    arg->exchange.nr_exchanged = 3;
    assert_int_equal(call(XENMEM_exchange), -XEN_EINVAL);
    make_exchange(2, 0, 2, 0);
    arg->exchange.in.domid = arg->exchange.out.domid = PVH;
    assert_int_equal(call(XENMEM_exchange), -XEN_EPERM);
    assert_int_equal(fake_call(do_memory_op, XENMEM_exchange, 8), -XEN_EFAULT);
    /* a page that somebody maps; that is another's; that there is not */
    make_exchange(2, 0, 1, 1);
    assert_true(frame_get(MFN(list[1]), PV));
    assert_int_equal(call(XENMEM_exchange), -XEN_EINVAL);
    frame_put(MFN(list[1]));
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        list[1] = wrong[i];
        assert_int_equal(call(XENMEM_exchange), -XEN_EINVAL);
    }
    assert_int_equal(arg->exchange.nr_exchanged, 0);
    assert_int_equal(pv->mem.tot_pages, 4);
    assert_int_equal(pvh->mem.tot_pages, 1);
    as(pvh);
    make_exchange(1, 0, 1, 0);
    assert_int_equal(call(XENMEM_exchange), -XEN_EOPNOTSUPP);
}

/* Where they went cannot be said: the domain has them all the same, and none is lost. */
static void exchange_unreadable(void **state)
{
    as(pv);
    assert_int_equal(populate(DOMID_SELF, list, 1, 2), 1);
    make_exchange(1, 2, 4, 0);
    set_xen_guest_handle(arg->exchange.out.extent_start, (void *)8);
    assert_int_equal(call(XENMEM_exchange), -XEN_EFAULT);
    assert_int_equal(pv->mem.tot_pages, 4);
}

/* The limit is lower than what it has: pages that may not be its own go back. */
static void exchange_over_limit(void **state)
{
    as(pv);
    assert_int_equal(populate(DOMID_SELF, list, 2, 2), 2);
    pv->mem.max_pages = 5;
    make_exchange(1, 2, 4, 0);
    assert_int_equal(call(XENMEM_exchange), -XEN_ENOMEM);
    assert_in_range(pv->mem.tot_pages, 4, 5);
}

/* --- the physmap of auto-translated domains ---- */

static long add(domid_t id, unsigned int space, uint64_t idx)
{
    arg->add = (struct xen_add_to_physmap){.domid = id, .space = space, .idx = idx, .gpfn = 7};
    return call(XENMEM_add_to_physmap);
}

static void physmap(void **state)
{
    assert_int_equal(add(PVH, XENMAPSPACE_shared_info, 0), 0);
    assert_int_equal(add(PVH, XENMAPSPACE_shared_info, 1), -XEN_EINVAL);
    assert_int_equal(add(PVH, XENMAPSPACE_grant_table, 3), 0);
    assert_int_equal(gnttab_frame_count(&pvh->gnttab), 4); /* the table grows to have it */
    assert_int_equal(add(PVH, XENMAPSPACE_grant_table, 4), -XEN_EINVAL);
    assert_int_equal(add(PVH, XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status), -XEN_EINVAL);
    assert_int_equal(add(PVH, XENMAPSPACE_grant_table, 1ull << 32), -XEN_EINVAL);
    assert_int_equal(add(PVH, XENMAPSPACE_grant_table, ~0ull), -XEN_EINVAL);
    assert_int_equal(add(PVH, XENMAPSPACE_gmfn, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(add(PVH, ~0u, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(add(PV, XENMAPSPACE_shared_info, 0), -XEN_EINVAL);
    assert_int_equal(add(NOBODY, XENMAPSPACE_shared_info, 0), -XEN_ESRCH);
    arg->remove = (struct xen_remove_from_physmap){.domid = PVH, .gpfn = fake_dom0->shared_mfn.n};
    assert_int_equal(call(XENMEM_remove_from_physmap), -XEN_EINVAL);
    arg->remove.gpfn = pvh->shared_mfn.n;
    assert_int_equal(call(XENMEM_remove_from_physmap), 0);
}

static void physmap_batch(void **state)
{
    int *errs = (int *)(more + 16);

    arg->batch = (struct xen_add_to_physmap_batch){.domid = PVH, .space = XENMAPSPACE_grant_table, .size = 3};
    set_xen_guest_handle(arg->batch.idxs, list);
    set_xen_guest_handle(arg->batch.gpfns, more);
    set_xen_guest_handle(arg->batch.errs, errs);
    list[0] = 0, list[1] = 4, list[2] = 1;
    errs[0] = errs[1] = errs[2] = errs[3] = 99;
    assert_int_equal(call(XENMEM_add_to_physmap_batch), 0);
    assert_int_equal(errs[0], 0);
    assert_int_equal(errs[1], -XEN_EINVAL); /* one that fails stops nothing */
    assert_int_equal(errs[2], 0);
    assert_int_equal(errs[3], 99);
    assert_int_equal(call(XENMEM_add_to_physmap_batch | 4 << 6), -XEN_EINVAL); /* past the end */
    assert_int_equal(call(XENMEM_add_to_physmap_batch | ~0ull << 6), -XEN_EINVAL);
    set_xen_guest_handle(arg->batch.errs, (int *)8);
    assert_int_equal(call(XENMEM_add_to_physmap_batch), -XEN_EFAULT);
    set_xen_guest_handle(arg->batch.errs, errs);
    set_xen_guest_handle(arg->batch.idxs, edge);
    *edge = 0;
    errs[0] = errs[1] = 99;
    assert_int_equal(call(XENMEM_add_to_physmap_batch), -XEN_EFAULT);
    assert_int_equal(errs[0], 0);
    assert_int_equal(errs[1], 99);
}

/* --- resources ---- */

static long acquire(domid_t id, uint64_t frame, uint32_t count, uint64_t *frames)
{
    arg->resource = (struct xen_mem_acquire_resource){
        .domid = id, .type = XENMEM_resource_grant_table, .frame = frame, .nr_frames = count};
    set_xen_guest_handle(arg->resource.frame_list, frames);
    return call(XENMEM_acquire_resource);
}

static void resources(void **state)
{
    mfn_t mfn;

    assert_int_equal(acquire(PV, 0, 0, NULL), 0);
    assert_int_equal(arg->resource.nr_frames, 4);
    assert_int_equal(acquire(PV, 0, 1, NULL), -XEN_EINVAL);
    assert_int_equal(acquire(PV, 1, 2, list), 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(gnttab_frame_mfn(&pv->gnttab, 1 + i, &mfn), 0);
        assert_int_equal(list[i], mfn.n);
    }
    assert_int_equal(acquire(PV, 3, 2, list), -XEN_EINVAL);
    assert_int_equal(acquire(PV, 1ull << 32, 1, list), -XEN_E2BIG);
    assert_int_equal(acquire(PV, ~0ull, 2, list), -XEN_E2BIG); /* around zero */
    assert_int_equal(acquire(PV, 0, ~0u, list), -XEN_E2BIG);
    assert_int_equal(acquire(PV, 0, 2, edge), -XEN_EFAULT);
    assert_int_equal(acquire(NOBODY, 0, 1, list), -XEN_ESRCH);
    (void)acquire(PV, 0, 1, list);
    arg->resource.pad = 1;
    assert_int_equal(call(XENMEM_acquire_resource), -XEN_EINVAL);
    arg->resource.pad = 0;
    arg->resource.id = XENMEM_resource_grant_table_id_status;
    assert_int_equal(call(XENMEM_acquire_resource), -XEN_EINVAL);
    arg->resource.type = XENMEM_resource_ioreq_server;
    assert_int_equal(call(XENMEM_acquire_resource), -XEN_EOPNOTSUPP);
    as(pv);
    assert_int_equal(acquire(PV, 0, 1, list), -XEN_EPERM); /* not even its own */
    pv->target = PVH;
    assert_int_equal(acquire(PVH, 0, 1, list), 0);
    assert_int_equal(fake_call(do_memory_op, XENMEM_acquire_resource, 8), -XEN_EFAULT);
    as(pvh);
    pvh->target = PV;
    assert_int_equal(acquire(PV, 0, 1, list), -XEN_EOPNOTSUPP);
}

static void others(void **state)
{
    as(pv);
    assert_int_equal(call(XENMEM_maximum_ram_page), frame_limit);
    assert_int_equal(call(XENMEM_get_sharing_freed_pages), 0);
    assert_int_equal(call(XENMEM_get_vnumainfo), -XEN_ENOSYS);
    assert_int_equal(call(63), -XEN_ENOSYS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(rights),
        T(limits),
        T(partly),
        T(stopped),
        T(claims),
        T(exchange),
        T(exchange_refused),
        T(exchange_unreadable),
        T(exchange_over_limit),
        T(physmap),
        T(physmap_batch),
        T(resources),
        T(others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
