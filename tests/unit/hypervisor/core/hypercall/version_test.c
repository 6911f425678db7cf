/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xen_version: what each kind of guest is told, fields of a fixed size, answers that cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <core/hypercall/build_info.h>
#include <hypervisor/fake_x86.h>
#include <abi/features.h>
#include <abi/version.h>
#include <base/layout.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))
#define PV       3
#define PVH      4

static struct domain *pv, *pvh;
static struct vcpu *dom0_vcpu;

static int start(void **state)
{
    fake_x86_start();
    dom0_vcpu = current_vcpu();
    pv = fake_domain(PV, GUEST_PV, 1);
    pvh = fake_domain(PVH, GUEST_PVH, 1);
    return 0;
}

static int end(void **state)
{
    set_current_vcpu(dom0_vcpu);
    fake_x86_end();
    return 0;
}

static void as(struct domain *d)
{
    set_current_vcpu(d->vcpus[0]);
}

static uint32_t features(struct domain *d)
{
    struct xen_feature_info *f = (struct xen_feature_info *)fake_window;

    as(d);
    *f = (struct xen_feature_info){.submap_idx = 0};
    assert_int_equal(fake_call(do_xen_version, XENVER_get_features, GUEST(f)), 0);
    return f->submap;
}

static void version(void **state)
{
    static const uint32_t written[] = {XENVER_extraversion, XENVER_compile_info,        XENVER_capabilities,
                                       XENVER_changeset,    XENVER_platform_parameters, XENVER_get_features,
                                       XENVER_guest_handle, XENVER_commandline};
    struct xen_feature_info *f = (struct xen_feature_info *)fake_window;
    uint32_t dom0 = 1u << XENFEAT_dom0, auto_translated = 1u << XENFEAT_auto_translated_physmap;

    assert_true(features(fake_dom0) & dom0);
    assert_int_equal(features(pv) & (dom0 | auto_translated), 0);
    assert_int_equal(features(pvh) & (dom0 | auto_translated), auto_translated);
    f->submap_idx = 1;
    assert_int_equal(fake_call(do_xen_version, XENVER_get_features, GUEST(f)), -XEN_EINVAL);
    for (unsigned int i = 0; i < ARRAY_SIZE(written); i++) {
        assert_int_equal(fake_call(do_xen_version, written[i], 8), -XEN_EFAULT);
        assert_int_equal(fake_call(do_xen_version, written[i], GUEST(fake_window + FAKE_WINDOW - 1)),
                         -XEN_EFAULT);
    }
    assert_int_equal(fake_call(do_xen_version, XENVER_version, 0), 4 << 16 | 17);
    assert_int_equal(fake_call(do_xen_version, XENVER_pagesize, 0), PAGE_SIZE);
    assert_int_equal(fake_call(do_xen_version, XENVER_pagesize, 8), -XEN_EINVAL);
    assert_int_equal(fake_call(do_xen_version, XENVER_guest_handle, GUEST(f)), 0);
    assert_memory_equal(f, pvh->handle, sizeof(pvh->handle));
    assert_int_equal(fake_call(do_xen_version, XENVER_platform_parameters, GUEST(f)), 0);
    assert_int_equal(*(uint64_t *)f, VA_HYPERVISOR_START);
    assert_int_equal(fake_call(do_xen_version, XENVER_build_id, GUEST(f)), -XEN_ENODATA);
    assert_int_equal(fake_call(do_xen_version, 11, GUEST(f)), -XEN_ENOSYS);
    assert_int_equal(fake_call(do_xen_version, ~0ull, GUEST(f)), -XEN_ENOSYS);
    /* a text fills its whole field, and no more */
    memset(fake_window, 0x5a, 4096);
    assert_int_equal(fake_call(do_xen_version, XENVER_commandline, GUEST(f)), 0);
    assert_int_equal(fake_window[sizeof(xen_commandline_t) - 1], 0);
    assert_int_equal(fake_window[sizeof(xen_commandline_t)], 0x5a);
    assert_string_equal((char *)fake_window, "<denied>"); /* a guest asks */
    as(fake_dom0);
    assert_int_equal(fake_call(do_xen_version, XENVER_commandline, GUEST(f)), 0);
    assert_string_equal((char *)fake_window, build_command_line);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(version)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
