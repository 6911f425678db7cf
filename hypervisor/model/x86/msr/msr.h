/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers of guests: which exist, who sees them, what a write means.
 *
 * One table (msr_table.c) holds a rule for each. What a rule cannot do by itself comes back as an action,
 * data for the caller: this model has no clock, no vlapic and no VMCB. The caller serialises on the vCPU
 * whose state it hands in. AMD APM volume 2, appendix A; Intel SDM volume 4.
 */
#ifndef MODEL_X86_MSR_MSR_H
#define MODEL_X86_MSR_MSR_H

#include <stdbool.h>
#include <stdint.h>
#include <model/x86/cpuid/cpu_policy.h>

/* Numbers that other folders need by name. */
#define MSR_TSC            0x00000010u
#define MSR_APIC_BASE      0x0000001bu
#define MSR_TSC_ADJUST     0x0000003bu
#define MSR_SYSENTER_CS    0x00000174u
#define MSR_SYSENTER_ESP   0x00000175u
#define MSR_SYSENTER_EIP   0x00000176u
#define MSR_PAT            0x00000277u
#define MSR_MTRR_DEF_TYPE  0x000002ffu
#define MSR_TSC_DEADLINE   0x000006e0u
#define MSR_HYPERCALL_PAGE 0x40000000u
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_SFMASK         0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u

#define EFER_SCE   (1ull << 0)
#define EFER_LME   (1ull << 8)
#define EFER_LMA   (1ull << 10)
#define EFER_NXE   (1ull << 11)
#define EFER_SVME  (1ull << 12)
#define EFER_FFXSR (1ull << 14)

/* PAT after reset, and the one that PV guests share with the hypervisor (part of the PV ABI). */
#define MSR_PAT_RESET 0x0007040600070406ull
#define MSR_PAT_PV    0x0000050100070406ull

#define MSR_MTRR_VARIABLE 8u
#define MSR_MTRR_FIXED    11u

/* Values that belong to one vCPU. */
struct msr_state {
    uint64_t efer, star, lstar, cstar, sfmask;
    uint64_t fs_base, gs_base, kernel_gs_base; /* PV: gs_base is the current one */
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t tsc_aux, tsc_adjust, pat;
    uint64_t mtrr_def_type;
    uint64_t mtrr_fixed[MSR_MTRR_FIXED];
    uint64_t mtrr_var[2 * MSR_MTRR_VARIABLE]; /* base, mask, base, mask ... */
};

struct msr_ctx {
    const struct cpu_policy *policy;
    struct msr_state *state;
    bool hvm;
    bool first_vcpu;      /* APIC_BASE of PV guests */
    bool paging;          /* CR0.PG: EFER.LME is locked */
    uint64_t tsc;         /* the guest's, now */
    uint32_t patch_level; /* the host's microcode */
};

enum msr_result {
    MSR_OK,      /* done: a read has its value; a write is in the state */
    MSR_GP,      /* #GP(0) */
    MSR_IGNORED, /* a write without effect: worth a line in the log, once */
    /* The caller's turn. */
    MSR_VLAPIC,   /* hand the access to vlapic_msr_read() or vlapic_msr_write() */
    MSR_NEW_EFER, /* state.efer has changed: load it */
    MSR_NEW_BASE, /* PV: state.fs_base, gs_base or kernel_gs_base has changed: load it */
    /* another register that the CPU holds (SYSCALL, SYSENTER, TSC_AUX, PAT ...) has changed: load it */
    MSR_NEW_STATE,
    MSR_NEW_MTRR,           /* memory types have changed */
    MSR_SET_TSC,            /* the guest's TSC is now the value written */
    MSR_ADD_TSC,            /* TSC_ADJUST has changed: *aux is to be added to the guest's TSC */
    MSR_FORGET_BRANCHES,    /* the processor is to forget what it knows of branches (PRED_CMD) */
    MSR_SET_HYPERCALL_PAGE, /* write the hypercall page into guest frame *aux */
};

/* Power-on values. */
void msr_state_init(struct msr_state *s, bool hvm);

/* RDMSR: MSR_OK, MSR_GP or MSR_VLAPIC. */
enum msr_result msr_read(const struct msr_ctx *ctx, uint32_t idx, uint64_t *val);

/* WRMSR. *aux is set where the result says so. Nothing changes with MSR_GP. */
enum msr_result msr_write(const struct msr_ctx *ctx, uint32_t idx, uint64_t val, uint64_t *aux);

/* Could msr_write() have brought about the PAT and the MTRRs of @s, which came from elsewhere (a saved guest)? */
bool msr_memory_types_ok(const struct cpu_policy *policy, const struct msr_state *s);

#endif
