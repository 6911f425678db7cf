/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PVH guests ask of the processor's virtualization, and what comes back: an exit is a plain record, and a vCPU's registers beyond the general ones are
 * a cache that is filled and written back by groups. Defined by hw/x86/svm; nothing here knows a VMCB. General registers, RIP, RSP and RFLAGS are always
 * in struct x86_vcpu.regs. AMD APM volume 2, chapter 15.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>
#include <model/x86/insn/insn.h>
#include <model/x86/msr/msr.h>
#include <model/x86/seg/seg.h>

enum vmexit_reason {
    VMEXIT_INTERRUPT, /* the host's: vm_take_interrupts() */
    VMEXIT_WINDOW,    /* the guest can take an interrupt now, as was asked for */
    VMEXIT_HYPERCALL,
    VMEXIT_CPUID,
    VMEXIT_MSR, /* is_write */
    VMEXIT_HLT,
    VMEXIT_PAGE,           /* nested page fault: gpa, error */
    VMEXIT_IO,             /* port, size, is_write (OUT), is_string */
    VMEXIT_CR_WRITE,       /* of CR4, of CR0 (more than TS and MP), and of CR8 when asked for */
    VMEXIT_DEBUG_REGISTER, /* the guest's are not loaded */
    VMEXIT_EXCEPTION,      /* vector, error: to be given to the guest after all */
    VMEXIT_IRET,           /* asked for while an NMI is handled */
    VMEXIT_CACHE,          /* INVD, WBINVD */
    VMEXIT_XSETBV,
    VMEXIT_RDTSC, /* when asked for */
    VMEXIT_RDTSCP,
    VMEXIT_ABSENT, /* an instruction that the guest's processor does not have */
    VMEXIT_TRIPLE_FAULT,
    VMEXIT_FAILED, /* the processor refused the state */
    VMEXIT_COUNT
};

struct vmexit {
    uint8_t reason; /* enum vmexit_reason */
    bool is_write, is_string;
    bool in_walk; /* page fault: it was one of the guest's page tables that the processor wanted */
    uint8_t size; /* bytes of port access */
    uint8_t vector;
    uint8_t insn_count; /* how many of insn[] the processor gave; 0: fetch them */
    uint16_t port;
    uint32_t error; /* page-fault code, or the exception's */
    uint64_t gpa;
    uint64_t next_rip; /* 0: decode the instruction */
    uint64_t code;     /* the processor's own number, for messages */
    uint8_t insn[INSN_MAX_LENGTH];
};

enum vm_event_type { VM_EVENT_INTERRUPT = 0, VM_EVENT_NMI = 2, VM_EVENT_EXCEPTION = 3 };

struct vm_event {
    bool valid;
    uint8_t type; /* enum vm_event_type */
    uint8_t vector;
    bool has_error;
    uint32_t error;
};

/* Groups of the register cache. */
#define VM_SEG BIT(0) /* seg, tr, ldtr, gdtr, idtr; cpl follows SS */
#define VM_CR  BIT(1) /* cr0, cr2, cr3, cr4, msr.efer */
#define VM_MSR BIT(2) /* the others of msr */
#define VM_DR  BIT(3) /* dr[6], dr[7] */
#define VM_ALL (VM_SEG | VM_CR | VM_MSR | VM_DR)

struct vm_state {
    struct x86_seg seg[X86_SEG_COUNT];
    struct x86_seg tr, ldtr, gdtr, idtr; /* of the last two base and limit only */
    uint64_t cr0, cr2, cr3, cr4;
    uint64_t dr[8];       /* 0..3 are always here while not in the processor: vm_save_debug() */
    struct msr_state msr; /* also those that only the model knows: MTRRs */
};

/* The processor's side of a vCPU; embedded in struct pvh_vcpu. */
struct vm_vcpu {
    uint32_t valid; /* groups that `state` holds */
    uint32_t dirty; /* groups that the next entry writes back; subset of valid */
    struct vm_state state;

    /* out of each exit, and back at the next entry */
    uint8_t cpl;
    uint8_t mode; /* enum insn_mode of the code segment */
    bool shadow;  /* one instruction long no interrupt is taken: after STI, MOV SS */
    uint8_t cr8;
    struct vm_event inject; /* to be delivered by the entry; after an exit: was being delivered */

    /* wishes for the next entry */
    bool want_window; /* exit as soon as the guest can take an interrupt */
    bool want_cr8;    /* exit on writes of CR8 */
    bool want_iret;
    bool
        let_halt; /* no exit on HLT: the processor waits for an interrupt, the host's too; looked at by vm_switch_to() */
    bool want_rdtsc; /* exit on RDTSC and RDTSCP; looked at by vm_switch_to() */
    bool flush;      /* forget the vCPU's translations */
    uint64_t tsc_offset;
    mfn_t npt_root;
    void *hw;
};

/* The machine can run such guests. */
bool vm_available(void);
/* Nested tables can have pages of 1 GiB. */
bool vm_has_1g_pages(void);
/* -XEN_ENOMEM, -XEN_EOPNOTSUPP. */
int vm_vcpu_init(struct vm_vcpu *vm);
void vm_vcpu_free(struct vm_vcpu *vm);
/* Fill the groups that are not valid. Current vCPU, or one that does not run. */
void vm_fetch_slow(struct vm_vcpu *vm, uint32_t groups);
/* Run the guest until its next exit. Interrupts off; they stay so. No group is valid afterwards. */
void vm_enter(struct vm_vcpu *vm, struct x86_regs *regs, struct vmexit *e);
/* The host's pending interrupts are taken now. Interrupts off at entry and return. */
void vm_take_interrupts(void);
/* The vCPU leaves this pCPU, or comes to it. Interrupts off. */
void vm_switch_from(struct vm_vcpu *vm);
void vm_switch_to(struct vm_vcpu *vm);
/* Debug registers 0 to 3 into the processor, where the guest then has them; and all of them back into state.dr. */
void vm_load_debug(struct vm_vcpu *vm);
void vm_save_debug(struct vm_vcpu *vm);

static inline struct vm_state *vm_fetch(struct vm_vcpu *vm, uint32_t groups)
{
    if (unlikely((vm->valid & groups) != groups)) {
        vm_fetch_slow(vm, groups);
    }
    return &vm->state;
}

/* The caller changed (fetched) groups. */
static inline void vm_changed(struct vm_vcpu *vm, uint32_t groups)
{
    ASSERT((vm->valid & groups) == groups);
    vm->dirty |= groups;
}
