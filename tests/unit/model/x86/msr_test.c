/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSR rules: the table's own order, then what each kind of guest may read and write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <lib/bits.h>
#include <model/x86/msr/msr.h>
#include <model/x86/msr/msr_internal.h>

static struct cpu_policy policy;
static struct msr_state state;
static struct msr_ctx ctx;
static uint64_t val, aux;

static void give(unsigned feature)
{
    uint32_t words[CPU_FEATURESET_WORDS];

    cpu_policy_to_featureset(&policy, words);
    cpu_featureset_set(words, feature);
    cpu_policy_from_featureset(&policy, words);
}

static int setup(void **unused)
{
    static const uint16_t features[] = {XEN_X86_FEATURE_TSC,     XEN_X86_FEATURE_MSR,   XEN_X86_FEATURE_MTRR,
                                        XEN_X86_FEATURE_PAT,     XEN_X86_FEATURE_SEP,   XEN_X86_FEATURE_MCA,
                                        XEN_X86_FEATURE_SYSCALL, XEN_X86_FEATURE_LM,    XEN_X86_FEATURE_NX,
                                        XEN_X86_FEATURE_RDTSCP,  XEN_X86_FEATURE_X2APIC};

    memset(&policy, 0, sizeof(policy));
    policy.basic[0] = (struct cpuid_regs){0xd, 0x68747541, 0x444d4163, 0x69746e65};
    policy.extd[0].a = 0x80000008;
    policy.extd[8].a = 0x3028;
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        give(features[i]);
    }
    msr_state_init(&state, true);
    ctx = (struct msr_ctx){.policy = &policy,
                           .state = &state,
                           .hvm = true,
                           .first_vcpu = true,
                           .tsc = 1000,
                           .patch_level = 0x1234};
    return 0;
}

static enum msr_result rd(uint32_t idx)
{
    val = 0xdead;
    return msr_read(&ctx, idx, &val);
}

static enum msr_result wr(uint32_t idx, uint64_t v)
{
    return msr_write(&ctx, idx, v, &aux);
}

/*
 * What the binary search needs: neighbours are in order or of the same range. No two rows for the same guest
 * overlap, so that the first match is the only one.
 */
static void test_table(void **unused)
{
    for (unsigned i = 0; i < msr_rule_count; i++) {
        const struct msr_rule *a = &msr_rules[i];

        assert_true(a->first <= a->last);
        assert_true(i == 0 || a[-1].last < a->first || (a[-1].first == a->first && a[-1].last == a->last));
        for (unsigned j = i + 1; j < msr_rule_count; j++) {
            const struct msr_rule *b = &msr_rules[j];

            assert_false((a->who & b->who & WHO_ALL) && a->first <= b->last && b->first <= a->last);
        }
        if (a->kind == KIND_STATE || a->kind == KIND_STATE_32 || a->kind == KIND_CANONICAL ||
            a->kind == KIND_BASE) {
            assert_true(a->first == a->last && a->value < sizeof(struct msr_state));
        }
        if (a->kind == KIND_MTRR_FIXED) {
            assert_true(a->value + (a->last - a->first) < MSR_MTRR_FIXED);
        }
    }
}

static void test_hvm_system_registers(void **unused)
{
    assert_int_equal(wr(MSR_LSTAR, 0xffffffff81000000), MSR_NEW_STATE);
    assert_int_equal(rd(MSR_LSTAR), MSR_OK);
    assert_int_equal(val, 0xffffffff81000000);
    assert_int_equal(wr(MSR_LSTAR, 0x800000000000), MSR_GP);
    assert_int_equal(state.lstar, 0xffffffff81000000);
    assert_int_equal(wr(MSR_SYSENTER_CS, 0x100000010), MSR_NEW_STATE);
    assert_int_equal(state.sysenter_cs, 0x10);
    assert_int_equal(wr(MSR_TSC_AUX, 5), MSR_NEW_STATE);
    assert_int_equal(wr(MSR_GS_BASE, 0xffff888000000000), MSR_NEW_BASE);
    assert_int_equal(state.gs_base, 0xffff888000000000);
    assert_int_equal(rd(MSR_TSC), MSR_OK);
    assert_int_equal(val, 1000);
    assert_int_equal(wr(MSR_TSC, 5000), MSR_SET_TSC);
    assert_int_equal(rd(MSR_TSC_ADJUST), MSR_GP); /* no feature */
    give(XEN_X86_FEATURE_TSC_ADJUST);
    assert_int_equal(rd(MSR_TSC_ADJUST), MSR_OK);
    assert_int_equal(val, 4000);
    assert_int_equal(wr(MSR_TSC_ADJUST, 1000), MSR_ADD_TSC);
    assert_int_equal(aux, (uint64_t)-3000);
}

