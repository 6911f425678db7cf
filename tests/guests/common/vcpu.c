/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPU operations and SMP: is_up, up, down, initialise, register_vcpu_info. IPIs between vCPUs: smp.c. */
#include "guest.h"

#define SEC 1000000000UL

static volatile u32 ran, stop;
static void secondary(void)
{
    ran = 1 + this_cpu();
    while (!stop) {
        pause();
    }
}
static bool down(int cpu)
{
    u64 end = now_ns() + 5 * SEC;
    while (vcpu_op(VCPUOP_is_up, cpu, 0) == 1) {
        if (now_ns() > end) {
            return false;
        }
        sched_op(SCHEDOP_yield, 0);
    }
    return true;
}

TEST(is_up)
{
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 0, 0), 1);
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 500, 0), -XEN_ENOENT);
    if (g.vcpus > 1) {
        CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 0);
    }
}
TEST(up_uninitialised)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), -XEN_EINVAL);
}
TEST(initialise_errors)
{
    static u8 junk[8192];
    CHECK_EQ(vcpu_op(VCPUOP_initialise, 500, junk), -XEN_ENOENT);
    if (g.vcpus > 1) {
        CHECK_EQ(vcpu_op(VCPUOP_initialise, 1, (void *)NOWHERE), -XEN_EFAULT);
    }
}
TEST(start_stop_start)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    ran = stop = 0;
    CHECK_EQ(cpu_start(1, secondary), 0);
    CHECK(wait_count(&ran, 2, 5 * SEC));
    CHECK_EQ(vcpu_op(VCPUOP_is_up, 1, 0), 1);
    stop = 1;
    CHECK(down(1));
    CHECK_EQ(vcpu_op(VCPUOP_up, 1, 0), 0); /* goes on after its VCPUOP_down, which goes down again */
    CHECK(down(1));
}
TEST(register_vcpu_info)
{
    static struct vcpu_info area __attribute__((aligned(64)));
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    struct vcpu_register_vcpu_info r = {.mfn = va_mfn((void *)(hc_a(&area) & ~0xfffUL)),
                                        .offset = hc_a(&area) & 0xfff};
    struct vcpu_register_vcpu_info bad = r;
    bad.offset = 4096 - 32;
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &bad), -XEN_ENXIO);
    bad = r;
    bad.mfn = 0x7ffffffUL;
    CHECK(vcpu_op(VCPUOP_register_vcpu_info, 1, &bad) < 0);
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), 0);
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), -XEN_EINVAL); /* once only */
    CHECK_EQ(area.evtchn_pending_sel, ~0UL); /* everything is pending after the move */
    CHECK_EQ(area.evtchn_upcall_pending, 1);
}
TEST(register_time_area)
{
    static struct vcpu_time_info area __attribute__((aligned(64)));
    struct vcpu_register_time_memory_area a;
    a.addr.p = hc_a(&area);
    long rc = vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &a);
    CHECK(rc == 0 || rc == -XEN_ENOSYS);
    if (!rc) {
        CHECK(area.tsc_to_system_mul != 0);
        CHECK(!(area.version & 1));
    }
}
