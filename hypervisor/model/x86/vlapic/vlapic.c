/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vlapic's interrupt state: pending and in-service vectors, priorities, destinations, save records. */
#include <lib/string.h>
#include <model/x86/vlapic/vlapic_internal.h>

_Static_assert(sizeof(((struct vlapic *)0)->page) == sizeof(struct hvm_hw_lapic_regs),
               "the record is the page");

bool vlapic_hw_enabled(const struct vlapic *vl)
{
    return vl->base_msr & VLAPIC_BASE_ENABLE;
}

bool vlapic_x2apic(const struct vlapic *vl)
{
    return vl->base_msr & VLAPIC_BASE_X2APIC;
}

bool vlapic_sw_enabled(const struct vlapic *vl)
{
    return vlapic_hw_enabled(vl) && (vlapic_get(vl, VLAPIC_SVR) & SVR_ENABLE);
}

void vlapic_set_identity(struct vlapic *vl)
{
    if (vlapic_x2apic(vl)) {
        vlapic_put(vl, VLAPIC_ID, vl->id);
        vlapic_put(vl, VLAPIC_LDR, ((vl->id >> 4) << 16) | (1u << (vl->id & 15)));
    } else {
        vlapic_put(vl, VLAPIC_ID, vl->id << 24);
    }
}

void vlapic_reset(struct vlapic *vl)
{
    memset(vl->page, 0, sizeof(vl->page));
    vlapic_put(vl, VLAPIC_VERSION, 0x00050014); /* integrated, six LVT entries */
    vlapic_put(vl, VLAPIC_DFR, 0xffffffff);
    vlapic_put(vl, VLAPIC_SVR, 0xff);
    for (unsigned reg = VLAPIC_LVT_TIMER; reg <= VLAPIC_LVT_ERROR; reg += 0x10) {
        vlapic_put(vl, reg, LVT_MASKED);
    }
    vl->esr_pending = 0;
    vl->timer_start_ns = vl->deadline_ns = vl->tsc_deadline_msr = 0;
    vlapic_set_identity(vl);
}

void vlapic_init(struct vlapic *vl, uint32_t id, bool bsp, bool x2apic_allowed, bool tsc_deadline)
{
    memset(vl, 0, sizeof(*vl));
    vl->id = id;
    vl->x2apic_allowed = x2apic_allowed;
    vl->tsc_deadline = tsc_deadline;
    vl->base_msr = VLAPIC_DEFAULT_BASE | VLAPIC_BASE_ENABLE | (bsp ? VLAPIC_BASE_BSP : 0);
    vlapic_reset(vl);
}

/*
 * --- vectors: three bitmaps of eight words, 16 bytes apart ------------------------------------------------
 */

static uint32_t *vector_word(struct vlapic *vl, unsigned map, uint8_t vector)
{
    return &vl->page[(map + (vector >> 5) * 0x10u) >> 2];
}

static bool highest(const struct vlapic *vl, unsigned map, uint8_t *vector)
{
#pragma GCC unroll 8
    for (unsigned word = 8; word-- > 0;) {
        uint32_t bits = vlapic_get(vl, map + word * 0x10);

        if (bits) {
            *vector = (uint8_t)(word * 32 + 31 - (unsigned)__builtin_clz(bits));
            return true;
        }
    }
    return false;
}

void vlapic_error(struct vlapic *vl, uint32_t bit)
{
    uint32_t lvt = vlapic_get(vl, VLAPIC_LVT_ERROR);
    uint8_t vector = (uint8_t)lvt;
    bool news = !(vl->esr_pending & bit);

    vl->esr_pending |= bit;
    if (!news || (lvt & LVT_MASKED)) {
        return;
    }
    if (vector < 16) {
        vl->esr_pending |= ESR_RECV_ILLEGAL; /* not a vector either; no second error for it */
        return;
    }
    vlapic_set_irq(vl, vector, false);
}

bool vlapic_set_irq(struct vlapic *vl, uint8_t vector, bool level)
{
    uint32_t bit = 1u << (vector & 31), *irr = vector_word(vl, VLAPIC_IRR, vector),
             *tmr = vector_word(vl, VLAPIC_TMR, vector);
    bool fresh;

    if (!vlapic_sw_enabled(vl)) {
        return false;
    }
    if (vector < 16) {
        vlapic_error(vl, ESR_RECV_ILLEGAL);
        return false;
    }
    fresh = !(*irr & bit);
    *irr |= bit;
    *tmr = level ? *tmr | bit : *tmr & ~bit;
    return fresh;
}

