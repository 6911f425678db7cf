/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU's registers to the log, for debug keys. */
#include <base/log.h>
#include <core/hypercall/arch.h>
#include <guest/x86/common/x86_domain.h>

void arch_dump_vcpu(struct vcpu *v)
{
    const struct x86_vcpu *xv = x86_vcpu(v);
    const struct x86_regs *r = &xv->regs;

    if (xv->pv) {
        log_info("    rip %016lx cs %04x rflags %08lx rsp %016lx ss %04x entry %lx%s\n",
                 (unsigned long)r->rip, (unsigned int)r->cs, (unsigned long)r->rflags, (unsigned long)r->rsp,
                 (unsigned int)r->ss, (unsigned long)r->entry_vector, xv->is_kernel_mode ? " (kernel)" : "");
    } else { /* the rest of its state is the processor's while it runs */
        log_info("    rip %016lx rflags %08lx rsp %016lx\n", (unsigned long)r->rip, (unsigned long)r->rflags,
                 (unsigned long)r->rsp);
    }
    log_info("    rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", (unsigned long)r->rax,
             (unsigned long)r->rbx, (unsigned long)r->rcx, (unsigned long)r->rdx);
    log_info("    rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", (unsigned long)r->rsi,
             (unsigned long)r->rdi, (unsigned long)r->rbp, (unsigned long)r->r8);
    log_info("    r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", (unsigned long)r->r9, (unsigned long)r->r10,
             (unsigned long)r->r11, (unsigned long)r->r12);
    log_info("    r13 %016lx r14 %016lx r15 %016lx\n", (unsigned long)r->r13, (unsigned long)r->r14,
             (unsigned long)r->r15);
    if (xv->pv) {
        log_info("    cr3 %lx\n", (unsigned long)mfn_to_paddr(xv->cr3));
    }
}
