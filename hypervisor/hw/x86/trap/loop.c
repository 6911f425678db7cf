/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pCPU's main loop: where every entry from a guest ends and where a pCPU without work waits. */
#include <hw/x86/trap/internal.h>
#include <hw/x86/trap/trap.h>
#include <base/softirq.h>
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
        v = current_vcpu();
        if (v->sched.is_idle) {
            sti_hlt();
        } else if (is_pv(v->domain)) {
            pv_run(x86_vcpu(v));
        } else {
            pvh_run(x86_vcpu(v));
        }
    }
}
