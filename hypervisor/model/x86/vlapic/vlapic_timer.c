/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vlapic's timer: one-shot, periodic, TSC deadline.
 *
 * The count is never stored: it follows from timer_start_ns, the moment when it stood at its initial value.
 */
#include <model/x86/vlapic/vlapic_internal.h>

unsigned vlapic_timer_divisor(const struct vlapic *vl)
{
    uint32_t dcr = vlapic_get(vl, VLAPIC_TIMER_DIVIDE);

    return 1u << ((((dcr & 3) | ((dcr >> 1) & 4)) + 1) & 7); /* 0 is 2, 1 is 4 ... 6 is 128, 7 is 1 */
}

static uint64_t cycle_ns(const struct vlapic *vl)
{
    return (uint64_t)VLAPIC_BUS_CYCLE_NS * vlapic_timer_divisor(vl);
}

static uint32_t mode(const struct vlapic *vl)
{
    return vlapic_get(vl, VLAPIC_LVT_TIMER) & TIMER_MODE;
}

uint32_t vlapic_timer_count(const struct vlapic *vl, uint64_t now_ns)
{
    uint32_t initial = vlapic_get(vl, VLAPIC_TIMER_INITIAL);
    uint64_t passed;

    if (mode(vl) == TIMER_DEADLINE || initial == 0) {
        return 0;
    }
    passed = (int64_t)(now_ns - vl->timer_start_ns) > 0 ? (now_ns - vl->timer_start_ns) / cycle_ns(vl) : 0;
    if (mode(vl) == TIMER_PERIODIC) {
        return initial - (uint32_t)(passed % initial);
    }
    return passed >= initial ? 0 : initial - (uint32_t)passed;
}

/* The count is @count now: place the start and the expiry accordingly. */
void vlapic_timer_restart(struct vlapic *vl, uint32_t count, uint64_t now_ns)
{
    uint32_t initial = vlapic_get(vl, VLAPIC_TIMER_INITIAL);
    uint64_t gone;

    vl->deadline_ns = 0;
    if (mode(vl) == TIMER_DEADLINE || initial == 0) {
        return;
    }
    if (count > initial) {
        count = initial;
    }
    gone = (uint64_t)(initial - count) * cycle_ns(vl);
    vl->timer_start_ns = now_ns - gone; /* may wrap below 0; differences do not mind */
    if (count == 0 && mode(vl) != TIMER_PERIODIC) {
        return; /* it has run out already */
    }
    vl->deadline_ns = now_ns + (uint64_t)(count ? count : initial) * cycle_ns(vl);
}

void vlapic_timer_write_initial(struct vlapic *vl, uint32_t val, uint64_t now_ns)
{
    if (mode(vl) == TIMER_DEADLINE) {
        return;
    }
    vlapic_put(vl, VLAPIC_TIMER_INITIAL, val);
    vlapic_timer_restart(vl, val, now_ns);
}

void vlapic_timer_write_divide(struct vlapic *vl, uint32_t val, uint64_t now_ns)
{
    uint32_t count = vlapic_timer_count(vl, now_ns);

    vlapic_put(vl, VLAPIC_TIMER_DIVIDE, val & 0xb);
    vlapic_timer_restart(vl, count, now_ns);
}

void vlapic_timer_write_lvt(struct vlapic *vl, uint32_t val, uint64_t now_ns)
{
    uint32_t old = mode(vl), count = vlapic_timer_count(vl, now_ns);

    if ((val & TIMER_MODE) == TIMER_MODE || (!vl->tsc_deadline && (val & TIMER_DEADLINE))) {
        val &= ~TIMER_DEADLINE; /* reserved */
    }
    vlapic_put(vl, VLAPIC_LVT_TIMER, val);
    if (mode(vl) == old) {
        return;
    }
    if (mode(vl) == TIMER_DEADLINE || old == TIMER_DEADLINE) {
        vlapic_put(vl, VLAPIC_TIMER_INITIAL, 0);
        vl->tsc_deadline_msr = 0;
        vl->deadline_ns = 0;
        return;
    }
    vlapic_timer_restart(vl, count, now_ns);
}

/* Ticks of a clock of @khz in nanoseconds, without overflow for any 64-bit count. */
static uint64_t ticks_to_ns(uint64_t ticks, uint32_t khz)
{
    uint64_t whole = ticks / khz, rest = ticks % khz;

    if (whole > UINT64_MAX / 1000000 - 1) {
        return UINT64_MAX / 2;
    }
    return whole * 1000000 + rest * 1000000 / khz;
}

void vlapic_timer_write_deadline(struct vlapic *vl, uint64_t tsc_deadline, const struct vlapic_clock *clock)
{
    uint64_t delta;

    if (mode(vl) != TIMER_DEADLINE) {
        return;
    }
    vl->tsc_deadline_msr = tsc_deadline;
    vl->deadline_ns = 0;
    if (tsc_deadline == 0 || clock->tsc_khz == 0) {
        return;
    }
    delta = tsc_deadline > clock->tsc ? ticks_to_ns(tsc_deadline - clock->tsc, clock->tsc_khz) : 0;
    vl->deadline_ns = delta > UINT64_MAX - clock->now_ns ? UINT64_MAX : clock->now_ns + delta;
    if (vl->deadline_ns == 0) {
        vl->deadline_ns = 1;
    }
}

void vlapic_tsc_changed(struct vlapic *vl, const struct vlapic_clock *clock)
{
    if (mode(vl) == TIMER_DEADLINE) {
        vlapic_timer_write_deadline(vl, vl->tsc_deadline_msr, clock);
    }
}

bool vlapic_timer_fire(struct vlapic *vl, uint64_t now_ns)
{
    uint32_t lvt = vlapic_get(vl, VLAPIC_LVT_TIMER);
    uint64_t period, missed;

    if (vl->deadline_ns == 0 || now_ns < vl->deadline_ns) {
        return false;
    }
    if (mode(vl) == TIMER_PERIODIC) {
        /* Expiries that nobody looked at are one: IRR has a single bit for them. */
        period = vlapic_get(vl, VLAPIC_TIMER_INITIAL) * cycle_ns(vl);
        missed = (now_ns - vl->deadline_ns) / period;
        vl->deadline_ns += (missed + 1) * period;
        if (vl->deadline_ns < now_ns + VLAPIC_MIN_PERIOD_NS && period < VLAPIC_MIN_PERIOD_NS) {
            vl->deadline_ns = now_ns + VLAPIC_MIN_PERIOD_NS;
        }
    } else {
        vl->deadline_ns = 0;
        vl->tsc_deadline_msr = 0;
    }
    if (!(lvt & LVT_MASKED)) {
        vlapic_set_irq(vl, (uint8_t)lvt, false);
    }
    return true;
}
