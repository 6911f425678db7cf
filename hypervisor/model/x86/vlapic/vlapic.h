/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A local APIC: xAPIC (one page of registers) and x2APIC (MSRs 0x800..0x83f).
 * AMD APM volume 2, chapter 16; Intel SDM volume 3, chapter "APIC".
 *
 * Use: the owner serialises calls on one struct vlapic. Register writes answer with a struct vlapic_effect,
 * plain data that says what the rest of the machine must do; nothing is called back. Interrupts enter with
 * vlapic_set_irq(), leave with vlapic_next_vector() and vlapic_ack(). Registers live in an image of the
 * page, so that the ABI's save record is a copy; invariant: the ID and LDR words agree with id and mode, and
 * ISR, IRR hold no vector below 16.
 */
#ifndef MODEL_X86_VLAPIC_VLAPIC_H
#define MODEL_X86_VLAPIC_VLAPIC_H

#include <stdbool.h>
#include <stdint.h>
#include <abi/hvm_save.h>

/* The timer counts bus cycles of 10 ns, as Xen's does (a saved count must mean the same on both). */
#define VLAPIC_BUS_CYCLE_NS 10u
#define VLAPIC_BUS_HZ       (1000000000u / VLAPIC_BUS_CYCLE_NS)
/* A periodic timer is never asked for more often than this. */
#define VLAPIC_MIN_PERIOD_NS 20000u

#define VLAPIC_DEFAULT_BASE 0xfee00000ull
#define VLAPIC_BROADCAST    0xffffffffu

#define VLAPIC_BASE_BSP    (1ull << 8)
#define VLAPIC_BASE_X2APIC (1ull << 10)
#define VLAPIC_BASE_ENABLE (1ull << 11)

/* Register offsets in the page; the x2APIC MSR is 0x800 + offset / 16. */
enum vlapic_reg {
    VLAPIC_ID = 0x020,
    VLAPIC_VERSION = 0x030,
    VLAPIC_TPR = 0x080,
    VLAPIC_PPR = 0x0a0,
    VLAPIC_EOI = 0x0b0,
    VLAPIC_LDR = 0x0d0,
    VLAPIC_DFR = 0x0e0,
    VLAPIC_SVR = 0x0f0,
    VLAPIC_ISR = 0x100,
    VLAPIC_TMR = 0x180,
    VLAPIC_IRR = 0x200,
    VLAPIC_ESR = 0x280,
    VLAPIC_ICR = 0x300,
    VLAPIC_ICR2 = 0x310,
    VLAPIC_LVT_TIMER = 0x320,
    VLAPIC_LVT_THERMAL = 0x330,
    VLAPIC_LVT_PERF = 0x340,
    VLAPIC_LVT_LINT0 = 0x350,
    VLAPIC_LVT_LINT1 = 0x360,
    VLAPIC_LVT_ERROR = 0x370,
    VLAPIC_TIMER_INITIAL = 0x380,
    VLAPIC_TIMER_CURRENT = 0x390,
    VLAPIC_TIMER_DIVIDE = 0x3e0,
    VLAPIC_SELF_IPI = 0x3f0,
};

#define VLAPIC_MSR_BASE         0x1bu
#define VLAPIC_MSR_TSC_DEADLINE 0x6e0u
#define VLAPIC_MSR_FIRST        0x800u
#define VLAPIC_MSR_LAST         0x8ffu

/* Delivery modes, as ICR and LVT encode them. */
enum vlapic_delivery {
    VLAPIC_FIXED,
    VLAPIC_LOWEST,
    VLAPIC_SMI,
    VLAPIC_NMI = 4,
    VLAPIC_INIT,
    VLAPIC_STARTUP,
    VLAPIC_EXTINT,
};

struct vlapic {
    uint32_t id;
    bool tsc_deadline;   /* the CPU policy offers the TSC-deadline mode */
    bool x2apic_allowed; /* the CPU policy offers x2APIC */
    uint64_t base_msr;
    uint32_t page[256];      /* word = offset / 4 */
    uint32_t esr_pending;    /* errors since the last write of ESR */
    uint64_t timer_start_ns; /* when the count was at its initial value */
    uint64_t deadline_ns;    /* next expiry; 0 while the timer is off */
    uint64_t tsc_deadline_msr;
};

/*
 * The moment of an access: host time and the guest's TSC. tsc_khz may be 0 when there is no TSC-deadline
 * mode.
 */
struct vlapic_clock {
    uint64_t now_ns;
    uint64_t tsc;
    uint32_t tsc_khz;
};

struct vlapic_ipi {
    uint32_t source_id;
    uint32_t dest; /* VLAPIC_BROADCAST for all, whatever the width of the sender's field */
    bool logical;
    uint8_t shorthand; /* 0 dest, 1 self, 2 all, 3 all but self */
    uint8_t mode;      /* enum vlapic_delivery */
    uint8_t vector;
};

