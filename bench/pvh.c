/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PVH benchmark: a guest of two vCPUs (the second for context switches), created with tsc_mode="native". */
#include "sched.h"

static long port;
static volatile u64 ipi_tsc;
static u8 *page_a, *page_b;

static void op_hypercall(void)
{
    T0();
    xen_version(XENVER_version, 0);
    T1();
}
static void op_unknown(void)
{
    T0();
    hc0(63);
    T1();
}
static struct multicall_entry mc[8];
static void op_multicall(void)
{
    for (int i = 0; i < 8; i++) {
        mc[i].op = __HYPERVISOR_xen_version;
        mc[i].args[0] = XENVER_version;
    }
    T0();
    hc2(__HYPERVISOR_multicall, mc, 8);
    T1();
}
static void op_cpuid(void)
{
    u32 r[4];
    T0();
    cpuid(0x40000000, 0, r);
    T1();
}
static void op_rdmsr(void)
{
    u32 lo, hi;
    T0();
    asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0x1b)); /* APIC base: intercepted */
    T1();
}
static void op_wrmsr(void)
{
    T0();
    asm volatile("wrmsr" ::"a"(0xfee00900), "d"(0), "c"(0x1b)); /* APIC base, as it is: intercepted */
    T1();
}
static void op_x2apic_read(void)
{
    u32 lo, hi;
    T0();
    asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0x803)); /* version */
    T1();
}
static void op_lapic_read(void)
{
    u32 v;
    T0();
    v = *(volatile u32 *)(LAPIC_VA + 0x30);
    T1();
    (void)v;
}
static void op_lapic_write(void)
{
    T0();
    *(volatile u32 *)(LAPIC_VA + 0x80) = 0; /* task priority */
    T1();
}
static void op_port_in(void)
{
    u8 v;
    T0();
    asm volatile("inb %1, %0"
                 : "=a"(v)
                 : "d"((u16)0x200)); /* nothing there; 0x80 is not intercepted by Xen */
    T1();
}
static void op_port_out(void)
{
    T0();
    asm volatile("outb %%al, %%dx" ::"a"(0), "d"((u16)0x200));
    T1();
}
static void op_event_send(void)
{
    struct evtchn_send s = {.port = port};
    port_clear(port);
    T0();
    evtchn_op(EVTCHNOP_send, &s);
    T1();
}
static void op_event_upcall(void)
{
    struct evtchn_send s = {.port = port};
    T0();
    evtchn_op(EVTCHNOP_send, &s);
    bench_t1 = upcall_tsc;
}
static struct gnttab_copy copy;
static void op_grant_copy(void)
{
    T0();
    grant_op(GNTTABOP_copy, &copy, 1);
    T1();
}
static struct gnttab_map_grant_ref map_op;
static void op_grant_map_unmap(void)
{
    T0();
    grant_op(GNTTABOP_map_grant_ref, &map_op, 1);
    struct gnttab_unmap_grant_ref u = {.host_addr = map_op.host_addr, .handle = map_op.handle};
    grant_op(GNTTABOP_unmap_grant_ref, &u, 1);
    T1();
}
/* A page of the guest's own, granted to itself, mapped where it has no memory: 2 MiB past the end of the benchmark's 64 MiB. */
#define MAP_AT 0x4200000UL
static u8 grant_page[PAGE_SIZE] __attribute__((aligned(4096)));
static void bench_grant_map(void)
{
    struct xen_add_to_physmap x = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 0, .gpfn = va_pfn(grant_page)};
    domid_t self = arg_num("domid", 0);
    if (memory_op(XENMEM_add_to_physmap, &x)) {
        bench_skip("grant_map_unmap", "no grant table");
        return;
    }
    struct grant_entry_v1 *t = (void *)grant_page;
    t[20].frame = va_mfn(page_a);
    t[20].domid = self;
    barrier();
    t[20].flags = GTF_permit_access;
    map_op =
        (struct gnttab_map_grant_ref){.host_addr = MAP_AT, .flags = GNTMAP_host_map, .ref = 20, .dom = self};
    bench("grant_map_unmap", 301, op_grant_map_unmap);
    if (map_op.status) {
        print("# grant status %d\n", map_op.status);
    }
}
static volatile bool timer_rang;
static void on_timer(u32 p)
{
    (void)p;
    timer_rang = true;
}
static void op_timer_upcall(void)
{
    timer_rang = false;
    T0();
    hc1(__HYPERVISOR_set_timer_op, 1);
    while (!timer_rang) {
        pause();
    }
    bench_t1 = upcall_tsc;
}
static void bench_timer(void)
{
    port = bind_virq(VIRQ_TIMER, 0);
    vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    port_clear(port);
    port_mask(port, false);
    evt_handler = on_timer;
    events_on();
    bench("timer_upcall", 301, op_timer_upcall);
    events_off();
    port_close(port);
}
#define IPI_VECTOR 0x50
static bool x2;
static bool on_ipi(struct regs *r)
{
    ipi_tsc = trap_tsc;
    if (x2) {
        asm volatile("wrmsr" ::"a"(0), "d"(0), "c"(0x80b)); /* EOI */
    } else {
        *(volatile u32 *)(LAPIC_VA + 0xb0) = 0;
    }
    return true;
}
static void op_ipi_mmio(void)
{
    ipi_tsc = 0;
    T0();
    *(volatile u32 *)(LAPIC_VA + 0x300) = 0x40000 | IPI_VECTOR; /* shorthand: self */
    while (!ipi_tsc) {
        pause();
    }
    bench_t1 = ipi_tsc;
}
static void op_ipi_x2apic(void)
{
    ipi_tsc = 0;
    T0();
    asm volatile("wrmsr" ::"a"(IPI_VECTOR), "d"(0), "c"(0x83f)); /* SELF IPI */
    while (!ipi_tsc) {
        pause();
    }
    bench_t1 = ipi_tsc;
}
static void op_timer(void)
{
    ipi_tsc = 0;
    T0();
    asm volatile("wrmsr" ::"a"(1), "d"(0), "c"(0x838)); /* initial count 1, one shot */
    while (!ipi_tsc) {
        pause();
    }
    bench_t1 = ipi_tsc;
}
static void op_yield(void)
{
    T0();
    sched_op(SCHEDOP_yield, 0);
    T1();
}
static unsigned order;
static xen_pfn_t extent;
static long reservation(int cmd)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};
    set_xen_guest_handle(r.extent_start, &extent);
    return memory_op(cmd, &r);
}
/* The memory comes from the guest's own: 2 MiB at 32 MiB are given up first and asked back. */
static void op_decrease(void)
{
    extent = 0x2000;
    T0();
    long rc = reservation(XENMEM_decrease_reservation);
    T1();
    u64 t0 = bench_t0, t1 = bench_t1;
    if (rc != 1 || reservation(XENMEM_populate_physmap) != 1) {
        panic("decrease %ld", rc);
    }
    bench_t0 = t0;
    bench_t1 = t1;
}
static void op_populate(void)
{
    extent = 0x2000;
    long rc = reservation(XENMEM_decrease_reservation);
    T0();
    long rc2 = reservation(XENMEM_populate_physmap);
    T1();
    if (rc != 1 || rc2 != 1) {
        panic("populate %ld %ld", rc, rc2);
    }
}
static void enable_apic(void)
{
    u32 lo, hi;
    *(volatile u32 *)(LAPIC_VA + 0xf0) = 0x1ff;
    bench("lapic_read", 501, op_lapic_read);
    bench("lapic_write", 501, op_lapic_write);
    trap_hook[IPI_VECTOR] = on_ipi;
    events_on();
    bench("ipi_self_mmio", 501, op_ipi_mmio);
    asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0x1b));
    if (probe_wrmsr(0x1b, lo | 0xc00) != -1) {
        bench_skip("x2apic_read", "no x2APIC");
        bench_skip("ipi_self_x2apic", "no x2APIC");
        bench_skip("lapic_timer", "no x2APIC");
        return;
    }
    x2 = true;
    bench("x2apic_read", 501, op_x2apic_read);
    bench("ipi_self_x2apic", 501, op_ipi_x2apic);
    asm volatile("wrmsr" ::"a"(IPI_VECTOR), "d"(0), "c"(0x832)); /* timer LVT: one shot */
    bench("lapic_timer", 101, op_timer);
    events_off();
}
void guest_main(void)
{
    if (arg_is("only", "own_cpus")) {
        bench_own_cpus();
        return;
    }
    page_a = page_alloc();
    page_b = page_alloc();
    bench("hypercall", 1001, op_hypercall);
    bench("hypercall_unknown", 1001, op_unknown);
    bench("multicall_8", 501, op_multicall);
    bench("cpuid", 1001, op_cpuid);
    bench("rdmsr", 1001, op_rdmsr);
    bench("wrmsr", 1001, op_wrmsr);
    bench("port_in", 501, op_port_in);
    bench("port_out", 501, op_port_out);
    port = bind_ipi(0);
    bench("event_send", 501, op_event_send);
    port_mask(port, false);
    events_on();
    bench("event_upcall", 501, op_event_upcall);
    events_off();
    bench_timer();
    enable_apic();
    copy.source.u.gmfn = va_mfn(page_a);
    copy.source.domid = DOMID_SELF;
    copy.dest.u.gmfn = va_mfn(page_b);
    copy.dest.domid = DOMID_SELF;
    copy.len = PAGE_SIZE;
    bench("grant_copy_4k", 501, op_grant_copy);
    bench_grant_map();
    bench("yield", 301, op_yield);
    bench_context_switch();
    bench_wake_timer();
    bench("populate_4k", 201, op_populate);
    bench("decrease_4k", 201, op_decrease);
    order = 9;
    bench("populate_2m", 7, op_populate);
    bench("decrease_2m", 7, op_decrease);
}
