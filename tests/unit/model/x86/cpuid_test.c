/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU policies on a made-up AMD host (QEMU's qemu64 with SVM and more) and, where there is one, on the real
 * CPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <lib/bits.h>
#include <model/x86/cpuid/cpu_policy.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define F(name) XEN_X86_FEATURE_##name

static struct cpuid_regs fake_host(void *arg, uint32_t leaf, uint32_t sub)
{
    switch (leaf) {
    case 0:
        return (struct cpuid_regs){0x10, 0x68747541, 0x444d4163, 0x69746e65};
    case 1:
        return (struct cpuid_regs){0x800f12, 0x07040800, 0xfed83209 | 1u << 27 | 1u << 17 | 1u << 3,
                                   0x178bfbff};
    case 5:
        return (struct cpuid_regs){64, 64, 3, 0};
    case 7:
        return sub == 0 ? (struct cpuid_regs){1, 0x219d07ab | 1u << 30, 0x0000000c, 1u << 26}
                        : (struct cpuid_regs){1u << 5};
    case 0xd:
        return sub == 0   ? (struct cpuid_regs){0xe7, 832, 2688, 0}
               : sub == 1 ? (struct cpuid_regs){0xf, 0, 0x800, 0}
               : sub == 2 ? (struct cpuid_regs){256, 576, 0, 0}
               : sub == 5 ? (struct cpuid_regs){64, 1088, 0, 0}
               : sub == 6 ? (struct cpuid_regs){512, 1152, 0, 0}
               : sub == 7 ? (struct cpuid_regs){1024, 1664, 0, 0}
                          : (struct cpuid_regs){0};
    case 0x80000000:
        return (struct cpuid_regs){0x80000021, 0x68747541, 0x444d4163, 0x69746e65};
    case 0x80000001:
        return (struct cpuid_regs){0x800f12, 0, 0x004003f7, 0x2fd3fbff};
    case 0x80000002 ... 0x80000004:
        return (struct cpuid_regs){0x41414141, 0x42424242, 0x43434343, 0x44444444};
    case 0x80000007:
        return (struct cpuid_regs){.d = 1u << 8};
    case 0x80000008:
        return (struct cpuid_regs){0x3028, 1u << 12, 0x3003, 0};
    case 0x8000000a:
        return (struct cpuid_regs){1, 16, 0, 9};
    default:
        return (struct cpuid_regs){0};
    }
}

static struct cpu_policy host, pv, hvm, hvm_max;
static const struct cpu_policy_limits limits = {.xcr0_pv = 0x7, .xcr0_hvm = 0xe7};

static int setup(void **state)
{
    cpu_policy_from_host(&host, fake_host, NULL);
    cpu_policy_derive(&pv, &host, CPU_POLICY_PV_DEFAULT, &limits);
    cpu_policy_derive(&hvm, &host, CPU_POLICY_HVM_DEFAULT, &limits);
    cpu_policy_derive(&hvm_max, &host, CPU_POLICY_HVM_MAX, &limits);
    return 0;
}

static void test_features_of_kinds(void **state)
{
    static const uint16_t nobody[] = {F(SVM),    F(MONITOR), F(IBRSB),   F(AMD_STIBP),
                                      F(XSAVES), F(OSXSAVE), F(TOPOEXT), F(OSVW)};
    static const uint16_t only_hvm[] = {F(VME),  F(PGE),  F(SEP),  F(PSE),     F(MTRR),       F(X2APIC),
                                        F(SMEP), F(SMAP), F(UMIP), F(INVPCID), F(CR8_LEGACY), F(AVX512F)};
    static const uint16_t both[] = {F(HYPERVISOR), F(LM),   F(SYSCALL),  F(NX),     F(PAT),
                                    F(SSE4_2),     F(AVX2), F(XSAVEOPT), F(RDTSCP), F(IBPB)};

    for (unsigned i = 0; i < ARRAY_SIZE(nobody); i++) {
        assert_false(cpu_policy_has(&pv, nobody[i]) || cpu_policy_has(&hvm_max, nobody[i]));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(only_hvm); i++) {
        assert_false(cpu_policy_has(&pv, only_hvm[i]));
        assert_true(cpu_policy_has(&hvm, only_hvm[i]));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(both); i++) {
        assert_true(cpu_policy_has(&pv, both[i]) && cpu_policy_has(&hvm, both[i]));
    }
    assert_true(cpu_policy_has(&hvm_max, F(ITSC)));
    assert_false(cpu_policy_has(&hvm, F(ITSC)));
    assert_int_equal(cpu_policy_xcr0(&pv), 7);
    assert_int_equal(cpu_policy_xcr0(&hvm), 0xe7);
    assert_int_equal(pv.xstate[0].c, 832);
    assert_int_equal(hvm.xstate[0].c, 2688);
    assert_int_equal(cpu_policy_paddr_bits(&pv), 40);
    assert_int_equal(pv.basic[0].a, 0xd);
}

static void test_no_xsave(void **state)
{
    const struct cpu_policy_limits none = {0};
    struct cpu_policy p;

    cpu_policy_derive(&p, &host, CPU_POLICY_HVM_DEFAULT, &none);
    assert_false(cpu_policy_has(&p, F(XSAVE)) || cpu_policy_has(&p, F(AVX)) || cpu_policy_has(&p, F(AVX2)) ||
                 cpu_policy_has(&p, F(FMA)));
    assert_true(cpu_policy_has(&p, F(SSE4_2)));
    assert_int_equal(p.xstate[0].a, 0);
    assert_int_equal(p.xstate[1].a, 0);
}

static void test_drop(void **state)
{
    struct cpu_policy_limits l = limits;
    struct cpu_policy p;

    cpu_featureset_set(l.drop_pv, F(FSGSBASE));
    cpu_featureset_set(l.drop_pv, F(SSE3));
    cpu_policy_derive(&p, &host, CPU_POLICY_PV_MAX, &l);
    assert_false(cpu_policy_has(&p, F(FSGSBASE)) || cpu_policy_has(&p, F(SSE4_2)));
}

static void test_featureset_round_trip(void **state)
{
    uint32_t words[CPU_FEATURESET_WORDS], again[CPU_FEATURESET_WORDS];
    struct cpu_policy p = host;

    cpu_policy_to_featureset(&host, words);
    assert_int_equal(words[0], host.basic[1].d);
    assert_int_equal(words[3], host.extd[1].c);
    assert_int_equal(words[5], host.feat[0].b);
    assert_int_equal(words[10], host.feat[1].a);
    assert_int_equal(words[2] & 0x0183f3ff, 0); /* AMD's repetition is not a feature */
    cpu_policy_from_featureset(&p, words);
    assert_int_equal(p.extd[1].d & 0x0183f3ff, host.basic[1].d & 0x0183f3ff);
    cpu_policy_to_featureset(&p, again);
    assert_memory_equal(words, again, sizeof(words));
}

static void test_serialise(void **state)
{
    static xen_cpuid_leaf_t leaves[CPU_POLICY_MAX_LEAVES];
    xen_msr_entry_t msrs[CPU_POLICY_MAX_MSRS];
    uint32_t nr = CPU_POLICY_MAX_LEAVES, nr_msrs = CPU_POLICY_MAX_MSRS, few = 5;
    struct cpu_policy copy = {0};

    assert_int_equal(CPU_POLICY_MAX_LEAVES, 120);
    assert_int_equal(cpu_policy_to_leaves(&hvm, leaves, &nr), 0);
    for (unsigned i = 0; i < nr; i++) {
        if (i > 0) {
            bool ascending =
                leaves[i].leaf > leaves[i - 1].leaf ||
                (leaves[i].leaf == leaves[i - 1].leaf && leaves[i].subleaf > leaves[i - 1].subleaf);
            assert_true(ascending);
        }
        assert_int_equal(cpu_policy_set_leaf(&copy, &leaves[i]), 0);
    }
    assert_int_equal(cpu_policy_to_msrs(&hvm, msrs, &nr_msrs), 0);
    assert_int_equal(nr_msrs, 2);
    for (unsigned i = 0; i < nr_msrs; i++) {
        assert_int_equal(cpu_policy_set_msr(&copy, &msrs[i]), 0);
    }
    assert_memory_equal(&copy, &hvm, sizeof(copy));
    assert_int_equal(cpu_policy_to_leaves(&hvm, leaves, &few), -XEN_ENOBUFS);
    assert_int_equal(few, 5);
}

static void test_bad_leaves(void **state)
{
    static const uint32_t bad[][2] = {
        {0xe, ~0u},        {1, 0},          {4, 6},           {7, ~0u}, {7, 3}, {0xd, 63}, {0x40000001, ~0u},
        {0x80000022, ~0u}, {0x80000001, 0}, {0xc0000000, ~0u}};
    struct cpu_policy p = hvm;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        xen_cpuid_leaf_t leaf = {.leaf = bad[i][0], .subleaf = bad[i][1], .a = 1};

        assert_int_equal(cpu_policy_set_leaf(&p, &leaf), -XEN_ERANGE);
    }
    assert_int_equal(cpu_policy_set_msr(&p, &(xen_msr_entry_t){.idx = 0xce, .flags = 1}), -XEN_EINVAL);
    assert_int_equal(cpu_policy_set_msr(&p, &(xen_msr_entry_t){.idx = 0xce, .val = 1ull << 32}),
                     -XEN_EOVERFLOW);
    assert_int_equal(cpu_policy_set_msr(&p, &(xen_msr_entry_t){.idx = 0x10}), -XEN_ERANGE);
    assert_memory_equal(&p, &hvm, sizeof(p));
}

