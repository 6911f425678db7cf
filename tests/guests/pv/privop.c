/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Privileged instructions of a PV kernel: what is emulated, what is refused with #GP. */
#include "guest.h"

#define MSR_FS_BASE   0xc0000100
#define MSR_GS_BASE   0xc0000101
#define MSR_KERNEL_GS 0xc0000102
#define MSR_EFER      0xc0000080

static u64 rd_segbase(u32 msr)
{
    u64 v = 0;
    probe_rdmsr(msr, &v);
    return v;
}

TEST(cpuid_xen_prefix)
{
    u32 r[4];
    trap_clear();
    xen_cpuid(0, 0, r);
    CHECK_EQ(g.trap.vec, -1);
    CHECK(r[0] >= 1);
    xen_cpuid(1, 0, r);
    CHECK(r[3] & 1 << 0);    /* FPU */
    CHECK(r[3] & 1 << 25);   /* SSE */
    CHECK(r[2] & 1u << 31);  /* hypervisor present */
    CHECK(!(r[2] & 1 << 5)); /* no VMX */
    CHECK(!(r[2] & 1 << 3)); /* no MONITOR */
    xen_cpuid(0x80000001, 0, r);
    CHECK(r[3] & 1 << 29);   /* long mode */
    CHECK(r[3] & 1 << 11);   /* SYSCALL */
    CHECK(!(r[2] & 1 << 2)); /* no SVM */
}
TEST(cpuid_xen_leaves)
{
    u32 r[4];
    xen_cpuid(0x40000000, 0, r);
    CHECK(r[0] >= 0x40000002 && r[0] < 0x40000100);
    CHECK(r[1] == 0x566e6558 && r[2] == 0x65584d4d && r[3] == 0x4d4d566e); /* XenVMMXenVMM */
    u32 v[4];
    xen_cpuid(0x40000001, 0, v);
    CHECK_EQ(v[0], (u32)xen_version(XENVER_version, 0));
    xen_cpuid(0x40000002, 0, v);
    CHECK(v[0] >= 1);
}
TEST(forced_emulation_prefix_bad)
{ /* the prefix before anything but CPUID is an ordinary #UD */
    CHECK_EQ(TRAP_OF(".byte 0x0f,0x0b,0x78,0x65,0x6e; nop"), 6);
    CHECK_EQ(TRAP_OF(".byte 0x0f,0x0b,0x78,0x65,0x6e; clts"), 6);
    CHECK_EQ(TRAP_OF(".byte 0x0f,0x0b,0x78,0x65,0x6e; rdtsc"), 6);
    u64 a = 0, c = MSR_FS_BASE, d = 0;
    CHECK_EQ(TRAP_INSN(".byte 0x0f,0x0b,0x78,0x65,0x6e; rdmsr", a, c, d), 6);
}
TEST(rdmsr_ok)
{
    u64 v;
    CHECK_EQ(probe_rdmsr(MSR_FS_BASE, &v), -1);
    CHECK_EQ(probe_rdmsr(MSR_GS_BASE, &v), -1);
    CHECK_EQ(probe_rdmsr(MSR_KERNEL_GS, &v), -1);
    CHECK_EQ(probe_rdmsr(MSR_EFER, &v), -1);
    CHECK(v & 1);          /* SCE */
    CHECK(!(v & 1 << 12)); /* no SVME */
}
TEST(msr_unknown)
{
    u64 v;
    CHECK_EQ(probe_rdmsr(0x12345678, &v), 13);
    CHECK_EQ(g.trap.err, 0);
    CHECK_EQ(probe_wrmsr(0x12345678, 0), 13);
}
TEST(fs_base)
{
    u64 buf[2] = {0xabcdef, 0}, v;
    CHECK_EQ(probe_wrmsr(MSR_FS_BASE, (u64)buf), -1);
    asm volatile("mov %%fs:0, %0" : "=r"(v));
    CHECK_EQ(v, 0xabcdef);
    CHECK_EQ(rd_segbase(MSR_FS_BASE), (u64)buf);
    CHECK_EQ(probe_wrmsr(MSR_FS_BASE, 0x8000000000000000UL), 13); /* not canonical */
    CHECK_EQ(rd_segbase(MSR_FS_BASE), (u64)buf);
}
TEST(segment_base_hypercall)
{
    u64 buf[2] = {0x123, 0x456}, v;
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_FS, buf), 0);
    asm volatile("mov %%fs:8, %0" : "=r"(v));
    CHECK_EQ(v, 0x456);
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, buf), 0);
    asm volatile("mov %%gs:0, %0" : "=r"(v));
    CHECK_EQ(v, 0x123);
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, 0x5000), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0x8000000000000000UL), -XEN_EINVAL);
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0x8000000000000000UL), -XEN_EINVAL);
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, 99, 0), -XEN_EINVAL);
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0), 0);
}
TEST(bases_kept)
{ /* over traps, hypercalls and a deschedule */
    u64 buf[2] = {0x77, 0x88}, v;
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_FS, buf), 0);
    struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + 3000000};
    sched_op(SCHEDOP_poll, &poll);
    CHECK_EQ(TRAP_OF("int3"), 3);
    asm volatile("mov %%fs:8, %0" : "=r"(v));
    CHECK_EQ(v, 0x88);
}
TEST(cr_reads)
{
    u64 a = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%cr0, %%rax", a, c, d), -1);
    CHECK_EQ(a & 0x80000001, 0x80000001); /* PG, PE */
    CHECK_EQ(TRAP_INSN("mov %%cr4, %%rax", a, c, d), -1);
    CHECK(a & 1 << 5); /* PAE */
    CHECK_EQ(TRAP_INSN("mov %%cr3, %%rax", a, c, d), -1);
    CHECK_EQ(a >> 12, va_mfn((void *)g.si->pt_base));
    CHECK_EQ(TRAP_INSN("mov %%cr2, %%rax", a, c, d), -1);
}
TEST(cr_bad)
{
    u64 a = 0, c = 0, d = 0;
    CHECK(TRAP_INSN("mov %%cr8, %%rax", a, c, d) >= 6);
    a = 0x11;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr0", a, c, d), 13); /* PE without PG */
}
TEST(cr0_ts)
{
    u64 a = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%cr0, %%rax", a, c, d), -1);
    a |= 8;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr0", a, c, d), -1);
    CHECK_EQ(TRAP_INSN("mov %%cr0, %%rax", a, c, d), -1);
    CHECK(a & 8);
    CHECK_EQ(TRAP_OF("clts"), -1);
    CHECK_EQ(TRAP_INSN("mov %%cr0, %%rax", a, c, d), -1);
    CHECK(!(a & 8));
}
TEST(cr4_unsafe_bits_kept)
{ /* a write of bits that are not the guest's is silently kept out */
    u64 a = 0, c = 0, d = 0, before;
    CHECK_EQ(TRAP_INSN("mov %%cr4, %%rax", a, c, d), -1);
    before = a;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%cr4", a, c, d), -1);
    CHECK_EQ(TRAP_INSN("mov %%cr4, %%rax", a, c, d), -1);
    CHECK_EQ(a, before);
}
TEST(privileged_refused)
{
    static u8 desc[16];
    u64 a = (u64)desc, c = 0, d = 0;
    CHECK_EQ(TRAP_OF("hlt"), 13);
    CHECK_EQ(TRAP_INSN("lgdt (%%rax)", a, c, d), 13);
    CHECK_EQ(TRAP_INSN("lidt (%%rax)", a, c, d), 13);
    a = 0;
    CHECK_EQ(TRAP_INSN("lldt %%ax", a, c, d), 13);
    CHECK_EQ(TRAP_INSN("ltr %%ax", a, c, d), 13);
    CHECK_EQ(TRAP_OF("invd"), 13);
    CHECK_EQ(TRAP_OF("swapgs"), 13);
}
TEST(svm_instructions)
{
    u64 a = 0, c = 0, d = 0;
    CHECK(TRAP_INSN("vmrun", a, c, d) == 6 || g.trap.vec == 13);
    CHECK(TRAP_OF("clgi") == 6 || g.trap.vec == 13);
    CHECK(TRAP_INSN("vmload", a, c, d) == 6 || g.trap.vec == 13);
}
TEST(cli_sti)
{ /* the guest has IOPL 0: CLI and STI are emulated as nothing, or refused; the event mask decides */
    events_off();
    int v = TRAP_OF("cli");
    CHECK(v == 13 || v == -1);
    v = TRAP_OF("sti");
    CHECK(v == 13 || v == -1);
    CHECK(!events_enabled());
}
TEST(wbinvd)
{
    int v = TRAP_OF("wbinvd");
    CHECK(v == -1 || v == 13);
}
TEST(io_ports_denied)
{ /* ports that no guest gets: the PICs, the PIT's command register, ... */
    u64 a = 0, c = 0, d = 0x20;
    CHECK_EQ(TRAP_INSN("in %%dx, %%al", a, c, d), 13);
    CHECK_EQ(TRAP_INSN("out %%al, %%dx", a, c, d), 13);
    d = 0xa1;
    CHECK_EQ(TRAP_INSN("in %%dx, %%al", a, c, d), 13);
    d = 0x43;
    CHECK_EQ(TRAP_INSN("outb %%al, %%dx", a, c, d) == 13 || g.trap.vec == -1, true);
    d = 0x3f8; /* the hypervisor's own console */
    CHECK_EQ(TRAP_INSN("in %%dx, %%al", a, c, d), 13);
}
TEST(io_ports_dom0)
{
    u64 a = 0, c = 0, d = 0x80;
    if (!g.dom0) {
        CHECK_EQ(TRAP_INSN("in %%dx, %%al", a, c, d), 13);
        return;
    }
    struct physdev_set_iopl iopl = {.iopl = 1};
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
    CHECK_EQ(TRAP_INSN("out %%al, %%dx", a, c, d), -1);
    d = 0x71;
    CHECK_EQ(TRAP_INSN("in %%dx, %%al", a, c, d), -1);
    if (on_zendo()) { /* which keeps the interval timer: its counters read as stopped */
        d = 0x42;
        CHECK_EQ(TRAP_INSN("in %%dx, %%al", a, c, d), -1);
        CHECK_EQ(a & 0xff, 0);
    }
    d = 0xcf8; /* PCI configuration: emulated */
    a = 0x80000000;
    CHECK_EQ(TRAP_INSN("out %%eax, %%dx", a, c, d), -1);
    d = 0xcfc;
    CHECK_EQ(TRAP_INSN("in %%dx, %%eax", a, c, d), -1);
    CHECK_EQ((u32)a, 0x12378086); /* the i440FX of the machine that these tests run on */
    iopl.iopl = 0;
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
    d = 0x80;
    CHECK_EQ(TRAP_INSN("out %%al, %%dx", a, c, d), 13);
    iopl.iopl = 4;
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL);
}
TEST(rdtsc_works)
{
    u64 t = rdtsc();
    CHECK(rdtsc() > t);
}
TEST(rdpmc_refused)
{
    u64 a = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("rdpmc", a, c, d), 13);
}

