/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants through the hypercall: each kind of entry against each kind of use, errors, lists that stop on the way, copies against memcpy, random traffic of three
 * domains with the invariant that pins are what is mapped, a granter that flips its entries meanwhile, teardown in both orders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <pthread.h>
#include <cmocka.h>
#include "../fake_domains.h"

static uint32_t seed;

static uint32_t rnd(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Where the caller's structures are. */
static union {
    uint8_t bytes[64 << 10];
    struct gnttab_map_grant_ref map[512];
    struct gnttab_unmap_grant_ref unmap[512];
    struct gnttab_unmap_and_replace replace[4];
    struct gnttab_copy copy[512];
    struct gnttab_setup_table setup;
    struct gnttab_query_size size;
    struct gnttab_set_version set_version;
    struct gnttab_get_version get_version;
    struct gnttab_get_status_frames status_frames;
    struct gnttab_swap_grant_ref swap[8];
    struct gnttab_transfer transfer[8];
} mem;

static long call(unsigned int cmd, uint32_t count)
{
    return fake_call(do_grant_table_op, cmd, (uint64_t)(uintptr_t)&mem, count);
}

static struct gnttab *gt(unsigned int id)
{
    return &fake[id].d.gnttab;
}

static void start(void)
{
    fake_start(3, ~0u);
    host_guest_window(&mem, sizeof(mem));
    memset(&mem, 0, sizeof(mem));
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(gnttab_grow(gt(i), 1), 0);
    }
}

static grant_entry_v1_t *entry(unsigned int id, grant_ref_t ref)
{
    return &gt(id)->frames[0][ref];
}

static void grant(unsigned int id, grant_ref_t ref, domid_t to, unsigned int page, uint16_t flags)
{
    entry(id, ref)->domid = to;
    entry(id, ref)->frame = fake[id].page[page].n;
    entry(id, ref)->flags = flags;
}

static int16_t map(domid_t dom, grant_ref_t ref, uint64_t addr, uint32_t flags, grant_handle_t *handle)
{
    mem.map[0] = (struct gnttab_map_grant_ref){
        .host_addr = addr, .flags = flags, .ref = ref, .dom = dom, .status = 99};
    assert_int_equal(call(GNTTABOP_map_grant_ref, 1), 0);
    *handle = mem.map[0].handle;
    return mem.map[0].status;
}

static int16_t unmap(uint64_t addr, grant_handle_t handle)
{
    mem.unmap[0] = (struct gnttab_unmap_grant_ref){.host_addr = addr, .handle = handle, .status = 99};
    assert_int_equal(call(GNTTABOP_unmap_grant_ref, 1), 0);
    return mem.unmap[0].status;
}

/* Every kind of entry, granted to 1, against every user and kind of use. */
static void test_every_entry(void **state)
{
    start();
    for (unsigned int flags = 0; flags < 0x20; flags++) {
        for (domid_t user = 1; user < 3; user++) {
            for (int write = 0; write < 2; write++) {
                bool may = (flags & GTF_type_mask) == GTF_permit_access && user == 1 &&
                           !(write && (flags & GTF_readonly));
                uint16_t marked = flags | GTF_reading | (write ? GTF_writing : 0);
                grant_handle_t handle;
                int16_t status;

                grant(0, 5, 1, 0, flags);
                fake_run(user, 0);
                status = map(0, 5, 0x1000, GNTMAP_host_map | (write ? 0 : GNTMAP_readonly), &handle);
                assert_int_equal(status, may ? GNTST_okay : GNTST_general_error);
                assert_int_equal(entry(0, 5)->flags, may ? marked : flags);
                if (may) {
                    assert_int_equal(mem.map[0].dev_bus_addr, fake[0].page[0].n << PAGE_SHIFT);
                    assert_int_equal(unmap(0x1000, handle), GNTST_okay);
                    assert_int_equal(entry(0, 5)->flags,
                                     flags &
                                         ~(GTF_reading | (write || flags & GTF_writing ? GTF_writing : 0)));
                }
            }
        }
    }
    fake_end();
}

