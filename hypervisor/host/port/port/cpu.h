/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Contract calls of one instruction, for Linux programs: a simulated pCPU is a thread-local number. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct vcpu;
extern _Thread_local unsigned int host_pcpu;
extern _Thread_local bool host_irqs_on;
extern struct vcpu *host_current[];

static inline unsigned int pcpu_id(void)
{
    return host_pcpu;
}

static inline struct vcpu *current_vcpu(void)
{
    return host_current[host_pcpu];
}

static inline void set_current_vcpu(struct vcpu *v)
{
    host_current[host_pcpu] = v;
}

/* What others do while this pCPU spins; NULL with real threads. */
extern void (*host_on_relax)(void);

static inline void cpu_relax(void)
{
    if (host_on_relax) {
        host_on_relax();
    }
}

static inline void irq_disable(void)
{
    host_irqs_on = false;
}

static inline void irq_enable(void)
{
    host_irqs_on = true;
}

static inline unsigned long irq_save(void)
{
    unsigned long flags = host_irqs_on;

    host_irqs_on = false;
    return flags;
}

static inline void irq_restore(unsigned long flags)
{
    host_irqs_on = flags;
}

static inline bool irqs_enabled(void)
{
    return host_irqs_on;
}

uint64_t port_now_ns(void);

static inline uint64_t port_cycles(void)
{
    return port_now_ns();
}