static void test_check_and_clamp(void **state)
{
    struct cpu_policy_error err;
    struct cpu_policy p = hvm;

    assert_int_equal(cpu_policy_check(&hvm_max, &p, &err), 0);
    p.basic[0].a = 0x20;
    assert_int_equal(cpu_policy_check(&hvm_max, &p, &err), -XEN_EINVAL);
    assert_true(err.leaf == 0 && err.msr == ~0u);
    p = hvm;
    p.platform_info = 1u << 31;
    assert_int_equal(cpu_policy_check(&hvm_max, &p, &err), -XEN_EINVAL);
    assert_true(err.msr == 0xce && err.leaf == ~0u);
    /* tools ask for ITSC, SVM and a topology; and give up AVX */
    p = hvm;
    p.extd[7].d |= 1u << 8;
    p.extd[1].c |= 1u << 2;
    p.basic[1].c &= ~(1u << 28);
    p.basic[1].b = 0xff080800;
    assert_int_equal(cpu_policy_check(&hvm_max, &p, &err), 0);
    cpu_policy_clamp(&p, &hvm_max);
    assert_true(cpu_policy_has(&p, F(ITSC)));
    assert_false(cpu_policy_has(&p, F(SVM)) || cpu_policy_has(&p, F(AVX2)) || cpu_policy_has(&p, F(AVX512F)));
    assert_int_equal(cpu_policy_xcr0(&p), 3);
    assert_int_equal(p.basic[1].b, 0x00080800);
    /* address bits that no CPU has (found by cpu_policy_fuzz) */
    p.extd[8].a = 0xff;
    assert_int_equal(cpu_policy_paddr_bits(&p), 52);
    cpu_policy_clamp(&p, &hvm_max);
    assert_int_equal(cpu_policy_paddr_bits(&p), 40);
    p.extd[8].a = 1;
    assert_int_equal(cpu_policy_paddr_bits(&p), 32);
}

