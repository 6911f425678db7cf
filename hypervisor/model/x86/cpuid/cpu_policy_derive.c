/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests may see of a host: feature classes, dependencies, and the leaves that are cut down with them.
 *
 * A feature stands in a list when the hypervisor can give it to a guest. Those whose MSRs or state nobody
 * virtualises (SPEC_CTRL, debug extensions, TSX, MPX, nested SVM, supervisor XSAVE) are in none; docs/cpu.md
 * says why of each.
 */
#include <lib/bits.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>

#define F(name) XEN_X86_FEATURE_##name

static const uint16_t every_guest[] = {
    F(FPU),
    F(DE),
    F(TSC),
    F(MSR),
    F(PAE),
    F(MCE),
    F(CX8),
    F(APIC),
    F(SEP),
    F(MCA),
    F(CMOV),
    F(PAT),
    F(CLFLUSH),
    F(ACPI),
    F(MMX),
    F(FXSR),
    F(SSE),
    F(SSE2),
    F(SS),
    F(SSE3),
    F(PCLMULQDQ),
    F(SSSE3),
    F(FMA),
    F(CX16),
    F(SSE4_1),
    F(SSE4_2),
    F(MOVBE),
    F(POPCNT),
    F(AESNI),
    F(XSAVE),
    F(AVX),
    F(F16C),
    F(RDRAND),
    F(HYPERVISOR),
    F(SYSCALL),
    F(NX),
    F(MMXEXT),
    F(FFXSR),
    F(RDTSCP),
    F(LM),
    F(3DNOWEXT),
    F(3DNOW),
    F(LAHF_LM),
    F(ABM),
    F(SSE4A),
    F(MISALIGNSSE),
    F(3DNOWPREFETCH),
    F(XOP),
    F(FMA4),
    F(TBM),
    F(XSAVEOPT),
    F(XSAVEC),
    F(XGETBV1),
    F(FSGSBASE),
    F(BMI1),
    F(AVX2),
    F(FDP_EXCP_ONLY),
    F(BMI2),
    F(ERMS),
    F(NO_FPU_SEL),
    F(AVX512F),
    F(AVX512DQ),
    F(RDSEED),
    F(ADX),
    F(AVX512_IFMA),
    F(CLFLUSHOPT),
    F(CLWB),
    F(AVX512CD),
    F(SHA),
    F(AVX512BW),
    F(AVX512VL),
    F(PREFETCHWT1),
    F(AVX512_VBMI),
    F(AVX512_VBMI2),
    F(GFNI),
    F(VAES),
    F(VPCLMULQDQ),
    F(AVX512_VNNI),
    F(AVX512_BITALG),
    F(AVX512_VPOPCNTDQ),
    F(RDPID),
    F(CLDEMOTE),
    F(CLZERO),
    F(RSTR_FP_ERR_PTRS),
    F(IBPB),
    F(SSB_NO),
    F(BTC_NO),
    F(FSRM),
    F(SERIALIZE),
    F(AVX_VNNI),
    F(AVX512_BF16),
    F(FZRM),
    F(FSRS),
    F(FSRCS),
    F(LFENCE_DISPATCH),
    F(NSCB),
    F(SRSO_NO),
    F(TSA_SQ_NO),
    F(TSA_L1_NO),
};

/* Paging, interrupt, privilege and topology: a PV kernel has these from the hypervisor or not at all. */
static const uint16_t hvm_only[] = {
    F(VME),        F(PGE),        F(PSE),     F(MTRR), F(PSE36),      F(X2APIC), F(TSC_DEADLINE),
    F(CR8_LEGACY), F(TSC_ADJUST), F(SMEP),    F(SMAP), F(UMIP),       F(PCID),   F(PAGE1GB),
    F(INVPCID),    F(PKU),        F(NO_LMSL), F(HTT),  F(CMP_LEGACY),
};

/* For those who ask. */
static const uint16_t opt_in[] = {F(ITSC), F(MOVDIRI), F(MOVDIR64B)};

