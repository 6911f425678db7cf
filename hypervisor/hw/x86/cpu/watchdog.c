/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See watchdog.h. A CPU that is found stuck is sent an NMI; its handler panics, so that what is shown is what that CPU was doing. */
#include <hw/x86/cpu/watchdog.h>
#include <hw/drivers/clocks.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/apic/irq.h>
#include <hw/x86/boot/panic.h>
#include <hw/x86/cpu/time.h>
#include <hw/x86/trap/trap.h>
#include <core/param/options.h>
#include <base/log.h>
#include <base/percpu.h>
#include <core/timer/heartbeat.h>
#include <core/timer/timer.h>

#define TIMEOUT_MAX_S 3600u
#define BEATS_IN_TIME 4u /* beats in a timeout, at least */
#define BEAT_MAX_NS   SECONDS(1)
#define ANSWER_NS     SECONDS(1)     /* an NMI is taken within this time, or never */
#define TICK_WAIT_NS  MILLISECS(300) /* some five of the PIT's ticks */

struct beat {
    struct timer timer;
    uint64_t count;      /* written by this CPU alone, atomic */
    uint64_t accused_ns; /* when somebody sent an NMI because this CPU seemed stuck; 0: nobody. Atomic */
    uint64_t accused_at; /* and how many beats it had then */
    struct heartbeat_watch neighbour; /* of the next CPU, as this one sees it */
};

static DEFINE_PER_CPU(struct beat, beat);
static struct heartbeat_watch seen_by_tick[MAX_PCPUS]; /* the boot CPU's NMI handler alone */
static uint64_t timeout_ns, beat_ns;
static uint32_t tick_count;
static uint64_t last_tick_ns; /* when the PIT sent the last one that was counted */
static bool is_on, has_ticks;

static uint64_t beats_of(unsigned int cpu)
{
    return __atomic_load_n(&per_cpu(beat, cpu).count, __ATOMIC_RELAXED);
}

void watchdog_touch(void)
{
    __atomic_fetch_add(&this_cpu(beat).count, 1, __ATOMIC_RELAXED);
}

static _Noreturn void stuck(const struct x86_regs *regs)
{
    struct panic_regs p;

    trap_panic_regs(&p, regs);
    panic_set_kind(CRASH_WATCHDOG);
    panic_with_regs(&p, "Watchdog: CPU %u is stuck (%s): no timer has run there for %lu seconds", pcpu_id(),
                    regs->cs & 3 ? "in a guest" : "in the hypervisor", (unsigned long)opt_watchdog_timeout);
}