uint8_t vlapic_ppr(const struct vlapic *vl)
{
    uint8_t tpr = (uint8_t)vlapic_get(vl, VLAPIC_TPR), isr = 0;

    highest(vl, VLAPIC_ISR, &isr);
    return (tpr & 0xf0) >= (isr & 0xf0) ? tpr : isr & 0xf0;
}

bool vlapic_highest_irr(const struct vlapic *vl, uint8_t *vector)
{
    return vlapic_hw_enabled(vl) && highest(vl, VLAPIC_IRR, vector);
}

bool vlapic_next_vector(const struct vlapic *vl, uint8_t *vector)
{
    return vlapic_highest_irr(vl, vector) && (*vector & 0xf0) > (vlapic_ppr(vl) & 0xf0);
}

void vlapic_ack(struct vlapic *vl, uint8_t vector)
{
    uint32_t bit = 1u << (vector & 31);

    *vector_word(vl, VLAPIC_IRR, vector) &= ~bit;
    *vector_word(vl, VLAPIC_ISR, vector) |= bit;
}

void vlapic_eoi(struct vlapic *vl, struct vlapic_effect *fx)
{
    uint32_t bit;
    uint8_t vector;

    if (!highest(vl, VLAPIC_ISR, &vector)) {
        return;
    }
    bit = 1u << (vector & 31);
    *vector_word(vl, VLAPIC_ISR, vector) &= ~bit;
    if (*vector_word(vl, VLAPIC_TMR, vector) & bit) {
        fx->eoi_level = true;
        fx->eoi_vector = vector;
    }
}

uint8_t vlapic_cr8(const struct vlapic *vl)
{
    return (uint8_t)(vlapic_get(vl, VLAPIC_TPR) >> 4) & 0xf;
}

void vlapic_set_cr8(struct vlapic *vl, uint8_t cr8)
{
    vlapic_put(vl, VLAPIC_TPR, (uint32_t)(cr8 & 0xf) << 4);
}

bool vlapic_local_irq(struct vlapic *vl, enum vlapic_reg lvt, enum vlapic_delivery *mode)
{
    uint32_t val = vlapic_get(vl, lvt);

    if (!vlapic_hw_enabled(vl) || (val & LVT_MASKED)) {
        return false;
    }
    *mode = (enum vlapic_delivery)((val >> 8) & 7);
    if (*mode == VLAPIC_FIXED) {
        vlapic_set_irq(vl, (uint8_t)val, (val >> 15) & 1);
    }
    return true;
}

/* --- destinations ------------------------------------------------------------------------------- */

static bool matches_logical(const struct vlapic *vl, uint32_t dest)
{
    uint32_t ldr = vlapic_get(vl, VLAPIC_LDR);
    uint8_t id, to = (uint8_t)dest;

    if (vlapic_x2apic(vl)) {
        return (ldr >> 16) == (dest >> 16) && (ldr & dest & 0xffff);
    }
    if (dest > 0xff) {
        return false;
    }
    id = (uint8_t)(ldr >> 24);
    if ((vlapic_get(vl, VLAPIC_DFR) >> 28) == 0xf) {
        return id & to; /* flat: a bit each */
    }
    /* cluster: number and four bits; cluster 15 is all of them */
    return ((to >> 4) == 0xf || (to >> 4) == (id >> 4)) && (to & id & 0xf);
}

bool vlapic_matches_dest(const struct vlapic *vl, uint32_t dest, bool logical)
{
    if (!vlapic_hw_enabled(vl)) {
        return false;
    }
    if (dest == VLAPIC_BROADCAST || (!vlapic_x2apic(vl) && dest == 0xff && !logical)) {
        return true;
    }
    return logical ? matches_logical(vl, dest) : dest == vl->id;
}

bool vlapic_ipi_targets(const struct vlapic *vl, const struct vlapic_ipi *ipi)
{
    bool self = vl->id == ipi->source_id;

    switch (ipi->shorthand) {
    case 1:
        return self;
    case 2:
        return true;
    case 3:
        return !self;
    default:
        return vlapic_matches_dest(vl, ipi->dest, ipi->logical);
    }
}

