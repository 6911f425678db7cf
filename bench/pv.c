/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PV benchmark: a first domain, one pCPU, two vCPUs (the second for context switches). */
#define __XEN_TOOLS__ 1
#include "sched.h"
#include <xen/sysctl.h>

static u64 entry_tsc;
static long port;
static u8 *page_a, *page_b;

static void op_hypercall(void)
{
    T0();
    hc5_pv(__HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0);
    T1();
}
static void op_unknown(void)
{
    T0();
    hc5_pv(63, 0, 0, 0, 0, 0);
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
    hc5_pv(__HYPERVISOR_multicall, (u64)mc, 8, 0, 0, 0);
    T1();
}
static void op_event_send(void)
{
    struct evtchn_send s = {.port = port};
    port_clear(port);
    T0();
    hc5_pv(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&s, 0, 0, 0);
    T1();
}
static void on_port(u32 p)
{
    (void)p;
}
/* The time is taken at the first instruction of the upcall's C code: evt_upcall() counts before it looks at ports. */
static void op_event_upcall(void)
{
    struct evtchn_send s = {.port = port};
    T0();
    hc5_pv(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&s, 0, 0, 0);
    bench_t1 = upcall_tsc;
}
static void op_timer_upcall(void)
{
    u32 n = evt_count[port];
    T0();
    hc5_pv(__HYPERVISOR_set_timer_op, 1, 0, 0, 0, 0);
    while (evt_count[port] == n) {
        pause();
    }
    bench_t1 = upcall_tsc;
}
static struct gnttab_copy copy;
static void op_grant_copy(void)
{
    T0();
    hc5_pv(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (u64)&copy, 1, 0, 0);
    T1();
}
static struct gnttab_map_grant_ref map_op;
static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));
static u8 grant_page[PAGE_SIZE] __attribute__((aligned(4096)));
static void op_grant_map_unmap(void)
{
    T0();
    hc5_pv(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (u64)&map_op, 1, 0, 0);
    struct gnttab_unmap_grant_ref u = {.host_addr = (u64)window, .handle = map_op.handle};
    hc5_pv(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (u64)&u, 1, 0, 0);
    T1();
}
static struct mmu_update mmu;
static void op_mmu_update(void)
{
    mmu.val = va_mfn(page_a) << 12 | PTE_RW;
    T0();
    hc5_pv(__HYPERVISOR_mmu_update, (u64)&mmu, 1, 0, DOMID_SELF, 0);
    T1();
}
static int flip;
static void op_mmu_update_change(void)
{ /* to another frame and back */
    mmu.val = va_mfn(flip++ & 1 ? page_a : page_b) << 12 | PTE_RW;
    T0();
    hc5_pv(__HYPERVISOR_mmu_update, (u64)&mmu, 1, 0, DOMID_SELF, 0);
    T1();
}
static void op_update_va(void)
{
    u64 val = va_mfn(flip++ & 1 ? page_a : page_b) << 12 | PTE_RW;
    T0();
    hc5_pv(__HYPERVISOR_update_va_mapping, (u64)page_a, val, UVMF_INVLPG | UVMF_LOCAL, 0, 0);
    T1();
}
static void op_update_va_same(void)
{
    u64 val = va_mfn(page_a) << 12 | PTE_RW;
    T0();
    hc5_pv(__HYPERVISOR_update_va_mapping, (u64)page_a, val, UVMF_INVLPG | UVMF_LOCAL, 0, 0);
    T1();
}
static bool take_time(struct regs *r)
{
    bench_t1 = trap_tsc;
    if (r->vec == 14) {
        return false; /* the fixup goes on */
    }
    return true;
}
static void op_int3(void)
{
    T0();
    asm volatile("int3");
}
static void op_int3_round(void)
{
    T0();
    asm volatile("int3");
    T1();
}
static void op_page_fault(void)
{
    u64 v = 0;
    T0();
    asm volatile("1: movq (%1), %0\n2:\n" FIXUP : "+r"(v) : "r"(0x00007ff000000000UL) : "memory");
}
static void op_pt_write(void)
{ /* a store to an L1 entry, emulated */
    u64 *e = pt_entry(page_a, 1);
    u64 val = *e ^ PTE_W;
    T0();
    *(volatile u64 *)e = val;
    T1();
}
static void op_cpuid(void)
{
    u32 r[4];
    T0();
    xen_cpuid(0x40000000, 0, r);
    T1();
}
static void op_rdmsr(void)
{
    u32 lo, hi;
    T0();
    asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xc0000100));
    T1();
}
static void op_wrmsr(void)
{
    T0();
    asm volatile("wrmsr" ::"a"(0), "d"(0), "c"(0xc0000100));
    T1();
}
static void op_cr0(void)
{
    u64 v;
    T0();
    asm volatile("mov %%cr0, %0" : "=r"(v));
    T1();
}
static void op_outb(void)
{
    T0();
    asm volatile("outb %%al, $0x80" ::"a"(0));
    T1();
}
static void op_taskswitch(void)
{
    T0();
    hc5_pv(__HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0, 0);
    T1();
}
static void op_stack_switch(void)
{
    T0();
    hc5_pv(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, (u64)stacks[0] + STACK_SIZE, 0, 0, 0);
    T1();
}
static void op_segment_base(void)
{
    T0();
    hc5_pv(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, 0x1000, 0, 0, 0);
    T1();
}
static void op_yield(void)
{
    T0();
    hc5_pv(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0, 0);
    T1();
}
static void op_set_timer(void)
{
    u64 far = now_ns() + 3600000000000UL;
    T0();
    hc5_pv(__HYPERVISOR_set_timer_op, far, 0, 0, 0, 0);
    T1();
}
static void op_pin_unpin(void)
{
    T0();
    mmuext1(MMUEXT_PIN_L1_TABLE, va_mfn(page_b), 0);
    mmuext1(MMUEXT_UNPIN_TABLE, va_mfn(page_b), 0);
    T1();
}

