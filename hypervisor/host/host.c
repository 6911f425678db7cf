/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pCPUs, time, TLB clock: see host.h. Memory is in host_memory.c, console and panic in host_end.c; tests/sim has its own in place of this file. */
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/timer/timer.h>
#include <host/host.h>
#include <stdlib.h>
#include <string.h>

_Thread_local unsigned int host_pcpu;
_Thread_local bool host_irqs_on = true;
struct vcpu *host_current[HOST_MAX_PCPUS];
cpuset_t cpus_online, cpus_present;
uint64_t host_flush_count;
void (*host_on_relax)(void);

static uint64_t now_ns;
static uint64_t deadlines[HOST_MAX_PCPUS]; /* 0: not armed */
static uint64_t kicks;
static uint32_t tlb_clock = 1;
static uint32_t tlb_flushed_at[HOST_MAX_PCPUS];
static bool in_softirq[HOST_MAX_PCPUS];
static uint64_t relax_count; /* since a pCPU last did something */

/* One round of softirqs of the pCPUs that are not in the middle of theirs; false when there was nothing to do. */
static bool run_round(void)
{
    unsigned int me = host_pcpu;
    bool irqs = host_irqs_on;
    bool any = false;

    for (unsigned int i = 0; i < HOST_MAX_PCPUS; i++) {
        if (cpuset_has(cpus_online, i) && !in_softirq[i] && per_cpu(softirq_bits, i) != 0) {
            host_pcpu = i;
            host_irqs_on = true;
            in_softirq[i] = true;
            softirq_run();
            in_softirq[i] = false;
            any = true;
        }
    }
    host_pcpu = me;
    host_irqs_on = irqs;
    return any;
}

static void relax(void)
{
    bool was = in_softirq[host_pcpu];

    in_softirq[host_pcpu] = true;
    if (run_round()) {
        relax_count = 0;
    } else if (++relax_count > 1000000) {
        port_panic("pCPU %u spins for ever", host_pcpu);
    }
    in_softirq[host_pcpu] = was;
}

void host_init(unsigned int cpus, uint64_t memory_bytes)
{
    host_pcpu = 0;
    host_irqs_on = true;
    now_ns = 0;
    kicks = 0;
    host_flush_count = 0;
    host_on_relax = relax;
    relax_count = 0;
    memset(in_softirq, 0, sizeof(in_softirq));
    host_console_to_stderr = getenv("HOST_CONSOLE") != NULL;
    memset(deadlines, 0, sizeof(deadlines));
    host_alloc_fail_after(-1);
    cpus_online = cpus_present = (cpuset_t){cpus == 64 ? ~0ull : (1ull << cpus) - 1};
    host_memory_init(memory_bytes);
    for (unsigned int i = 0; i < cpus; i++) {
        per_cpu(softirq_bits, i) = 0;
        timer_init_cpu(i);
    }
    timer_init_all();
}

/* --- pCPUs ------------------------------------------------------------------------------------------------------------------------------- */

void host_set_pcpu(unsigned int cpu)
{
    host_pcpu = cpu;
}

uint64_t host_take_kicks(void)
{
    return __atomic_exchange_n(&kicks, 0, __ATOMIC_SEQ_CST);
}

void port_kick_cpu(unsigned int cpu)
{
    __atomic_fetch_or(&kicks, 1ull << cpu, __ATOMIC_SEQ_CST);
}

void port_cpu_park(unsigned int cpu)
{
    host_run_softirqs();
    cpuset_remove(&cpus_online, cpu);
}

void port_cpu_unpark(unsigned int cpu)
{
    cpuset_add(&cpus_online, cpu);
}

void port_call_on(cpuset_t cpus, void (*fn)(void *arg), void *arg, bool wait)
{
    unsigned int me = host_pcpu;
    unsigned long flags;

    if (wait && !irqs_enabled()) {
        port_panic("port_call_on() waits with interrupts off");
    }
    flags = irq_save();
    for (unsigned int i = 0; i < HOST_MAX_PCPUS; i++) {
        if (cpuset_has(cpuset_and(cpus, cpus_online), i)) {
            host_pcpu = i;
            fn(arg);
        }
    }
    host_pcpu = me;
    irq_restore(flags);
}

bool host_softirqs_pending(void)
{
    for (unsigned int i = 0; i < HOST_MAX_PCPUS; i++) {
        if (cpuset_has(cpus_online, i) && per_cpu(softirq_bits, i) != 0) {
            return true;
        }
    }
    return false;
}

void host_run_softirqs(void)
{
    while (run_round()) {
    }
}

/* --- time -------------------------------------------------------------------------------------------------------------------------------- */

uint64_t port_now_ns(void)
{
    return now_ns;
}

uint64_t port_wallclock_base_ns(void)
{
    return 1700000000ull * 1000000000ull; /* 2023-11-14 22:13:20 UTC */
}

void port_timer_arm(uint64_t deadline_ns)
{
    deadlines[host_pcpu] = deadline_ns;
    if (deadline_ns != 0 && deadline_ns <= now_ns) {
        deadlines[host_pcpu] = 0;
        softirq_raise(SOFTIRQ_TIMER);
    }
}

void port_delay_ns(uint64_t ns)
{
    now_ns += ns;
}

void host_set_now(uint64_t ns)
{
    now_ns = ns;
}

static unsigned int next_cpu(void)
{
    unsigned int best = HOST_MAX_PCPUS;

    for (unsigned int i = 0; i < HOST_MAX_PCPUS; i++) {
        if (deadlines[i] != 0 && (best == HOST_MAX_PCPUS || deadlines[i] < deadlines[best])) {
            best = i;
        }
    }
    return best;
}

uint64_t host_next_deadline(void)
{
    unsigned int cpu = next_cpu();

    return cpu == HOST_MAX_PCPUS ? UINT64_MAX : deadlines[cpu];
}

void host_advance_to(uint64_t ns)
{
    unsigned int cpu;

    host_run_softirqs();
    while ((cpu = next_cpu()) != HOST_MAX_PCPUS && deadlines[cpu] <= ns) {
        if (deadlines[cpu] > now_ns) {
            now_ns = deadlines[cpu];
        }
        deadlines[cpu] = 0;
        softirq_raise_on(cpu, SOFTIRQ_TIMER);
        host_run_softirqs();
    }
    if (ns > now_ns) {
        now_ns = ns;
    }
}

/* --- TLBs --------------------------------------------------------------------------------------------------------------------------------- */

uint32_t port_tlb_clock(void)
{
    return __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
}

void port_flush_tlb(cpuset_t cpus)
{
    uint32_t t = __atomic_fetch_add(&tlb_clock, 1, __ATOMIC_SEQ_CST) + 1;

    __atomic_fetch_add(&host_flush_count, 1, __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < HOST_MAX_PCPUS; i++) {
        if (cpuset_has(cpus, i)) {
            __atomic_store_n(&tlb_flushed_at[i], t, __ATOMIC_SEQ_CST);
        }
    }
}

void port_flush_tlb_page(cpuset_t cpus, vaddr_t va)
{
    __atomic_fetch_add(&host_flush_count, 1, __ATOMIC_RELAXED);
}

cpuset_t port_tlb_stale(cpuset_t cpus, uint32_t stamp)
{
    cpuset_t out = CPUSET_NONE;

    for (unsigned int i = 0; i < HOST_MAX_PCPUS; i++) {
        if (cpuset_has(cpus, i) && (int32_t)(tlb_flushed_at[i] - stamp) <= 0) {
            out.bits |= 1ull << i;
        }
    }
    return out;
}
