/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every MSR that a guest may touch. What is not here is #GP, which kernels expect of registers that a CPU lacks.
 *
 * Sorted by number; where PV and HVM guests differ a register has two rows. Guests see two machine-check banks that
 * never report anything, and performance counters that read as zero.
 */
#include <lib/bits.h>
#include <model/x86/msr/msr_internal.h>

#define F(name)     XEN_X86_FEATURE_##name
#define FIELD(name) offsetof(struct msr_state, name)

const struct msr_rule msr_rules[] = {
    { 0x00000010, 0x00000010, WHO_ALL, KIND_TSC, F(TSC), 0 },
    { 0x00000017, 0x00000017, WHO_ALL | WHO_INTEL, KIND_CONST, MSR_ALWAYS, 0 },                  /* PLATFORM_ID */
    { 0x0000001b, 0x0000001b, WHO_HVM, KIND_VLAPIC, F(MSR), 0 },                                 /* APIC_BASE */
    { 0x0000001b, 0x0000001b, WHO_PV, KIND_PV_APIC_BASE, MSR_ALWAYS, 0 },
    { 0x0000003a, 0x0000003a, WHO_ALL | WHO_INTEL, KIND_CONST, MSR_ALWAYS, 1 },                  /* FEATURE_CONTROL: locked */
    { 0x0000003b, 0x0000003b, WHO_HVM, KIND_TSC_ADJUST, F(TSC_ADJUST), 0 },
    { 0x00000079, 0x00000079, WHO_ALL, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },                       /* microcode loader */
    { 0x0000008b, 0x0000008b, WHO_ALL, KIND_PATCH_LEVEL, MSR_ALWAYS, 0 },
    { 0x000000ce, 0x000000ce, WHO_ALL, KIND_PLATFORM_INFO, MSR_ALWAYS, 0 },
    { 0x000000fe, 0x000000fe, WHO_HVM, KIND_CONST, F(MTRR), 0x500 | MSR_MTRR_VARIABLE },         /* MTRRcap: WC, fixed */
    { 0x0000010a, 0x0000010a, WHO_ALL, KIND_ARCH_CAPS, F(ARCH_CAPS), 0 },
    { 0x00000174, 0x00000174, WHO_HVM, KIND_STATE_32, F(SEP), FIELD(sysenter_cs) },
    { 0x00000175, 0x00000175, WHO_HVM, KIND_CANONICAL, F(SEP), FIELD(sysenter_esp) },
    { 0x00000176, 0x00000176, WHO_HVM, KIND_CANONICAL, F(SEP), FIELD(sysenter_eip) },
    { 0x00000174, 0x00000176, WHO_PV, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },                        /* callbacks instead */
    { 0x00000179, 0x00000179, WHO_ALL, KIND_CONST, F(MCA), 2 },                                  /* MCG_CAP: two banks */
    { 0x0000017a, 0x0000017a, WHO_ALL, KIND_ZERO_ONLY, F(MCA), 0 },                              /* MCG_STATUS */
    { 0x000001a0, 0x000001a0, WHO_ALL | WHO_INTEL, KIND_CONST_IGNORE, MSR_ALWAYS, 0x1801 },      /* MISC_ENABLE: no BTS, no PEBS */
    { 0x000001d9, 0x000001d9, WHO_ALL, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },                       /* DEBUGCTL */
    { 0x000001db, 0x000001de, WHO_ALL, KIND_CONST, MSR_ALWAYS, 0 },                              /* last branch, exception */
    { 0x00000200, 0x0000020f, WHO_HVM, KIND_MTRR_VAR, F(MTRR), 0 },
    { 0x00000250, 0x00000250, WHO_HVM, KIND_MTRR_FIXED, F(MTRR), 0 },
    { 0x00000258, 0x00000259, WHO_HVM, KIND_MTRR_FIXED, F(MTRR), 1 },
    { 0x00000268, 0x0000026f, WHO_HVM, KIND_MTRR_FIXED, F(MTRR), 3 },
    { 0x00000277, 0x00000277, WHO_HVM, KIND_PAT, F(PAT), 0 },
    { 0x00000277, 0x00000277, WHO_PV, KIND_SAME_ONLY, F(PAT), MSR_PAT_PV },
    { 0x000002ff, 0x000002ff, WHO_HVM, KIND_MTRR_DEF, F(MTRR), 0 },
    { 0x00000400, 0x00000400, WHO_ALL, KIND_CONST_IGNORE, F(MCA), ~0ull },                       /* MC0_CTL */
    { 0x00000401, 0x00000403, WHO_ALL, KIND_ZERO_ONLY, F(MCA), 0 },
    { 0x00000404, 0x00000404, WHO_ALL, KIND_CONST_IGNORE, F(MCA), ~0ull },                       /* MC1_CTL */
    { 0x00000405, 0x00000407, WHO_ALL, KIND_ZERO_ONLY, F(MCA), 0 },
    { 0x000006e0, 0x000006e0, WHO_HVM, KIND_VLAPIC, F(TSC_DEADLINE), 0 },
    { 0x00000800, 0x000008ff, WHO_HVM, KIND_VLAPIC, F(X2APIC), 0 },
    { 0x40000000, 0x40000000, WHO_ALL, KIND_HYPERCALL, MSR_ALWAYS, 0 },
    { 0xc0000080, 0xc0000080, WHO_HVM, KIND_EFER, MSR_ALWAYS, 0 },
    { 0xc0000080, 0xc0000080, WHO_PV, KIND_PV_EFER, MSR_ALWAYS, 0 },
    { 0xc0000081, 0xc0000081, WHO_HVM, KIND_STATE, F(SYSCALL), FIELD(star) },
    { 0xc0000082, 0xc0000082, WHO_HVM, KIND_CANONICAL, F(LM), FIELD(lstar) },
    { 0xc0000083, 0xc0000083, WHO_HVM, KIND_CANONICAL, F(LM), FIELD(cstar) },
    { 0xc0000084, 0xc0000084, WHO_HVM, KIND_STATE_32, F(SYSCALL), FIELD(sfmask) },
    { 0xc0000081, 0xc0000084, WHO_PV, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },                        /* callbacks instead */
    { 0xc0000100, 0xc0000100, WHO_ALL, KIND_BASE, F(LM), FIELD(fs_base) },
    { 0xc0000101, 0xc0000101, WHO_ALL, KIND_BASE, F(LM), FIELD(gs_base) },
    { 0xc0000102, 0xc0000102, WHO_ALL, KIND_BASE, F(LM), FIELD(kernel_gs_base) },
    { 0xc0000103, 0xc0000103, WHO_ALL, KIND_STATE_32, F(RDTSCP), FIELD(tsc_aux) },
    { 0xc0010000, 0xc0010007, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* EVNTSEL, PERFCTR */
    { 0xc0010010, 0xc0010010, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* SYSCFG */
    { 0xc0010015, 0xc0010015, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 1ull << 24 },    /* HWCR: TscFreqSel */
    { 0xc001001a, 0xc001001a, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* TOP_MEM */
    { 0xc001001d, 0xc001001d, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* TOP_MEM2 */
    { 0xc001001f, 0xc001001f, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* NB_CFG */
    { 0xc0010055, 0xc0010055, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* INT_PENDING_MSG */
    { 0xc0010058, 0xc0010058, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* MMIO_CONF_BASE */
    { 0xc0010114, 0xc0010114, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0x18 },          /* VM_CR: SVM off, locked */
    { 0xc0011020, 0xc0011022, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* LS_CFG, IC_CFG, DC_CFG */
    { 0xc0011028, 0xc0011028, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* FP_CFG */
    { 0xc0011029, 0xc0011029, WHO_ALL | WHO_AMD, KIND_DE_CFG, MSR_ALWAYS, 0 },
    { 0xc001102a, 0xc001102a, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* BU_CFG2 */
    { 0xc001102c, 0xc001102d, WHO_ALL | WHO_AMD, KIND_CONST_IGNORE, MSR_ALWAYS, 0 },             /* EX_CFG, LS_CFG2 */
};

const unsigned msr_rule_count = ARRAY_SIZE(msr_rules);
