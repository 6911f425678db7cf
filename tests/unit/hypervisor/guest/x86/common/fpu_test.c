/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended state of vCPUs: XSETBV, and the domctls that carry XSAVE images and MSRs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <guest/x86/common/domctl.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/platform.h>
#include <model/x86/msr/msr.h>

#define IMAGE 832u

static struct x86_vcpu *me, *other;
static struct x86_domain *guest;
static bool copyback;

static int start(void **state)
{
    struct domain_config c = {.id = 5,
                              .kind = GUEST_PV,
                              .max_vcpus = 1,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};
    struct domain *d;
    struct vcpu *v;

    fake_x86_start();
    me = current_x86();
    me->xcr0 = 1;
    me->xcr0_used = 3;
    fake_fpu_cleared = 0;
    fake_xcr0 = 1;
    fake_ts = false;
    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(vcpu_create(d, 0, &v), 0);
    guest = x86_domain(d);
    other = x86_vcpu(v);
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static void xsetbv(void **state)
{
    assert_int_equal(fpu_write_xcr0(me, 1, 3), -XEN_EINVAL);
    assert_int_equal(fpu_write_xcr0(me, 0, 5), -XEN_EINVAL);
    assert_int_equal(fpu_write_xcr0(me, 0, 0x203), -XEN_EINVAL);
    assert_int_equal(fake_xcr0, 1);
    assert_int_equal(fpu_write_xcr0(me, 0, 3), 0);
    assert_int_equal(fake_fpu_cleared, 0);
    assert_int_equal(fake_xcr0, 3);
    me->pv->cr0 = 8; /* TS */
    fake_ts = true;
    assert_int_equal(fpu_write_xcr0(me, 0, 7), 0);
    assert_int_equal(fake_fpu_cleared, 4); /* AVX came new: nothing of another vCPU's shows */
    assert_true(fake_ts);
    assert_int_equal(fake_xcr0, 7);
    me->pv->cr0 = 0;
    fake_fpu_cleared = 0;
    assert_int_equal(fpu_write_xcr0(me, 0, 1), 0);
    assert_int_equal(me->xcr0_used, 7);
    assert_int_equal(fpu_write_xcr0(me, 0, 7), 0);
    assert_int_equal(fake_fpu_cleared, 0); /* its own registers come back */
}

static void without_xsave_in_the_policy(void **state)
{
    uint32_t words[CPU_FEATURESET_WORDS];

    cpu_policy_to_featureset(guest->policy, words);
    cpu_featureset_clear(words, XEN_X86_FEATURE_XSAVE);
    cpu_policy_from_featureset(guest->policy, words);
    assert_int_equal(fpu_write_xcr0(other, 0, 1), -XEN_EINVAL);
    assert_int_equal(fpu_check_xstate(other, 1, 3, NULL, 0), 0); /* as it is */
    assert_int_equal(fpu_check_xstate(other, 7, 7, NULL, 0), -XEN_EINVAL);
}

static long xstate(bool set, uint64_t size, uint64_t mask, bool buffer, struct xen_domctl *op)
{
    *op = (struct xen_domctl){.u.vcpuextstate = {.vcpu = 0, .xfeature_mask = mask, .size = size}};
    set_xen_guest_handle(op->u.vcpuextstate.buffer, buffer ? (uint64_t *)fake_window : NULL);
    return set ? x86_set_xstate(guest, op, &copyback) : x86_get_xstate(guest, op, &copyback);
}

static void get_xstate(void **state)
{
    struct xen_domctl op;
    uint64_t *w = (uint64_t *)fake_window;

    other->xcr0 = other->xcr0_used = 7;
    assert_int_equal(xstate(false, 0, 0, false, &op), 0);
    assert_int_equal(op.u.vcpuextstate.size, 16 + IMAGE);
    assert_int_equal(op.u.vcpuextstate.xfeature_mask, 7);
    assert_int_equal(xstate(false, 16 + IMAGE - 1, 7, true, &op), -XEN_EINVAL);
    assert_int_equal(xstate(false, 16 + IMAGE, 3, true, &op), -XEN_EINVAL);
    assert_int_equal(xstate(false, 16 + IMAGE, 7, true, &op), 0);
    assert_int_equal(w[0], 7);
    assert_int_equal(w[1], 7);
    assert_int_equal(fake_window[16] | fake_window[17] << 8, 0x37f);
    assert_int_equal(w[2 + 64], 7); /* all written out */
}

static void set_xstate(void **state)
{
    struct xen_domctl op;
    uint64_t *w = (uint64_t *)fake_window;

    other->xcr0 = other->xcr0_used = 7;
    assert_int_equal(xstate(false, 16 + IMAGE, 7, true, &op), 0);
    fake_window[16 + 600] = 0x77;
    other->xcr0 = 1;
    assert_int_equal(xstate(true, 15, 7, true, &op), -XEN_EINVAL);
    assert_int_equal(xstate(true, 1 << 20, 7, true, &op), -XEN_EINVAL);
    w[0] = 0xf; /* not offered */
    assert_int_equal(xstate(true, 16 + IMAGE, 7, true, &op), -XEN_EINVAL);
    w[0] = 7;
    w[1] = 3; /* never was what it is */
    assert_int_equal(xstate(true, 16 + IMAGE, 7, true, &op), -XEN_EINVAL);
    w[1] = 7;
    w[2 + 65] = 1; /* compacted */
    assert_int_equal(xstate(true, 16 + IMAGE, 7, true, &op), -XEN_EINVAL);
    assert_int_equal(other->xcr0, 1);
    w[2 + 65] = 0;
    assert_int_equal(xstate(true, 16 + IMAGE, 7, true, &op), 0);
    assert_int_equal(other->xcr0, 7);
    assert_int_equal(((uint8_t *)other->fpu)[600], 0x77);
    w[0] = w[1] = 0;
    assert_int_equal(xstate(true, 16, 7, true, &op), 0); /* from a machine without XSAVE */
    assert_int_equal(other->xcr0, 7);
}

static long msrs(bool set, uint32_t count, bool buffer, struct xen_domctl *op)
{
    *op = (struct xen_domctl){.u.vcpu_msrs = {.vcpu = 0, .msr_count = count}};
    set_xen_guest_handle(op->u.vcpu_msrs.msrs, buffer ? (xen_domctl_vcpu_msr_t *)fake_window : NULL);
    return set ? x86_set_msrs(guest, op, &copyback) : x86_get_msrs(guest, op, &copyback);
}

static void carried_msrs(void **state)
{
    xen_domctl_vcpu_msr_t *m = (xen_domctl_vcpu_msr_t *)fake_window;
    struct xen_domctl op;

    assert_int_equal(msrs(false, 0, false, &op), 0);
    assert_int_equal(op.u.vcpu_msrs.msr_count, 1);
    assert_int_equal(msrs(false, 1, true, &op), 0);
    assert_int_equal(op.u.vcpu_msrs.msr_count, 0); /* it is 0: nothing to carry */
    other->tsc_aux = 0x99;
    assert_int_equal(msrs(false, 0, true, &op), -XEN_ENOBUFS);
    assert_int_equal(msrs(false, 1, true, &op), 0);
    assert_int_equal(m[0].index, MSR_TSC_AUX);
    assert_int_equal(m[0].value, 0x99);
    m[0].value = 1ull << 32;
    assert_int_equal(msrs(true, 1, true, &op), -XEN_EINVAL);
    m[0].value = 0x55;
    m[1] = (xen_domctl_vcpu_msr_t){.index = 0x1234};
    assert_int_equal(msrs(true, 2, true, &op), -XEN_EINVAL);
    assert_int_equal(op.u.vcpu_msrs.msr_count, 1);
    assert_int_equal(other->tsc_aux, 0x55);
    assert_int_equal(msrs(true, ~0u, true, &op), -XEN_EINVAL);
}

static void tsc_aux_by_the_guest(void **state)
{
    uint64_t value = 0;

    assert_int_equal(x86_msr_write(me, MSR_TSC_AUX, 0x1234), 0);
    assert_int_equal(fake_tsc_aux, 0x1234);
    assert_int_equal(x86_msr_read(me, MSR_TSC_AUX, &value), 0);
    assert_int_equal(value, 0x1234);
    assert_int_equal(x86_msr_write(me, MSR_TSC_AUX, 0), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(xsetbv),       T(without_xsave_in_the_policy), T(get_xstate), T(set_xstate),
        T(carried_msrs), T(tsc_aux_by_the_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