struct vlapic_effect {
    bool ipi_pending;   /* deliver @ipi */
    bool timer_changed; /* re-arm for vlapic.deadline_ns, or stop when that is 0 */
    bool eoi_level;     /* a level-triggered vector ended: tell the I/O APICs */
    bool enabled;       /* by SVR: takes interrupts now, and did not before */
    bool base_changed;  /* enabled, disabled or moved to x2APIC */
    uint8_t eoi_vector;
    struct vlapic_ipi ipi;
};

/* Power-on state of CPU number @id; the first CPU is @bsp. Enabled in xAPIC mode, software-disabled. */
void vlapic_init(struct vlapic *vl, uint32_t id, bool bsp, bool x2apic_allowed, bool tsc_deadline);

/* What INIT does: all registers but id, mode and base. */
void vlapic_reset(struct vlapic *vl);

/*
 * Page accesses. Only aligned 4-byte ones have an effect; reads of 1, 2 or 4 bytes inside a register give
 * its bytes.
 */
uint32_t vlapic_mmio_read(const struct vlapic *vl, unsigned offset, unsigned size,
                          const struct vlapic_clock *clock);
void vlapic_mmio_write(struct vlapic *vl, unsigned offset, unsigned size, uint32_t val,
                       const struct vlapic_clock *clock, struct vlapic_effect *fx);

/* APIC_BASE, TSC_DEADLINE and the x2APIC range; false means #GP. */
bool vlapic_msr_read(const struct vlapic *vl, uint32_t msr, const struct vlapic_clock *clock, uint64_t *val);
bool vlapic_msr_write(struct vlapic *vl, uint32_t msr, uint64_t val, const struct vlapic_clock *clock,
                      struct vlapic_effect *fx);

/* Does an access of @msr look at the clock? The others may be given any. */
bool vlapic_msr_needs_clock(uint32_t msr);

bool vlapic_hw_enabled(const struct vlapic *vl);
bool vlapic_x2apic(const struct vlapic *vl);
/* Accepts fixed interrupts: enabled in APIC_BASE and in SVR. */
bool vlapic_sw_enabled(const struct vlapic *vl);

/* A fixed interrupt arrives. Returns true when the vector was not already pending. */
bool vlapic_set_irq(struct vlapic *vl, uint8_t vector, bool level);
/* Highest pending vector that the processor priority lets through. */
bool vlapic_next_vector(const struct vlapic *vl, uint8_t *vector);
/* The CPU takes @vector: from IRR to ISR. */
void vlapic_ack(struct vlapic *vl, uint8_t vector);
/* EOI without a register access (PV EOI, AVIC). */
void vlapic_eoi(struct vlapic *vl, struct vlapic_effect *fx);
/* Highest pending vector whatever the priority, for TPR thresholds. */
bool vlapic_highest_irr(const struct vlapic *vl, uint8_t *vector);

/* CR8, the upper half of TPR. */
uint8_t vlapic_cr8(const struct vlapic *vl);
void vlapic_set_cr8(struct vlapic *vl, uint8_t cr8);
/* Processor priority; arbitration gives a lowest-priority interrupt to the smallest one. */
uint8_t vlapic_ppr(const struct vlapic *vl);

/* Does a message for @dest reach this APIC? @dest is 32 bits wide; 0xff is also everyone to an xAPIC. */
bool vlapic_matches_dest(const struct vlapic *vl, uint32_t dest, bool logical);
bool vlapic_ipi_targets(const struct vlapic *vl, const struct vlapic_ipi *ipi);

/*
 * An interrupt from a local source (LVT_THERMAL .. LVT_ERROR). True when it is not masked; *mode then says
 * what it is: a fixed one has been made pending, others (NMI, EXTINT, SMI, INIT) are the caller's to
 * deliver.
 */
bool vlapic_local_irq(struct vlapic *vl, enum vlapic_reg lvt, enum vlapic_delivery *mode);

/*
 * The host timer rang. Makes the vector pending if the time has come; true then. deadline_ns is the next one
 * or 0.
 */
bool vlapic_timer_fire(struct vlapic *vl, uint64_t now_ns);
/* The guest's TSC was changed: recompute deadline_ns of a TSC-deadline timer. */
void vlapic_tsc_changed(struct vlapic *vl, const struct vlapic_clock *clock);

/*
 * The ABI's save records. Loading checks and takes over only what a guest could have written; false:
 * impossible state.
 */
void vlapic_save(const struct vlapic *vl, const struct vlapic_clock *clock, struct hvm_hw_lapic *hw,
                 struct hvm_hw_lapic_regs *regs);
bool vlapic_load_hw(struct vlapic *vl, const struct hvm_hw_lapic *hw);
bool vlapic_load_regs(struct vlapic *vl, const struct hvm_hw_lapic_regs *regs,
                      const struct vlapic_clock *clock);

#endif
