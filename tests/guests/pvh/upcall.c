/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event upcalls by a vector of the vCPU's own (HVMOP_set_evtchn_upcall_vector): they come through its local APIC. The domain has no vector here, as under
 * Linux; Xen would go on using it for a PVH guest.
 */
#include "guest.h"

#define REG(r) (*(volatile u32 *)(LAPIC_VA + (r)))
#define VEC    0x50
#define MS     1000000UL
#define SVR    0xf0
#define SVR_ON 0x1ff
#define TPR    0x80
#define EOI    0xb0

bool pvh_domain_vector = false;
static volatile u32 hits;

/* The order of Linux: the interrupt ends first, then the flag is cleared and the ports are looked at. */
static bool on_vec(struct regs *r)
{
    struct vcpu_info *vi = vcpu_info(this_cpu());

    REG(EOI) = 0;
    *(volatile u8 *)&vi->evtchn_upcall_pending = 0;
    vi->evtchn_pending_sel = 0;
    memset(g.shared->evtchn_pending, 0, sizeof(g.shared->evtchn_pending));
    hits++;
    return true;
}
static long set_vector(u32 vcpu, u8 vector)
{
    struct xen_hvm_evtchn_upcall_vector u = {.vcpu = vcpu, .vector = vector};

    return hc2(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, hc_a(&u));
}
static void spin(u64 ns)
{
    u64 t = now_ns();

    while (now_ns() - t < ns) {
        pause();
    }
}

/* What comes while the APIC is off waits for it: a kernel names its vector before it enables the APIC. */
TEST(waits_for_the_apic)
{
    long port = bind_ipi(0);

    trap_hook[VEC] = on_vec;
    REG(TPR) = 0;
    REG(SVR) = SVR_ON & ~0x100;
    CHECK_EQ(set_vector(0, VEC), 0);
    port_mask(port, false);
    CHECK_EQ(port_send(port), 0);
    events_on();
    spin(5 * MS);
    CHECK_EQ(hits, 0);
    REG(SVR) = SVR_ON;
    CHECK(wait_count(&hits, 1, 1000 * MS));
    spin(5 * MS);
    events_off();
    CHECK_EQ(hits, 1);
    CHECK_EQ(port_close(port), 0);
}
TEST(comes_by_the_apic)
{
    long port = bind_ipi(0);

    trap_hook[VEC] = on_vec;
    port_mask(port, false);
    events_on();
    for (u32 i = 0; i < 10; i++) {
        u32 n = hits;

        CHECK_EQ(port_send(port), 0);
        CHECK(wait_count(&hits, n + 1, 1000 * MS));
        CHECK_EQ(hits, n + 1);
    }
    events_off();
    REG(TPR) = (VEC & 0xf0) + 0x10; /* the task priority keeps it back as any interrupt */
    events_on();
    u32 n = hits;
    CHECK_EQ(port_send(port), 0);
    spin(5 * MS);
    CHECK_EQ(hits, n);
    REG(TPR) = 0;
    CHECK(wait_count(&hits, n + 1, 1000 * MS));
    events_off();
    CHECK_EQ(port_close(port), 0);
}
TEST(refused)
{
    CHECK_EQ(set_vector(0, 15), -XEN_EINVAL);
    CHECK_EQ(set_vector(g.vcpus + 100, VEC), -XEN_ENOENT);
}
