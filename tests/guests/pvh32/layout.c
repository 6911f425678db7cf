/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What 32-bit code shares with the hypervisor, and arguments whose layout it alone has: arrays of 32-bit words, packed structures, limits. */
#include "guest.h"

#define SEC 1000000000ULL

TEST(pending_words)
{ /* 1024 ports: bit and selector by 32, masks right behind the pending words */
    static volatile u32 *pending = NULL;
    long p;

    pending = (u32 *)((u8 *)g.shared + 2048);
    do {
        p = bind_ipi(0);
        CHECK(p > 0);
    } while (p < 40);
    CHECK_EQ(port_send(p), 0);
    CHECK_EQ(pending[p / 32] >> (p % 32) & 1, 1);
    CHECK_EQ(pending[32 + p / 32] >> (p % 32) & 1, 1);
    port_mask(p, false);
    CHECK_EQ(((volatile u32 *)vcpu_info(0))[1] & (1u << p / 32), 1u << p / 32);
    evt_count[p] = 0;
    events_on();
    CHECK(wait_count(&evt_count[p], 1, SEC));
    events_off();
    CHECK_EQ(pending[p / 32] >> (p % 32) & 1, 0);
    for (; p > 0; p--) {
        port_close(p);
    }
}
TEST(ports_end_at_1024)
{
    struct evtchn_alloc_unbound a = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    long n = 0, rc, highest = 0;

    while ((rc = evtchn_op(EVTCHNOP_alloc_unbound, &a)) == 0 && n++ < 5000) {
        highest = a.port;
    }
    for (long p = highest; p > 900; p--) {
        port_close(p);
    }
    CHECK_EQ(rc, -XEN_ENOSPC);
    CHECK_EQ(highest, 1023);
}
TEST(runstate_area_is_44_bytes)
{
    static struct {
        struct vcpu_runstate_info r;
        u32 after;
    } area = {.after = 0x5a5a5a5a};
    struct vcpu_register_runstate_memory_area a = {.addr.p = 0xffffffff00000000ULL | hc_a(&area.r)};
    struct sched_poll poll = {0};

    _Static_assert(sizeof(area.r) == 44, "32-bit layout");
    CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &a), 0);
    CHECK_EQ(area.r.state, RUNSTATE_running);
    u64 blocked = area.r.time[RUNSTATE_blocked];
    poll.timeout = now_ns() + SEC / 200;
    CHECK_EQ(sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(area.r.time[RUNSTATE_blocked] > blocked);
    CHECK(area.r.state_entry_time <= now_ns());
    CHECK_EQ(area.after, 0x5a5a5a5a);
    a.addr.p = 0;
    CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &a), 0);
}
TEST(timer_above_32_bits)
{ /* nanoseconds since boot: past 4.3 s they need the second register */
    long p = bind_virq(VIRQ_TIMER, 0);
    u64 at = now_ns() + SEC / 50;

    CHECK(p > 0);
    port_mask(p, false);
    events_on();
    CHECK_EQ(set_timer(at + (100 * SEC)), 0);
    CHECK(!wait_count(&evt_count[p], 1, SEC / 20));
    CHECK_EQ(set_timer(at), 0);
    CHECK(wait_count(&evt_count[p], 1, 5 * SEC));
    CHECK(now_ns() >= at);
    events_off();
    port_close(p);
}
TEST(multicall_of_structures)
{
    static domid_t self = DOMID_SELF;
    static struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    static xen_pfn_t gfn;
    static struct multicall_entry m[4];
    long pages = memory_op(XENMEM_current_reservation, &self);

    gfn = va_pfn(page_alloc());
    set_xen_guest_handle(r.extent_start, &gfn);
    m[0] = (struct multicall_entry){__HYPERVISOR_memory_op, 77, {XENMEM_decrease_reservation, hc_a(&r)}};
    m[1] = (struct multicall_entry){__HYPERVISOR_memory_op, 77, {XENMEM_current_reservation, hc_a(&self)}};
    m[2] = (struct multicall_entry){__HYPERVISOR_memory_op, 77, {XENMEM_populate_physmap, hc_a(&r)}};
    m[3] = (struct multicall_entry){__HYPERVISOR_multicall, 77, {hc_a(m), 1}};
    CHECK_EQ(multicall(m, 4), 0);
    CHECK_EQ(m[0].result, 1);
    CHECK_EQ(m[1].result, pages - 1);
    CHECK_EQ(m[2].result, 1);
    CHECK((long)m[3].result < 0);
    CHECK_EQ(memory_op(XENMEM_current_reservation, &self), pages);
}
TEST(grant_frames_are_32_bits)
{
    static xen_pfn_t list[4];
    static struct gnttab_setup_table s;

    s = (struct gnttab_setup_table){.dom = DOMID_SELF, .nr_frames = 2, .status = 99};
    list[2] = 0x12345678;
    set_xen_guest_handle(s.frame_list, list);
    CHECK_EQ(grant_op(GNTTABOP_setup_table, &s, 1), 0);
    CHECK_EQ(s.status, GNTST_okay);
    CHECK_EQ(list[2], 0x12345678);
}
TEST(batch_of_arrays)
{ /* idxs, gpfns of 32 bits, an int each for errors */
    static xen_ulong_t idx[3] = {0, 1, 4000};
    static xen_pfn_t gfn[3];
    static int err[4] = {9, 9, 9, 9};
    static struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .size = 3};

    for (int i = 0; i < 3; i++) {
        gfn[i] = 0x80000 + i;
    }
    set_xen_guest_handle(b.idxs, idx);
    set_xen_guest_handle(b.gpfns, gfn);
    set_xen_guest_handle(b.errs, err);
    CHECK_EQ(memory_op(XENMEM_add_to_physmap_batch, &b), 0);
    CHECK_EQ(err[0], 0);
    CHECK_EQ(err[1], 0);
    CHECK(err[2] < 0);
    CHECK_EQ(err[3], 9);
    for (int i = 0; i < 2; i++) {
        struct xen_remove_from_physmap r = {.domid = DOMID_SELF, .gpfn = gfn[i]};

        CHECK_EQ(memory_op(XENMEM_remove_from_physmap, &r), 0);
    }
}
TEST(nothing_beyond_four_gib)
{ /* arguments at the end of the address space do not wrap, nor lead to other memory */
    struct xen_memory_reservation r = {.nr_extents = 0x3ffffff, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, (void *)0xfffffffc);
    CHECK_EQ(memory_op(XENMEM_decrease_reservation, &r), 0);
    r.nr_extents = 0x4000001; /* the extent to go on at would not fit the register */
    CHECK_EQ(memory_op(XENMEM_decrease_reservation, &r), 0);
    CHECK_EQ(memory_op(XENMEM_memory_map, (void *)0xfffffffe), -XEN_EFAULT);
    CHECK_EQ(multicall((void *)0xfffffff0, 3), -XEN_EFAULT);
}
TEST(calls_of_others)
{
    CHECK(hc1(__HYPERVISOR_mmu_update, 0) == -XEN_ENOSYS);
    CHECK(hc1(__HYPERVISOR_iret, 0) == -XEN_ENOSYS);
    CHECK(hc1(__HYPERVISOR_domctl, 0) < 0);
}
