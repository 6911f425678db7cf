/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pCPU's main loop: where every entry from a guest ends and where a pCPU without work waits, or cleans memory. */
#include <hw/x86/trap/internal.h>
#include <hw/x86/trap/trap.h>
#include <base/context.h>
#include <base/counters.h>
#include <base/log.h>
#include <base/softirq.h>
#include <core/memory/heap.h>
#include <guest/x86/pv/pv.h>
#include <guest/x86/pvh/pvh.h>
#include <hw/x86/cpu/insn.h>

_Noreturn void pcpu_loop(void)
{
    for (;;) {
        struct vcpu *v;

        irq_disable();
        while (softirq_pending()) {
            irq_enable();
            softirq_run();
            irq_disable();
        }
        ASSERT_MAY_LEAVE();
        v = current_vcpu();
        if (v->sched.is_idle) {
            if (likely(!heap_scrub_wanted)) {
                count(COUNTER_idle_halts);
                sti_hlt();
            } else {
                if (!heap_scrub_step()) {
                    log_once(log_info, "Idle CPUs have cleared all memory not used since power-on");
                }
                irq_enable(); /* and look for something better to do */
            }
        } else if (is_pv(v->domain)) {
            pv_run(x86_vcpu(v));
        } else {
            pvh_run(x86_vcpu(v));
        }
    }
}
