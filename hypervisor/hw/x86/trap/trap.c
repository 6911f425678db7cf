/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From entry.S to whoever handles the trap: device interrupts to hw/x86/apic, a guest's exceptions to the guest layer, our own to the fixup
 * table or to panic.
 */
#include <hw/x86/trap/trap.h>
#include <hw/x86/trap/internal.h>
#include <guest/x86/common/selectors.h>
#include <base/log.h>
#include <guest/x86/pv/pv.h>
#include <hw/x86/apic/irq.h>
#include <hw/x86/boot/panic.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/mca.h>
#include <hw/x86/cpu/nmi.h>

struct ex_entry {
    int32_t from, to; /* relative to their own addresses */
};
extern const struct ex_entry __ex_table_start[], __ex_table_end[];

enum { TRAP_DEBUG = 1, TRAP_NMI = 2, TRAP_PAGE_FAULT = 14, TRAP_MACHINE_CHECK = 18 };

struct x86_regs *trap_current_regs(void)
{
    return &current_x86()->regs;
}

/* Where to go on after a fault at @rip that was expected; 0: it was not. */
static uint64_t find_fixup(uint64_t rip)
{
    for (const struct ex_entry *e = __ex_table_start; e < __ex_table_end; e++) {
        if ((uint64_t)((intptr_t)&e->from + e->from) == rip) {
            return (uint64_t)((intptr_t)&e->to + e->to);
        }
    }
    return 0;
}

void trap_panic_regs(struct panic_regs *to, const struct x86_regs *r)
{
    *to = (struct panic_regs){
        .r15 = r->r15,
        .r14 = r->r14,
        .r13 = r->r13,
        .r12 = r->r12,
        .r11 = r->r11,
        .r10 = r->r10,
        .r9 = r->r9,
        .r8 = r->r8,
        .rbp = r->rbp,
        .rdi = r->rdi,
        .rsi = r->rsi,
        .rdx = r->rdx,
        .rcx = r->rcx,
        .rbx = r->rbx,
        .rax = r->rax,
        .vector = r->entry_vector,
        .error_code = r->error_code,
        .rip = r->rip,
        .cs = r->cs,
        .rflags = r->rflags,
        .rsp = r->rsp,
        .ss = r->ss,
    };
}

static _Noreturn void die(const struct x86_regs *r, const char *what)
{
    struct panic_regs p;
    const struct vcpu *v = current_vcpu();

    trap_panic_regs(&p, r);
    panic_with_regs(&p, "%s: vector %u, error code 0x%x, cr2 0x%lx, running d%uv%u", what, r->entry_vector,
                    r->error_code, (unsigned long)read_cr2(), v && v->domain ? v->domain->id : DOMID_NONE,
                    v ? v->id : 0);
}

void trap_from_hypervisor(struct x86_regs *regs)
{
    uint64_t fixup;

    if (regs->entry_vector >= 32) {
        hw_interrupt(regs->entry_vector);
        return;
    }
    fixup = find_fixup(regs->rip);
    if (fixup == 0) {
        die(regs, "Unexpected exception in the hypervisor");
    }
    regs->rax = regs->entry_vector; /* what pv_iret_failed() wants to know; others ignore it */
    regs->rdx = regs->entry_vector == TRAP_PAGE_FAULT ? regs->rdx : regs->error_code;
    regs->rip = fixup;
}

struct x86_regs *trap_ist(struct x86_regs *regs)
{
    bool from_guest = regs->cs & 3;

    switch (regs->entry_vector) {
    case TRAP_NMI:
        nmi_interrupt(regs);
        return regs;
    case TRAP_MACHINE_CHECK:
        mca_exception(regs);
        return regs;
    case TRAP_DEBUG:
        if (from_guest) {
            current_x86()->regs = *regs;
            return NULL;
        }
        /* a guest's breakpoint that hit while we read its memory, or its single step over SYSENTER: ours to ignore */
        write_dr6(X86_DR6_RESET);
        regs->rflags &= ~X86_FLAGS_TF;
        return regs;
    default:
        die(regs, "Double fault");
    }
}

void trap_from_guest(struct x86_regs *regs)
{
    if (regs->entry_vector >= 32 && regs->entry_vector != 0x80) {
        hw_interrupt(regs->entry_vector);
        return;
    }
    if (regs->entry_vector == TRAP_PAGE_FAULT) {
        uint64_t cr2 = read_cr2();

        irq_enable();
        pv_page_fault(regs, cr2);
        return;
    }
    irq_enable();
    pv_exception(regs);
}
