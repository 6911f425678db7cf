/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vlapic's registers as the guest sees them: page, MSRs, mode changes, the interrupt command register. */
#include <model/x86/vlapic/vlapic_internal.h>

/* Bits that a guest may write in each LVT entry. */
static uint32_t lvt_bits(unsigned offset)
{
    switch (offset) {
    case VLAPIC_LVT_TIMER:
        return TIMER_MODE | LVT_MASKED | 0xff;
    case VLAPIC_LVT_LINT0:
    case VLAPIC_LVT_LINT1:
        return LVT_MASKED | (1u << 15) | (1u << 13) | 0x7ff;
    case VLAPIC_LVT_ERROR:
        return LVT_MASKED | 0xff;
    default:
        return LVT_MASKED | 0x7ff;
    }
}

static bool is_lvt(unsigned offset)
{
    return offset >= VLAPIC_LVT_TIMER && offset <= VLAPIC_LVT_ERROR;
}

static uint32_t read_register(const struct vlapic *vl, unsigned offset, const struct vlapic_clock *clock)
{
    switch (offset) {
    case VLAPIC_PPR:
        return vlapic_ppr(vl);
    case VLAPIC_TIMER_CURRENT:
        return vlapic_timer_count(vl, clock->now_ns);
    case VLAPIC_ID:
    case VLAPIC_VERSION:
    case VLAPIC_TPR:
    case VLAPIC_LDR:
    case VLAPIC_DFR:
    case VLAPIC_SVR:
    case VLAPIC_ESR:
    case VLAPIC_ICR:
    case VLAPIC_ICR2:
    case VLAPIC_TIMER_INITIAL:
    case VLAPIC_TIMER_DIVIDE:
        return vlapic_get(vl, offset);
    default:
        return is_lvt(offset) || (offset >= VLAPIC_ISR && offset < VLAPIC_ESR) ? vlapic_get(vl, offset) : 0;
    }
}

static void send_ipi(struct vlapic *vl, uint32_t icr, uint32_t dest, struct vlapic_effect *fx)
{
    uint8_t mode = (icr >> 8) & 7, vector = (uint8_t)icr;
    bool level_deassert = (icr & (1u << 15)) && !(icr & (1u << 14));

    if (mode == 3 || mode == 7 || (mode == VLAPIC_INIT && level_deassert)) {
        return; /* reserved; or the deassert that has had no meaning since the first APICs */
    }
    if ((mode == VLAPIC_FIXED || mode == VLAPIC_LOWEST) && vector < 16) {
        vlapic_error(vl, ESR_SEND_ILLEGAL);
        return;
    }
    if (!vlapic_x2apic(vl) && dest == 0xff) {
        dest = VLAPIC_BROADCAST;
    }
    fx->ipi_pending = true;
    fx->ipi = (struct vlapic_ipi){
        .source_id = vl->id,
        .dest = dest,
        .logical = (icr >> 11) & 1,
        .shorthand = (icr >> 18) & 3,
        .mode = mode,
        .vector = vector,
    };
}

static void write_svr(struct vlapic *vl, uint32_t val, struct vlapic_effect *fx)
{
    bool before = vlapic_sw_enabled(vl);

    vlapic_put(vl, VLAPIC_SVR, val & 0x3ff);
    fx->enabled = !before && vlapic_sw_enabled(vl);
    if (!(val & SVR_ENABLE)) {
        for (unsigned reg = VLAPIC_LVT_TIMER; reg <= VLAPIC_LVT_ERROR; reg += 0x10) {
            vlapic_put(vl, reg, vlapic_get(vl, reg) | LVT_MASKED);
        }
    }
}

static void write_lvt(struct vlapic *vl, unsigned offset, uint32_t val, uint64_t now_ns,
                      struct vlapic_effect *fx)
{
    val &= lvt_bits(offset);
    if (!(vlapic_get(vl, VLAPIC_SVR) & SVR_ENABLE)) {
        val |= LVT_MASKED;
    }
    if (offset == VLAPIC_LVT_TIMER) {
        vlapic_timer_write_lvt(vl, val, now_ns);
        fx->timer_changed = true;
    } else {
        vlapic_put(vl, offset, val);
    }
}