/* --- debug registers --- */
static u64 get_dr(int n)
{
    return hc1(__HYPERVISOR_get_debugreg, n);
}
TEST(debugreg_set_get)
{
    static u64 target;
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 0, &target), 0);
    CHECK_EQ(get_dr(0), (u64)&target);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 0, 0), 0);
    CHECK_EQ(get_dr(0), 0);
}
TEST(debugreg_errors)
{
    CHECK((long)hc2(__HYPERVISOR_set_debugreg, 0, 0xffff830000000000UL) < 0); /* watching the hypervisor */
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 99, 0), -XEN_ENODEV);
    CHECK_EQ(get_dr(99), (u64)-XEN_ENODEV);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 6, 1UL << 40), -XEN_EINVAL);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 1UL << 32), -XEN_EINVAL);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 0xd800), 0); /* always zero */
    CHECK_EQ(get_dr(7), 0x400);
}
static bool count_only(struct regs *r)
{
    return true;
}
TEST(watchpoint)
{
    static volatile u64 target;
    trap_hook[1] = count_only;
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 0, &target), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 0x1 | 0x1 << 16 | 0x3 << 18), 0); /* L0, write, 4 bytes */
    trap_clear();
    target = 5;
    barrier();
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 0), 0);
    CHECK_EQ(g.trap.vec, 1);
    CHECK_EQ(get_dr(6) & 1, 1);
    trap_clear();
    target = 6;
    barrier();
    CHECK_EQ(g.trap.vec, -1);
}
TEST(debugreg_of_any_address)
{ /* also one that looks like an error inside the hypervisor */
    u64 at = (u64)-85;
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 1, at), 0);
    CHECK_EQ(get_dr(1), at);
    struct multicall_entry mc[2] = {{.op = __HYPERVISOR_get_debugreg, .args = {1}},
                                    {.op = __HYPERVISOR_get_debugreg, .args = {99}}};
    CHECK_EQ(hc2(__HYPERVISOR_multicall, mc, 2), 0);
    CHECK_EQ(mc[0].result, at);
    CHECK_EQ(mc[1].result, (u64)-XEN_ENODEV);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 1, 0), 0);
}
TEST(debugreg_events_stay)
{ /* in DR6, until the guest clears them */
    static volatile u64 target;
    trap_hook[1] = count_only;
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 6, 0), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 0, &target), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 0x1 | 0x1 << 16 | 0x3 << 18), 0);
    target = 5;
    barrier();
    CHECK_EQ(get_dr(6), 0xffff0ff1);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 6, 0x4000), 0);
    target = 6;
    barrier();
    CHECK_EQ(get_dr(6), 0xffff4ff1);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 0), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 6, 0), 0);
    CHECK_EQ(get_dr(6), 0xffff0ff0);
}
static u64 stopped_at;
static bool note_where(struct regs *r)
{
    stopped_at = r->rip;
    return true;
}
static long write_cr4(u64 value)
{
    u64 c = 0, d = 0;
    return TRAP_INSN("mov %%rax, %%cr4", value, c, d);
}
TEST(debug_extensions)
{ /* CR4.DE: breakpoints on ports, and DR4 and DR5 are none */
    u64 cr4 = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%cr4, %%rax", cr4, c, d), -1);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 1 | 2 << 16), -XEN_EPERM);
    CHECK_EQ(TRAP_INSN("mov %%db4, %%rax", d, c, d), -1);
    CHECK_EQ(write_cr4(cr4 | 8), -1);
    u64 now = 0;
    CHECK_EQ(TRAP_INSN("mov %%cr4, %%rax", now, c, d), -1);
    CHECK_EQ(now, cr4 | 8);
    CHECK_EQ(TRAP_INSN("mov %%db4, %%rax", d, c, d), 6);
    CHECK_EQ(TRAP_INSN("mov %%rax, %%db5", d, c, d), 6);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 4, 0), -XEN_ENODEV);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 5, 0), -XEN_ENODEV);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 1 | 2 << 16), 0);
    CHECK_EQ(get_dr(7), 0x400 | 1 | 2 << 16);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 0), 0);
    CHECK_EQ(write_cr4(cr4), -1);
}
TEST(io_breakpoint)
{
    if (!g.dom0) {
        SKIP("no ports");
    }
    extern u8 io_first[], io_second[];
    struct physdev_set_iopl iopl = {.iopl = 1};
    u64 cr4 = 0, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%cr4, %%rax", cr4, c, d), -1);
    CHECK_EQ(write_cr4(cr4 | 8), -1);
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
    trap_hook[1] = note_where;
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 6, 0), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 1, 0x80), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 1 << 2 | 2 << 20), 0); /* L1, port, a byte */
    trap_clear();
    asm volatile("outb %%al, $0x80\nio_first: nop" ::"a"(0) : "memory");
    CHECK_EQ(g.trap.vec, 1);
    CHECK_EQ(stopped_at, (u64)io_first);
    CHECK_EQ(get_dr(6), 0xffff0ff2);
    stopped_at = 0;
    asm volatile("inw $0x7f, %%ax\nio_second: nop" : "+a"(c)::"memory"); /* the second of its ports */
    CHECK_EQ(stopped_at, (u64)io_second);
    trap_clear();
    asm volatile("outb %%al, $0x81" ::"a"(0) : "memory");
    CHECK_EQ(g.trap.vec, -1);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 7, 0), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 1, 0), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 6, 0), 0);
    CHECK_EQ(write_cr4(cr4), -1);
    iopl.iopl = 0;
    CHECK_EQ(hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl), 0);
}
TEST(debugreg_emulated_moves)
{
    u64 a = 0x1000, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("mov %%rax, %%db1", a, c, d), -1);
    a = 0;
    CHECK_EQ(TRAP_INSN("mov %%db1, %%rax", a, c, d), -1);
    CHECK_EQ(a, 0x1000);
}