static int16_t unmap_both(uint64_t host, uint64_t dev, grant_handle_t handle)
{
    mem.unmap[0] = (struct gnttab_unmap_grant_ref){
        .host_addr = host, .dev_bus_addr = dev, .handle = handle, .status = 99};
    assert_int_equal(call(GNTTABOP_unmap_grant_ref, 1), 0);
    return mem.unmap[0].status;
}

/* A handle may stand for a device's mapping too, or alone; they go one by one, or together, and the last one takes the pin with it. */
static void test_device_mappings(void **state)
{
    uint64_t dev;
    grant_handle_t handle;

    start();
    dev = fake[0].page[0].n << PAGE_SHIFT;
    grant(0, 1, 1, 0, GTF_permit_access);
    fake_run(1, 0);
    assert_int_equal(map(0, 1, 0x1000, GNTMAP_device_map | GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(unmap_both(0, dev + PAGE_SIZE, handle), GNTST_bad_dev_addr);
    assert_int_equal(unmap_both(0x1000, 0, handle), GNTST_okay);
    assert_int_equal(entry(0, 1)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(unmap_both(0x1000, 0, handle), GNTST_okay); /* it has none: nothing to do */
    assert_int_equal(gnttab_active(gt(0), 1)->pins_write, 1);
    assert_int_equal(unmap_both(0, dev, handle), GNTST_okay);
    assert_int_equal(entry(0, 1)->flags, GTF_permit_access);
    assert_int_equal(unmap_both(0, dev, handle), GNTST_bad_handle);

    assert_int_equal(map(0, 1, 0x1000, GNTMAP_device_map | GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(unmap_both(0x2000, dev, handle), GNTST_bad_virt_addr); /* then both stay */
    assert_int_equal(unmap_both(0x1000, dev, handle), GNTST_okay);
    assert_int_equal(gt(1)->maptrack_used, 0);

    fake_mapping_fails = true; /* no page table is touched */
    assert_int_equal(map(0, 1, 0, GNTMAP_device_map, &handle), GNTST_okay);
    fake_mapping_fails = false;
    assert_int_equal(unmap_both(0, dev, handle), GNTST_okay);
    assert_int_equal(entry(0, 1)->flags, GTF_permit_access);
    assert_int_equal(gt(1)->maptrack_used, 0);
    fake_end();
}

static void test_map_errors(void **state)
{
    grant_handle_t handle, other;

    start();
    grant(0, 1, 1, 0, GTF_permit_access);
    grant(0, 2, 1, 0, GTF_permit_access);
    entry(0, 2)->frame = fake[2].page[0].n; /* not the granter's */
    fake_run(1, 0);
    assert_int_equal(map(3, 1, 0x1000, GNTMAP_host_map, &handle), GNTST_bad_domain);
    assert_int_equal(map(DOMID_SELF, 1, 0x1000, GNTMAP_host_map, &handle), GNTST_bad_domain);
    assert_int_equal(map(0, 1, 0x1000, 0, &handle), GNTST_bad_gntref);
    assert_int_equal(map(0, GNTTAB_ENTRIES_PER_FRAME, 0x1000, GNTMAP_host_map, &handle), GNTST_bad_gntref);
    assert_int_equal(map(0, ~0u, 0x1000, GNTMAP_host_map, &handle), GNTST_bad_gntref);
    assert_int_equal(map(0, 2, 0x1000, GNTMAP_host_map, &handle), GNTST_bad_page);
    assert_int_equal(entry(0, 2)->flags, GTF_permit_access);
    fake_mapping_fails = true;
    assert_int_equal(map(0, 1, 0x1000, GNTMAP_host_map, &handle), GNTST_general_error);
    fake_mapping_fails = false;
    assert_int_equal(entry(0, 1)->flags, GTF_permit_access);
    assert_int_equal(gt(1)->maptrack_used, 0);

    assert_int_equal(map(0, 1, 0x1000, GNTMAP_host_map, &handle), GNTST_okay);
    assert_int_equal(unmap(0x1000, handle + 1), GNTST_bad_handle);
    assert_int_equal(unmap(0x1000, ~0u), GNTST_bad_handle);
    assert_int_equal(unmap(0x2000, handle), GNTST_bad_virt_addr);
    assert_int_equal(unmap(0, handle), GNTST_okay); /* nothing named, nothing done */
    assert_int_equal(gt(1)->maptrack_used, 1);
    fake_run(2, 0);
    assert_int_equal(unmap(0x1000, handle), GNTST_bad_handle);
    fake_run(1, 0);
    /* a second, read-only mapping of the same entry outlives the first */
    assert_int_equal(map(0, 1, 0x2000, GNTMAP_host_map | GNTMAP_readonly, &other), GNTST_okay);
    assert_int_equal(unmap(0x1000, handle), GNTST_okay);
    assert_int_equal(entry(0, 1)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(unmap(0x1000, handle), GNTST_bad_handle);
    /* the granter's changes do not touch what is mapped; others are kept out */
    grant(0, 1, 2, 3, GTF_permit_access);
    fake_run(2, 0);
    assert_int_equal(map(0, 1, 0x3000, GNTMAP_host_map, &handle), GNTST_general_error);
    fake_run(1, 0);
    assert_int_equal(unmap(0x2000, other), GNTST_okay);
    fake_end();
}

static void test_handles_run_out(void **state)
{
    uint32_t count = 2 * MAPTRACK_PER_PAGE;
    grant_handle_t handle;

    start();
    grant(0, 1, 1, 0, GTF_permit_access | GTF_readonly);
    fake_run(1, 0);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(map(0, 1, 0x1000 * (i + 1), GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    }
    assert_int_equal(map(0, 1, 0x1000 * (count + 1), GNTMAP_host_map | GNTMAP_readonly, &handle),
                     GNTST_no_space);
    assert_int_equal(gnttab_active(gt(0), 1)->pins_read, count);
    fake_end();
}

static void nothing(void)
{
}

/* A list that is stopped after each few requests gives the same answers. */
static void test_lists(void **state)
{
    enum { N = 100 };
    uint32_t calls = 0;
    long rc;

    start();
    softirq_set_handler(SOFTIRQ_SCHEDULE, nothing);
    for (uint32_t i = 0; i < N; i++) {
        grant(0, 10 + i, 1, 0, i % 3 == 0 ? GTF_invalid : GTF_permit_access);
        mem.map[i] = (struct gnttab_map_grant_ref){
            .host_addr = 0x1000 * (i + 1), .flags = GNTMAP_host_map, .ref = 10 + i};
    }
    fake_run(1, 0);
    {
        struct hypercall c = {.arg = {GNTTABOP_map_grant_ref, (uint64_t)(uintptr_t)&mem, N}};

        do {
            softirq_raise(SOFTIRQ_SCHEDULE);
            rc = do_grant_table_op(&c);
            calls++;
        } while (rc == -XEN_ERESTART);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(calls, N);
    host_run_softirqs();
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(mem.map[i].status, i % 3 == 0 ? GNTST_general_error : GNTST_okay);
    }
    for (uint32_t i = 0; i < N; i++) {
        grant_handle_t handle = i % 3 == 0 ? 5000 : mem.map[i].handle;

        /* in place: a request is smaller than the one read before it */
        mem.unmap[i] =
            (struct gnttab_unmap_grant_ref){.host_addr = 0x1000 * (i + 1), .handle = handle, .status = 99};
    }
    fake_flushes = 0;
    assert_int_equal(call(GNTTABOP_unmap_grant_ref, N), 0);
    assert_int_equal(fake_flushes, DIV_ROUND_UP(N, 32));
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(mem.unmap[i].status, i % 3 == 0 ? GNTST_bad_handle : GNTST_okay);
    }
    assert_int_equal(gt(1)->maptrack_used, 0);
    fake_end();
}

static void test_call_errors(void **state)
{
    uint64_t at = (uint64_t)(uintptr_t)&mem;

    start();
    fake_run(1, 0);
    assert_int_equal(call(GNTTABOP_dump_table, 1), -XEN_ENOSYS);
    assert_int_equal(call(GNTTABOP_cache_flush, 1), -XEN_ENOSYS);
    assert_int_equal(call(1000, 1), -XEN_ENOSYS);
    assert_int_equal(call(GNTTABOP_map_grant_ref, 0x80000000), -XEN_EINVAL);
    assert_int_equal(call(GNTTABOP_map_grant_ref, 0), 0);
    assert_int_equal(call(GNTTABOP_query_size, 2), -XEN_EINVAL);
    for (unsigned int cmd = 0; cmd <= GNTTABOP_swap_grant_ref; cmd++) {
        if (cmd != GNTTABOP_dump_table) {
            assert_int_equal(fake_call(do_grant_table_op, cmd, 0x1000, 1), -XEN_EFAULT);
            assert_int_equal(fake_call(do_grant_table_op, cmd, at + sizeof(mem) - 2, 1), -XEN_EFAULT);
        }
    }
    /* the second request of a list cannot be read: the first is done */
    host_guest_window(&mem, sizeof(mem.unmap[0]));
    grant(0, 1, 1, 0, GTF_permit_access);
    assert_int_equal(fake_call(do_grant_table_op, GNTTABOP_unmap_grant_ref, at, 2), -XEN_EFAULT);
    assert_int_equal(mem.unmap[0].status, GNTST_bad_handle);
    fake_end();
}

static void test_table_ops(void **state)
{
    uint64_t *list = (uint64_t *)&mem.bytes[4096];

    start();
    fake_run(1, 0);
    mem.setup = (struct gnttab_setup_table){.dom = DOMID_SELF, .nr_frames = 3, .status = 99};
    mem.setup.frame_list.p = list;
    assert_int_equal(call(GNTTABOP_setup_table, 1), 0);
    assert_int_equal(mem.setup.status, GNTST_okay);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(list[i], virt_to_mfn(gt(1)->frames[i]).n);
        assert_int_equal(frame_owner(frame_read(MFN(list[i]))), 1);
    }
    assert_int_equal(list[3], 0);
    mem.setup.nr_frames = 5;
    assert_int_equal(call(GNTTABOP_setup_table, 1), 0);
    assert_int_equal(mem.setup.status, GNTST_general_error);
    mem.setup.dom = 0;
    assert_int_equal(call(GNTTABOP_setup_table, 1), 0);
    assert_int_equal(mem.setup.status, GNTST_permission_denied);
    mem.size = (struct gnttab_query_size){.dom = 1};
    assert_int_equal(call(GNTTABOP_query_size, 1), 0);
    assert_int_equal(mem.size.status, GNTST_okay);
    assert_int_equal(mem.size.nr_frames, 3);
    assert_int_equal(mem.size.max_nr_frames, 4);
    /* the control domain asks about another, and about none */
    fake_run(0, 0);
    assert_int_equal(call(GNTTABOP_query_size, 1), 0);
    assert_int_equal(mem.size.nr_frames, 3);
    mem.size.dom = 3;
    assert_int_equal(call(GNTTABOP_query_size, 1), 0);
    assert_int_equal(mem.size.status, GNTST_bad_domain);
    mem.set_version.version = 1;
    assert_int_equal(call(GNTTABOP_set_version, 1), 0);
    mem.set_version.version = 2;
    assert_int_equal(call(GNTTABOP_set_version, 1), -XEN_ENOSYS);
    mem.set_version.version = 3;
    assert_int_equal(call(GNTTABOP_set_version, 1), -XEN_EINVAL);
    mem.get_version = (struct gnttab_get_version){.dom = 1};
    assert_int_equal(call(GNTTABOP_get_version, 1), 0);
    assert_int_equal(mem.get_version.version, 1);
    mem.get_version.dom = 3;
    assert_int_equal(call(GNTTABOP_get_version, 1), -XEN_ESRCH);
    fake_run(1, 0);
    mem.get_version.dom = 0;
    assert_int_equal(call(GNTTABOP_get_version, 1), -XEN_EPERM);
    mem.status_frames = (struct gnttab_get_status_frames){.dom = DOMID_SELF, .nr_frames = 1};
    assert_int_equal(call(GNTTABOP_get_status_frames, 1), 0);
    assert_int_equal(mem.status_frames.status, GNTST_general_error);
    mem.transfer[1].status = 99;
    assert_int_equal(call(GNTTABOP_transfer, 2), 0);
    assert_int_equal(mem.transfer[0].status, GNTST_bad_page);
    assert_int_equal(mem.transfer[1].status, GNTST_bad_page);
    fake_end();
}

static void test_swap(void **state)
{
    grant_handle_t handle;

    start();
    grant(1, 1, 0, 0, GTF_permit_access);
    grant(1, 2, 2, 1, GTF_permit_access | GTF_readonly);
    fake_run(0, 0);
    assert_int_equal(map(1, 1, 0x1000, GNTMAP_host_map, &handle), GNTST_okay);
    fake_run(1, 0);
    mem.swap[0] = (struct gnttab_swap_grant_ref){1, 2, 99};
    mem.swap[1] = (struct gnttab_swap_grant_ref){2, 600, 99};
    mem.swap[2] = (struct gnttab_swap_grant_ref){2, 3, 99};
    assert_int_equal(call(GNTTABOP_swap_grant_ref, 3), 0);
    assert_int_equal(mem.swap[0].status, GNTST_eagain);
    assert_int_equal(mem.swap[1].status, GNTST_bad_gntref);
    assert_int_equal(mem.swap[2].status, GNTST_okay);
    assert_int_equal(entry(1, 3)->domid, 2);
    assert_int_equal(entry(1, 2)->flags, 0);
    fake_end();
}

/* --- copies ---- */

static void fill(unsigned int id, unsigned int page)
{
    uint8_t *p = mfn_to_virt(fake[id].page[page]);

    for (unsigned int i = 0; i < PAGE_SIZE; i++) {
        p[i] = rnd(256);
    }
}

static void test_copy(void **state)
{
    static uint8_t want[PAGE_SIZE];

    start();
    for (unsigned int p = 0; p < 4; p++) {
        grant(1, p, 0, p, GTF_permit_access | (p == 3 ? GTF_readonly : 0));
    }
    fake_run(0, 0);
    for (int step = 0; step < 3000; step++) {
        bool from_ref = rnd(2), to_ref = rnd(2);
        unsigned int sp = rnd(4), dp = rnd(4);
        uint16_t so = rnd(4200), to = rnd(4200), len = rnd(rnd(2) ? 64 : 4200);
        struct gnttab_copy *c = &mem.copy[0];
        int16_t status = GNTST_okay;

        if (step % 100 == 0) {
            fill(0, sp);
            fill(1, dp);
        }
        *c = (struct gnttab_copy){
            .len = len, .flags = (from_ref ? GNTCOPY_source_gref : 0) | (to_ref ? GNTCOPY_dest_gref : 0)};
        c->source.domid = from_ref ? 1 : DOMID_SELF;
        c->source.offset = so;
        c->source.u.gmfn = from_ref ? sp : fake[0].page[sp].n;
        c->dest.domid = to_ref ? 1 : DOMID_SELF;
        c->dest.offset = to;
        c->dest.u.gmfn = to_ref ? dp : fake[0].page[dp].n;
        if (so + len > PAGE_SIZE || to + len > PAGE_SIZE) {
            status = GNTST_bad_copy_arg;
        } else if (to_ref && dp == 3) {
            status = GNTST_general_error;
        }
        memcpy(want, mfn_to_virt(fake[to_ref].page[dp]), PAGE_SIZE);
        if (status == GNTST_okay) {
            memmove(want + to, (uint8_t *)mfn_to_virt(fake[from_ref].page[sp]) + so, len);
            if (from_ref == to_ref && sp == dp) {
                memcpy(want, mfn_to_virt(fake[to_ref].page[dp]), PAGE_SIZE);
                memmove(want + to, want + so, len);
            }
        }
        assert_int_equal(call(GNTTABOP_copy, 1), 0);
        assert_int_equal(c->status, status);
        assert_memory_equal(want, mfn_to_virt(fake[to_ref].page[dp]), PAGE_SIZE);
        assert_int_equal(entry(1, sp)->flags & (GTF_reading | GTF_writing), 0);
        assert_int_equal(entry(1, dp)->flags & (GTF_reading | GTF_writing), 0);
    }
    fake_end();
}

static void test_copy_errors(void **state)
{
    start();
    grant(1, 1, 0, 0, GTF_permit_access);
    fake_run(0, 0);
    for (unsigned int i = 0; i < 6; i++) {
        mem.copy[i] = (struct gnttab_copy){.len = 16, .flags = GNTCOPY_source_gref, .status = 99};
        mem.copy[i].source.domid = 1;
        mem.copy[i].source.u.ref = 1;
        mem.copy[i].dest.domid = DOMID_SELF;
        mem.copy[i].dest.u.gmfn = fake[0].page[0].n;
    }
    mem.copy[1].source.domid = 3;
    mem.copy[2].flags = 0;                       /* a frame number of another */
    mem.copy[3].dest.u.gmfn = fake[1].page[2].n; /* not the caller's */
    mem.copy[4].source.u.ref = 77;
    mem.copy[5].dest.u.gmfn = 1ull << 60;
    assert_int_equal(call(GNTTABOP_copy, 6), 0);
    assert_int_equal(mem.copy[0].status, GNTST_okay);
    assert_int_equal(mem.copy[1].status, GNTST_bad_domain);
    assert_int_equal(mem.copy[2].status, GNTST_permission_denied);
    assert_int_equal(mem.copy[3].status, GNTST_bad_page);
    assert_int_equal(mem.copy[4].status, GNTST_general_error);
    assert_int_equal(mem.copy[5].status, GNTST_bad_page);
    fake_end();
}

/* --- random traffic ---- */

enum { REFS = 6, LIVE = 64 };

static struct live {
    bool used, write;
    unsigned int mapper, granter;
    grant_ref_t ref;
    grant_handle_t handle;
    uint64_t addr;
} live[LIVE];

static void check_pins(void)
{
    for (unsigned int id = 0; id < 3; id++) {
        uint32_t handles = 0;

        for (grant_ref_t ref = 0; ref < REFS && !fake[id].dead; ref++) {
            struct gnttab_active *a = gnttab_active(gt(id), ref);
            uint32_t reads = 0, writes = 0;

            for (unsigned int i = 0; i < LIVE; i++) {
                if (live[i].used && live[i].granter == id && live[i].ref == ref) {
                    reads += !live[i].write;
                    writes += live[i].write;
                    assert_int_equal(a->domid, live[i].mapper);
                }
            }
            assert_int_equal(a->pins_read, reads);
            assert_int_equal(a->pins_write, writes);
            if (reads + writes > 0) {
                assert_int_equal(entry(id, ref)->flags & GTF_reading, GTF_reading);
                assert_int_equal(!!(entry(id, ref)->flags & GTF_writing), writes > 0);
            } else {
                assert_int_equal(entry(id, ref)->flags & (GTF_reading | GTF_writing), 0);
            }
        }
        for (unsigned int i = 0; i < LIVE; i++) {
            handles += live[i].used && live[i].mapper == id;
        }
        assert_int_equal(gt(id)->maptrack_used, handles);
    }
}

static void random_map(struct live *l)
{
    *l = (struct live){.write = rnd(2), .mapper = rnd(3), .granter = rnd(3), .ref = rnd(REFS + 1)};
    l->addr = 0x1000 * (1 + rnd(1000000));
    fake_run(l->mapper, 0);
    l->used = map(l->granter, l->ref, l->addr, GNTMAP_host_map | (l->write ? 0 : GNTMAP_readonly),
                  &l->handle) == GNTST_okay;
}

static void random_step(void)
{
    struct live *l = &live[rnd(LIVE)];
    unsigned int id = rnd(3);
    grant_ref_t ref = rnd(REFS);

    switch (rnd(8)) {
    case 0:
    case 1:
    case 2:
        if (!l->used) {
            random_map(l);
        }
        break;
    case 3:
    case 4:
        if (l->used) {
            fake_run(l->mapper, 0);
            assert_int_equal(unmap(l->addr, l->handle), GNTST_okay);
            l->used = false;
        }
        break;
    case 5: /* an unused entry is changed */
        if (!(entry(id, ref)->flags & (GTF_reading | GTF_writing))) {
            static const uint16_t kinds[] = {GTF_permit_access, GTF_permit_access,
                                             GTF_permit_access | GTF_readonly, GTF_invalid};

            grant(id, ref, rnd(3), rnd(FAKE_PAGES), kinds[rnd(4)]);
        }
        break;
    case 6: /* handles at random */
        fake_run(id, 0);
        if (rnd(8) == 0) {
            assert_int_not_equal(unmap(0x1000 * 2000000ull, rnd(70)), GNTST_okay);
        }
        break;
    default:
        fake_run(id, 0);
        mem.copy[0] = (struct gnttab_copy){.len = 64, .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref};
        mem.copy[0].source.domid = rnd(3);
        mem.copy[0].source.u.ref = rnd(REFS);
        mem.copy[0].dest.domid = rnd(3);
        mem.copy[0].dest.u.ref = rnd(REFS);
        assert_int_equal(call(GNTTABOP_copy, 1), 0);
        break;
    }
}

static void test_random(void **state)
{
    for (uint32_t run = 0; run < 20; run++) {
        unsigned int victim;

        seed = run;
        memset(live, 0, sizeof(live));
        start();
        for (int step = 0; step < 2500; step++) {
            random_step();
            check_pins();
        }
        /* one dies: as a mapper its pins go, as a granter its entries stay pinned until the others let go */
        victim = rnd(3);
        fake_kill(victim);
        for (unsigned int i = 0; i < LIVE; i++) {
            live[i].used = live[i].used && live[i].mapper != victim;
        }
        check_pins();
        for (unsigned int i = 0; i < LIVE; i++) {
            if (live[i].used && rnd(2)) {
                fake_run(live[i].mapper, 0);
                assert_int_equal(unmap(live[i].addr, live[i].handle), GNTST_okay);
                live[i].used = false;
            }
        }
        check_pins();
        fake_run(victim == 0 ? 1 : 0, 0);
        assert_int_equal(map(victim, 0, 0x1000 * 3000000ull, GNTMAP_host_map, &live[0].handle),
                         GNTST_bad_domain);
        fake_end();
    }
}

static void test_release_in_steps(void **state)
{
    grant_handle_t handle;
    uint32_t steps = 0;
    int rc;

    start();
    softirq_set_handler(SOFTIRQ_SCHEDULE, nothing);
    grant(0, 1, 1, 0, GTF_permit_access);
    fake_run(1, 0);
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(map(0, 1, 0x1000 * (i + 1), GNTMAP_host_map, &handle), GNTST_okay);
    }
    do {
        softirq_raise(SOFTIRQ_SCHEDULE);
        rc = gnttab_release_mappings(gt(1));
        steps++;
    } while (rc == -XEN_ERESTART);
    assert_int_equal(rc, 0);
    assert_in_range(steps, 9, 20);
    assert_int_equal(entry(0, 1)->flags, GTF_permit_access);
    assert_int_equal(map(0, 1, 0x1000 * 400, GNTMAP_host_map, &handle), GNTST_no_space);
    host_run_softirqs();
    fake_end();
}

static void test_no_memory(void **state)
{
    uint64_t taken = 0;
    mfn_t mfn, list[64];
    struct gnttab *g;

    start();
    g = gt(1);
    assert_int_equal(gnttab_frame_mfn(g, 4, &mfn), -XEN_EINVAL);
    assert_int_equal(gnttab_frame_mfn(g, 1, &mfn), 0);
    assert_int_equal(gnttab_frame_count(g), 2);
    /* leave one page: a frame needs three */
    for (unsigned int order = HEAP_MAX_ORDER + 1; order-- > 0;) {
        while (taken < ARRAY_SIZE(list) && heap_free_frames() > 1ull << order &&
               !mfn_is_invalid(list[taken] = heap_alloc(order, 0))) {
            *frame_aux(list[taken++]) = order;
        }
    }
    assert_in_range(heap_free_frames(), 1, 2);
    assert_int_equal(gnttab_grow(g, 3), -XEN_ENOMEM);
    assert_in_range(heap_free_frames(), 1, 2);
    while (taken > 0) {
        taken--;
        heap_free(list[taken], *frame_aux(list[taken]));
    }
    assert_int_equal(gnttab_grow(g, 3), 0);
    fake_end();
}

/* --- races ---- */

static bool flip_stop;

static void *flipper(void *arg)
{
    grant_entry_v1_t *e = arg;
    uint32_t s = 7;

    while (!__atomic_load_n(&flip_stop, __ATOMIC_RELAXED)) {
        s = s * 1664525u + 1013904223u;
        __atomic_store_n(&e->flags, s >> 20 & 31, __ATOMIC_RELAXED);
        __atomic_store_n(&e->frame, s >> 9 & 1 ? fake[0].page[s >> 10 & 3].n : s, __ATOMIC_RELAXED);
        __atomic_store_n(&e->domid, s >> 28 & 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void test_flipping_granter(void **state)
{
    uint32_t mapped = 0;
    pthread_t t;

    start();
    flip_stop = false;
    pthread_create(&t, NULL, flipper, entry(0, 1));
    fake_run(1, 0);
    for (int i = 0; i < 20000 || mapped < 50; i++) {
        grant_handle_t handle;

        if (map(0, 1, 0x1000, GNTMAP_host_map | (i & 1 ? GNTMAP_readonly : 0), &handle) == GNTST_okay) {
            mapped++;
            assert_int_equal(unmap(0x1000, handle), GNTST_okay);
        }
    }
    __atomic_store_n(&flip_stop, true, __ATOMIC_RELAXED);
    pthread_join(t, NULL);
    fake_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_entry), cmocka_unit_test(test_device_mappings),
        cmocka_unit_test(test_map_errors),  cmocka_unit_test(test_handles_run_out),
        cmocka_unit_test(test_lists),       cmocka_unit_test(test_call_errors),
        cmocka_unit_test(test_table_ops),   cmocka_unit_test(test_swap),
        cmocka_unit_test(test_copy),        cmocka_unit_test(test_copy_errors),
        cmocka_unit_test(test_random),      cmocka_unit_test(test_release_in_steps),
        cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_flipping_granter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