/* first needs second */
static const uint16_t needs[][2] = {
    {F(FXSR), F(FPU)},
    {F(MMX), F(FPU)},
    {F(SSE), F(FXSR)},
    {F(SSE2), F(SSE)},
    {F(FFXSR), F(FXSR)},
    {F(MMXEXT), F(MMX)},
    {F(3DNOW), F(MMX)},
    {F(3DNOWEXT), F(3DNOW)},
    {F(SSE3), F(SSE2)},
    {F(SSSE3), F(SSE3)},
    {F(SSE4_1), F(SSSE3)},
    {F(SSE4_2), F(SSE4_1)},
    {F(SSE4A), F(SSE3)},
    {F(AESNI), F(SSE2)},
    {F(PCLMULQDQ), F(SSE2)},
    {F(SHA), F(SSE2)},
    {F(GFNI), F(SSE2)},
    {F(MISALIGNSSE), F(SSE)},
    {F(RDTSCP), F(TSC)},
    {F(LM), F(PAE)},
    {F(PAGE1GB), F(LM)},
    {F(LAHF_LM), F(LM)},
    {F(CX16), F(LM)},
    {F(PCID), F(LM)},
    {F(INVPCID), F(PCID)},
    {F(FSGSBASE), F(LM)},
    {F(X2APIC), F(APIC)},
    {F(TSC_DEADLINE), F(APIC)},
    {F(XSAVE), F(FXSR)},
    {F(XSAVEOPT), F(XSAVE)},
    {F(XSAVEC), F(XSAVE)},
    {F(XGETBV1), F(XSAVE)},
    {F(PKU), F(XSAVE)},
    {F(AVX), F(XSAVE)},
    {F(FMA), F(AVX)},
    {F(FMA4), F(AVX)},
    {F(F16C), F(AVX)},
    {F(XOP), F(AVX)},
    {F(AVX2), F(AVX)},
    {F(VAES), F(AVX)},
    {F(VPCLMULQDQ), F(AVX)},
    {F(AVX_VNNI), F(AVX2)},
    {F(AVX512F), F(AVX2)},
    {F(AVX512DQ), F(AVX512F)},
    {F(AVX512_IFMA), F(AVX512F)},
    {F(AVX512CD), F(AVX512F)},
    {F(AVX512BW), F(AVX512F)},
    {F(AVX512VL), F(AVX512F)},
    {F(AVX512_VNNI), F(AVX512F)},
    {F(AVX512_VPOPCNTDQ), F(AVX512F)},
    {F(AVX512_VBMI), F(AVX512BW)},
    {F(AVX512_VBMI2), F(AVX512BW)},
    {F(AVX512_BITALG), F(AVX512BW)},
    {F(AVX512_BF16), F(AVX512BW)},
};

/* Features and the XSAVE components that their registers live in. */
static const struct {
    uint16_t feature;
    uint64_t components;
} xstate_of[] = {
    {F(XSAVE), 3},
    {F(AVX), 1u << 2},
    {F(AVX512F), 7u << 5},
    {F(PKU), 1u << 9},
};

static void add(uint32_t *words, const uint16_t *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        cpu_featureset_set(words, list[i]);
    }
}

static void drop_unmet(uint32_t *words)
{
    bool again = true;

    while (again) {
        again = false;
        for (unsigned i = 0; i < ARRAY_SIZE(needs); i++) {
            if (cpu_featureset_test(words, needs[i][0]) && !cpu_featureset_test(words, needs[i][1])) {
                cpu_featureset_clear(words, needs[i][0]);
                again = true;
            }
        }
    }
}

uint64_t cpu_policy_xcr0(const struct cpu_policy *p)
{
    return cpu_policy_has(p, F(XSAVE)) ? (uint64_t)p->xstate[0].d << 32 | p->xstate[0].a : 0;
}

uint32_t cpu_policy_xsave_size(const struct cpu_policy *p, uint64_t xcr0)
{
    uint32_t size = 512 + 64; /* legacy region and header */

    for (unsigned i = 2; i < CPU_POLICY_XSTATE; i++) {
        if ((xcr0 >> i) & 1) {
            size = MAX(size, p->xstate[i].a + p->xstate[i].b);
        }
    }
    return size;
}

