/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers that come with a CPU feature: TSC_AUX, segment bases by FSGSBASE. Each test says by SKIP that the machine lacks its feature. */
#include "guest.h"

#define SEC          1000000000UL
#define CR4_FSGSBASE (1UL << 16)
#define MSR_TSC_AUX  0xc0000103

static void asked_cpuid(u32 leaf, u32 sub, u32 r[4])
{
    if (g.pv) {
        xen_cpuid(leaf, sub, r);
    } else {
        cpuid(leaf, sub, r);
    }
}
static bool has_rdtscp(void)
{
    u32 r[4];
    asked_cpuid(0x80000001, 0, r);
    return r[3] & 1u << 27;
}
static bool has_fsgsbase(void)
{
    u32 r[4];
    asked_cpuid(7, 0, r);
    return r[1] & 1;
}
static u32 rdtscp_aux(void)
{
    u32 lo, hi, aux;
    asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
    return aux;
}

static volatile u32 other_runs, other_errors;
static void other_aux(void)
{
    probe_wrmsr(MSR_TSC_AUX, 0x2222);
    for (;;) {
        sched_op(SCHEDOP_yield, 0);
        other_errors += rdtscp_aux() != 0x2222;
        other_runs++;
    }
}
TEST(tsc_aux)
{
    u64 v = 1;
    if (!has_rdtscp()) {
        CHECK_EQ(probe_rdmsr(MSR_TSC_AUX, &v), 13);
        SKIP("no RDTSCP on this machine");
    }
    CHECK_EQ(probe_wrmsr(MSR_TSC_AUX, 0x1111), -1);
    CHECK_EQ(probe_rdmsr(MSR_TSC_AUX, &v), -1);
    CHECK_EQ(v, 0x1111);
    CHECK_EQ(rdtscp_aux(), 0x1111);
    if (g.vcpus < 2) {
        return;
    }
    CHECK_EQ(cpu_start(1, other_aux), 0);
    CHECK(wait_count(&other_runs, 3, 5 * SEC));
    for (int i = 0; i < 50; i++) {
        sched_op(SCHEDOP_yield, 0);
        CHECK_EQ(rdtscp_aux(), 0x1111);
    }
    CHECK_EQ(other_errors, 0);
    CHECK_EQ(vcpu_op(VCPUOP_down, 1, 0), 0);
}
TEST(fsgsbase)
{
    u64 cr4, in = 0x7f1234567000UL, out, msr;
    if (!has_fsgsbase()) {
        SKIP("no FSGSBASE on this machine");
    }
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    asm volatile("mov %0, %%cr4" ::"r"(cr4 & ~CR4_FSGSBASE));
    CHECK_EQ(TRAP_OF("rdfsbase %%rax"),
             6); /* a kernel that does not say so has not got it, nor has its user mode */
    asm volatile("mov %0, %%cr4" ::"r"(cr4 | CR4_FSGSBASE));
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    CHECK(cr4 & CR4_FSGSBASE);
    asm volatile("wrfsbase %0" ::"r"(in));
    asm volatile("wrgsbase %0" ::"r"(in + 0x1000));
    CHECK_EQ(probe_rdmsr(0xc0000100, &msr), -1);
    CHECK_EQ(msr, in);
    struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + 3000000};
    sched_op(SCHEDOP_poll, &poll);
    asm volatile("rdfsbase %0" : "=r"(out));
    CHECK_EQ(out, in);
    asm volatile("rdgsbase %0" : "=r"(out));
    CHECK_EQ(out, in + 0x1000);
}

/* The counter runs as fast as the hypervisor says, and the shared time agrees with it. */
TEST(tsc_agrees)
{
    u32 r[4];
    u64 tsc0, tsc1, ns0, ns1, ticks, ns;
    asked_cpuid(0x40000003, 0, r);
    print("tsc emulated=%u mode=%u khz=%u\n", r[0] & 1, r[1], r[2]);
    if (r[2] == 0 && g.dom0 && !on_zendo()) {
        SKIP("Xen does not tell the first domain");
    }
    CHECK(r[2] > 1000);
    ns0 = now_ns();
    tsc0 = rdtsc();
    do {
        ns1 = now_ns();
        tsc1 = rdtsc();
    } while (ns1 - ns0 < 20000000);
    CHECK(tsc1 > tsc0);
    ticks = tsc1 - tsc0;
    ns = ticks * 1000000 / r[2];
    CHECK(ns > (ns1 - ns0) * 8 / 10 && ns < (ns1 - ns0) * 12 / 10);
    for (int i = 0; i < 1000; i++) { /* never backwards */
        tsc0 = rdtsc();
        CHECK(tsc0 >= tsc1);
        tsc1 = tsc0;
    }
    if (has_rdtscp()) {
        u32 lo, hi, aux;
        asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
        CHECK((lo | (u64)hi << 32) >= tsc1);
    }
}