/* --- populate and decrease --- */
static unsigned order;
static xen_pfn_t extent;
static long reservation(int cmd)
{
    struct xen_memory_reservation r = {.nr_extents = 1, .extent_order = order, .domid = DOMID_SELF};
    set_xen_guest_handle(r.extent_start, &extent);
    return hc5_pv(__HYPERVISOR_memory_op, cmd, (u64)&r, 0, 0, 0);
}
static void op_populate(void)
{
    extent = 0x8000;
    T0();
    long rc = reservation(XENMEM_populate_physmap);
    T1();
    if (rc != 1 || reservation(XENMEM_decrease_reservation) != 1) {
        panic("populate %ld", rc);
    }
}
static void op_decrease(void)
{
    extent = 0x8000;
    if (reservation(XENMEM_populate_physmap) != 1) {
        panic("populate");
    }
    T0();
    reservation(XENMEM_decrease_reservation);
    T1();
}

static void bench_grants(void)
{
    xen_pfn_t frame;
    struct gnttab_setup_table s = {.dom = DOMID_SELF, .nr_frames = 1};
    set_xen_guest_handle(s.frame_list, &frame);
    copy.source.u.gmfn = va_mfn(page_a);
    copy.source.domid = DOMID_SELF;
    copy.dest.u.gmfn = va_mfn(page_b);
    copy.dest.domid = DOMID_SELF;
    copy.len = PAGE_SIZE;
    bench("grant_copy_4k", 501, op_grant_copy);
    if (grant_op(GNTTABOP_setup_table, &s, 1) || s.status || set_va(grant_page, frame << 12 | PTE_RW) ||
        set_va(window, 0)) {
        bench_skip("grant_copy_ref_4k", "no grant table");
        bench_skip("grant_map_unmap", "no grant table");
        return;
    }
    struct grant_entry_v1 *t = (void *)grant_page;
    t[20].frame = va_mfn(page_a);
    t[20].domid = 0;
    barrier();
    t[20].flags = GTF_permit_access;
    copy.source.u.ref = 20;
    copy.source.domid = 0;
    copy.flags = GNTCOPY_source_gref;
    bench("grant_copy_ref_4k", 501, op_grant_copy);
    map_op = (struct gnttab_map_grant_ref){
        .host_addr = (u64)window, .flags = GNTMAP_host_map, .ref = 20, .dom = 0};
    bench("grant_map_unmap", 501, op_grant_map_unmap);
    if (copy.status || map_op.status) {
        print("# grant status %d %d\n", copy.status, map_op.status);
    }
}
/* Pages that somebody had before: those that nobody used since power-on are cleared at boot by Xen, on their first use by Zendo. */
static void use_memory_once(void)
{
    for (int i = 0; i < 1100; i++) {
        op_populate();
    }
}
static void bench_memory(void)
{
    use_memory_once();
    bench("populate_4k", 501, op_populate);
    bench("decrease_4k", 501, op_decrease);
    order = 9;
    bench("populate_2m", 11, op_populate);
    bench("decrease_2m", 11, op_decrease);
}
static void bench_events(void)
{
    port = bind_ipi(0);
    bench("event_send", 1001, op_event_send);
    port_mask(port, false);
    evt_handler = on_port;
    events_on();
    bench("event_upcall", 1001, op_event_upcall);
    events_off();
    port_close(port);
    port = bind_virq(VIRQ_TIMER, 0);
    vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    bench("set_timer", 501, op_set_timer);
    hc1(__HYPERVISOR_set_timer_op, 0);
    port_clear(port);
    port_mask(port, false);
    events_on();
    bench("timer_upcall", 301, op_timer_upcall);
    events_off();
    port_close(port);
}
static void bench_traps(void)
{
    trap_hook[3] = take_time;
    bench("int3_to_handler", 1001, op_int3);
    bench("int3_round_trip", 1001, op_int3_round);
    trap_hook[14] = take_time;
    bench("page_fault_to_handler", 1001, op_page_fault);
    bench("emulated_pt_write", 501, op_pt_write);
    make_rw(page_a);
    bench("cpuid", 1001, op_cpuid);
    bench("rdmsr", 1001, op_rdmsr);
    bench("wrmsr", 1001, op_wrmsr);
    bench("cr0_read", 1001, op_cr0);
    struct physdev_set_iopl iopl = {.iopl = 1};
    hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
    bench("port_out", 1001, op_outb);
}
/* Memory that is neither free nor this domain's: what the hypervisor keeps of the machine's RAM. */
static void memory_kept(void)
{
    static struct e820 {
        u64 addr, size;
        u32 type;
    } __attribute__((packed)) e[64];
    static struct xen_sysctl op;
    struct xen_memory_map m = {.nr_entries = 64};
    domid_t self = DOMID_SELF;
    u64 ram = 0;
    set_xen_guest_handle(m.buffer, (void *)e);
    op.cmd = XEN_SYSCTL_physinfo;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (memory_op(XENMEM_machine_memory_map, &m) || hc1(__HYPERVISOR_sysctl, &op)) {
        bench_skip("memory_kept_kib", "no physinfo or no machine map");
        return;
    }
    for (unsigned i = 0; i < m.nr_entries; i++) {
        ram += e[i].type == 1 ? e[i].size >> 10 : 0;
    }
    bench_value("memory_kept_kib",
                ram - 4 * (op.u.physinfo.free_pages + memory_op(XENMEM_current_reservation, &self)));
}
static long trace_op(u32 cmd, u32 value)
{
    static struct xen_sysctl op;
    op.cmd = XEN_SYSCTL_tbuf_op;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    op.u.tbuf_op.cmd = cmd;
    op.u.tbuf_op.evt_mask = op.u.tbuf_op.size = value;
    return hc1(__HYPERVISOR_sysctl, &op);
}
/* What is recorded stays in the buffers, which have room for all of it. Nothing after this runs without tracing. */
static void bench_traced(void)
{
    if (trace_op(XEN_SYSCTL_TBUFOP_set_size, 128) || trace_op(XEN_SYSCTL_TBUFOP_set_evt_mask, 0x0ffff000) ||
        trace_op(XEN_SYSCTL_TBUFOP_enable, 0)) {
        bench_skip("traced_hypercall", "no trace buffers");
        bench_skip("traced_page_fault", "no trace buffers");
        bench_skip("traced_yield", "no trace buffers");
        return;
    }
    bench("traced_hypercall", 1001, op_hypercall);
    bench("traced_page_fault", 1001, op_page_fault);
    bench("traced_yield", 301, op_yield);
}

