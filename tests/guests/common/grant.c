/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grant tables, version 1: setup, sizes, copy and map to oneself, and the errors of bad references. */
#include "guest.h"

#define REF 20 /* first reference that the tests use: the low ones belong to the tools */
static struct grant_entry_v1 *table;
static u8 table_page[PAGE_SIZE] __attribute__((aligned(4096)));

static void table_up(void)
{
    xen_pfn_t frames[1];
    if (table) {
        return;
    }
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};
    if (g.pv) {
        set_xen_guest_handle(s.frame_list, frames);
        CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 1), 0);
        CHECK_EQ(s.status, GNTST_okay);
        CHECK_EQ(set_va(table_page, frames[0] << 12 | PTE_RW), 0);
    } else {
        struct xen_add_to_physmap x = {
            .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 0, .gpfn = va_pfn(table_page)};
        CHECK_EQ(memory_op(XENMEM_add_to_physmap, &x), 0);
    }
    table = (void *)table_page;
}
static void grant(u32 ref, u16 dom, void *page, bool readonly)
{
    table[ref].frame = va_mfn(page);
    table[ref].domid = dom;
    barrier();
    table[ref].flags = GTF_permit_access | (readonly ? GTF_readonly : 0);
}
/* Our own domain number: grants name domains by number, not by DOMID_SELF. */
static u16 self_id(void)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    evtchn_op(EVTCHNOP_alloc_unbound, &a);
    struct evtchn_status s = {.dom = DOMID_SELF, .port = a.port};
    evtchn_op(EVTCHNOP_status, &s);
    port_close(a.port);
    return s.u.unbound.dom;
}