static void test_query(void **state)
{
    struct cpuid_vcpu v = {.hvm = true,
                           .apic_enabled = true,
                           .apic_id = 6,
                           .vcpu_id = 3,
                           .domid = 5,
                           .xcr0 = 7,
                           .tsc = {.mode = 0,
                                   .khz = 2500000,
                                   .host_khz = 2500000,
                                   .host_reliable = true,
                                   .mul = 0xcccc,
                                   .shift = -1}};
    struct cpuid_regs r;

    r = cpuid_query(&hvm, &v, 0x40000000, 0);
    assert_int_equal(r.a, 0x40000005);
    assert_memory_equal(&r.b, "XenVMMXenVMM", 12);
    assert_int_equal(cpuid_query(&hvm, &v, 0x40000001, 0).a, 0x00040011);
    r = cpuid_query(&hvm, &v, 0x40000002, 0);
    assert_true(r.a == 1 && r.b == 0x40000000 && r.c == 0);
    r = cpuid_query(&hvm, &v, 0x40000003, 0);
    assert_true(r.a == 6 && r.c == 2500000);
    assert_int_equal(cpuid_query(&hvm, &v, 0x40000003, 1).d, ~0u);
    r = cpuid_query(&hvm, &v, 0x40000004, 0);
    assert_true((r.a & 0x18) == 0x18 && r.b == 3 && r.c == 5);
    r = cpuid_query(&hvm, &v, 1, 0);
    assert_int_equal(r.b >> 24, 6);
    assert_false(r.c & (1u << 27));
    v.osxsave = true;
    assert_true(cpuid_query(&hvm, &v, 1, 0).c & (1u << 27));
    assert_int_equal(cpuid_query(&hvm, &v, 0xd, 0).b, 832);
    assert_int_equal(cpuid_query(&hvm, &v, 0xb, 1).d, 6);
    v.apic_enabled = false;
    assert_false(cpuid_query(&hvm, &v, 1, 0).d & (1u << 9));
    assert_false(cpuid_query(&hvm, &v, 0x80000001, 0).d & (1u << 9));
    r = cpuid_query(&hvm, &v, 0x5, 0);
    assert_int_equal(r.a | r.b | r.c | r.d, 0);
    r = cpuid_query(&hvm, &v, 0x8000000a, 0);
    assert_int_equal(r.a | r.b | r.c | r.d, 0);
    r = cpuid_query(&hvm, &v, 0x7fffffff, 0);
    assert_int_equal(r.a | r.b | r.c | r.d, 0);
    r = cpuid_query(&hvm, &v, 0x80000030, 0);
    assert_int_equal(r.a, 0);
    v.hvm = false;
    v.machine_address_bits = 40;
    assert_int_equal(cpuid_query(&pv, &v, 0x40000005, 0).b, 40);
    assert_int_equal(cpuid_query(&pv, &v, 0x40000002, 0).c, 1);
    assert_int_equal(cpuid_query(&pv, &v, 0x40000004, 0).a, 0);
}

