/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The domain's time stamp counter: the modes that tools can set, frequency and scale, the time that guests compute. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <guest/x86/common/domctl.h>
#include <guest/x86/common/tsc.h>

static struct x86_domain *guest;
static struct vcpu *v;
static bool copyback;

static int start(void **state)
{
    struct domain_config c = {.id = 6,
                              .kind = GUEST_PV,
                              .max_vcpus = 1,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};
    struct domain *d;

    fake_x86_start();
    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(vcpu_create(d, 0, &v), 0);
    guest = x86_domain(d);
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static long set(uint32_t mode, uint32_t khz, uint64_t elapsed_ns)
{
    struct xen_domctl op = {
        .u.tsc_info = {.tsc_mode = mode, .gtsc_khz = khz, .elapsed_nsec = elapsed_ns},
    };

    return x86_set_tsc_info(guest, &op, &copyback);
}

static struct xen_domctl_tsc_info get(void)
{
    struct xen_domctl op = {0};

    assert_int_equal(x86_get_tsc_info(guest, &op, &copyback), 0);
    return op.u.tsc_info;
}

static void native(void **state)
{
    assert_int_equal(tsc_khz_of_domain(guest), 2000000);
    assert_true(tsc_of_domain(guest) == hw_read_tsc());
    assert_int_equal(set(2, 0, 0), 0);
    assert_int_equal(get().tsc_mode, 2);
    assert_int_equal(guest->tsc_khz, 0);
    assert_int_equal(set(3, 0, 0), -XEN_EINVAL);
    assert_int_equal(set(~0u, 0, 0), -XEN_EINVAL);
}

static void emulated(void **state)
{
    uint64_t before, after;

    host_advance(12345678);
    assert_int_equal(set(1, 1000000, 0), 0);
    before = tsc_of_domain(guest);
    assert_true(before < 1000); /* the counter's life begins */
    host_advance(5000);
    after = tsc_of_domain(guest);
    assert_int_equal(after - before, 5000);
    assert_int_equal(set(1, 3000000, 7000), 0);
    assert_int_equal(tsc_of_domain(guest), 21000);
    assert_int_equal(get().gtsc_khz, 3000000);
    assert_int_equal(get().elapsed_nsec, 7000);
    assert_int_equal(set(1, 0, 0), 0);
    assert_int_equal(tsc_khz_of_domain(guest), 2000000); /* the machine's, when nobody says */
    assert_int_equal(set(0, 0, 0), 0);
    assert_int_equal(guest->tsc_khz, 0);
    assert_true(tsc_of_domain(guest) == hw_read_tsc());
}

/* What a guest computes from the shared time is the system time, at any frequency. */
static void time_is_right(void **state)
{
    static const uint32_t frequencies[] = {0, 1, 999, 32768, 999999, 1000000, 1000001, 2400000, 4294967295u};

    for (unsigned i = 0; i < sizeof(frequencies) / sizeof(*frequencies); i++) {
        struct vcpu_time_info t;
        uint64_t ticks, ns;

        assert_int_equal(set(frequencies[i] ? 1 : 0, frequencies[i], 0), 0);
        arch_fill_time(v, &t);
        host_advance(3000000000ull);
        ticks = tsc_of_domain(guest) - t.tsc_timestamp;
        ticks = t.tsc_shift >= 0 ? ticks << t.tsc_shift : ticks >> -t.tsc_shift;
        ns = (uint64_t)((unsigned __int128)ticks * t.tsc_to_system_mul >> 32);
        assert_in_range(ns, 3000000000ull - 1100000, 3000000000ull + 1100000); /* a tick of 1 kHz */
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(native), T(emulated), T(time_is_right)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
