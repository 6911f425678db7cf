/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the control domain does to another domain's memory: its pages mapped, its grant table as a resource, claims, a shutdown from outside.
 * The other domain is PV, has memory and no code, and never runs. For the first domain only.
 */
#define __XEN_TOOLS__ 1
#include "guest.h"
#include <xen/domctl.h>
#include <xen/sysctl.h>

#define PAGES 32

static domid_t other;
static u64 free_before;

static long domctl(u32 cmd, struct xen_domctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = other;
    return hc1(__HYPERVISOR_domctl, op);
}
static struct xen_sysctl_physinfo *physinfo(void)
{
    static struct xen_sysctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_physinfo;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hc1(__HYPERVISOR_sysctl, &op) == 0 ? &op.u.physinfo : NULL;
}
static long make(void)
{
    static struct xen_domctl op;
    long rc;

    memset(&op, 0, sizeof(op));
    other = 0;
    free_before = physinfo()->free_pages;
    op.u.createdomain.max_vcpus = 1;
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.max_maptrack_frames = 4;
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    rc = domctl(XEN_DOMCTL_createdomain, &op);
    if (rc) {
        return rc;
    }
    other = op.domain;
    memset(&op, 0, sizeof(op));
    op.u.max_mem.max_memkb = PAGES * 4;
    return domctl(XEN_DOMCTL_max_mem, &op);
}
/* Kill it; every page comes back, though not at once. */
static long end(void)
{
    static struct xen_domctl op;
    u64 until = now_ns() + 5000000000UL;
    long rc = domctl(XEN_DOMCTL_destroydomain, &op);

    while (physinfo()->free_pages != free_before && now_ns() < until) {
        sched_op(SCHEDOP_yield, 0);
    }
    return rc ? rc : physinfo()->free_pages == free_before ? 0 : -XEN_EBUSY;
}
static long populate(xen_pfn_t *list, int n)
{
    struct xen_memory_reservation r = {.nr_extents = n, .domid = other};

    set_xen_guest_handle(r.extent_start, list);
    return memory_op(XENMEM_populate_physmap, &r);
}
static long claim(u64 pages)
{
    struct xen_memory_reservation r = {.nr_extents = pages, .domid = other};

    return memory_op(XENMEM_claim_pages, &r);
}
static long map_other(void *va, u64 pte, u32 dom)
{
    return hc4(__HYPERVISOR_update_va_mapping_otherdomain, va, pte, UVMF_INVLPG | UVMF_ALL, dom);
}
#define OTHER_DOMAIN()                 \
    do {                               \
        if (!g.dom0) {                 \
            SKIP("first domain only"); \
        }                              \
        CHECK_EQ(make(), 0);           \
    } while (0)