static void test_efer(void **unused)
{
    assert_int_equal(wr(MSR_EFER, EFER_LME | EFER_NXE | EFER_SCE), MSR_NEW_EFER);
    assert_int_equal(wr(MSR_EFER, EFER_SVME), MSR_GP);
    assert_int_equal(wr(MSR_EFER, EFER_FFXSR), MSR_GP); /* no feature */
    ctx.paging = true;
    state.efer |= EFER_LMA;
    assert_int_equal(wr(MSR_EFER, EFER_NXE), MSR_GP); /* LME is locked */
    assert_int_equal(wr(MSR_EFER, EFER_LME), MSR_NEW_EFER);
    assert_int_equal(state.efer, EFER_LME | EFER_LMA);
}

static void test_memory_types(void **unused)
{
    assert_int_equal(rd(MSR_PAT), MSR_OK);
    assert_int_equal(val, MSR_PAT_RESET);
    assert_int_equal(wr(MSR_PAT, 0x0407050600070106), MSR_NEW_STATE);
    assert_int_equal(wr(MSR_PAT, 0x0407050600070102), MSR_GP);
    assert_int_equal(rd(0xfe), MSR_OK);
    assert_int_equal(val, 0x508);
    assert_int_equal(wr(0xfe, 0), MSR_GP);
    assert_int_equal(wr(MSR_MTRR_DEF_TYPE, 0xc06), MSR_NEW_MTRR);
    assert_int_equal(wr(MSR_MTRR_DEF_TYPE, 0xc02), MSR_GP);
    assert_int_equal(wr(MSR_MTRR_DEF_TYPE, 0x1c06), MSR_GP);
    assert_int_equal(wr(0x200, 0xc0000000 | 6), MSR_NEW_MTRR);
    assert_int_equal(wr(0x201, 0xffc0000000 | 0x800), MSR_NEW_MTRR);
    assert_int_equal(wr(0x201, 0x1ffc0000000 | 0x800), MSR_GP); /* beyond 40 bits */
    assert_int_equal(wr(0x202, 7), MSR_GP);
    assert_int_equal(wr(0x26f, 0x0606060606060606), MSR_NEW_MTRR);
    assert_int_equal(state.mtrr_fixed[10], 0x0606060606060606);
    assert_int_equal(wr(0x250, 0x0206060606060606), MSR_GP);
    assert_int_equal(rd(0x251), MSR_GP);
    assert_int_equal(rd(0x210), MSR_GP);
}

static void test_apic_and_hypercall(void **unused)
{
    assert_int_equal(rd(MSR_APIC_BASE), MSR_VLAPIC);
    assert_int_equal(wr(0x830, 1), MSR_VLAPIC);
    assert_int_equal(rd(MSR_TSC_DEADLINE), MSR_GP);
    give(XEN_X86_FEATURE_TSC_DEADLINE);
    assert_int_equal(rd(MSR_TSC_DEADLINE), MSR_VLAPIC);
    assert_int_equal(wr(MSR_HYPERCALL_PAGE, 0x1234000), MSR_SET_HYPERCALL_PAGE);
    assert_int_equal(aux, 0x1234);
    assert_int_equal(wr(MSR_HYPERCALL_PAGE, 0x1234001), MSR_GP);
    assert_int_equal(rd(0x40000001), MSR_GP);
}