unsigned cpu_policy_paddr_bits(const struct cpu_policy *p)
{
    unsigned bits = p->extd[0].a >= 0x80000008 ? p->extd[8].a & 0xff : 0;

    return bits == 0 ? 36 : MAX(32u, MIN(bits, 52u)); /* tools may have put anything there */
}

/* Leaf 0xd from the features that are left and the components that exist in @allowed. */
static void recompute_xstate(struct cpu_policy *p, const struct cpu_policy *max, uint64_t allowed)
{
    uint64_t xcr0 = 0;
    uint32_t instructions = p->xstate[1].a;

    for (unsigned i = 0; i < ARRAY_SIZE(xstate_of); i++) {
        if (cpu_policy_has(p, xstate_of[i].feature)) {
            xcr0 |= xstate_of[i].components;
        }
    }
    xcr0 &= allowed;
    memset(p->xstate, 0, sizeof(p->xstate));
    if (!cpu_policy_has(p, F(XSAVE))) {
        return;
    }
    for (unsigned i = 2; i < CPU_POLICY_XSTATE; i++) {
        if ((xcr0 >> i) & 1) {
            p->xstate[i] = max->xstate[i];
        }
    }
    p->xstate[0].a = (uint32_t)xcr0;
    p->xstate[0].d = (uint32_t)(xcr0 >> 32);
    p->xstate[0].b = p->xstate[0].c = cpu_policy_xsave_size(p, xcr0);
    p->xstate[1].a = instructions;
}

static bool is_intel(const struct cpu_policy *p)
{
    return p->basic[0].b == 0x756e6547;
}

/* Leaves that hold no features but describe what guests do not have. */
static void hide_leaves(struct cpu_policy *p)
{
    static const uint8_t basic[] = {2, 3, 5, 6, 8, 9, 0xa, 0xc};
    static const uint8_t extd[] = {9,    0xa,  0xb,  0xc,  0xd,  0xe,  0xf,  0x10, 0x11, 0x12, 0x13,
                                   0x14, 0x15, 0x16, 0x17, 0x18, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20};
    bool intel = is_intel(p);

    for (unsigned i = 0; i < ARRAY_SIZE(basic); i++) {
        if (basic[i] != 2 || !intel) { /* 2: Intel's cache descriptors */
            p->basic[basic[i]] = (struct cpuid_regs){0};
        }
    }
    if (!intel) {
        memset(p->cache, 0, sizeof(p->cache));
    }
    memset(p->topo, 0, sizeof(p->topo));
    for (unsigned i = 0; i < ARRAY_SIZE(extd); i++) {
        p->extd[extd[i]] = (struct cpuid_regs){0};
    }
    p->extd[7] = (struct cpuid_regs){.d = p->extd[7].d};
    p->extd[8] = (struct cpuid_regs){.a = p->extd[8].a & 0xffff, .b = p->extd[8].b};
    p->extd[0x21] = (struct cpuid_regs){.a = p->extd[0x21].a, .c = p->extd[0x21].c};
    p->feat[0].a = MIN_T(uint32_t, p->feat[0].a, CPU_POLICY_FEAT - 1);
    p->basic[0].a = MIN_T(uint32_t, p->basic[0].a, CPU_POLICY_BASIC - 1);
    p->extd[0].a = MIN_T(uint32_t, p->extd[0].a, 0x80000000u + CPU_POLICY_EXTD - 1);
    p->basic[1].b &= 0x0000ff00; /* CLFLUSH size; the rest belongs to the vCPU */
}