/* Registers that both interfaces write alike; @offset is known to be writable. */
static void write_register(struct vlapic *vl, unsigned offset, uint32_t val, const struct vlapic_clock *clock,
                           struct vlapic_effect *fx)
{
    switch (offset) {
    case VLAPIC_TPR:
        vlapic_put(vl, VLAPIC_TPR, val & 0xff);
        break;
    case VLAPIC_EOI:
        vlapic_eoi(vl, fx);
        break;
    case VLAPIC_SVR:
        write_svr(vl, val, fx);
        break;
    case VLAPIC_ESR:
        vlapic_put(vl, VLAPIC_ESR, vl->esr_pending);
        vl->esr_pending = 0;
        break;
    case VLAPIC_TIMER_INITIAL:
        vlapic_timer_write_initial(vl, val, clock->now_ns);
        fx->timer_changed = true;
        break;
    case VLAPIC_TIMER_DIVIDE:
        vlapic_timer_write_divide(vl, val, clock->now_ns);
        fx->timer_changed = true;
        break;
    default:
        if (is_lvt(offset)) {
            write_lvt(vl, offset, val, clock->now_ns, fx);
        }
        break;
    }
}

/* --- the page ------------------------------------------------------------------------------------- */

uint32_t vlapic_mmio_read(const struct vlapic *vl, unsigned offset, unsigned size,
                          const struct vlapic_clock *clock)
{
    unsigned within = offset & 15;
    uint32_t val;

    if (within + size > 4 || offset >= 0x400) {
        return 0;
    }
    val = read_register(vl, offset & ~15u, clock) >> (8 * within);
    return size >= 4 ? val : val & ((1u << (8 * size)) - 1);
}

void vlapic_mmio_write(struct vlapic *vl, unsigned offset, unsigned size, uint32_t val,
                       const struct vlapic_clock *clock, struct vlapic_effect *fx)
{
    if ((offset & 15) || size != 4 || offset >= 0x400) {
        return;
    }
    switch (offset) {
    case VLAPIC_LDR:
        vlapic_put(vl, VLAPIC_LDR, val & 0xff000000);
        break;
    case VLAPIC_DFR:
        vlapic_put(vl, VLAPIC_DFR, val | 0x0fffffff);
        break;
    case VLAPIC_ICR:
        val &= 0x000ccfff; /* delivery status reads as idle */
        vlapic_put(vl, VLAPIC_ICR, val);
        send_ipi(vl, val, vlapic_get(vl, VLAPIC_ICR2) >> 24, fx);
        break;
    case VLAPIC_ICR2:
        vlapic_put(vl, VLAPIC_ICR2, val & 0xff000000);
        break;
    default:
        write_register(vl, offset, val, clock, fx);
        break;
    }
}

/* --- MSRs ----------------------------------------------------------------------------------------- */

static bool write_base(struct vlapic *vl, uint64_t val, struct vlapic_effect *fx)
{
    const uint64_t mode_bits = VLAPIC_BASE_X2APIC | VLAPIC_BASE_ENABLE;
    uint64_t from = vl->base_msr & mode_bits, to = val & mode_bits;

    if ((val & ~(mode_bits | VLAPIC_BASE_BSP)) != VLAPIC_DEFAULT_BASE ||
        ((to & VLAPIC_BASE_X2APIC) && !vl->x2apic_allowed)) {
        return false;
    }
    /* Allowed: off -> xAPIC -> x2APIC -> off, xAPIC -> off; never backwards, never x2APIC without enable. */
    if (to == VLAPIC_BASE_X2APIC || (from == mode_bits && to == VLAPIC_BASE_ENABLE) ||
        (from == 0 && to == mode_bits)) {
        return false;
    }
    vl->base_msr = (vl->base_msr & VLAPIC_BASE_BSP) | VLAPIC_DEFAULT_BASE | to;
    if (from != to) {
        if (to == 0) {
            vlapic_reset(vl);
            fx->timer_changed = true;
        } else {
            vlapic_put(vl, VLAPIC_ICR2, 0);
            vlapic_set_identity(vl);
        }
        fx->base_changed = true;
    }
    return true;
}

bool vlapic_msr_needs_clock(uint32_t msr)
{
    switch (msr) {
    case VLAPIC_MSR_TSC_DEADLINE:
    case VLAPIC_MSR_FIRST + VLAPIC_LVT_TIMER / 16:
    case VLAPIC_MSR_FIRST + VLAPIC_TIMER_INITIAL / 16:
    case VLAPIC_MSR_FIRST + VLAPIC_TIMER_CURRENT / 16:
    case VLAPIC_MSR_FIRST + VLAPIC_TIMER_DIVIDE / 16:
        return true;
    default:
        return false;
    }
}

