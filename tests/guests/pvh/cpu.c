/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PVH guest's processor: CPUID, MSRs, control registers, exceptions, ports. */
#include "guest.h"

TEST(cpuid_leaves)
{
    u32 r[4];
    cpuid(0, 0, r);
    CHECK(r[0] >= 1);
    cpuid(1, 0, r);
    CHECK(r[2] & 1u << 31);  /* hypervisor present */
    CHECK(r[3] & 1 << 9);    /* APIC */
    CHECK(r[2] & 1 << 21);   /* x2APIC */
    CHECK(!(r[2] & 1 << 5)); /* no VMX */
    cpuid(0x80000001, 0, r);
    CHECK(r[3] & 1 << 29);
    CHECK(!(r[2] & 1 << 2)); /* no SVM */
    cpuid(0x80000008, 0, r);
    CHECK((r[0] & 0xff) >= 32 && (r[0] & 0xff) <= 52);
}
TEST(cpuid_xen_leaves)
{
    u32 r[4], v[4];
    cpuid(0x40000000, 0, r);
    CHECK(r[0] >= 0x40000004 && r[0] < 0x40000100);
    CHECK(r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e);
    cpuid(0x40000001, 0, v);
    CHECK_EQ(v[0], (u32)xen_version(XENVER_version, 0));
    cpuid(0x40000002, 0, v);
    CHECK(v[0] >= 1);
    CHECK_EQ(v[1], 0x40000000);
    cpuid(0x40000004, 0, v);
    CHECK(v[0] & 1 << 3); /* the vCPU number is valid */
    CHECK_EQ(v[1], 0);
}
TEST(cpuid_out_of_range)
{
    u32 r[4];
    cpuid(0x50000000, 0, r);
    CHECK(r[0] == 0 && r[1] == 0 && r[2] == 0 && r[3] == 0);
    cpuid(0x400000ff, 0, r);
    CHECK(r[0] == 0 && r[1] == 0);
}
TEST(cpuid_osxsave_follows_cr4)
{
    u32 r[4];
    u64 cr4;
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    cpuid(1, 0, r);
    CHECK_EQ(r[2] >> 27 & 1, cr4 >> 18 & 1);
}
TEST(msr_basics)
{
    u64 v;
    CHECK_EQ(probe_rdmsr(0xc0000080, &v), -1);
    CHECK_EQ(v & 0xd00, 0xd00); /* LME LMA NXE */
    CHECK_EQ(probe_rdmsr(0x1b, &v), -1);
    CHECK_EQ(v & ~0xfffUL, LAPIC_VA);
    CHECK(v & 1 << 11);
    CHECK(v & 1 << 8);
    CHECK_EQ(probe_rdmsr(0x277, &v), -1);
    CHECK_EQ(v & 0xff, 6); /* entry 0 is write-back */
    CHECK_EQ(probe_rdmsr(0xfe, &v), -1);
}
TEST(msr_unknown)
{
    u64 v;
    CHECK_EQ(probe_rdmsr(0x12345678, &v), 13);
    CHECK_EQ(g.trap.err, 0);
    CHECK_EQ(probe_wrmsr(0x12345678, 0), 13);
    CHECK_EQ(probe_wrmsr(0xc0000080, 0xffffffffffff0d01UL), 13); /* EFER, reserved bits */
}
TEST(msr_bases)
{
    u64 buf[2] = {0x1234, 0}, v;
    CHECK_EQ(probe_wrmsr(0xc0000100, (u64)buf), -1);
    asm volatile("mov %%fs:0, %0" : "=r"(v));
    CHECK_EQ(v, 0x1234);
    CHECK_EQ(probe_wrmsr(0xc0000102, 0x5678), -1);
    CHECK_EQ(probe_rdmsr(0xc0000102, &v), -1);
    CHECK_EQ(v, 0x5678);
    asm volatile("swapgs; swapgs");
}
TEST(exceptions)
{
    u64 v, a = 1, c = 0, d = 0;
    CHECK_EQ(TRAP_OF("int3"), 3);
    CHECK_EQ(TRAP_OF("ud2"), 6);
    CHECK_EQ(TRAP_INSN("div %%rcx", a, c, d), 0);
    CHECK_EQ(probe_read((void *)0x00007ff000000000UL, &v), 14);
    CHECK_EQ(g.trap.cr2, 0x00007ff000000000UL);
    CHECK_EQ(probe_read((void *)0x8000000000000000UL, &v), 13);
    CHECK_EQ(TRAP_OF("int $0x80"), 0x80);
}
TEST(svm_instructions)
{
    u64 a = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("vmrun", a, c, d), 6);
    CHECK_EQ(TRAP_OF("clgi"), 6);
    CHECK_EQ(TRAP_OF("stgi"), 6);
    CHECK_EQ(TRAP_INSN("vmload", a, c, d), 6);
}
TEST(control_registers)
{
    u64 a = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%cr0, %%rax", a, c, d), -1);
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr0", a, c, d), -1);
    u64 bad = 1; /* PE without PG in long mode */
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr0", bad, c, d), 13);
    CHECK_EQ(TRAP_INSN("mov %%cr4, %%rax", a, c, d), -1);
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr4", a, c, d), -1);
    bad = a | 1UL << 31;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr4", bad, c, d), 13);
    static const struct {
        int cr4, feature; /* of CPUID leaf 1, EDX */
    } of[] = {{0, 1}, {1, 1}, {3, 2}, {4, 3}};
    u32 r[4];
    cpuid(1, 0, r);
    for (int i = 0; i < ARRAY_SIZE(of); i++) { /* a bit whose feature there is, and no other */
        bad = a ^ 1UL << of[i].cr4;
        CHECK_EQ(TRAP_INSN("mov %%rax, %%cr4", bad, c, d),
                 r[3] >> of[i].feature & 1 || !(bad >> of[i].cr4 & 1) ? -1 : 13);
        CHECK_EQ(TRAP_INSN("mov %%rax, %%cr4", a, c, d), -1);
    }
    bad = a & ~0x20UL; /* PAE off in long mode */
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr4", bad, c, d), 13);
    CHECK_EQ(TRAP_INSN("mov %%cr3, %%rax", a, c, d), -1);
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr3", a, c, d), -1);
}
TEST(fpu_ts)
{
    u64 a = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%cr0, %%rax", a, c, d), -1);
    a |= 8;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr0", a, c, d), -1);
    CHECK_EQ(TRAP_OF("fnop"), 7);
    CHECK_EQ(TRAP_OF("clts"), -1);
    CHECK_EQ(TRAP_OF("fnop"), -1);
}
TEST(ports)
{ /* nothing there: reads give ones, writes vanish */
    u64 a = 0, c = 0, d = 0x80;
    CHECK_EQ(TRAP_INSN("in %%dx, %%al", a, c, d), -1);
    CHECK_EQ(a & 0xff, 0xff);
    CHECK_EQ(TRAP_INSN("out %%al, %%dx", a, c, d), -1);
    d = 0xcfc;
    CHECK_EQ(TRAP_INSN("in %%dx, %%eax", a, c, d), -1);
    CHECK_EQ((u32)a, 0xffffffff);
    if (on_zendo()) { /* ... but the counters of an interval timer read as stopped: the wait of Linux for 0xff to change is 100,000 exits long */
        d = 0x42;
        CHECK_EQ(TRAP_INSN("in %%dx, %%al", a, c, d), -1);
        CHECK_EQ(a & 0xff, 0);
    }
}
TEST(wbinvd_and_cache)
{
    CHECK_EQ(TRAP_OF("wbinvd"), -1);
    u64 a = (u64)stacks, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("invlpg (%%rax)", a, c, d), -1);
}
TEST(unmapped_guest_physical)
{ /* a hole of the guest's memory: reads do not stop the guest */
    u64 v = 0;
    u8 *hole = (u8 *)0xd0000000UL;
    int t = probe_read(hole, &v);
    CHECK(t == -1 || t == 14 || t == 13);
}
TEST(debug_registers)
{
    static volatile u64 target;
    u64 a = (u64)&target, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%db0", a, c, d), -1);
    a = 1 | 1 << 16 | 3 << 18;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%db7", a, c, d), -1);
    a = 0;
    CHECK_EQ(TRAP_INSN("mov %%db0, %%rax", a, c, d), -1);
    CHECK_EQ(a, (u64)&target);
    a = 0x400;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%db7", a, c, d), -1);
}
TEST(tsc)
{
    u64 t = rdtsc();
    CHECK(rdtsc() > t);
    u32 lo, hi, aux;
    u32 r[4];
    cpuid(0x80000001, 0, r);
    if (r[3] & 1 << 27) {
        asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
        CHECK((lo | (u64)hi << 32) > t);
    }
}
/* Writing the counter moves it and nothing else: the shared time, which is computed from it, goes on. */
TEST(tsc_written)
{
    u64 before = now_ns(), to = rdtsc() + 0x123456789abUL;
    CHECK_EQ(probe_wrmsr(0x10, to), -1);
    u64 t = rdtsc();
    CHECK(t >= to && t - to < 10000000000UL);
    u64 after = now_ns();
    CHECK(after >= before && after - before < 1000000000UL);
    struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + 3000000};
    sched_op(SCHEDOP_poll, &poll);
    after = now_ns();
    CHECK(after - before >= 3000000 && after - before < 3000000000UL);
    CHECK(rdtsc() >= t);
    CHECK_EQ(probe_wrmsr(0x10, 0x1000), -1);
    CHECK(rdtsc() < 10000000000UL);
    CHECK(now_ns() >= after && now_ns() - after < 1000000000UL);
}
TEST(tsc_adjusted)
{
    u32 r[4];
    u64 v;
    cpuid(7, 0, r);
    if (!(r[1] & 2)) {
        CHECK(probe_rdmsr(0x3b, &v) == 13 || !on_zendo()); /* Xen's guests may read it all the same */
        SKIP("no TSC_ADJUST on this machine");
    }
    u64 before = now_ns(), was;
    CHECK_EQ(probe_rdmsr(0x3b, &was), -1);
    u64 t = rdtsc();
    CHECK_EQ(probe_wrmsr(0x3b, was + 0x1000000000UL), -1);
    CHECK(rdtsc() - t >= 0x1000000000UL);
    CHECK_EQ(probe_rdmsr(0x3b, &v), -1);
    CHECK_EQ(v - was, 0x1000000000UL);
    CHECK(now_ns() >= before && now_ns() - before < 1000000000UL);
}
TEST(start_info)
{
    CHECK_EQ(g.hsi->magic, XEN_HVM_START_MAGIC_VALUE);
    CHECK(g.hsi->version >= 1);
    CHECK(g.hsi->memmap_entries >= 1);
    struct hvm_memmap_table_entry *m = (void *)g.hsi->memmap_paddr;
    u64 ram = 0;
    for (u32 i = 0; i < g.hsi->memmap_entries; i++) {
        ram += m[i].type == XEN_HVM_MEMMAP_TYPE_RAM ? m[i].size : 0;
    }
    CHECK(ram > 16 << 20);
    CHECK(g.hsi->rsdp_paddr != 0);
    CHECK_EQ(memcmp((void *)g.hsi->rsdp_paddr, "RSD PTR ", 8), 0);
}
TEST(hvm_params)
{
    struct xen_hvm_param p = {.domid = DOMID_SELF, .index = HVM_PARAM_STORE_PFN};
    CHECK_EQ(hvm_op(HVMOP_get_param, &p), 0);
    CHECK(p.value != 0);
    p.index = 1000;
    CHECK(hvm_op(HVMOP_get_param, &p) < 0);
    p.domid = 31000;
    CHECK(hvm_op(HVMOP_get_param, &p) < 0);
    p.domid = DOMID_SELF;
    p.index = HVM_PARAM_STORE_PFN;
    CHECK(hvm_op(HVMOP_set_param, &p) < 0); /* the tools' to set */
    CHECK(hvm_op(999, &p) < 0);
}
TEST(pagetable_hint_refused)
{
    struct xen_hvm_pagetable_dying dying = {.domid = DOMID_SELF};

    CHECK_EQ(hvm_op(HVMOP_pagetable_dying, &dying), -XEN_EINVAL);
}
TEST(pv_hypercalls_absent)
{
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, 0), -XEN_ENOSYS);
    CHECK_EQ(hc4(__HYPERVISOR_mmu_update, 0, 0, 0, DOMID_SELF), -XEN_ENOSYS);
    CHECK_EQ(hc2(__HYPERVISOR_set_gdt, 0, 0), -XEN_ENOSYS);
    CHECK_EQ(hc0(__HYPERVISOR_iret), -XEN_ENOSYS);
    CHECK_EQ(hc3(__HYPERVISOR_update_va_mapping, 0, 0, 0), -XEN_ENOSYS);
    CHECK_EQ(hc2(__HYPERVISOR_stack_switch, 0, 0), -XEN_ENOSYS);
}
