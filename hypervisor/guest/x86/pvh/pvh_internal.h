/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the files of PVH guests.
 *
 * A vCPU's local APIC is touched by the vCPU alone (or while it does not run): others post what they have for it in `posted`, which it takes up at its next
 * entry. So no lock guards it.
 */
#pragma once
#include <core/domain/arch.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/pvh/compat.h>
#include <guest/x86/pvh/p2m.h>
#include <guest/x86/pvh/pvh.h>
#include <guest/x86/pvh/vm.h>
#include <model/x86/vlapic/vlapic.h>

/* What others have for a vCPU: struct pvh_vcpu.posted. */
#define POST_IRQ    (1u << 0) /* vectors in posted_irq */
#define POST_TIMER  (1u << 1) /* the APIC timer's deadline passed */
#define POST_NMI    (1u << 2)
#define POST_UPCALL (1u << 3) /* an event channel became pending */
#define POST_INIT   (1u << 4)
#define POST_SIPI   (1u << 5) /* start at page sipi_page */

/* Frames of the p2m that were used lately: guest_memory.c. */
#define PVH_CACHED_FRAMES 32u

struct pvh_cached_frame {
    uint64_t gfn;
    uint8_t *page; /* NULL: none */
    bool write;
};

/* Walks of the guest's page tables that were done lately: guest_memory.c. */
#define PVH_CACHED_WALKS 16u
#define PVH_WALK_LEVELS  4u

struct pvh_cached_walk {
    uint64_t page; /* of the linear address */
    uint64_t cr0, cr3, cr4, efer;
    unsigned int access;
    unsigned int levels;                 /* entries that were read; 0: none */
    const uint64_t *at[PVH_WALK_LEVELS]; /* where they are, and what they held */
    uint64_t entry[PVH_WALK_LEVELS];
    uint8_t *data; /* the page itself */
};

struct pvh_frame_cache {
    uint32_t flushes; /* value of p2m.flushes that they are newer than */
    uint64_t missed;  /* guest frame that was looked up last in vain */
    struct pvh_cached_frame e[PVH_CACHED_FRAMES];
    struct pvh_cached_walk w[PVH_CACHED_WALKS];
};

struct pvh_vcpu {
    struct vm_vcpu vm;
    struct vlapic vlapic;
    struct timer timer; /* the APIC's */
    bool look;          /* the APIC may have something to deliver */
    bool nmi_pending, nmi_masked;
    bool wait_sipi;        /* after INIT, before start-up */
    uint8_t upcall_vector; /* for event channels, through the APIC; 0: the domain's, past it */
    uint64_t iret_rip;     /* where the IRET that unmasks NMIs is */
    uint64_t tsc_delta;    /* what the guest's writes of its TSC made of it, beyond the domain's offset */
    struct pvh_frame_cache frames;
    struct compat_state compat;
    uint32_t flushed; /* value of p2m.flushes that this vCPU's translations are newer than */

    /* atomic: written by others */
    uint32_t posted;
    uint64_t posted_irq[4];
    uint8_t sipi_page;
};

struct pvh_domain {
    struct p2m p2m;
    uint8_t callback_vector; /* HVM_PARAM_CALLBACK_IRQ; 0 none */
    uint64_t cr4_allowed;    /* by the CPU policy */
};

static inline struct pvh_domain *pvh_domain_of(const struct x86_vcpu *xv)
{
    return x86_domain(xv->v.domain)->pvh;
}

static inline struct p2m *p2m_of(const struct x86_vcpu *xv)
{
    return &pvh_domain_of(xv)->p2m;
}

/* --- vcpu.c ---- */
/* The state after INIT, with the local APIC reset. */
void pvh_reset(struct x86_vcpu *xv);
/* Start in real mode at page @page, as a start-up interrupt does. */
void pvh_start_at(struct x86_vcpu *xv, uint8_t page);
/* Can this be loaded? RFLAGS is corrected; other errors are the caller's guest's: -XEN_EINVAL. */
int pvh_check_state(const struct x86_domain *xd, const struct vm_state *s, struct x86_regs *r);
/* The guest's time stamp counter. */
uint64_t pvh_guest_tsc(const struct x86_vcpu *xv);
void pvh_set_tsc_delta(struct x86_vcpu *xv, uint64_t delta);

/* --- interrupt.c ---- */
/* Take up what others posted and choose what the next entry delivers. False: the vCPU waits for its start-up, do not enter. Current vCPU, interrupts off. */
bool pvh_prepare_entry(struct x86_vcpu *xv);
/* Give @xv something: POST_*. Any context. */
void pvh_post(struct x86_vcpu *xv, uint32_t what);
void pvh_post_irq(struct x86_vcpu *xv, uint8_t vector);
/* Carry out what a register access of the vCPU's APIC asked for. */
void pvh_apply_effect(struct x86_vcpu *xv, const struct vlapic_effect *fx);
/* Arm or stop the timer as the APIC says. */
void pvh_arm_timer(struct x86_vcpu *xv);
void pvh_timer_rang(void *arg);
struct vlapic_clock pvh_apic_clock(const struct x86_vcpu *xv);
/* Deliver an exception at the next entry. */
void pvh_inject(struct x86_vcpu *xv, uint8_t vector, uint32_t error);
void pvh_inject_gp(struct x86_vcpu *xv);
void pvh_inject_ud(struct x86_vcpu *xv);

/* --- exit.c ---- */
/* Act on an exit of the current vCPU. Interrupts off at entry and return, on in between where it takes long. */
void pvh_handle_exit(struct x86_vcpu *xv, const struct vmexit *e);
/* Go past an instruction of @length bytes. */
void pvh_skip(struct x86_vcpu *xv, unsigned int length);

/* --- exit_msr.c ---- */
/* RDMSR, WRMSR of the current vCPU. False: #GP. */
bool pvh_msr_read(struct x86_vcpu *xv, uint32_t msr, uint64_t *value);
bool pvh_msr_write(struct x86_vcpu *xv, uint32_t msr, uint64_t value);

/* --- emulate.c ---- */
/* Carry out the instruction at RIP, which did what needs help: memory that is not RAM, CR4, CR8. Interrupts on. */
void pvh_emulate(struct x86_vcpu *xv, const struct vmexit *e, unsigned int sets);

/* --- guest_memory.c ---- */
/* Where linear address @gva leads for accesses of PT_ACCESS_*. PT_OK or the reason why not; out->error as for #PF. Current vCPU. */
enum pt_status pvh_walk(struct x86_vcpu *xv, vaddr_t gva, unsigned int access, struct pt_result *out);
/* Copy between @buf and linear address @gva, as PT_ACCESS_WRITE in @access says. Current vCPU. -XEN_EFAULT. */
int pvh_copy(struct x86_vcpu *xv, vaddr_t gva, void *buf, size_t size, unsigned int access);
/* The four bytes of code at @linear; 0: not readable, or they cross a page. */
uint32_t pvh_peek_code(struct x86_vcpu *xv, uint64_t linear);
/* Up to @max bytes of code at @linear; the number that could be read. */
unsigned int pvh_fetch_code(struct x86_vcpu *xv, uint64_t linear, uint8_t *buf, unsigned int max);
