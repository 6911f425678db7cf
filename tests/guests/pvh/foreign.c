/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PVH guest reaches for the memory of others: other domains' by number, and the hypervisor's own. */
#include "guest.h"

#define SPARE 0xd0000UL /* a frame number with nothing behind it: memory ends far below */
static const domid_t others[] = {0, 2, 7, DOMID_IO, DOMID_XEN, DOMID_IDLE};

static bool nothing_there(void)
{
    u64 v = 0;
    return probe_read((u8 *)(SPARE << 12), &v) == -1 && v == ~0UL;
}

TEST(foreign_frames_refused)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
        for (xen_ulong_t frame = 0; frame < 0x200; frame++) {
            xen_pfn_t gpfn = SPARE;
            int err = 1;
            struct xen_add_to_physmap_batch b = {.domid = DOMID_SELF,
                                                 .space = XENMAPSPACE_gmfn_foreign,
                                                 .size = 1,
                                                 .u.foreign_domid = others[i]};
            set_xen_guest_handle(b.idxs, &frame);
            set_xen_guest_handle(b.gpfns, &gpfn);
            set_xen_guest_handle(b.errs, &err);
            CHECK(memory_op(XENMEM_add_to_physmap_batch, &b) < 0 || err < 0);
        }
    }
    CHECK(nothing_there());
}
TEST(others_as_oneself_refused)
{ /* the calls that take a domain: no other may be meant */
    xen_pfn_t frame = 0x100;
    for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
        struct xen_memory_reservation r = {.nr_extents = 1, .domid = others[i]};
        set_xen_guest_handle(r.extent_start, &frame);
        CHECK(memory_op(XENMEM_decrease_reservation, &r) <= 0); /* how many, or an error */
        CHECK(memory_op(XENMEM_populate_physmap, &r) <= 0);
        struct xen_remove_from_physmap gone = {.domid = others[i], .gpfn = frame};
        CHECK(memory_op(XENMEM_remove_from_physmap, &gone) < 0);
        struct xen_add_to_physmap add = {.domid = others[i], .space = XENMAPSPACE_shared_info, .gpfn = SPARE};
        CHECK(memory_op(XENMEM_add_to_physmap, &add) < 0);
    }
    CHECK(nothing_there());
}
TEST(resources_refused)
{
    xen_pfn_t frames[2] = {SPARE, SPARE + 1};
    for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
        struct xen_mem_acquire_resource a = {
            .domid = others[i], .type = XENMEM_resource_grant_table, .nr_frames = 2};
        set_xen_guest_handle(a.frame_list, frames);
        CHECK(memory_op(XENMEM_acquire_resource, &a) < 0);
    }
    CHECK(nothing_there());
}
TEST(grants_of_others_refused)
{ /* nobody granted us anything */
    static u8 here[PAGE_SIZE] __attribute__((aligned(4096)));
    for (unsigned int ref = 0; ref < 64; ref++) {
        struct gnttab_map_grant_ref m = {
            .host_addr = SPARE << 12, .flags = GNTMAP_host_map, .ref = ref, .dom = 0};
        CHECK_EQ(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
        CHECK(m.status != GNTST_okay);
        struct gnttab_copy c = {.flags = GNTCOPY_source_gref, .len = PAGE_SIZE};
        c.source.u.ref = ref;
        c.dest.u.gmfn = va_pfn(here);
        c.dest.domid = DOMID_SELF;
        CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
        CHECK(c.status != GNTST_okay);
    }
    struct gnttab_copy c = {.len = PAGE_SIZE}; /* by frame, of the first domain */
    c.source.u.gmfn = 0x100;
    c.dest.u.gmfn = va_pfn(here);
    c.dest.domid = DOMID_SELF;
    CHECK_EQ(grant_op(GNTTABOP_copy, &c, 1), 0);
    CHECK(c.status != GNTST_okay);
    for (unsigned int i = 0; i < PAGE_SIZE; i++) {
        CHECK_EQ(here[i], 0);
    }
    CHECK(nothing_there());
}
