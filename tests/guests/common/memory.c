/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op: sizes, maps, populate, decrease, exchange, and the errors of each. */
#include "guest.h"

static long populate(xen_pfn_t *list, unsigned n, unsigned order)
{
    struct xen_memory_reservation r = {.nr_extents = n, .extent_order = order, .domid = DOMID_SELF};
    set_xen_guest_handle(r.extent_start, list);
    return memory_op(XENMEM_populate_physmap, &r);
}
static long decrease(xen_pfn_t *list, unsigned n, unsigned order)
{
    struct xen_memory_reservation r = {.nr_extents = n, .extent_order = order, .domid = DOMID_SELF};
    set_xen_guest_handle(r.extent_start, list);
    return memory_op(XENMEM_decrease_reservation, &r);
}
static long current_pages(void)
{
    domid_t d = DOMID_SELF;
    return memory_op(XENMEM_current_reservation, &d);
}
/* A guest frame number with nothing behind it: PV may use any index; PVH one well above RAM. */
static unsigned long free_gfn(void)
{
    return g.pv ? 1000 : 0x80000;
}

TEST(maximum_ram_page)
{
    long n = memory_op(XENMEM_maximum_ram_page, 0);
    CHECK(n > 0x1000);
    CHECK(va_mfn(page_alloc()) < (unsigned long)n || !g.pv);
}
TEST(reservations)
{
    domid_t d = DOMID_SELF;
    long cur = memory_op(XENMEM_current_reservation, &d), max = memory_op(XENMEM_maximum_reservation, &d);
    CHECK(cur > 0);
    CHECK(max >= cur);
    if (g.pv) {
        CHECK(cur >= (long)g.si->nr_pages);
    }
}
TEST(maximum_gpfn)
{
    domid_t d = DOMID_SELF;
    long n = memory_op(XENMEM_maximum_gpfn, &d);
    CHECK(n > 0);
}
TEST(memory_map)
{
    static struct e820 {
        u64 addr, size;
        u32 type;
    } __attribute__((packed)) e[64];
    struct xen_memory_map m = {.nr_entries = 64};
    set_xen_guest_handle(m.buffer, (void *)e);
    long rc = memory_op(XENMEM_memory_map, &m);
    if (rc == -XEN_ENOSYS) {
        SKIP("no map for this domain");
    }
    CHECK_EQ(rc, 0);
    CHECK(m.nr_entries >= 1 && m.nr_entries <= 64);
    CHECK(e[0].size > 0);
}
TEST(machine_memory_map)
{
    static u8 e[20 * 128];
    struct xen_memory_map m = {.nr_entries = 128};
    set_xen_guest_handle(m.buffer, e);
    long rc = memory_op(XENMEM_machine_memory_map, &m);
    if (!g.dom0) {
        CHECK(rc == -XEN_EPERM || rc == -XEN_ENOSYS);
        return;
    }
    CHECK_EQ(rc, 0);
    CHECK(m.nr_entries > 2);
}
TEST(machphys_mapping)
{
    struct xen_machphys_mapping m = {0};
    if (!g.pv) {
        SKIP("PV only");
    }
    CHECK_EQ(memory_op(XENMEM_machphys_mapping, &m), 0);
    CHECK_EQ(m.v_start, MACH2PHYS_VIRT_START);
    CHECK(m.max_mfn > 0);
}
TEST(decrease_populate)
{
    u8 *page = page_alloc();
    xen_pfn_t f = va_mfn(page);
    long before = current_pages();
    if (g.pv) { /* the frame must lose its mapping first */
        CHECK_EQ(set_va(page, 0), 0);
    }
    CHECK_EQ(decrease(&f, 1, 0), 1);
    CHECK_EQ(current_pages(), before - 1);
    f = va_pfn(page);
    CHECK_EQ(populate(&f, 1, 0), 1);
    CHECK_EQ(current_pages(), before);
    if (g.pv) {
        CHECK_EQ(m2p[f], va_pfn(page));
        ((unsigned long *)g.si->mfn_list)[va_pfn(page)] = f;
        CHECK_EQ(set_va(page, f << 12 | PTE_RW), 0);
    }
    for (int i = 0; i < 4096; i++) {
        if (page[i]) {
            CHECK_EQ(page[i], 0); /* never another's data; scrubbed */
        }
    }
    CHECK_EQ(probe_write(page, 1), -1);
    page_free(page);
}
TEST(populate_many)
{
    static xen_pfn_t list[64];
    long before = current_pages();
    for (int i = 0; i < 64; i++) { /* make room under the maximum first */
        u8 *p = page_alloc();
        list[i] = va_mfn(p);
        if (g.pv) {
            CHECK_EQ(set_va(p, 0), 0);
        }
    }
    CHECK_EQ(decrease(list, 64, 0), 64);
    for (int i = 0; i < 64; i++) {
        list[i] = free_gfn() + i;
    }
    CHECK_EQ(populate(list, 64, 0), 64);
    CHECK_EQ(current_pages(), before);
    for (int i = 0; i < 64; i++) {
        if (!g.pv) {
            list[i] = free_gfn() + i;
        } else {
            CHECK_EQ(m2p[list[i]], free_gfn() + i);
        }
    }
    CHECK_EQ(decrease(list, 64, 0), 64);
    CHECK_EQ(current_pages(), before - 64);
}
TEST(decrease_errors)
{
    xen_pfn_t f = 0x7ffffffUL;
    CHECK_EQ(decrease(&f, 1, 0), 0);
    CHECK_EQ(decrease((void *)NOWHERE, 1, 0), 0);
}
TEST(decrease_wrong_order)
{
    xen_pfn_t f = va_mfn(page_alloc());
    CHECK_EQ(decrease(&f, 1, 40), 0);
}
TEST(populate_huge_order)
{
    xen_pfn_t f = free_gfn();
    CHECK_EQ(populate(&f, 1, 30), 0);
    CHECK_EQ(populate(&f, 1, 63), 0);
}
TEST(populate_over_maximum)
{
    domid_t d = DOMID_SELF;
    long cur = current_pages(), max = memory_op(XENMEM_maximum_reservation, &d);
    if (max - cur > 100000) {
        SKIP("no limit near");
    }
    xen_pfn_t f;
    int n = 0;
    for (;; n++) {
        f = free_gfn() + 4096 + n;
        if (populate(&f, 1, 0) != 1 || n > 100000) {
            break;
        }
    }
    CHECK(n <= max - cur);
    CHECK(current_pages() <= max);
}
TEST(nr_extents_absurd)
{
    struct xen_memory_reservation r = {.nr_extents = ~0UL, .domid = DOMID_SELF};
    set_xen_guest_handle(r.extent_start, (void *)0x1000);
    CHECK(memory_op(XENMEM_populate_physmap, &r) <= 0);
    CHECK(memory_op(XENMEM_decrease_reservation, &r) <= 0);
    CHECK(memory_op(XENMEM_increase_reservation, &r) <= 0);
}
TEST(other_domain_refused)
{
    xen_pfn_t f = 1;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = 31000};
    set_xen_guest_handle(r.extent_start, &f);
    CHECK(memory_op(XENMEM_decrease_reservation, &r) <= 0);
    domid_t d = 31000;
    CHECK(memory_op(XENMEM_current_reservation, &d) < 0);
}
TEST(exchange)
{
    if (!g.pv) {
        SKIP("PV only");
    }
    u8 *page = page_alloc();
    xen_pfn_t in = va_mfn(page), out = va_pfn(page);
    struct xen_memory_exchange x = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 1, .domid = DOMID_SELF},
    };
    set_xen_guest_handle(x.in.extent_start, &in);
    set_xen_guest_handle(x.out.extent_start, &out);
    long before = current_pages();
    CHECK_EQ(set_va(page, 0), 0);
    CHECK_EQ(memory_op(XENMEM_exchange, &x), 0);
    CHECK_EQ(x.nr_exchanged, 1);
    CHECK_EQ(m2p[out], va_pfn(page));
    ((unsigned long *)g.si->mfn_list)[va_pfn(page)] = out;
    CHECK_EQ(set_va(page, out << 12 | PTE_RW), 0);
    CHECK_EQ(current_pages(), before);
    page_free(page);
}
TEST(exchange_errors)
{
    if (!g.pv) {
        SKIP("PV only");
    }
    xen_pfn_t in = 0x7ffffffUL, out = 1;
    struct xen_memory_exchange x = {
        .in = {.nr_extents = 1, .domid = DOMID_SELF},
        .out = {.nr_extents = 2, .domid = DOMID_SELF},
    };
    set_xen_guest_handle(x.in.extent_start, &in);
    set_xen_guest_handle(x.out.extent_start, &out);
    CHECK(memory_op(XENMEM_exchange, &x) < 0); /* sizes differ */
    x.out.nr_extents = 1;
    CHECK(memory_op(XENMEM_exchange, &x) < 0); /* not ours */
    x.nr_exchanged = 5;
    CHECK(memory_op(XENMEM_exchange, &x) < 0);
}
TEST(add_to_physmap)
{
    if (g.pv) {
        struct xen_add_to_physmap x = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = 1};
        CHECK(memory_op(XENMEM_add_to_physmap, &x) < 0);
        return;
    }
    struct xen_add_to_physmap x = {.domid = DOMID_SELF, .space = 99, .gpfn = 1};
    CHECK(memory_op(XENMEM_add_to_physmap, &x) < 0);
    x.space = XENMAPSPACE_grant_table;
    x.idx = 1000000;
    CHECK(memory_op(XENMEM_add_to_physmap, &x) < 0);
}
TEST(remove_from_physmap)
{
    if (g.pv) {
        SKIP("PVH only");
    }
    u8 *page = page_alloc();
    xen_pfn_t f = va_pfn(page);
    struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = f};
    CHECK_EQ(memory_op(XENMEM_remove_from_physmap, &r), 0);
    CHECK(memory_op(XENMEM_remove_from_physmap, &r) < 0);
}
