/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of MSRs. */
#ifndef MODEL_X86_MSR_INTERNAL_H
#define MODEL_X86_MSR_INTERNAL_H

#include <model/x86/msr/msr.h>

/* Who has it. */
enum {
    WHO_PV = 1,
    WHO_HVM = 2,
    WHO_ALL = 3,
    WHO_AMD = 4,
    WHO_INTEL = 8
}; /* vendor bits restrict, none means any */

enum msr_kind {
    KIND_CONST,        /* reads @value; writes are #GP */
    KIND_CONST_IGNORE, /* reads @value; writes are dropped */
    KIND_ZERO_ONLY,    /* reads 0; only 0 may be written */
    KIND_SAME_ONLY,    /* reads @value; only that may be written */
    KIND_STATE,        /* a field of struct msr_state at @value, any content */
    KIND_STATE_32,     /* the same, 32 bits wide */
    KIND_CANONICAL,    /* the same, an address */
    KIND_BASE,         /* the same, and MSR_NEW_BASE */
    KIND_VLAPIC,
    KIND_TSC,
    KIND_TSC_ADJUST,
    KIND_EFER,
    KIND_PAT,
    KIND_PATCH_LEVEL,
    KIND_PV_APIC_BASE,
    KIND_HYPERCALL,
    KIND_MTRR_DEF,
    KIND_MTRR_FIXED,
    KIND_MTRR_VAR,
    KIND_PLATFORM_INFO,
    KIND_ARCH_CAPS,
    KIND_DE_CFG,
    KIND_PV_EFER,
    KIND_PRED_CMD,
};

#define MSR_ALWAYS 0xffffu /* no CPUID feature is needed */

struct msr_rule {
    uint32_t first, last;
    uint8_t who, kind;
    uint16_t feature; /* XEN_X86_FEATURE_x without which it is #GP */
    uint64_t value;
};

extern const struct msr_rule msr_rules[];
extern const unsigned msr_rule_count;

#endif