void guest_main(void)
{
    entry_tsc = bench_rdtsc();
    bench_value("guest_entry", entry_tsc);
    page_a = page_alloc();
    page_b = page_alloc();
    memory_kept();
    if (arg_is("only", "boot")) {
        return;
    }
    if (arg_is("only", "own_cpus")) {
        bench_own_cpus();
        return;
    }
    bench("hypercall", 1001, op_hypercall);
    bench("hypercall_unknown", 1001, op_unknown);
    bench("multicall_8", 1001, op_multicall);
    bench("fpu_taskswitch", 1001, op_taskswitch);
    bench("stack_switch", 1001, op_stack_switch);
    bench("set_segment_base", 1001, op_segment_base);
    bench_events();
    mmu.ptr = pt_entry_maddr(page_a, 1);
    bench("mmu_update", 1001, op_mmu_update);
    bench("mmu_update_change", 1001, op_mmu_update_change);
    make_rw(page_a);
    bench("update_va_mapping", 1001, op_update_va);
    make_rw(page_a);
    bench("update_va_mapping_same", 1001, op_update_va_same);
    make_rw(page_a);
    make_ro(page_b);
    bench("pin_unpin_l1", 301, op_pin_unpin);
    make_rw(page_b);
    bench_traps();
    bench_grants();
    bench_memory();
    bench("yield", 301, op_yield);
    bench_context_switch();
    bench_wake_timer();
    bench_traced();
}
