/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain and a vCPU are on x86: the core's structs, embedded, plus the architecture's state.
 *
 * The first fields of struct x86_vcpu are known to hw/x86/trap/entry.S (XV_* below): the CPU pushes trap frames into `regs`, whose end must be
 * 16-byte aligned.
 */
#pragma once
#include <base/contract.h>
#include <core/domain/domain.h>
#include <lib/rangeset.h>
#include <model/x86/insn/regs.h>

#define XV_REGS        8 /* offsetof(struct x86_vcpu, regs) */
#define XV_REGS_END    176
#define XV_PCPU_STACK  176
#define XV_KERNEL_MODE 184

/* One registered entry point of a PV guest. */
struct pv_callback {
    uint64_t rip;
    bool mask_events; /* deliver with the event upcall masked */
};

enum pv_callback_kind {
    PV_CB_EVENT,
    PV_CB_FAILSAFE,
    PV_CB_SYSCALL,
    PV_CB_SYSCALL32,
    PV_CB_SYSENTER,
    PV_CB_COUNT
};

/* An exception handler of a PV guest, checked when registered. */
struct pv_trap {
    uint64_t rip; /* 0: none */
    uint16_t cs;
    uint8_t flags; /* bits 0-1: lowest privilege that may raise it by INT n; bit 2: mask events */
};

#define PV_GDT_FRAMES 14
#define PV_UNFINISHED 2 /* frames that one operation on page tables may leave unfinished */

struct pv_vcpu {
    struct pv_trap *traps; /* 256 of them */
    struct pv_callback callbacks[PV_CB_COUNT];
    uint64_t kernel_sp, kernel_ss;
    bool nmi_pending; /* atomic */

    /* segments: selectors are live in the CPU while the vCPU runs, saved on a switch */
    uint16_t ds, es, fs, gs;
    uint64_t fs_base, gs_base_kernel, gs_base_user;

    uint64_t cr0; /* as the guest sees it: only TS changes */
    uint64_t cr4;
    uint64_t debugreg[8];
    uint8_t debug_events; /* of the instruction that is being emulated, bits of DR6 */
    uint8_t iopl;         /* virtual I/O privilege level, 0..3 */
    vaddr_t iobmp;        /* guest's I/O bitmap, 0 none */
    uint32_t iobmp_limit;

    /* memory management; frames are type-referenced */
    mfn_t guest_table;      /* kernel L4, INVALID_MFN none */
    mfn_t guest_table_user; /* user L4 */
    mfn_t gdt_frames[PV_GDT_FRAMES];
    uint32_t gdt_ents;
    vaddr_t ldt_base;
    uint32_t ldt_ents;
    uint64_t ldt_shadow_map; /* window pages that hold a referenced LDT frame */
    mfn_t ldt_frames[16];
    /* Page tables whose references a hypercall has begun to take back, the first ones; 0 none. The next one goes on. */
    uint64_t unfinished_mfn[PV_UNFINISHED];
};

/* An address that 48-bit paging can translate. */
static inline bool is_canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* Entry of a memory map, as the firmware's E820 and the ABI have it. */
struct x86_e820_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type; /* 1: RAM */
} __attribute__((packed));

struct pvh_vcpu; /* guest/x86/pvh */
struct pvh_domain;

struct x86_vcpu {
    uint64_t pad;
    struct x86_regs regs;
    void *pcpu_stack;       /* top of the stack of the pCPU it runs on, below struct cpu_info */
    uint8_t is_kernel_mode; /* PV: guest kernel (its user mode shares ring 3) */
    uint8_t has_fpu;        /* its FPU state is in the CPU */
    uint8_t pad2[6];
    struct vcpu v;
    mfn_t cr3;                /* what is loaded while it runs: the L4 of the current mode */
    struct pv_vcpu *pv;       /* NULL unless PV */
    struct pvh_vcpu *pvh;     /* NULL unless PVH */
    uint64_t xcr0, xcr0_used; /* fpu.h */
    void *fpu;                /* XSAVE image, 64-byte aligned; it begins with FXSAVE's */
    uint64_t tsc_aux;         /* PV */
} __attribute__((aligned(16)));

struct x86_domain {
    struct domain d;
    cpuset_t dirty_cpus;       /* pCPUs whose TLB may hold the domain's translations; atomic */
    struct cpu_policy *policy; /* CPUID and MSRs its vCPUs see */
    struct rangeset ioports;   /* ports it may use directly */
    uint32_t emulation_flags;
    uint64_t vm_assist; /* PV */
    uint32_t tsc_mode;
    uint64_t tsc_offset;
    uint32_t tsc_khz;           /* tsc.h */
    struct pvh_domain *pvh;     /* NULL unless PVH */
    uint64_t hvm_params[64];    /* HVMOP_set_param */
    bool is_audited;            /* debug builds: its page types were checked at its end */
    struct x86_e820_entry *map; /* under d.lock; NULL until the toolstack sets it */
    unsigned int map_count;
    struct pirq_table *pirqs; /* the hardware domain's */
    uint32_t pci_address;     /* its CF8 */
};

static inline struct x86_vcpu *x86_vcpu(struct vcpu *v)
{
    return container_of(v, struct x86_vcpu, v);
}

static inline struct x86_domain *x86_domain(struct domain *d)
{
    return container_of(d, struct x86_domain, d);
}

static inline struct x86_vcpu *current_x86(void)
{
    return x86_vcpu(current_vcpu());
}

static inline bool is_pv(const struct domain *d)
{
    return d->kind == GUEST_PV;
}