/* --- save records --------------------------------------------------------------------------------- */

void vlapic_save(const struct vlapic *vl, const struct vlapic_clock *clock, struct hvm_hw_lapic *hw,
                 struct hvm_hw_lapic_regs *regs)
{
    struct vlapic copy = *vl;

    *hw = (struct hvm_hw_lapic){
        .apic_base_msr = vl->base_msr,
        .disabled = (vlapic_hw_enabled(vl) ? 0 : 1) | ((vlapic_get(vl, VLAPIC_SVR) & SVR_ENABLE) ? 0 : 2),
        .timer_divisor = vlapic_timer_divisor(vl),
        .tdt_msr = vl->tsc_deadline_msr,
    };
    vlapic_put(&copy, VLAPIC_TIMER_CURRENT, vlapic_timer_count(vl, clock->now_ns));
    vlapic_put(&copy, VLAPIC_PPR, vlapic_ppr(vl));
    vlapic_put(&copy, VLAPIC_ESR, vlapic_get(vl, VLAPIC_ESR) | vl->esr_pending);
    memcpy(regs->data, copy.page, sizeof(regs->data));
}

bool vlapic_load_hw(struct vlapic *vl, const struct hvm_hw_lapic *hw)
{
    const uint64_t flags = VLAPIC_BASE_BSP | VLAPIC_BASE_X2APIC | VLAPIC_BASE_ENABLE;
    uint64_t mode = hw->apic_base_msr & (VLAPIC_BASE_X2APIC | VLAPIC_BASE_ENABLE);

    if ((hw->apic_base_msr & ~flags) != VLAPIC_DEFAULT_BASE || mode == VLAPIC_BASE_X2APIC ||
        ((mode & VLAPIC_BASE_X2APIC) && !vl->x2apic_allowed)) {
        return false;
    }
    vl->base_msr = hw->apic_base_msr;
    vl->tsc_deadline_msr = hw->tdt_msr;
    vlapic_set_identity(vl);
    return true;
}

bool vlapic_load_regs(struct vlapic *vl, const struct hvm_hw_lapic_regs *regs,
                      const struct vlapic_clock *clock)
{
    static const uint16_t kept[] = {
        VLAPIC_TPR,       VLAPIC_LDR,       VLAPIC_DFR,       VLAPIC_SVR,           VLAPIC_ESR,
        VLAPIC_ICR,       VLAPIC_ICR2,      VLAPIC_LVT_TIMER, VLAPIC_LVT_THERMAL,   VLAPIC_LVT_PERF,
        VLAPIC_LVT_LINT0, VLAPIC_LVT_LINT1, VLAPIC_LVT_ERROR, VLAPIC_TIMER_INITIAL, VLAPIC_TIMER_DIVIDE,
    };
    uint32_t page[256];
    uint64_t tdt = vl->tsc_deadline_msr;

    memcpy(page, regs->data, sizeof(page));
    if ((page[VLAPIC_ISR >> 2] | page[VLAPIC_IRR >> 2]) & 0xffff) {
        return false;
    }
    vlapic_reset(vl);
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        vlapic_put(vl, kept[i], page[kept[i] >> 2]);
    }
    for (unsigned word = 0; word < 24; word++) {
        vlapic_put(vl, VLAPIC_ISR + word * 0x10, page[(VLAPIC_ISR + word * 0x10) >> 2]); /* and TMR, IRR */
    }
    vlapic_put(vl, VLAPIC_TPR, vlapic_get(vl, VLAPIC_TPR) & 0xff);
    vlapic_put(vl, VLAPIC_TIMER_DIVIDE, vlapic_get(vl, VLAPIC_TIMER_DIVIDE) & 0xb);
    vlapic_put(vl, VLAPIC_ICR, vlapic_get(vl, VLAPIC_ICR) & ~(1u << 12));
    vlapic_set_identity(vl);
    vl->tsc_deadline_msr = tdt;
    if ((vlapic_get(vl, VLAPIC_LVT_TIMER) & TIMER_MODE) == TIMER_DEADLINE) {
        vlapic_timer_write_deadline(vl, tdt, clock);
    } else {
        vlapic_timer_restart(vl, page[VLAPIC_TIMER_CURRENT >> 2], clock->now_ns);
    }
    return true;
}