static void test_pv(void **unused)
{
    msr_state_init(&state, false);
    ctx.hvm = false;
    assert_int_equal(rd(MSR_APIC_BASE), MSR_OK);
    assert_int_equal(val, 0xfee00900);
    assert_int_equal(wr(MSR_APIC_BASE, 0xfee00000), MSR_GP);
    assert_int_equal(rd(MSR_PAT), MSR_OK);
    assert_int_equal(val, MSR_PAT_PV);
    assert_int_equal(wr(MSR_PAT, MSR_PAT_RESET), MSR_GP);
    assert_int_equal(wr(MSR_PAT, MSR_PAT_PV), MSR_OK);
    assert_int_equal(rd(0xfe), MSR_GP);
    assert_int_equal(rd(0x802), MSR_GP);
    assert_int_equal(wr(MSR_LSTAR, 1), MSR_IGNORED);
    assert_int_equal(rd(MSR_EFER), MSR_OK);
    assert_int_equal(val, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
    assert_int_equal(wr(MSR_EFER, 0), MSR_GP);
    assert_int_equal(wr(MSR_KERNEL_GS_BASE, 0x7fffffffffff), MSR_NEW_BASE);
    assert_int_equal(wr(MSR_TSC, 0), MSR_IGNORED);
}

static void test_machine_check_and_vendor(void **unused)
{
    assert_int_equal(rd(0x179), MSR_OK);
    assert_int_equal(val, 2);
    assert_int_equal(wr(0x400, ~0ull), MSR_IGNORED);
    assert_int_equal(wr(0x401, 0), MSR_OK);
    assert_int_equal(wr(0x401, 1), MSR_GP);
    assert_int_equal(rd(0x408), MSR_GP);
    assert_int_equal(rd(0x8b), MSR_OK);
    assert_int_equal(val, 0x1234);
    assert_int_equal(rd(0xc0010015), MSR_OK);
    assert_int_equal(wr(0xc0011029, 2), MSR_IGNORED);
    assert_int_equal(rd(0x1a0), MSR_GP);
    assert_int_equal(rd(MSR_PLATFORM_INFO), MSR_GP);
    assert_int_equal(rd(MSR_ARCH_CAPABILITIES), MSR_GP);
    policy.basic[0].b = 0x756e6547;
    assert_int_equal(rd(0xc0010015), MSR_GP);
    assert_int_equal(rd(0x1a0), MSR_OK);
    assert_int_equal(rd(0x8b), MSR_OK);
    assert_int_equal(val, 0x123400000000);
}

static void test_branch_barrier(void **unused)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        ctx.hvm = kind;
        assert_int_equal(wr(0x49, 1), MSR_GP); /* the policy has no IBPB */
    }
    give(XEN_X86_FEATURE_IBPB);
    for (unsigned kind = 0; kind < 2; kind++) {
        ctx.hvm = kind;
        assert_int_equal(wr(0x49, 1), MSR_FORGET_BRANCHES);
        assert_int_equal(wr(0x49, 0), MSR_OK);
        assert_int_equal(wr(0x49, 2), MSR_GP);
        assert_int_equal(rd(0x49), MSR_GP);
        assert_int_equal(rd(0x48), MSR_GP); /* SPEC_CTRL is not virtualised */
    }
}

/*
 * Whatever the number and the value: a refused write leaves the state alone, and a read only says what it
 * may.
 */
static void test_sweep(void **unused)
{
    static const uint32_t starts[] = {0, 0x40000000, 0xc0000000, 0xc0010000, 0xc0011000};

    for (unsigned kind = 0; kind < 2; kind++) {
        ctx.hvm = kind;
        for (unsigned i = 0; i < ARRAY_SIZE(starts); i++) {
            for (uint32_t idx = starts[i]; idx < starts[i] + 0x1000; idx++) {
                struct msr_state before = state;
                enum msr_result r = rd(idx), w = wr(idx, 0xa5a5a5a5a5a5a5a5);

                assert_true(r == MSR_OK || r == MSR_GP || (r == MSR_VLAPIC && kind));
                assert_true(r != MSR_GP || w == MSR_GP);
                if (w == MSR_GP) {
                    assert_memory_equal(&before, &state, sizeof(state));
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_table, setup),
        cmocka_unit_test_setup(test_branch_barrier, setup),
        cmocka_unit_test_setup(test_hvm_system_registers, setup),
        cmocka_unit_test_setup(test_efer, setup),
        cmocka_unit_test_setup(test_memory_types, setup),
        cmocka_unit_test_setup(test_apic_and_hypercall, setup),
        cmocka_unit_test_setup(test_pv, setup),
        cmocka_unit_test_setup(test_machine_check_and_vendor, setup),
        cmocka_unit_test_setup(test_sweep, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