TEST(update_va_mapping_otherdomain)
{
    OTHER_DOMAIN();
    xen_pfn_t f[1] = {0};
    u64 *a = page_alloc(), *b = page_alloc(), a_pte = va_mfn(a) << 12 | PTE_RW,
        b_pte = va_mfn(b) << 12 | PTE_RW, v;

    CHECK_EQ(populate(f, 1), 1);
    CHECK(map_other(a, f[0] << 12 | PTE_RW, DOMID_SELF) < 0); /* whose page it is must be said */
    CHECK(map_other(a, f[0] << 12 | PTE_RW, 31000) < 0);
    CHECK(map_other(a, b_pte, other) < 0);
    CHECK(set_va(a, f[0] << 12 | PTE_RW) < 0);
    CHECK_EQ(map_other(a, f[0] << 12 | PTE_RW, other), 0);
    CHECK_EQ(map_other(b, f[0] << 12 | PTE_RO, other), 0);
    CHECK_EQ(a[7], 0);
    a[7] = 0x1234;
    CHECK_EQ(b[7], 0x1234);
    CHECK_EQ(probe_write(&b[7], 1), 14);
    CHECK_EQ(set_va(a, a_pte), 0);
    CHECK_EQ(set_va(b, b_pte), 0);
    CHECK_EQ(probe_read(&a[7], &v), -1);
    CHECK_EQ(v, 0); /* our own page again */
    CHECK_EQ(end(), 0);
}
TEST(killed_while_mapped)
{ /* its last page lives until nobody maps it */
    OTHER_DOMAIN();
    static struct xen_domctl op;
    xen_pfn_t f[1] = {0};
    u64 *a = page_alloc(), a_pte = va_mfn(a) << 12 | PTE_RW;

    CHECK_EQ(populate(f, 1), 1);
    CHECK_EQ(map_other(a, f[0] << 12 | PTE_RW, other), 0);
    a[0] = 77;
    CHECK_EQ(domctl(XEN_DOMCTL_destroydomain, &op), 0);
    CHECK_EQ(a[0], 77);
    CHECK(physinfo()->free_pages < free_before);
    CHECK_EQ(set_va(a, a_pte), 0);
    CHECK_EQ(end(), -XEN_ESRCH); /* it is gone already, and its pages are back */
    CHECK_EQ(physinfo()->free_pages, free_before);
}
TEST(claims)
{
    OTHER_DOMAIN();
    xen_pfn_t f[2] = {0, 1};
    u64 base = physinfo()->outstanding_pages;

    CHECK_EQ(claim(PAGES + 1), -XEN_EINVAL); /* more than it may have */
    CHECK_EQ(claim(PAGES), 0);
    CHECK_EQ(physinfo()->outstanding_pages, base + PAGES);
    CHECK_EQ(claim(PAGES), -XEN_EINVAL); /* one at a time */
    CHECK_EQ(populate(f, 2), 2);
    CHECK_EQ(physinfo()->outstanding_pages, base + PAGES - 2);
    CHECK_EQ(claim(0), 0);
    CHECK_EQ(physinfo()->outstanding_pages, base);
    CHECK_EQ(claim(1), -XEN_EINVAL); /* it has more already */
    CHECK_EQ(claim(PAGES), 0);
    CHECK_EQ(end(), 0);
    CHECK_EQ(physinfo()->outstanding_pages, base);
}
TEST(claim_beyond_memory)
{
    OTHER_DOMAIN();
    static struct xen_domctl op;

    op.u.max_mem.max_memkb = ~0ull >> 12;
    CHECK_EQ(domctl(XEN_DOMCTL_max_mem, &op), 0);
    CHECK_EQ(claim(physinfo()->total_pages), -XEN_ENOMEM);
    CHECK_EQ(end(), 0);
}
TEST(acquire_grant_table)
{
    OTHER_DOMAIN();
    struct xen_mem_acquire_resource r = {.domid = other, .type = XENMEM_resource_grant_table};
    xen_pfn_t f[2] = {0, 0};
    u64 *a = page_alloc(), a_pte = va_mfn(a) << 12 | PTE_RW;

    CHECK_EQ(memory_op(XENMEM_acquire_resource, &r), 0); /* how much there is */
    CHECK_EQ(r.nr_frames, 4);
    r.nr_frames = 1;
    set_xen_guest_handle(r.frame_list, f);
    CHECK_EQ(memory_op(XENMEM_acquire_resource, &r), 0);
    CHECK(f[0] != 0);
    CHECK_EQ(f[1], 0);
    CHECK_EQ(map_other(a, f[0] << 12 | PTE_RW, other), 0);
    grant_entry_v1_t *e = (void *)a;
    e[8].domid = 5;
    CHECK_EQ(e[8].domid, 5);
    CHECK_EQ(set_va(a, a_pte), 0);
    r.frame = 100000;
    CHECK(memory_op(XENMEM_acquire_resource, &r) < 0);
    r.frame = 0;
    r.pad = 1;
    CHECK_EQ(memory_op(XENMEM_acquire_resource, &r), -XEN_EINVAL);
    r.pad = 0;
    r.type = 77;
    CHECK(memory_op(XENMEM_acquire_resource, &r) < 0);
    r.type = XENMEM_resource_vmtrace_buf;
    CHECK(memory_op(XENMEM_acquire_resource, &r) < 0);
    r.domid = 31000;
    CHECK_EQ(memory_op(XENMEM_acquire_resource, &r), -XEN_ESRCH);
    CHECK_EQ(end(), 0);
}
TEST(remote_shutdown)
{
    OTHER_DOMAIN();
    static struct xen_domctl op;
    struct sched_remote_shutdown s = {.domain_id = other, .reason = SHUTDOWN_crash};

    CHECK_EQ(sched_op(SCHEDOP_remote_shutdown, &s), 0);
    CHECK_EQ(domctl(XEN_DOMCTL_getdomaininfo, &op), 0);
    CHECK(op.u.getdomaininfo.flags & XEN_DOMINF_shutdown);
    CHECK_EQ(op.u.getdomaininfo.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask, SHUTDOWN_crash);
    CHECK_EQ(end(), 0);
}
TEST(access_of_nobody)
{ /* there is no monitor of memory accesses */
    OTHER_DOMAIN();
    struct xen_mem_access_op a = {.op = XENMEM_access_op_set_access, .domid = other, .nr = 1};
    CHECK(memory_op(XENMEM_access_op, &a) < 0);
    CHECK_EQ(end(), 0);
}
TEST(eoi_page)
{ /* where the hypervisor shows which interrupts want PHYSDEVOP_eoi; the domain keeps it until it ends */
    struct physdev_pirq_eoi_gmfn e = {.gmfn = ~0UL};
    if (!g.dom0) {
        SKIP("no interrupts");
    }
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, &e), -XEN_EINVAL);
    e.gmfn = va_mfn((void *)g.si->pt_base); /* a page that may not be written to */
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, &e), -XEN_EINVAL);
    e.gmfn = va_mfn(page_alloc());
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, &e), 0);
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, &e), -XEN_EBUSY);
}