/* --- FPU --- */
TEST(fpu_taskswitch)
{
    CHECK_EQ(hc1(__HYPERVISOR_fpu_taskswitch, 1), 0);
    CHECK_EQ(TRAP_OF("fnop"), 7);
    CHECK_EQ(TRAP_OF("fnop"), -1); /* delivering #NM cleared it */
    CHECK_EQ(hc1(__HYPERVISOR_fpu_taskswitch, 1), 0);
    CHECK_EQ(hc1(__HYPERVISOR_fpu_taskswitch, 0), 0);
    CHECK_EQ(TRAP_OF("fnop"), -1);
}
TEST(fpu_state_kept)
{
    u64 in = 0x1122334455667788UL, out;
    asm volatile("movq %0, %%xmm7" ::"r"(in));
    struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + 3000000};
    sched_op(SCHEDOP_poll, &poll);
    CHECK_EQ(TRAP_OF("int3"), 3);
    asm volatile("movq %%xmm7, %0" : "=r"(out));
    CHECK_EQ(out, in);
}
static volatile u32 other_runs;
static void other_fpu(void)
{
    u64 v = 0xdeadbeef;
    for (;;) {
        asm volatile("movq %0, %%xmm7; movq %0, %%xmm0" ::"r"(v++));
        other_runs++;
        sched_op(SCHEDOP_yield, 0);
    }
}
TEST(fpu_state_of_two)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    CHECK_EQ(cpu_start(1, other_fpu), 0);
    u64 in = 0x99aabbccddeeff00UL, out;
    CHECK(wait_count(&other_runs, 1, 5000000000UL));
    for (int i = 0; i < 50; i++) {
        asm volatile("movq %0, %%xmm7" ::"r"(in + i));
        u32 n = other_runs;
        sched_op(SCHEDOP_yield, 0);
        wait_count(&other_runs, n + 1, 1000000000UL);
        asm volatile("movq %%xmm7, %0" : "=r"(out));
        CHECK_EQ(out, in + i);
    }
    CHECK_EQ(vcpu_op(VCPUOP_down, 1, 0), 0);
}