/* What a 64-bit write must not have set; all ones for registers that cannot be written. */
static uint64_t x2apic_reserved(const struct vlapic *vl, unsigned offset)
{
    switch (offset) {
    case VLAPIC_TPR:
    case VLAPIC_SELF_IPI:
        return ~0xffull;
    case VLAPIC_EOI:
    case VLAPIC_ESR:
        return ~0ull; /* only zero */
    case VLAPIC_SVR:
        return ~0x3ffull;
    case VLAPIC_ICR:
        return 0xfff32000ull;
    case VLAPIC_TIMER_INITIAL:
        return ~0xffffffffull;
    case VLAPIC_TIMER_DIVIDE:
        return ~0xbull;
    default:
        /* Read-only bits (delivery status, remote IRR) may be written back. */
        return ~(uint64_t)(lvt_bits(offset) | (1u << 12) |
                           (offset >= VLAPIC_LVT_LINT0 && offset < VLAPIC_LVT_ERROR ? 1u << 14 : 0));
    }
}

static bool x2apic_writable(unsigned offset)
{
    switch (offset) {
    case VLAPIC_TPR:
    case VLAPIC_EOI:
    case VLAPIC_SVR:
    case VLAPIC_ESR:
    case VLAPIC_ICR:
    case VLAPIC_TIMER_INITIAL:
    case VLAPIC_TIMER_DIVIDE:
    case VLAPIC_SELF_IPI:
        return true;
    default:
        return is_lvt(offset);
    }
}

static bool x2apic_readable(unsigned offset)
{
    switch (offset) {
    case VLAPIC_ID:
    case VLAPIC_VERSION:
    case VLAPIC_PPR:
    case VLAPIC_LDR:
    case VLAPIC_TIMER_CURRENT:
        return true;
    case VLAPIC_EOI:
    case VLAPIC_SELF_IPI:
        return false;
    default:
        return x2apic_writable(offset) || (offset >= VLAPIC_ISR && offset < VLAPIC_ESR);
    }
}

/* Offset of an x2APIC MSR; false when the APIC is in another mode or there is no such register. */
static bool x2apic_offset(const struct vlapic *vl, uint32_t msr, unsigned *offset)
{
    *offset = (msr - VLAPIC_MSR_FIRST) << 4;
    return vlapic_x2apic(vl) && msr >= VLAPIC_MSR_FIRST && *offset < 0x400;
}

bool vlapic_msr_read(const struct vlapic *vl, uint32_t msr, const struct vlapic_clock *clock, uint64_t *val)
{
    unsigned offset;

    if (msr == VLAPIC_MSR_BASE) {
        *val = vl->base_msr;
        return true;
    }
    if (msr == VLAPIC_MSR_TSC_DEADLINE) {
        *val = vl->tsc_deadline_msr;
        return vl->tsc_deadline;
    }
    if (!x2apic_offset(vl, msr, &offset) || !x2apic_readable(offset)) {
        return false;
    }
    *val = read_register(vl, offset, clock);
    if (offset == VLAPIC_ICR) {
        *val |= (uint64_t)vlapic_get(vl, VLAPIC_ICR2) << 32;
    }
    return true;
}

bool vlapic_msr_write(struct vlapic *vl, uint32_t msr, uint64_t val, const struct vlapic_clock *clock,
                      struct vlapic_effect *fx)
{
    unsigned offset;

    if (msr == VLAPIC_MSR_BASE) {
        return write_base(vl, val, fx);
    }
    if (msr == VLAPIC_MSR_TSC_DEADLINE) {
        if (vl->tsc_deadline) {
            vlapic_timer_write_deadline(vl, val, clock);
            fx->timer_changed = true;
        }
        return vl->tsc_deadline;
    }
    if (!x2apic_offset(vl, msr, &offset) || !x2apic_writable(offset) || (val & x2apic_reserved(vl, offset))) {
        return false;
    }
    switch (offset) {
    case VLAPIC_ICR:
        val &= ~(1ull << 12);
        vlapic_put(vl, VLAPIC_ICR, (uint32_t)val);
        vlapic_put(vl, VLAPIC_ICR2, (uint32_t)(val >> 32));
        send_ipi(vl, (uint32_t)val, (uint32_t)(val >> 32), fx);
        break;
    case VLAPIC_SELF_IPI:
        send_ipi(vl, (uint32_t)val | (1u << 18), 0, fx);
        break;
    default:
        write_register(vl, offset, (uint32_t)val, clock, fx);
        break;
    }
    return true;
}
