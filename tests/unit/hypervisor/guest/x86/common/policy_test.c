/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUID and MSRs of domains: policy of the kind, live registers, what only the hardware domain may read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <guest/x86/common/platform.h>
#include <model/x86/msr/msr.h>

static struct x86_vcpu *xv;

static int start(void **state)
{
    fake_x86_start();
    xv = current_x86();
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static void cpuid_of_pv(void **state)
{
    uint32_t r[4];

    x86_cpuid(xv, 0, 0, r);
    assert_int_equal(r[1], 0x68747541);
    x86_cpuid(xv, 1, 0, r);
    assert_true(r[2] & 1u << 31);  /* hypervisor */
    assert_true(r[2] & 1u << 26);  /* XSAVE, */
    assert_false(r[2] & 1u << 27); /* which CR4 has not turned on */
    assert_true(r[3] & 1u << 9);   /* APIC */
    assert_int_equal(r[1] >> 24, 0);
    x86_cpuid(xv, 7, 0, r);
    assert_true(r[1] & 1); /* FSGSBASE */
    x86_cpuid(xv, 0x40000000, 0, r);
    assert_int_equal(r[1], XEN_CPUID_SIGNATURE_EBX);
    x86_cpuid(xv, 0x40000001, 0, r);
    assert_int_equal(r[0], 4 << 16 | 17);
    x86_cpuid(xv, 0x40000003, 0, r);
    assert_int_equal(r[2], 2000000);
    x86_cpuid(xv, 0x40000005, 0, r);
    assert_int_equal(r[1], 26); /* 64 MiB of machine memory */
    x86_cpuid(xv, 0x12345678, 0, r);
    assert_int_equal(r[0] | r[1] | r[2] | r[3], 0);
}

static void cpuid_of_pvh(void **state)
{
    struct domain_config c = {.id = 4,
                              .kind = GUEST_PVH,
                              .max_vcpus = 2,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};
    struct domain *d;
    struct vcpu *v;
    uint32_t r[4];

    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(vcpu_create(d, 1, &v), 0);
    x86_cpuid(x86_vcpu(v), 1, 0, r);
    assert_int_equal(r[1] >> 24, 2);
    assert_true(r[2] & 1u << 21); /* x2APIC */
    x86_cpuid(x86_vcpu(v), 0x40000004, 0, r);
    assert_int_equal(r[1], 1);
    assert_int_equal(r[2], 4);
}

static void tsc_frequency(void **state)
{
    assert_int_equal(cpuid_tsc_khz(), 2000000);
}

static void bases(void **state)
{
    uint64_t val = 0;

    assert_int_equal(x86_msr_write(xv, MSR_FS_BASE, 0x7fff12345000), 0);
    assert_int_equal(x86_msr_write(xv, MSR_GS_BASE, 0xffff888000000000), 0);
    assert_int_equal(x86_msr_write(xv, MSR_KERNEL_GS_BASE, 0x1000), 0);
    assert_int_equal(fake_hidden_gs_base, 0x1000);
    assert_int_equal(x86_msr_read(xv, MSR_GS_BASE, &val), 0);
    assert_true(val == 0xffff888000000000);
    assert_int_equal(x86_msr_read(xv, MSR_FS_BASE, &val), 0);
    assert_true(val == 0x7fff12345000);
    assert_int_equal(x86_msr_write(xv, MSR_FS_BASE, 0x800000000000), -XEN_EINVAL);
    assert_true(fake_fs_base == 0x7fff12345000);
}

static void others(void **state)
{
    uint64_t val = 0;

    assert_int_equal(x86_msr_read(xv, MSR_EFER, &val), 0);
    assert_int_equal(val, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
    assert_int_equal(x86_msr_write(xv, MSR_EFER, val), 0);
    assert_int_equal(x86_msr_write(xv, MSR_EFER, val | EFER_SVME), -XEN_EINVAL);
    assert_int_equal(x86_msr_read(xv, MSR_PAT, &val), 0);
    assert_true(val == MSR_PAT_PV);
    assert_int_equal(x86_msr_read(xv, 0x12345678, &val), -XEN_EINVAL);
    assert_int_equal(x86_msr_write(xv, 0x12345678, 0), -XEN_EINVAL);
    assert_int_equal(x86_msr_write(xv, MSR_LSTAR, 0x1000), 0); /* ignored */
    assert_int_equal(x86_msr_read(xv, MSR_APIC_BASE, &val), 0);
    assert_int_equal(val, 0xfee00900);
}

static void hypercall_page(void **state)
{
    mfn_t mfn;

    assert_int_equal(domain_mem_alloc(&fake_dom0->mem, 0, 0, &mfn), 0);
    assert_int_equal(x86_msr_write(xv, MSR_HYPERCALL_PAGE, mfn.n << 12), 0);
    assert_int_equal(*(uint8_t *)mfn_to_virt(mfn), 0xcc);
    assert_int_equal(x86_msr_write(xv, MSR_HYPERCALL_PAGE, (1ull << 40)), -XEN_EINVAL);
    assert_int_equal(x86_msr_write(xv, MSR_HYPERCALL_PAGE, (mfn.n << 12) + 1), -XEN_EINVAL);
    assert_int_equal(domain_mem_give_back(&fake_dom0->mem, mfn), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(cpuid_of_pv), T(cpuid_of_pvh), T(tsc_frequency), T(bases), T(others), T(hypercall_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
