/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contract calls of one or a few instructions, for the machine. */
#pragma once
#include <base/layout.h>
#include <stdbool.h>
#include <stdint.h>

struct vcpu;
struct counters;

/* At the very top of each pCPU's stack block. Offsets are known to hw/x86/trap/entry.S. */
struct cpu_info {
    struct vcpu *current;
    uint64_t percpu_offset;
    uint32_t cpu;
    uint32_t pad;
    struct counters *counters; /* this pCPU's: base/counters.h */
};

static inline struct cpu_info *cpu_info(void)
{
    uint64_t sp;

    asm("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}

static inline unsigned int pcpu_id(void)
{
    return cpu_info()->cpu;
}

/* The vCPU whose state is on this pCPU; the idle vCPU when none. Never NULL after start-up. */
static inline struct vcpu *current_vcpu(void)
{
    return cpu_info()->current;
}

static inline void set_current_vcpu(struct vcpu *v)
{
    cpu_info()->current = v;
}

static inline void cpu_relax(void)
{
    asm volatile("pause" ::: "memory");
}

static inline void irq_disable(void)
{
    asm volatile("cli" ::: "memory");
}

static inline void irq_enable(void)
{
    asm volatile("sti" ::: "memory");
}

static inline unsigned long irq_save(void)
{
    unsigned long flags;

    asm volatile("pushfq; popq %0; cli" : "=rm"(flags)::"memory");
    return flags;
}

static inline void irq_restore(unsigned long flags)
{
    if (flags & 0x200) {
        irq_enable();
    }
}

static inline bool irqs_enabled(void)
{
    unsigned long flags;

    asm volatile("pushfq; popq %0" : "=rm"(flags)::"memory");
    return flags & 0x200;
}

/* The processor's counter of cycles: the unit of trace records. */
static inline uint64_t port_cycles(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