/* @cpu seems stuck: let it say so itself; when it does not even take NMIs, say it here. */
static void accuse(unsigned int cpu, uint64_t now)
{
    uint64_t *accused = &per_cpu(beat, cpu).accused_ns, since = 0;

    if (__atomic_compare_exchange_n(accused, &since, now, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        __atomic_store_n(&per_cpu(beat, cpu).accused_at, beats_of(cpu), __ATOMIC_SEQ_CST);
        apic_send_nmi(cpu);
    } else if (since + ANSWER_NS < now) {
        panic_set_kind(CRASH_WATCHDOG);
        panic_with_regs(NULL, "Watchdog: CPU %u is stuck and takes no NMI (seen by CPU %u)", cpu, pcpu_id());
    }
}

static void beat(void *arg)
{
    struct beat *b = &this_cpu(beat);
    uint64_t now = port_now_ns();
    unsigned int next = heartbeat_neighbour(cpus_online.bits, pcpu_id());

    watchdog_touch();
    if (next != pcpu_id() && heartbeat_look(&b->neighbour, beats_of(next), now, timeout_ns)) {
        accuse(next, now);
    }
    (void)timer_set(&b->timer, now + beat_ns);
}

/* --- the NMI ------------------------------------------------------------------------------------------------------------------------------------------ */

/* Is this NMI a tick of the PIT? Of two ticks that come as one NMI, one is lost; of an NMI that is no tick nothing is. */
static bool take_tick(uint64_t now)
{
    uint64_t at;

    if (!opt_watchdog_force) {
        return true;
    }
    at = now - MIN(now, pit_tick_age_ns());
    /* the age is read some time after `now`: the same tick's time comes out a little different each time */
    if (at < last_tick_ns + PIT_TICK_NS / 2) {
        return false;
    }
    last_tick_ns = at;
    return true;
}

static void tick(const struct x86_regs *regs, uint64_t now)
{
    tick_count++;
    for (uint64_t left = is_on ? cpus_online.bits : 0; left; left &= left - 1) {
        unsigned int cpu = ffs64(left) - 1;

        if (!heartbeat_look(&seen_by_tick[cpu], beats_of(cpu), now, timeout_ns)) {
            continue;
        }
        if (cpu == pcpu_id()) {
            stuck(regs);
        }
        accuse(cpu, now);
    }
}

bool watchdog_nmi(const struct x86_regs *regs)
{
    uint64_t now;

    if (__atomic_exchange_n(&this_cpu(beat).accused_ns, 0, __ATOMIC_SEQ_CST) != 0) {
        if (is_on && this_cpu(beat).count == this_cpu(beat).accused_at) {
            stuck(regs);
        }
        return true; /* it has come to life in between */
    }
    if (!has_ticks || pcpu_id() != 0) {
        return false;
    }
    now = port_now_ns();
    if (!take_tick(now)) {
        return false;
    }
    tick(regs, now);
    return true;
}

/* --- start -------------------------------------------------------------------------------------------------------------------------------------------- */

/* Ticks by NMI, if this machine has them. */
static bool start_ticks(void)
{
    uint64_t start;

    has_ticks = true;
    pit_start_ticks();
    if (irq_route_nmi(irq_isa_gsi(0)) != 0) {
        has_ticks = false;
        return false;
    }
    start = port_now_ns();
    while (__atomic_load_n(&tick_count, __ATOMIC_RELAXED) < 2 && port_now_ns() - start < TICK_WAIT_NS) {
        cpu_relax();
    }
    return tick_count >= 2;
}

void watchdog_start(void)
{
    bool ticks;

    if (!opt_watchdog) {
        return;
    }
    opt_watchdog_timeout = MIN(MAX(opt_watchdog_timeout, 1ull), (uint64_t)TIMEOUT_MAX_S);
    timeout_ns = SECONDS(opt_watchdog_timeout);
    beat_ns = MIN(timeout_ns / BEATS_IN_TIME, (uint64_t)BEAT_MAX_NS);
    for (uint64_t left = cpus_online.bits; left; left &= left - 1) {
        unsigned int cpu = ffs64(left) - 1;
        struct beat *b = &per_cpu(beat, cpu);

        timer_init(&b->timer, beat, NULL, cpu);
        (void)timer_set(&b->timer, port_now_ns() + beat_ns);
    }
    ticks = start_ticks();
    is_on = true;
    log_info("Watchdog: a CPU is stuck when it shows no life for %lu s; watched by its neighbour%s",
             (unsigned long)opt_watchdog_timeout,
             ticks ? " and by NMIs of the PIT"
                   : "; the PIT sends no NMIs here, so all CPUs stuck at once stay unseen");
}

void watchdog_leave_cpu(unsigned int cpu)
{
    timer_stop(&per_cpu(beat, cpu).timer);
}

void watchdog_join_cpu(unsigned int cpu)
{
    struct beat *b = &per_cpu(beat, cpu);

    b->neighbour = (struct heartbeat_watch){0};
    /* who looked at it before it went sees a beat at the next look */
    __atomic_fetch_add(&b->count, 1, __ATOMIC_RELAXED);
    if (is_on) {
        (void)timer_set(&b->timer, port_now_ns() + beat_ns);
    }
}

void watchdog_stop(void)
{
    is_on = false;
}