#if defined(__x86_64__)
static struct cpuid_regs real_host(void *arg, uint32_t leaf, uint32_t sub)
{
    struct cpuid_regs r;

    __cpuid_count(leaf, sub, r.a, r.b, r.c, r.d);
    return r;
}

static void test_real_host(void **state)
{
    static const enum cpu_policy_kind kinds[] = {CPU_POLICY_PV_MAX, CPU_POLICY_PV_DEFAULT, CPU_POLICY_HVM_MAX,
                                                 CPU_POLICY_HVM_DEFAULT};
    static xen_cpuid_leaf_t leaves[CPU_POLICY_MAX_LEAVES];
    struct cpu_policy p, q;
    uint32_t nr;

    cpu_policy_from_host(&host, real_host, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        cpu_policy_derive(&p, &host, kinds[i], &limits);
        nr = CPU_POLICY_MAX_LEAVES;
        assert_int_equal(cpu_policy_to_leaves(&p, leaves, &nr), 0);
        q = p;
        cpu_policy_clamp(&q, &p); /* a policy stays as it is under itself */
        assert_memory_equal(&p, &q, sizeof(p));
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_features_of_kinds, setup),
        cmocka_unit_test_setup(test_no_xsave, setup),
        cmocka_unit_test_setup(test_drop, setup),
        cmocka_unit_test_setup(test_featureset_round_trip, setup),
        cmocka_unit_test_setup(test_serialise, setup),
        cmocka_unit_test_setup(test_bad_leaves, setup),
        cmocka_unit_test_setup(test_check_and_clamp, setup),
        cmocka_unit_test_setup(test_query, setup),
#if defined(__x86_64__)
        cmocka_unit_test_setup(test_real_host, setup),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
