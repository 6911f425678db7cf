/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Secondary vCPUs of a PVH guest by INIT and SIPI, from real mode; IPIs between them. */
#include "guest.h"

#define SEC    1000000000UL
#define REG(r) (*(volatile u32 *)(LAPIC_VA + (r)))
#define VEC    0x60
extern u8 sipi_start[], sipi_end[];
static volatile u32 up, hits, apic_id;

static bool on_vec(struct regs *r)
{
    hits++;
    REG(0xb0) = 0;
    return true;
}
static void second(void)
{
    REG(0xf0) = 0x1ff;
    apic_id = REG(0x20) >> 24;
    up = 1;
    events_on();
    for (;;) {
        pause();
    }
}
static void ipi(u32 dest, u32 low)
{
    REG(0x310) = dest << 24;
    REG(0x300) = low;
}
TEST(init_sipi)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    memcpy((void *)0x8000, sipi_start, sipi_end - sipi_start);
    cpu_fn[1] = second;
    sipi_cpu = 1;
    REG(0xf0) = 0x1ff;
    ipi(2, 0x4500); /* INIT; APIC ID = 2 * vCPU */
    u64 t = now_ns();
    while (now_ns() - t < 1000000) {
        pause();
    }
    ipi(2, 0x4608);
    CHECK(wait_count(&up, 1, 5 * SEC));
    CHECK_EQ(apic_id, 2);
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 1);
}
TEST(ipi_physical)
{
    if (!up) {
        SKIP("no second vCPU");
    }
    trap_hook[VEC] = on_vec;
    for (u32 i = 0; i < 10; i++) {
        u32 n = hits;
        ipi(2, VEC);
        CHECK(wait_count(&hits, n + 1, 5 * SEC));
    }
}
TEST(ipi_all_but_self)
{
    if (!up) {
        SKIP("no second vCPU");
    }
    trap_hook[VEC] = on_vec;
    u32 n = hits;
    REG(0x300) = 0xc0000 | VEC;
    CHECK(wait_count(&hits, n + 1, 5 * SEC));
}
TEST(ipi_logical)
{
    if (!up) {
        SKIP("no second vCPU");
    }
    trap_hook[VEC] = on_vec;
    REG(0xe0) = 0xffffffff;
    REG(0xd0) = 1 << 24;
    u32 n = hits;
    events_on();
    REG(0x310) = 1 << 24;
    REG(0x300) = 0x800 | VEC;
    CHECK(wait_count(&hits, n + 1, 5 * SEC));
    events_off();
}
TEST(second_sipi_ignored)
{
    if (!up) {
        SKIP("no second vCPU");
    }
    ipi(2, 0x4608);
    trap_hook[VEC] = on_vec;
    u32 n = hits;
    ipi(2, VEC);
    CHECK(wait_count(&hits, n + 1, 5 * SEC));
}
