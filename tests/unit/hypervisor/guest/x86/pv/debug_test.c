/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug registers of PV vCPUs: what must not reach the processor, and breakpoints on ports, which never do. */
#include "rig.h"

static long set_dr(uint64_t n, uint64_t value)
{
    return rig_hypercall(do_set_debugreg, n, value, 0);
}

static void breakpoints(void **state)
{
    static const uint64_t good[] = {0, RIG_LAST_OF_LOWER, VA_HYPERVISOR_END, ~0ull};
    static const uint64_t bad[] = {VA_HYPERVISOR_START, VA_HYPERVISOR_END - 1, RIG_LAST_OF_LOWER + 1,
                                   RIG_NO_ADDRESS};
    struct hypercall get3 = {.arg = {3}};

    for (unsigned int n = 0; n < 4; n++) {
        for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
            assert_int_equal(set_dr(n, good[i]), 0);
            assert_int_equal(rig_dr[n], good[i]);
            assert_int_equal(rig_hypercall(do_get_debugreg, n, 0, 0), good[i]);
        }
        for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
            assert_int_equal(set_dr(n, bad[i]), -XEN_EPERM);
            assert_int_equal(rig_dr[n], ~0ull);
        }
    }
    assert_int_equal(set_dr(3, (uint64_t)-XEN_ERESTART), 0);
    assert_int_equal(do_get_debugreg(&get3), -XEN_ERESTART);
    assert_false(hypercall_goes_on(&get3, -XEN_ERESTART)); /* it is an address */
    assert_int_equal(set_dr(8, 0), -XEN_ENODEV);
    assert_int_equal(set_dr(1ull << 32, 0), -XEN_ENODEV);
    assert_int_equal(set_dr(~0ull, 0), -XEN_ENODEV);
    assert_int_equal(rig_hypercall(do_get_debugreg, 8, 0, 0), -XEN_ENODEV);
    assert_int_equal(rig_hypercall(do_get_debugreg, ~0ull, 0, 0), -XEN_ENODEV);
}

static void debug_control(void **state)
{
    for (unsigned int n = 5; n <= 7; n += 2) {
        assert_int_equal(set_dr(n, 1ull << 32), -XEN_EINVAL);
        assert_int_equal(set_dr(n, 1 << 13), -XEN_EPERM); /* general detect would trap the hypervisor */
        for (unsigned int i = 0; i < 4; i++) {
            assert_int_equal(set_dr(n, 2u << (16 + 4 * i)), -XEN_EPERM); /* I/O */
            assert_int_equal(set_dr(n, 1u << (16 + 4 * i)), 0);
            assert_int_equal(set_dr(n, 3u << (16 + 4 * i)), 0);
        }
        assert_int_equal(set_dr(n, 0xd800 & ~0x2000), 0);
        assert_int_equal(rig_hypercall(do_get_debugreg, 5, 0, 0), 0x400);
        assert_int_equal(rig_hypercall(do_get_debugreg, 7, 0, 0), 0x400);
    }
    assert_int_equal(rig_all_dr_loads, 0);
    assert_int_equal(set_dr(0, 0x1234), 0);
    assert_int_equal(set_dr(7, 1), 0);
    assert_int_equal(rig_all_dr_loads, 1); /* what was said while it was off counts now */
    assert_int_equal(rig_dr[7], 0x401);
    assert_int_equal(set_dr(7, 0), 0);
    assert_int_equal(rig_dr[7], 0x400);
    rig_dr_writes = rig_all_dr_loads = 0; /* the processor's DR6 is for new events */
    for (unsigned int n = 4; n <= 6; n += 2) {
        assert_int_equal(set_dr(n, 1ull << 32), -XEN_EINVAL);
        assert_int_equal(set_dr(n, 0xffffffff), 0);
        assert_int_equal(rig_hypercall(do_get_debugreg, 6, 0, 0), 0xffffefff);
        assert_int_equal(set_dr(n, 0), 0);
        assert_int_equal(rig_hypercall(do_get_debugreg, 4, 0, 0), 0xffff0ff0);
        assert_int_equal(rig_hypercall(do_get_debugreg, 6, 0, 0), 0xffff0ff0);
    }
    /* another vCPU's are not in the processor */
    assert_int_equal(pv_set_debugreg(&rig_vcpu[1], 7, 1), 0);
    assert_int_equal(pv_set_debugreg(&rig_vcpu[1], 1, 0x99), 0);
    assert_int_equal(rig_dr_writes + rig_all_dr_loads, 0);
    assert_int_equal(rig_vcpu[1].pv->debugreg[1], 0x99);
}

/* The events of an access, which are then taken back. */
static unsigned int events(unsigned int port, unsigned int size)
{
    unsigned int e;

    pv_port_accessed(&rig_vcpu[0], port, size);
    e = rig_vcpu[0].pv->debug_events;
    rig_vcpu[0].pv->debug_events = 0;
    return e;
}

static void ports(void **state)
{
    struct pv_vcpu *p = rig_vcpu[0].pv;

    p->cr4 |= X86_CR4_DE;
    assert_int_equal(set_dr(4, 0), -XEN_ENODEV);
    assert_int_equal(set_dr(5, 0), -XEN_ENODEV);
    assert_int_equal(rig_hypercall(do_get_debugreg, 4, 0, 0), -XEN_ENODEV);
    assert_int_equal(rig_hypercall(do_get_debugreg, 5, 0, 0), -XEN_ENODEV);
    assert_int_equal(set_dr(0, 0x80), 0);
    assert_int_equal(set_dr(1, 0x102), 0); /* of four ports from 0x100 on */
    assert_int_equal(set_dr(2, 0x80), 0);  /* off */
    assert_int_equal(set_dr(3, 0x80), 0);  /* memory */
    assert_int_equal(set_dr(7, 1 | 2u << 16 | 8 | 0xeu << 20 | 2u << 24 | 0x40 | 0x1u << 28), 0);
    assert_int_equal(rig_dr[7], 0x400 | 0x40 | 0x1u << 28); /* the one on memory */
    assert_int_equal(events(0x7f, 1), 0);
    assert_int_equal(events(0x80, 1), 1);
    assert_int_equal(events(0x7e, 4), 1);
    assert_int_equal(events(0x81, 1), 0);
    assert_int_equal(events(0xff, 1), 0);
    assert_int_equal(events(0xff, 2), 2);
    assert_int_equal(events(0x103, 1), 2);
    assert_int_equal(events(0x104, 4), 0);
    p->cr4 &= ~X86_CR4_DE; /* then they mean nothing */
    assert_int_equal(events(0x80, 1), 0);
    pv_unload_breakpoints(p);
    assert_int_equal(rig_dr[7], 0x400);
    pv_load_breakpoints(p);
    assert_int_equal(rig_dr[7], 0x400 | 0x40 | 0x1u << 28);
    p->cr4 |= X86_CR4_DE;
    assert_int_equal(set_dr(7, 1 | 0xau << 16), 0); /* a length that is none for ports */
    assert_int_equal(events(0x80, 1), 0);
    p->cr4 &= ~X86_CR4_DE;
}

int main(void)
{
    const struct CMUnitTest tests[] = {RIG_TEST(breakpoints), RIG_TEST(debug_control), RIG_TEST(ports)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
