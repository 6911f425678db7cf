/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Extended register state: what CPUID offers, XCR0 and the values it takes, AVX registers over switches between vCPUs. On a machine without XSAVE the guest
 * must see none of it. Run once with a CPU model that has XSAVE and AVX, with one pCPU (run.py --cpu ... --hv-args maxcpus=1): only there do the two vCPUs
 * share registers.
 */
#include "guest.h"

#define SEC         1000000000UL
#define CR4_OSXSAVE (1UL << 18)
#define XSAVE_BIT   (1u << 26)
#define OSXSAVE_BIT (1u << 27)
#define X87         1UL
#define SSE         2UL
#define AVX         4UL

struct ymm {
    u64 q[4];
};

static void asked_cpuid(u32 leaf, u32 sub, u32 r[4])
{
    if (g.pv) {
        xen_cpuid(leaf, sub, r);
    } else {
        cpuid(leaf, sub, r);
    }
}
static bool has_xsave(void)
{
    u32 r[4];
    asked_cpuid(1, 0, r);
    return r[2] & XSAVE_BIT;
}
static u64 offered(void)
{
    u32 r[4];
    asked_cpuid(0xd, 0, r);
    return r[0] | (u64)r[3] << 32;
}
static void enable(void)
{
    u64 cr4;
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    asm volatile("mov %0, %%cr4" ::"r"(cr4 | CR4_OSXSAVE));
}
static u64 get_xcr0(void)
{
    u32 lo, hi;
    asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo | (u64)hi << 32;
}
static int set_xcr(u32 index, u64 value)
{
    u64 a = (u32)value, c = index, d = value >> 32;
    return TRAP_INSN("xsetbv", a, c, d);
}
static void put_ymm7(u64 seed)
{
    struct ymm v = {{seed, ~seed, seed * 3, seed * 5}};
    asm volatile("vmovdqu %0, %%ymm7" ::"m"(v));
}
static bool ymm7_is(u64 seed)
{
    struct ymm v;
    asm volatile("vmovdqu %%ymm7, %0" : "=m"(v));
    return v.q[0] == seed && v.q[1] == ~seed && v.q[2] == seed * 3 && v.q[3] == seed * 5;
}
#define NEED_AVX()                            \
    do {                                      \
        if (!has_xsave()) {                   \
            SKIP("no XSAVE on this machine"); \
        }                                     \
        if ((offered() & 7) != 7) {           \
            SKIP("no AVX on this machine");   \
        }                                     \
        enable();                             \
    } while (0)

/* --- without ------------------------------------------------------------------------------------------------------ */
TEST(absent_is_absent)
{
    u64 a = 0, c = 0, d = 0;
    u32 r[4];
    if (has_xsave()) {
        SKIP("the machine has XSAVE");
    }
    asked_cpuid(1, 0, r);
    CHECK(!(r[2] & OSXSAVE_BIT));
    CHECK(!(r[2] & 1u << 28)); /* AVX */
    CHECK_EQ(offered(), 0);
    CHECK_EQ(TRAP_INSN("xgetbv", a, c, d), 6);
    a = 1;
    int t = TRAP_INSN("xsetbv", a, c, d);
    CHECK(t == 6 || t == 13);
}

/* --- registers of another vCPU; first, while this one has not turned AVX on ------------------------------------------ */
static volatile u32 other_runs, other_errors;
static void other_avx(void)
{
    u64 seed = 0x1111;
    enable();
    if (set_xcr(0, X87 | SSE | AVX) != -1) {
        other_errors = 1;
    }
    for (;;) {
        put_ymm7(seed);
        other_runs++;
        sched_op(SCHEDOP_yield, 0);
        if (!ymm7_is(seed)) {
            other_errors++;
        }
        seed += 0x123456789;
    }
}
static void start_other(void)
{
    u32 runs = other_runs;
    other_errors = 0;
    CHECK_EQ(cpu_start(1, other_avx), 0);
    CHECK(wait_count(&other_runs, runs + 3, 5 * SEC));
}
TEST(avx_of_another_is_not_seen)
{
    NEED_AVX();
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    RUN(start_other());
    for (int i = 0; i < 10; i++) {
        sched_op(SCHEDOP_yield, 0);
    }
    CHECK_EQ(set_xcr(0, X87 | SSE | AVX), -1);
    struct ymm v;
    asm volatile("vmovdqu %%ymm7, %0" : "=m"(v));
    CHECK_EQ(v.q[2], 0); /* upper half: initial state */
    CHECK_EQ(v.q[3], 0);
    CHECK_EQ(vcpu_op(VCPUOP_down, 1, 0), 0);
}
TEST(avx_kept_between_two)
{
    NEED_AVX();
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    CHECK_EQ(set_xcr(0, X87 | SSE | AVX), -1);
    RUN(start_other());
    for (int i = 0; i < 100; i++) {
        u64 seed = 0x99aabbccddeeff00UL + i;
        u32 n = other_runs;
        put_ymm7(seed);
        sched_op(SCHEDOP_yield, 0);
        wait_count(&other_runs, n + 1, SEC);
        CHECK(ymm7_is(seed));
    }
    CHECK_EQ(other_errors, 0);
    CHECK_EQ(vcpu_op(VCPUOP_down, 1, 0), 0);
}
TEST(avx_kept_while_blocked)
{
    NEED_AVX();
    CHECK_EQ(set_xcr(0, X87 | SSE | AVX), -1);
    put_ymm7(0x4242);
    struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + 3000000};
    sched_op(SCHEDOP_poll, &poll);
    CHECK_EQ(TRAP_OF("int3"), 3);
    CHECK(ymm7_is(0x4242));
}
/* Turning AVX off in XCR0 and on again keeps the registers, also over a switch. */
TEST(avx_kept_while_off)
{
    NEED_AVX();
    CHECK_EQ(set_xcr(0, X87 | SSE | AVX), -1);
    put_ymm7(0x777);
    CHECK_EQ(set_xcr(0, X87 | SSE), -1);
    struct sched_poll poll = {.nr_ports = 0, .timeout = now_ns() + 3000000};
    sched_op(SCHEDOP_poll, &poll);
    CHECK_EQ(get_xcr0(), X87 | SSE);
    CHECK_EQ(TRAP_OF("vpxor %%ymm0, %%ymm0, %%ymm0"), 6);
    CHECK_EQ(set_xcr(0, X87 | SSE | AVX), -1);
    CHECK(ymm7_is(0x777));
}

