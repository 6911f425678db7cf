/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A hostile guest: every hypercall number 0..63 with random and hand-picked hostile arguments from a seeded generator
 * (arguments seed=, iterations=). What ends or stops the guest by design is left out. It passes when it is alive at the end.
 */
#include "guest.h"

static u64 seed;
/* Random bytes that argument pointers lead to: two pages, then nothing, so that no list runs on into this guest. */
static u8 *scratch;
extern const u8 image_end[];

/*
 * A PVH guest's own frames have small numbers, so a call that takes memory away would take this guest's code sooner or later. Values that name a frame of
 * the image name one behind it.
 */
static u64 spare_image(u64 v)
{
    u64 first = 0x100, end = va_pfn(image_end);

    return !g.pv && v >= first && v < end ? v + end : v;
}
static u64 any_value(void)
{
    static const u64 nasty[] = {
        0,
        1,
        2,
        3,
        7,
        8,
        0x7f,
        0xff,
        0xfff,
        0x1000,
        0xffff,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0x7fffffffffffffff,
        0x8000000000000000,
        ~0UL,
        ~0xfffUL,
        0x00007fffffffffff,
        0x0000800000000000,
        0xffff800000000000,
        0xffff830000000000,
        0xffff82d080000000,
        0xffff880000000000,
        0xffffffff80000000,
        DOMID_SELF,
        DOMID_IO,
        DOMID_XEN,
        DOMID_COW,
        DOMID_INVALID,
        0x00007ff000000000,
    };
    u64 r = prng(&seed);
    switch (r & 7) {
    case 0:
    case 1:
        return nasty[(r >> 8) % ARRAY_SIZE(nasty)];
    case 2:
        return (r >> 8) & 0x3f;
    case 3:
        return r >> 8 & 0xffff;
    case 4:
        return prng(&seed);
    case 5:
        return hc_a(scratch) + PAGE_SIZE - (r >> 8 & 0x3f); /* near the end: straddles */
    default:
        return hc_a(scratch) + ((r >> 8) & 0xff8);
    }
}
static u64 hostile_value(void)
{
    return spare_image(any_value());
}
static void make_scratch(void)
{
    scratch = page_alloc();
    page_alloc();
    u8 *end = page_alloc();
    xen_pfn_t gfn = va_pfn(end);
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(r.extent_start, &gfn);
    if (g.pv ? set_va(end, 0) != 0 : memory_op(XENMEM_decrease_reservation, &r) != 1) {
        panic("no end of the scratch pages");
    }
}
static void fill_scratch(void)
{
    u64 *p = (u64 *)scratch;
    for (int i = 0; i < 64; i++) {
        u64 r = prng(&seed);
        if (probe_write(&p[i], r & 1 ? hostile_value() : (u32)hostile_value() | hostile_value() << 32) >= 0) {
            make_scratch(); /* a call took the page away */
            return;
        }
    }
}
/* A memory operation that names blocks of pages, which may reach into a PVH guest's image from a number that does not. */
static bool takes_blocks(u64 cmd, u64 ptr)
{
    const struct xen_memory_reservation *r = (const void *)hc_a(ptr);
    const struct xen_add_to_physmap *a = (const void *)hc_a(ptr);
    u64 v;

    if (probe_read(r, &v) >= 0 || probe_read((const u8 *)(r + 1) - 8, &v) >= 0) {
        return false; /* it will be refused */
    }
    switch (cmd & 0x3f) { /* above: where a continuation goes on */
    case XENMEM_add_to_physmap:
        return a->space == XENMAPSPACE_gmfn_range;
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return r->extent_order >= 1 && r->extent_order < 20;
    case XENMEM_exchange:
        return r->extent_order < 20;
    }
    return false;
}
/* Calls that by design stop the guest, take its console, or change where it can run. */
static bool left_out(u64 nr, u64 *a)
{
    u32 cmd = a[0];
    switch (nr) {
    case __HYPERVISOR_sched_op:
    case __HYPERVISOR_sched_op_compat:
        return cmd == SCHEDOP_shutdown || cmd == SCHEDOP_block || cmd == SCHEDOP_poll ||
               cmd == SCHEDOP_watchdog || cmd == SCHEDOP_shutdown_code || cmd == SCHEDOP_remote_shutdown ||
               cmd == SCHEDOP_pin_override;
    case __HYPERVISOR_iret:
    case __HYPERVISOR_set_trap_table:
    case __HYPERVISOR_set_callbacks:
    case __HYPERVISOR_callback_op:
    case __HYPERVISOR_stack_switch:
    case __HYPERVISOR_set_gdt:
    case __HYPERVISOR_fpu_taskswitch:
    case __HYPERVISOR_set_segment_base:
        return g.pv; /* each has a test of its own */
    case __HYPERVISOR_console_io:
        return cmd == CONSOLEIO_write && g.dom0 && a[1] > 64;
    case __HYPERVISOR_event_channel_op:
    case __HYPERVISOR_event_channel_op_compat: /* a domU would lose its console's port; fifo.c and evtchn.c have these */
        return !g.dom0 &&
               (cmd == EVTCHNOP_reset || cmd == EVTCHNOP_close || nr == __HYPERVISOR_event_channel_op_compat);
    case __HYPERVISOR_vcpu_op: /* a second PVH vCPU with random registers would run this guest's memory as code */
        return cmd == VCPUOP_down || cmd == VCPUOP_send_nmi || cmd == VCPUOP_register_vcpu_info ||
               (!g.pv && (cmd == VCPUOP_initialise || cmd == VCPUOP_up));
    case __HYPERVISOR_memory_op:
        return !g.pv && takes_blocks(a[0], a[1]);
    case __HYPERVISOR_platform_op: /* the control domain may stop the machine */
    case __HYPERVISOR_kexec_op:
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_arch_0: /* machine checks can be injected */
        return g.dom0;
    case __HYPERVISOR_physdev_op:
        return g.dom0; /* real interrupts */
    case __HYPERVISOR_multicall:
        return true; /* would reach what is left out */
    case __HYPERVISOR_hvm_op:
        return !g.pv && (cmd == HVMOP_set_param); /* may move the upcall vector */
    }
    return false;
}
static void barrage(u64 nr, int n)
{
    for (int i = 0; i < n; i++) {
        u64 a[5];
        fill_scratch();
        for (int j = 0; j < 5; j++) {
            a[j] = hostile_value();
        }
        if (!left_out(nr, a)) {
            hc5(nr, a[0], a[1], a[2], a[3], a[4]);
        }
    }
}
/* The library's own page must survive: memory operations get frames that are not the image's. */
TEST(every_hypercall)
{
    long n = arg_num("iterations", 60);
    seed = arg_num("seed", 1);
    make_scratch();
    for (u64 nr = 0; nr < 64; nr++) {
        barrage(nr, n);
    }
    CHECK(xen_version(XENVER_version, 0) > 0);
}
TEST(every_small_command)
{ /* command numbers 0..63 with a page of random structures */
    long n = arg_num("iterations", 60) / 10 + 1;
    seed = arg_num("seed", 1) + 1000;
    if (!scratch) {
        make_scratch();
    }
    for (u64 nr = 0; nr < 64; nr++) {
        for (u64 cmd = 0; cmd < 64; cmd++) {
            for (long i = 0; i < n; i++) {
                u64 a[5] = {cmd, hc_a(scratch), hostile_value(), hostile_value(), hostile_value()};
                if (nr == __HYPERVISOR_vcpu_op || nr == __HYPERVISOR_console_io) {
                    a[1] = hostile_value();
                    a[2] = hc_a(scratch);
                }
                fill_scratch();
                if (!left_out(nr, a)) {
                    hc5(nr, a[0], a[1], a[2], a[3], a[4]);
                }
            }
        }
    }
    CHECK(xen_version(XENVER_version, 0) > 0);
}
TEST(high_numbers)
{
    seed = arg_num("seed", 1) + 2000;
    if (!scratch) {
        make_scratch();
    }
    for (int i = 0; i < 500; i++) {
        u64 nr = 64 + (prng(&seed) >> (prng(&seed) & 63)) % 0xffffffff;
        long rc =
            hc5(nr, hostile_value(), hostile_value(), hostile_value(), hostile_value(), hostile_value());
        CHECK_EQ(rc, -XEN_ENOSYS);
    }
}
TEST(event_flood)
{
    long p = bind_ipi(0);
    if (p == -XEN_ENOSPC) {
        struct evtchn_reset r = {.dom = DOMID_SELF};
        CHECK(g.dom0 ? evtchn_op(EVTCHNOP_reset, &r) == 0 : true);
        p = bind_ipi(0);
    }
    CHECK(p > 0);
    for (int i = 0; i < 20000; i++) {
        port_send(p);
    }
    CHECK_EQ(port_close(p), 0);
}
TEST(alive)
{
    void *p = page_alloc();
    u64 v;
    CHECK_EQ(probe_write(p, 77), -1);
    CHECK_EQ(probe_read(p, &v), -1);
    CHECK_EQ(v, 77);
    u64 t = now_ns();
    CHECK(now_ns() >= t);
}