void cpu_policy_derive(struct cpu_policy *p, const struct cpu_policy *host, enum cpu_policy_kind kind,
                       const struct cpu_policy_limits *limits)
{
    bool hvm = kind == CPU_POLICY_HVM_MAX || kind == CPU_POLICY_HVM_DEFAULT;
    bool max = kind == CPU_POLICY_PV_MAX || kind == CPU_POLICY_HVM_MAX;
    uint64_t xcr0 = hvm ? limits->xcr0_hvm : limits->xcr0_pv;
    const uint32_t *drop = hvm ? limits->drop_hvm : limits->drop_pv;
    uint32_t words[CPU_FEATURESET_WORDS], mask[CPU_FEATURESET_WORDS] = {0};

    *p = *host;
    cpu_policy_to_featureset(host, words);
    add(mask, every_guest, ARRAY_SIZE(every_guest));
    if (!hvm && !is_intel(host)) {
        cpu_featureset_clear(mask,
                             F(SEP)); /* elsewhere 64-bit mode has no SYSENTER, for 32-bit programs neither */
    }
    if (hvm) {
        add(mask, hvm_only, ARRAY_SIZE(hvm_only));
        /* These the hypervisor makes itself, or the tools describe topology with. */
        cpu_featureset_set(words, F(APIC));
        cpu_featureset_set(words, F(X2APIC));
        cpu_featureset_set(words, F(HTT));
        cpu_featureset_set(words, F(CMP_LEGACY));
    }
    if (max) {
        add(mask, opt_in, ARRAY_SIZE(opt_in));
    }
    for (unsigned i = 0; i < ARRAY_SIZE(xstate_of); i++) {
        if ((xcr0 & xstate_of[i].components) != xstate_of[i].components) {
            cpu_featureset_clear(mask, xstate_of[i].feature);
        }
    }
    cpu_featureset_set(words, F(HYPERVISOR));
    for (unsigned i = 0; i < CPU_FEATURESET_WORDS; i++) {
        words[i] &= mask[i] & ~drop[i];
    }
    if (kind == CPU_POLICY_HVM_DEFAULT) {
        cpu_featureset_clear(words, F(CMP_LEGACY));
    }
    drop_unmet(words);
    cpu_policy_from_featureset(p, words);
    p->platform_info = 0;
    hide_leaves(p);
    if (hvm) {
        /* Logical processors a package and cores: tools double what they find here, so it must not be 0. */
        uint32_t threads = host->basic[1].b & 0x00ff0000;

        p->basic[1].b |= threads ? threads : 1u << 16;
        p->extd[8].c = host->extd[8].c & 0xf0ff;
    }
    recompute_xstate(p, host, xcr0);
}

int cpu_policy_check(const struct cpu_policy *max, const struct cpu_policy *wanted,
                     struct cpu_policy_error *err)
{
    *err = CPU_POLICY_NO_ERROR;
    if (wanted->basic[0].a > max->basic[0].a) {
        err->leaf = 0;
    } else if (wanted->feat[0].a > max->feat[0].a) {
        err->leaf = 7;
        err->subleaf = 0;
    } else if (wanted->extd[0].a > max->extd[0].a) {
        err->leaf = 0x80000000;
    } else if (wanted->platform_info & ~max->platform_info) {
        err->msr = MSR_PLATFORM_INFO;
    } else if (wanted->arch_caps & ~max->arch_caps) {
        err->msr = MSR_ARCH_CAPABILITIES;
    } else {
        return 0;
    }
    return -XEN_EINVAL;
}

void cpu_policy_clamp(struct cpu_policy *p, const struct cpu_policy *max)
{
    uint32_t words[CPU_FEATURESET_WORDS], limit[CPU_FEATURESET_WORDS];
    struct cpuid_regs topo[CPU_POLICY_TOPO], l8 = p->extd[8], cache[CPU_POLICY_CACHE];
    uint32_t l1b = p->basic[1].b;

    memcpy(topo, p->topo, sizeof(topo));
    memcpy(cache, p->cache, sizeof(cache));
    cpu_policy_to_featureset(p, words);
    cpu_policy_to_featureset(max, limit);
    for (unsigned i = 0; i < CPU_FEATURESET_WORDS; i++) {
        words[i] &= limit[i];
    }
    drop_unmet(words);
    cpu_policy_from_featureset(p, words);
    hide_leaves(p);
    /* Topology is the tools' to tell. */
    memcpy(p->topo, topo, sizeof(topo));
    memcpy(p->cache, cache, sizeof(cache));
    p->basic[1].b = l1b & 0x00ffff00;
    p->extd[8].c = l8.c & 0xf0ff;
    if ((p->extd[8].a & 0xff) > cpu_policy_paddr_bits(max)) {
        p->extd[8].a = (p->extd[8].a & ~0xffu) | cpu_policy_paddr_bits(max);
    }
    recompute_xstate(p, max, cpu_policy_xcr0(max));
}
