/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs that are offline: port_cpu_park(), port_cpu_unpark(). A parked CPU halts inside the handler of SOFTIRQ_PARK, with interrupts on, out of
 * cpus_online. So who sent it something just before it went is served as ever, and an NMI or a machine check finds its tables in place. When another
 * softirq is due the handler goes out and, raised again, comes back in after it.
 *
 * It holds nothing of a guest's: it idles, on the hypervisor's own page tables. Flushes pass it by, so it flushes everything when it is back in cpus_online.
 */
#include <hw/x86/smp/smp.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/watchdog.h>
#include <hw/x86/smp/ipi.h>
#include <base/contract.h>
#include <base/percpu.h>
#include <base/softirq.h>

enum park_state { RUNS, LEAVES, PARKED, RETURNS };

static DEFINE_PER_CPU(uint32_t, park_state);

static enum park_state state_of(unsigned int cpu)
{
    return (enum park_state)__atomic_load_n(&per_cpu(park_state, cpu), __ATOMIC_ACQUIRE);
}

static void set_state(unsigned int cpu, enum park_state s)
{
    __atomic_store_n(&per_cpu(park_state, cpu), s, __ATOMIC_RELEASE);
}

static void leave(unsigned int cpu)
{
    cpuset_remove_atomic(&cpus_online, cpu);
    port_timer_arm(0);
    set_state(cpu, PARKED);
}

/* Into cpus_online first: what changes from then on is flushed here too, and what changed before is forgotten now. Interrupts off. */
static void come_back(unsigned int cpu)
{
    cpuset_add_atomic(&cpus_online, cpu);
    tlb_flush_local_all();
    set_state(cpu, RUNS);
}

/* SOFTIRQ_PARK. */
static void park(void)
{
    unsigned int cpu = pcpu_id();

    if (state_of(cpu) == LEAVES) {
        leave(cpu);
    }
    while (state_of(cpu) != RUNS) {
        irq_disable();
        if (state_of(cpu) == RETURNS) {
            come_back(cpu);
            irq_enable();
        } else if (softirq_pending()) {
            irq_enable();
            softirq_raise(SOFTIRQ_PARK);
            return;
        } else {
            sti_hlt();
        }
    }
}

static void wait_for(unsigned int cpu, enum park_state wanted)
{
    while (state_of(cpu) != wanted) {
        cpu_relax();
    }
}

void port_cpu_park(unsigned int cpu)
{
    set_state(cpu, LEAVES);
    softirq_raise_on(cpu, SOFTIRQ_PARK);
    wait_for(cpu, PARKED);
    watchdog_leave_cpu(cpu);
}

void port_cpu_unpark(unsigned int cpu)
{
    watchdog_join_cpu(cpu);
    set_state(cpu, RETURNS);
    port_kick_cpu(cpu);
    wait_for(cpu, RUNS);
}

void park_init(void)
{
    softirq_set_handler(SOFTIRQ_PARK, park);
}
