/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The virtual machine control block and the codes of exits: AMD APM volume 2, appendices B and C. */
#pragma once
#include <lib/bits.h>
#include <model/x86/seg/seg.h>

#define INTERCEPT_INTR          BIT(0)
#define INTERCEPT_NMI           BIT(1)
#define INTERCEPT_SMI           BIT(2)
#define INTERCEPT_INIT          BIT(3)
#define INTERCEPT_VINTR         BIT(4)
#define INTERCEPT_CR0_SELECTIVE BIT(5)
#define INTERCEPT_RDTSC         BIT(14)
#define INTERCEPT_RDPMC         BIT(15)
#define INTERCEPT_CPUID         BIT(18)
#define INTERCEPT_IRET          BIT(20)
#define INTERCEPT_INVD          BIT(22)
#define INTERCEPT_HLT           BIT(24)
#define INTERCEPT_INVLPGA       BIT(26)
#define INTERCEPT_IOIO          BIT(27)
#define INTERCEPT_MSR           BIT(28)
#define INTERCEPT_SHUTDOWN      BIT(31)

/* VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT; WBINVD, MONITOR, MWAIT (2), XSETBV, RDPRU */
#define INTERCEPT2_ALL    0x7e7fu
#define INTERCEPT2_RDTSCP BIT(7)

#define VINTR_IRQ         BIT(8)
#define VINTR_PRIORITY(n) ((uint64_t)(n) << 16)
#define VINTR_IGNORE_TPR  BIT(20)
#define VINTR_MASKING     BIT(24)
#define VINTR_VECTOR(v)   ((uint64_t)(v) << 32)

#define EVENT_HAS_ERROR BIT(11)
#define EVENT_VALID     BIT(31)

#define TLB_FLUSH_ALL 1

#define EXIT_CR_WRITE      0x10
#define EXIT_DR_READ       0x20
#define EXIT_DR_LAST       0x3f
#define EXIT_EXCEPTION     0x40
#define EXIT_INTR          0x60
#define EXIT_NMI           0x61
#define EXIT_SMI           0x62
#define EXIT_INIT          0x63
#define EXIT_VINTR         0x64
#define EXIT_CR0_SELECTIVE 0x65
#define EXIT_RDTSC         0x6e
#define EXIT_RDPMC         0x6f
#define EXIT_CPUID         0x72
#define EXIT_IRET          0x74
#define EXIT_INVD          0x76
#define EXIT_HLT           0x78
#define EXIT_INVLPGA       0x7a
#define EXIT_IOIO          0x7b
#define EXIT_MSR           0x7c
#define EXIT_SHUTDOWN      0x7f
#define EXIT_VMRUN         0x80
#define EXIT_VMMCALL       0x81
#define EXIT_VMLOAD        0x82
#define EXIT_RDTSCP        0x87
#define EXIT_WBINVD        0x89
#define EXIT_XSETBV        0x8d
#define EXIT_RDPRU         0x8e
#define EXIT_NPF           0x400

struct vmcb {
    /* control */
    uint32_t intercept_cr; /* reads in the lower half, writes in the upper */
    uint32_t intercept_dr;
    uint32_t intercept_exceptions;
    uint32_t intercept1;
    uint32_t intercept2;
    uint32_t intercept3;
    uint8_t reserved0[0x3c - 0x18];
    uint16_t pause_threshold;
    uint16_t pause_count;
    uint64_t iopm_pa; /* 0x40 */
    uint64_t msrpm_pa;
    uint64_t tsc_offset;
    uint32_t asid; /* 0x58 */
    uint8_t tlb_control;
    uint8_t reserved1[3];
    uint64_t vintr;     /* 0x60: V_TPR in bits 0-7 */
    uint64_t shadow;    /* bit 0 */
    uint64_t exit_code; /* 0x70 */
    uint64_t exit_info1;
    uint64_t exit_info2;
    uint64_t exit_int_info;
    uint64_t np_enable; /* 0x90 */
    uint64_t avic_bar;
    uint64_t ghcb;
    uint64_t event_inject; /* 0xa8 */
    uint64_t n_cr3;
    uint64_t lbr_enable;
    uint32_t clean;
    uint32_t reserved2;
    uint64_t next_rip;  /* 0xc8 */
    uint8_t insn_count; /* 0xd0 */
    uint8_t insn[15];
    uint8_t reserved3[0x400 - 0xe0];

    /* state */
    struct x86_seg es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr; /* 0x400 */
    uint8_t reserved4[0x4cb - 0x4a0];
    uint8_t cpl; /* 0x4cb */
    uint32_t reserved5;
    uint64_t efer; /* 0x4d0 */
    uint8_t reserved6[0x548 - 0x4d8];
    uint64_t cr4; /* 0x548 */
    uint64_t cr3;
    uint64_t cr0;
    uint64_t dr7;
    uint64_t dr6;
    uint64_t rflags; /* 0x570 */
    uint64_t rip;
    uint8_t reserved7[0x5d8 - 0x580];
    uint64_t rsp; /* 0x5d8 */
    uint64_t s_cet, ssp, isst;
    uint64_t rax; /* 0x5f8 */
    uint64_t star;
    uint64_t lstar;
    uint64_t cstar;
    uint64_t sfmask;
    uint64_t kernel_gs_base; /* 0x620 */
    uint64_t sysenter_cs;
    uint64_t sysenter_esp;
    uint64_t sysenter_eip;
    uint64_t cr2; /* 0x640 */
    uint8_t reserved8[0x668 - 0x648];
    uint64_t pat; /* 0x668 */
    uint8_t reserved9[0x1000 - 0x670];
};

_Static_assert(sizeof(struct x86_seg) == 16, "a segment is packed as the processor has it");
_Static_assert(offsetof(struct vmcb, iopm_pa) == 0x40 && offsetof(struct vmcb, asid) == 0x58 &&
                   offsetof(struct vmcb, vintr) == 0x60,
               "");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70 && offsetof(struct vmcb, event_inject) == 0xa8, "");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8 && offsetof(struct vmcb, insn_count) == 0xd0 &&
                   offsetof(struct vmcb, es) == 0x400,
               "");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb && offsetof(struct vmcb, efer) == 0x4d0 &&
                   offsetof(struct vmcb, cr4) == 0x548,
               "");
_Static_assert(offsetof(struct vmcb, rflags) == 0x570 && offsetof(struct vmcb, rsp) == 0x5d8 &&
                   offsetof(struct vmcb, rax) == 0x5f8,
               "");
_Static_assert(offsetof(struct vmcb, kernel_gs_base) == 0x620 && offsetof(struct vmcb, pat) == 0x668 &&
                   sizeof(struct vmcb) == 4096,
               "");
