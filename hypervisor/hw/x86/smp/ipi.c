/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/smp/ipi.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/apic/vectors.h>
#include <hw/x86/cpu/insn.h>
#include <base/context.h>
#include <base/counters.h>
#include <base/percpu.h>

#define ADDRESS_NONE 0ull
#define ADDRESS_ALL  1ull /* no page begins there */

/*
 * A flush request: the senders join what they want into `address`, then draw a number from `wanted`; the target takes the number, then the
 * address, flushes, and publishes the number in `done`.
 */
struct flush_box {
    uint64_t address;
    uint32_t wanted;
    uint32_t done;
};
static DEFINE_PER_CPU(struct flush_box, flush_box);

/* One call at a time in the machine. `pending`: have not begun; `unfinished`: not done either. */
static struct {
    uint32_t is_taken;
    void (*fn)(void *arg);
    void *arg;
    uint64_t pending, unfinished;
    bool wait;
} call;

/* 64 bits here, 32 in the frames' words: the clock's upper half says what an old stamp can be at most. */
static uint64_t tlb_clock;
static DEFINE_PER_CPU(uint64_t, tlb_time);

cpuset_t cpus_online, cpus_present;

static cpuset_t others(cpuset_t cpus)
{
    return (cpuset_t){cpus.bits & cpus_online.bits & ~cpuset_of(pcpu_id()).bits};
}

/* --- the TLB clock --- */

uint32_t port_tlb_clock(void)
{
    return (uint32_t)__atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
}

cpuset_t port_tlb_stale(cpuset_t cpus, uint32_t stamp)
{
    uint64_t now = __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
    uint64_t when = (now & ~0xffffffffull) | stamp;
    cpuset_t stale = CPUSET_NONE;

    if (when > now) {
        /* from before the low half wrapped; one older than that is taken for newer, which names too many CPUs */
        when = when >= BIT(32) ? when - BIT(32) : 0;
    }
    for (uint64_t left = cpus.bits & cpus_online.bits; left; left &= left - 1) {
        unsigned int cpu = ffs64(left) - 1;

        if (__atomic_load_n(&per_cpu(tlb_time, cpu), __ATOMIC_ACQUIRE) <= when) {
            stale.bits |= BIT(cpu);
        }
    }
    return stale;
}

uint64_t tlb_flush_begin(void)
{
    return __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
}

void tlb_flush_end(uint64_t when)
{
    __atomic_store_n(&this_cpu(tlb_time), when, __ATOMIC_RELEASE);
}

void tlb_flush_local(void)
{
    unsigned long flags = irq_save();
    uint64_t when = tlb_flush_begin();

    count(COUNTER_tlb_flushes);
    write_cr3(read_cr3());
    tlb_flush_end(when);
    irq_restore(flags);
}

void tlb_flush_local_all(void)
{
    unsigned long flags = irq_save();
    uint64_t when = tlb_flush_begin(), cr4 = read_cr4();

    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
    tlb_flush_end(when);
    irq_restore(flags);
}

/* --- flushes elsewhere --- */

void ipi_flush_interrupt(void)
{
    unsigned long flags = irq_save();
    struct flush_box *box = &this_cpu(flush_box);
    uint32_t wanted = __atomic_load_n(&box->wanted, __ATOMIC_ACQUIRE);

    if (wanted != __atomic_load_n(&box->done, __ATOMIC_RELAXED)) {
        uint64_t address = __atomic_exchange_n(&box->address, ADDRESS_NONE, __ATOMIC_ACQ_REL);

        if (address == ADDRESS_ALL) {
            tlb_flush_local();
        } else if (address != ADDRESS_NONE) {
            invlpg(address);
        }
        __atomic_store_n(&box->done, wanted, __ATOMIC_RELEASE);
    }
    irq_restore(flags);
}

/* Serve what others want of this CPU; for loops that wait for others. */
static void serve(void)
{
    ipi_flush_interrupt();
    ipi_call_interrupt();
    cpu_relax();
}

