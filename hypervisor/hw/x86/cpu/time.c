/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/cpu/time.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/mca.h>
#include <hw/drivers/clocks.h>
#include <base/assert.h>
#include <base/log.h>
#include <base/softirq.h>

#define MEASURE_MS      20u
#define SAMPLES         8u
#define UNMEASURED_HZ   4000000000ull
#define TIMER_TICKS_MAX 0xfffffff0ull

struct sample {
    uint64_t tsc, ref;
    uint32_t apic;
};

uint64_t boot_tsc;
static uint64_t hz;
static uint32_t scale_mul;
static int8_t scale_shift;
static uint64_t apic_ticks_per_ns; /* 32.32 fixed point */
static uint64_t tsc_ticks_per_ns;  /* 32.32 fixed point */
static bool has_deadline_msr;
static uint64_t wallclock_base_ns;

static DEFINE_PER_CPU(uint64_t, timer_deadline);
/* What to add to this CPU's TSC to get the boot CPU's; 0 on all sane machines. */
DEFINE_PER_CPU(uint64_t, tsc_correction);

static uint64_t mul_32_32(uint64_t value, uint64_t factor)
{
    return (uint64_t)((unsigned __int128)value * factor >> 32);
}

static uint64_t fixed_per_ns(uint64_t frequency)
{
    return (uint64_t)(((unsigned __int128)frequency << 32) / SECONDS(1));
}

static uint64_t scale(uint64_t ticks)
{
    ticks = scale_shift < 0 ? ticks >> -scale_shift : ticks << scale_shift;
    return mul_32_32(ticks, scale_mul);
}

/* The closest of several readings: something may interrupt us in the middle of one. */
static struct sample take_sample(const struct ref_clock *ref)
{
    struct sample best = {0};
    uint64_t best_width = ~0ull;

    for (unsigned int i = 0; i < SAMPLES; i++) {
        uint64_t before = rdtsc_ordered();
        uint64_t ref_now = ref->read();
        uint32_t apic_now = apic_timer_remaining();
        uint64_t width = rdtsc_ordered() - before;

        if (width < best_width) {
            best_width = width;
            best = (struct sample){before + width / 2, ref_now, apic_now};
        }
    }
    return best;
}

/* The multiplier gets all its 32 bits: ticks are shifted until there are between one and two in a nanosecond. */
static void set_scale(void)
{
    const unsigned __int128 one_ns = (unsigned __int128)SECONDS(1) << 32;

    scale_shift = 0;
    while (hz >> -scale_shift > 2 * SECONDS(1)) {
        scale_shift--;
    }
    while (scale_shift >= 0 && hz << scale_shift <= SECONDS(1)) {
        scale_shift++;
    }
    scale_mul = (uint32_t)(scale_shift < 0 ? (one_ns << -scale_shift) / hz : one_ns / (hz << scale_shift));
}

void time_init(void)
{
    const struct ref_clock *ref = ref_clock_find();
    uint64_t wait = ref->hz * MEASURE_MS / 1000, ref_ticks, apic_hz;
    struct sample start, end;

    apic_timer_start(~0u);
    start = take_sample(ref);
    while (((ref->read() - start.ref) & ref->mask) < wait) {
        cpu_relax();
    }
    end = take_sample(ref);
    apic_timer_start(0);
    ref_ticks = (end.ref - start.ref) & ref->mask;
    hz = (uint64_t)((unsigned __int128)(end.tsc - start.tsc) * ref->hz / ref_ticks);
    apic_hz = (uint64_t)((unsigned __int128)(start.apic - end.apic) * ref->hz / ref_ticks);
    set_scale();
    tsc_ticks_per_ns = fixed_per_ns(hz);
    apic_ticks_per_ns = fixed_per_ns(apic_hz);
    has_deadline_msr = cpuid(1, 0).ecx & BIT(24);
    wallclock_base_ns = SECONDS(rtc_read_seconds()) - port_now_ns();
    log_info("Time: TSC %lu.%03lu MHz, APIC timer %lu.%03lu MHz%s, by %s", hz / 1000000, hz / 1000 % 1000,
             apic_hz / 1000000, apic_hz / 1000 % 1000, has_deadline_msr ? " (deadlines by TSC)" : "",
             ref->name);
}

void time_init_cpu(void)
{
    apic_timer_set_mode(has_deadline_msr);
}

bool tsc_scale(uint32_t *mul, int8_t *shift)
{
    *mul = scale_mul;
    *shift = scale_shift;
    return hz != 0;
}

uint64_t tsc_hz(void)
{
    return hz;
}

uint64_t tsc_to_ns(uint64_t tsc)
{
    return scale(tsc + this_cpu(tsc_correction) - boot_tsc);
}

void tsc_now(uint64_t *tsc, uint64_t *now_ns)
{
    *tsc = rdtsc_ordered();
    *now_ns = tsc_to_ns(*tsc);
}

uint64_t port_now_ns(void)
{
    return hz ? tsc_to_ns(rdtsc_ordered()) : 0;
}

uint64_t port_wallclock_base_ns(void)
{
    return wallclock_base_ns;
}

void time_spin_ns(uint64_t ns)
{
    uint64_t start = rdtsc_ordered();
    uint64_t ticks = mul_32_32(ns, hz ? tsc_ticks_per_ns : fixed_per_ns(UNMEASURED_HZ));

    while (rdtsc_ordered() - start < ticks) {
        cpu_relax();
    }
}

void port_delay_ns(uint64_t ns)
{
    time_spin_ns(ns);
}

/* Interrupts off. */
static void start_timer(uint64_t delta_ns)
{
    if (has_deadline_msr) {
        wrmsr(MSR_TSC_DEADLINE, rdtsc_ordered() + mul_32_32(delta_ns, tsc_ticks_per_ns) + 1);
    } else {
        apic_timer_start((uint32_t)MIN(mul_32_32(delta_ns, apic_ticks_per_ns) + 1, TIMER_TICKS_MAX));
    }
}

static void stop_timer(void)
{
    if (has_deadline_msr) {
        wrmsr(MSR_TSC_DEADLINE, 0);
    } else {
        apic_timer_start(0);
    }
}

/* Fire now, or start the hardware for the time that is left. Interrupts off. */
static void check_deadline(uint64_t now)
{
    uint64_t deadline = this_cpu(timer_deadline);

    if (deadline == 0) {
        return;
    }
    if (deadline <= now) {
        this_cpu(timer_deadline) = 0;
        softirq_raise(SOFTIRQ_TIMER);
    } else {
        start_timer(deadline - now);
    }
}

void port_timer_arm(uint64_t deadline_ns)
{
    unsigned long flags = irq_save();

    if (deadline_ns == 0 && this_cpu(timer_deadline) != 0) {
        stop_timer();
    }
    this_cpu(timer_deadline) = deadline_ns;
    check_deadline(port_now_ns());
    irq_restore(flags);
}

void time_interrupt(void)
{
    uint64_t now = port_now_ns();

    mca_poll_when_due(now);
    check_deadline(now); /* too early, when the deadline was further away than the hardware counts */
}