TEST(query_size)
{
    struct gnttab_query_size q = {.dom = DOMID_SELF};
    CHECK_EQ(grant_op(GNTTABOP_query_size, &q, 1), 0);
    CHECK_EQ(q.status, GNTST_okay);
    CHECK(q.max_nr_frames >= 1 && q.max_nr_frames <= 1024);
    CHECK(q.nr_frames <= q.max_nr_frames);
    q.dom = 31000;
    CHECK_EQ(grant_op(GNTTABOP_query_size, &q, 1), 0);
    CHECK(q.status != GNTST_okay);
}
TEST(setup_errors)
{
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 100000};
    CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 1), 0);
    CHECK(s.status != GNTST_okay);
    s.dom = 31000;
    s.nr_frames = 1;
    CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 1), 0);
    CHECK(s.status != GNTST_okay);
    s.dom = DOMID_SELF;
    CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 2), -XEN_EINVAL); /* one at a time */
}
TEST(setup)
{
    RUN(table_up());
    struct gnttab_query_size q = {.dom = DOMID_SELF};
    CHECK_EQ(grant_op(GNTTABOP_query_size, &q, 1), 0);
    CHECK(q.nr_frames >= 1);
}
TEST(version)
{
    struct gnttab_get_version v = {.dom = DOMID_SELF};
    CHECK_EQ(grant_op(GNTTABOP_get_version, &v, 1), 0);
    CHECK_EQ(v.version, 1);
}
TEST(copy_local)
{ /* both ends by frame number of DOMID_SELF */
    u8 *a = page_alloc(), *b = page_alloc();
    memset(a, 0x5a, PAGE_SIZE);
    struct gnttab_copy c = {.len = 4096};
    c.source.u.gmfn = va_mfn(a);
    c.source.domid = DOMID_SELF;
    c.dest.u.gmfn = va_mfn(b);
    c.dest.domid = DOMID_SELF;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK_EQ(c.status, GNTST_okay);
    CHECK_EQ(memcmp(a, b, PAGE_SIZE), 0);
}
TEST(copy_bounds)
{
    u8 *a = page_alloc(), *b = page_alloc();
    struct gnttab_copy c = {.len = 100};
    c.source.u.gmfn = va_mfn(a);
    c.source.domid = DOMID_SELF;
    c.dest.u.gmfn = va_mfn(b);
    c.dest.domid = DOMID_SELF;
    c.source.offset = 4000;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK_EQ(c.status, GNTST_bad_copy_arg);
    c.source.offset = 0;
    c.dest.offset = 4095;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK_EQ(c.status, GNTST_bad_copy_arg);
    memset(a, 7, PAGE_SIZE);
    c.source.offset = 10;
    c.dest.offset = 3996;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK_EQ(c.status, GNTST_okay);
    CHECK(b[3995] == 0 && b[3996] == 7 && b[4095] == 7);
}
TEST(copy_by_reference)
{
    RUN(table_up());
    u16 me = self_id();
    u8 *a = page_alloc(), *b = page_alloc();
    memset(a, 0x33, PAGE_SIZE);
    grant(REF, me, a, true);
    struct gnttab_copy c = {.len = 4096, .flags = GNTCOPY_source_gref};
    c.source.u.ref = REF;
    c.source.domid = me;
    c.dest.u.gmfn = va_mfn(b);
    c.dest.domid = DOMID_SELF;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK_EQ(c.status, GNTST_okay);
    CHECK_EQ(memcmp(a, b, PAGE_SIZE), 0);
    CHECK(!(table[REF].flags & (GTF_reading | GTF_writing))); /* not in use any more */
    /* writing through a read-only grant */
    c.flags = GNTCOPY_dest_gref;
    c.source.u.gmfn = va_mfn(b);
    c.source.domid = DOMID_SELF;
    c.dest.u.ref = REF;
    c.dest.domid = me;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK(c.status == GNTST_general_error);
    table[REF].flags = 0;
}
TEST(copy_bad_reference)
{
    RUN(table_up());
    u8 *b = page_alloc();
    struct gnttab_copy c = {.len = 64, .flags = GNTCOPY_source_gref};
    c.source.domid = self_id();
    c.dest.u.gmfn = va_mfn(b);
    c.dest.domid = DOMID_SELF;
    c.source.u.ref = REF + 1; /* not granted */
    table[REF + 1].flags = 0;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK_EQ(c.status, GNTST_general_error);
    c.source.u.ref = 0x7fffffff; /* out of the table */
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK_EQ(c.status, GNTST_bad_gntref);
    c.source.domid = 31000; /* no such domain */
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK_EQ(c.status, GNTST_bad_domain);
}
TEST(copy_granted_to_another)
{
    RUN(table_up());
    u8 *a = page_alloc(), *b = page_alloc();
    grant(REF + 2, 31000, a, false);
    struct gnttab_copy c = {.len = 64, .flags = GNTCOPY_source_gref};
    c.source.domid = self_id();
    c.source.u.ref = REF + 2;
    c.dest.u.gmfn = va_mfn(b);
    c.dest.domid = DOMID_SELF;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK(c.status != GNTST_okay);
    table[REF + 2].flags = 0;
}
TEST(copy_unowned_frame)
{
    u8 *b = page_alloc();
    struct gnttab_copy c = {.len = 64};
    c.source.u.gmfn = 0x7ffffffUL;
    c.source.domid = DOMID_SELF;
    c.dest.u.gmfn = va_mfn(b);
    c.dest.domid = DOMID_SELF;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK(c.status != GNTST_okay);
}
TEST(copy_many)
{ /* a batch; errors in one do not stop those after it */
    static struct gnttab_copy c[64];
    u8 *a = page_alloc(), *b = page_alloc();
    for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
        c[i].source.u.gmfn = va_mfn(a);
        c[i].source.domid = DOMID_SELF;
        c[i].dest.u.gmfn = va_mfn(b);
        c[i].dest.domid = i == 5 ? 31000 : DOMID_SELF;
        c[i].dest.offset = i * 64;
        c[i].source.offset = i * 64;
        c[i].len = 64;
    }
    memset(a, 0x11, PAGE_SIZE);
    CHECK_EQ(grant_op(GNTTABOP_copy, c, ARRAY_SIZE(c)), 0);
    CHECK(c[5].status != GNTST_okay);
    CHECK_EQ(c[63].status, GNTST_okay);
    CHECK(b[5 * 64] == 0 && b[4 * 64] == 0x11 && b[4095] == 0x11);
}
TEST(map_bad_reference)
{
    RUN(table_up());
    static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
    struct gnttab_map_grant_ref m = {
        .host_addr = g.pv ? hc_a(window) : va_pfn(window) << 12, .flags = GNTMAP_host_map, .dom = self_id()};
    m.ref = REF + 1;
    CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    CHECK_EQ(m.status, GNTST_general_error);
    m.ref = 0x7fffffff;
    CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    CHECK_EQ(m.status, GNTST_bad_gntref);
    m.dom = 31000;
    CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    CHECK_EQ(m.status, GNTST_bad_domain);
    m.dom = self_id();
    m.ref = REF;
    m.flags = 0;
    CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    CHECK(m.status != GNTST_okay);
}
TEST(map_unmap_self)
{ /* a grant to oneself, mapped at a window and seen there */
    if (!g.pv) {
        SKIP("PV only: PVH replaces the frame under the window");
    }
    RUN(table_up());
    static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
    u64 *a = page_alloc(), v;
    u16 me = self_id();
    u64 old = *pt_entry(window, 1);
    a[0] = 0x1122334455667788UL;
    grant(REF + 3, me, a, false);
    CHECK_EQ(set_va(window, 0), 0);
    struct gnttab_map_grant_ref m = {
        .host_addr = hc_a(window), .flags = GNTMAP_host_map, .ref = REF + 3, .dom = me};
    CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    CHECK_EQ(m.status, GNTST_okay);
    CHECK_EQ(m.dev_bus_addr, va_mfn(a) << 12);
    CHECK_EQ(probe_read(window, &v), -1);
    CHECK_EQ(v, a[0]);
    CHECK(table[REF + 3].flags & GTF_reading);
    CHECK(table[REF + 3].flags & GTF_writing);
    struct gnttab_unmap_grant_ref u = {.host_addr = hc_a(window), .handle = m.handle};
    CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK_EQ(u.status, GNTST_okay);
    CHECK_EQ(probe_read(window, &v), 14);
    CHECK(!(table[REF + 3].flags & (GTF_reading | GTF_writing)));
    CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK(u.status != GNTST_okay); /* the handle is gone */
    table[REF + 3].flags = 0;
    CHECK_EQ(set_va(window, old), 0);
}
TEST(map_for_a_device)
{ /* beside a mapping of one's own; each goes by its address, the handle with the last */
    if (!g.pv) {
        SKIP("PV only");
    }
    RUN(table_up());
    static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
    u64 *a = page_alloc();
    u16 me = self_id();
    u64 old = *pt_entry(window, 1);
    grant(REF + 5, me, a, false);
    CHECK_EQ(set_va(window, 0), 0);
    struct gnttab_map_grant_ref m = {
        .host_addr = hc_a(window), .flags = GNTMAP_host_map | GNTMAP_device_map, .ref = REF + 5, .dom = me};
    CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    CHECK_EQ(m.status, GNTST_okay);
    CHECK_EQ(m.dev_bus_addr, va_mfn(a) << 12);
    struct gnttab_unmap_grant_ref u = {.host_addr = hc_a(window), .handle = m.handle};
    CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK_EQ(u.status, GNTST_okay);
    CHECK_EQ(probe_read(window, 0), 14);
    CHECK(table[REF + 5].flags & GTF_writing);
    u.host_addr = 0;
    u.dev_bus_addr = m.dev_bus_addr;
    CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK_EQ(u.status, GNTST_okay);
    CHECK(!(table[REF + 5].flags & (GTF_reading | GTF_writing)));
    CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK_EQ(u.status, GNTST_bad_handle);
    table[REF + 5].flags = 0;
    CHECK_EQ(set_va(window, old), 0);
}
TEST(map_readonly_self)
{
    if (!g.pv) {
        SKIP("PV only");
    }
    RUN(table_up());
    static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
    u64 *a = page_alloc();
    u16 me = self_id();
    u64 old = *pt_entry(window, 1);
    grant(REF + 4, me, a, true);
    CHECK_EQ(set_va(window, 0), 0);
    struct gnttab_map_grant_ref m = {
        .host_addr = hc_a(window), .flags = GNTMAP_host_map, .ref = REF + 4, .dom = me};
    CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    CHECK(m.status != GNTST_okay); /* asks for write access */
    m.flags |= GNTMAP_readonly;
    CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    CHECK_EQ(m.status, GNTST_okay);
    CHECK_EQ(probe_write(window, 1), 14);
    struct gnttab_unmap_grant_ref u = {.host_addr = hc_a(window), .handle = m.handle};
    CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK_EQ(u.status, GNTST_okay);
    table[REF + 4].flags = 0;
    CHECK_EQ(set_va(window, old), 0);
}
TEST(unmap_bad_handle)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = 0x1000, .handle = 0x7fffffff};
    CHECK_EQ(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
    CHECK_EQ(u.status, GNTST_bad_handle);
}
TEST(huge_count)
{
    static struct gnttab_copy c;
    CHECK(grant_op(GNTTABOP_copy, &c, 0x80000000u) < 0);
    CHECK(grant_op(GNTTABOP_unmap_grant_ref, &c, 0xffffffffu) < 0);
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 0), 0);
}