static void ask_for_flush(unsigned int cpu, uint64_t address)
{
    struct flush_box *box = &per_cpu(flush_box, cpu);
    uint64_t old = __atomic_load_n(&box->address, __ATOMIC_RELAXED), both;

    do {
        both = old == ADDRESS_NONE || old == address ? address : ADDRESS_ALL;
    } while (
        !__atomic_compare_exchange_n(&box->address, &old, both, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

static void flush_others(cpuset_t cpus, uint64_t address)
{
    uint32_t number[MAX_PCPUS];

    if (cpuset_is_empty(cpus)) {
        return;
    }
    count(COUNTER_tlb_requests);
    for (uint64_t left = cpus.bits; left; left &= left - 1) {
        unsigned int cpu = ffs64(left) - 1;

        ask_for_flush(cpu, address);
        number[cpu] = __atomic_add_fetch(&per_cpu(flush_box, cpu).wanted, 1, __ATOMIC_SEQ_CST);
        apic_send(cpu, VECTOR_FLUSH);
    }
    for (uint64_t left = cpus.bits; left; left &= left - 1) {
        unsigned int cpu = ffs64(left) - 1;

        while ((int32_t)(__atomic_load_n(&per_cpu(flush_box, cpu).done, __ATOMIC_ACQUIRE) - number[cpu]) <
               0) {
            serve();
        }
    }
}

void port_flush_tlb(cpuset_t cpus)
{
    if (cpuset_has(cpus, pcpu_id())) {
        tlb_flush_local();
    }
    flush_others(others(cpus), ADDRESS_ALL);
}

void port_flush_tlb_page(cpuset_t cpus, vaddr_t va)
{
    if (cpuset_has(cpus, pcpu_id())) {
        invlpg(va);
    }
    flush_others(others(cpus), va & PAGE_MASK);
}

/* --- calls --- */

void ipi_call_interrupt(void)
{
    uint64_t me = cpuset_of(pcpu_id()).bits;
    void (*fn)(void *arg);
    void *arg;
    bool wait;

    if (!(__atomic_load_n(&call.pending, __ATOMIC_ACQUIRE) & me)) {
        return;
    }
    fn = call.fn;
    arg = call.arg;
    wait = call.wait;
    /* from here on the sender may reuse the structure, unless it waits for us */
    if (!(__atomic_fetch_and(&call.pending, ~me, __ATOMIC_ACQ_REL) & me)) {
        return;
    }
    fn(arg);
    if (wait) {
        __atomic_fetch_and(&call.unfinished, ~me, __ATOMIC_RELEASE);
    }
}

static void call_others(cpuset_t cpus, void (*fn)(void *arg), void *arg, bool wait)
{
    while (__atomic_exchange_n(&call.is_taken, 1, __ATOMIC_ACQUIRE)) {
        serve();
    }
    call.fn = fn;
    call.arg = arg;
    call.wait = wait;
    call.unfinished = cpus.bits;
    __atomic_store_n(&call.pending, cpus.bits, __ATOMIC_RELEASE);
    for (uint64_t left = cpus.bits; left; left &= left - 1) {
        apic_send(ffs64(left) - 1, VECTOR_CALL);
    }
    while (__atomic_load_n(wait ? &call.unfinished : &call.pending, __ATOMIC_ACQUIRE)) {
        serve();
    }
    __atomic_store_n(&call.is_taken, 0, __ATOMIC_RELEASE);
}

void port_call_on(cpuset_t cpus, void (*fn)(void *arg), void *arg, bool wait)
{
    cpuset_t rest = others(cpus);

    ASSERT(!wait || (irqs_enabled() && !in_irq()));
    if (!cpuset_is_empty(rest)) {
        call_others(rest, fn, arg, wait);
    }
    if (cpuset_has(cpus, pcpu_id())) {
        unsigned long flags = irq_save();

        fn(arg);
        irq_restore(flags);
    }
}

void port_kick_cpu(unsigned int cpu)
{
    if (cpu != pcpu_id()) {
        apic_send(cpu, VECTOR_KICK);
    }
}