/* --- XCR0 ---------------------------------------------------------------------------------------------------------- */
TEST(xcr0_takes_what_is_offered)
{
    if (!has_xsave()) {
        SKIP("no XSAVE on this machine");
    }
    enable();
    CHECK_EQ(set_xcr(0, X87), -1);
    CHECK_EQ(get_xcr0(), X87);
    CHECK_EQ(set_xcr(0, X87 | SSE), -1);
    CHECK_EQ(get_xcr0(), X87 | SSE);
    u64 all = offered();
    CHECK((all & 3) == 3);
    CHECK_EQ(set_xcr(0, all), -1);
    CHECK_EQ(get_xcr0(), all);
}
TEST(xcr0_refuses)
{
    if (!has_xsave()) {
        SKIP("no XSAVE on this machine");
    }
    enable();
    CHECK_EQ(set_xcr(0, X87 | SSE), -1);
    CHECK_EQ(set_xcr(0, 0), 13);
    CHECK_EQ(g.trap.err, 0);
    CHECK_EQ(set_xcr(0, SSE), 13);                  /* x87 is always on */
    CHECK_EQ(set_xcr(0, X87 | AVX), 13);            /* AVX needs SSE */
    CHECK_EQ(set_xcr(0, X87 | SSE | 1UL << 5), 13); /* a part of AVX-512 */
    CHECK_EQ(set_xcr(0, X87 | SSE | 1UL << 62), 13);
    CHECK_EQ(set_xcr(0, ~0UL), 13);
    CHECK_EQ(set_xcr(0, X87 | SSE | (1UL << 20 & ~offered())), 13);
    CHECK_EQ(set_xcr(1, X87 | SSE), 13);
    CHECK_EQ(get_xcr0(), X87 | SSE);
}
TEST(cpuid_follows)
{
    u32 r[4], avx[4];
    if (!has_xsave()) {
        SKIP("no XSAVE on this machine");
    }
    enable();
    asked_cpuid(1, 0, r);
    CHECK(r[2] & OSXSAVE_BIT);
    CHECK_EQ(set_xcr(0, X87 | SSE), -1);
    asked_cpuid(0xd, 0, r);
    CHECK_EQ(r[1], 576);
    CHECK(r[2] >= 576);
    if ((offered() & 7) == 7) {
        asked_cpuid(0xd, 2, avx);
        CHECK_EQ(avx[0], 256);
        CHECK_EQ(set_xcr(0, X87 | SSE | AVX), -1);
        asked_cpuid(0xd, 0, r);
        CHECK_EQ(r[1], avx[0] + avx[1]);
    }
    asked_cpuid(0xd, 1, r);
    CHECK(!(r[0] & 1u << 3)); /* no XSAVES */
}
TEST(xsave_and_xrstor)
{
    static u8 image[1024] __attribute__((aligned(64)));
    NEED_AVX();
    CHECK_EQ(set_xcr(0, X87 | SSE | AVX), -1);
    put_ymm7(0xabc);
    asm volatile("xsave64 %0" : "+m"(image) : "a"(7), "d"(0) : "memory");
    put_ymm7(0xdef);
    asm volatile("xrstor64 %0" ::"m"(image), "a"(7), "d"(0) : "memory");
    CHECK(ymm7_is(0xabc));
}
