/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PV entries and exits: hypercalls, system calls of the guest's user mode, exceptions, event upcalls, and the bounce frames that these need. */
#include <base/counters.h>
#include <base/guest_access.h>
#include <base/log.h>
#include <base/softirq.h>
#include <core/domain/arch.h>
#include <core/hypercall/hypercall.h>
#include <core/trace/trace.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/pv/mm.h>
#include <guest/x86/pv/pv.h>
#include <model/x86/insn/insn.h>
#include <guest/x86/common/selectors.h>

#define SYSCALL_LENGTH        2
#define INT_LENGTH            2
#define FIRST_SOFTWARE_VECTOR 32u /* only INT n of a guest leads there */
#define GATE_ERROR(vector)    ((uint32_t)(vector) << 3 | 2)
#define X86_VEC_NMI           2
#define PF_PRESENT            1u
#define PF_USER               4u

mfn_t pv_active_table(const struct x86_vcpu *xv)
{
    bool user = !xv->is_kernel_mode && !mfn_is_invalid(xv->pv->guest_table_user);

    return user ? xv->pv->guest_table_user : xv->pv->guest_table;
}

void pv_toggle_mode(struct x86_vcpu *xv)
{
    xv->is_kernel_mode = !xv->is_kernel_mode;
    hw_swap_gs();
    xv->cr3 = pv_active_table(xv);
    hw_load_cr3(xv->cr3);
}

static uint8_t events_masked(const struct x86_vcpu *xv)
{
    return *(volatile uint8_t *)&xv->v.info->evtchn_upcall_mask;
}

void pv_deliver(struct x86_vcpu *xv, const struct pv_bounce *b)
{
    struct x86_regs *r = &xv->regs;
    bool from_kernel = xv->is_kernel_mode;
    bool masked = events_masked(xv);
    uint64_t frame[8], sp;
    unsigned int n = 0;

    if (!from_kernel) {
        pv_toggle_mode(xv);
    }
    sp = (from_kernel ? r->rsp : xv->pv->kernel_sp) & ~15ull;
    frame[n++] = r->rcx;
    frame[n++] = r->r11;
    if (b->has_error) {
        frame[n++] = b->error;
    }
    frame[n++] = r->rip;
    /* the guest sees its kernel in ring 0 */
    frame[n++] = (uint64_t)(from_kernel ? r->cs & ~3u : r->cs) | (uint64_t)masked << 32;
    frame[n++] = (r->rflags & ~X86_FLAGS_IF) | (masked ? 0 : X86_FLAGS_IF) | pv_shown_iopl(xv);
    frame[n++] = r->rsp;
    frame[n++] = r->ss;
    sp -= n * sizeof(frame[0]);
    if (guest_write(sp, frame, n * sizeof(frame[0])) != 0) {
        domain_crash(xv->v.domain, "v%u: no room for an exception frame at %#lx (rip %#lx)", xv->v.id,
                     (unsigned long)sp, (unsigned long)r->rip);
        return;
    }
    r->rflags &= ~(X86_FLAGS_TF | X86_FLAGS_NT | X86_FLAGS_RF | X86_FLAGS_VM | X86_FLAGS_AC);
    r->rsp = sp;
    r->ss = SEL_RING3_SS;
    r->cs = b->cs;
    r->rip = b->rip;
    if (b->cs == SEL_RING3_CS64 && is_canonical(b->rip)) {
        r->entry_vector = VECTOR_SYSCALL; /* rcx and r11 are in the frame: SYSRET will do */
    } else {
        r->entry_vector = VECTOR_NONE;
    }
    if (b->mask_events) {
        xv->v.info->evtchn_upcall_mask = 1;
    }
}

void pv_inject(struct x86_vcpu *xv, unsigned int vector, bool has_error, uint32_t error)
{
    const struct pv_trap *t = &xv->pv->traps[vector];

    if (t->rip == 0) {
        domain_crash(xv->v.domain, "v%u: exception %u (error 0x%x) at rip %#lx without a handler", xv->v.id,
                     vector, error, (unsigned long)xv->regs.rip);
        return;
    }
    pv_deliver(xv, &(struct pv_bounce){t->rip, t->cs, (t->flags & 4) != 0, has_error, error});
}

void pv_inject_page_fault(struct x86_vcpu *xv, uint32_t error, uint64_t cr2)
{
    xv->v.info->arch.cr2 = cr2;
    if (xv->is_kernel_mode) {
        error &= ~4u; /* its kernel is not user mode to it */
    }
    pv_inject(xv, X86_VEC_PF, true, error);
}

static bool vector_has_error(unsigned int vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/* --- exceptions ------------------------------------------------------------------------------------------------------------------------ */

/*
 * At level 3 an access of the supervisor's kind is the processor reading its own tables, which never faults. QEMU 7.2 also reads the frame of an IRETQ so (and
 * SMAP then refuses it), by which Linux's sync_core() dies: carry that instruction out here. False: it is another one.
 */
static bool finish_iretq(struct x86_vcpu *xv)
{
    struct x86_regs *r = &xv->regs;
    struct {
        uint64_t rip, cs, rflags, rsp, ss;
    } frame;
    uint8_t insn[2];

    if (guest_read(insn, r->rip, sizeof(insn)) != 0 || insn[0] != 0x48 || insn[1] != 0xcf ||
        guest_read_obj(&frame, r->rsp) != 0) {
        return false;
    }
    r->rip = frame.rip;
    r->cs = pv_fix_selector((uint16_t)frame.cs);
    r->rflags = (frame.rflags & ~(X86_FLAGS_IOPL | X86_FLAGS_VM)) | X86_FLAGS_IF | X86_FLAGS_FIXED;
    r->rsp = frame.rsp;
    r->ss = pv_fix_selector((uint16_t)frame.ss);
    return true;
}

void pv_page_fault(struct x86_regs *regs, uint64_t cr2)
{
    struct x86_vcpu *xv = current_x86();

    count_in(COUNTER_pv_exceptions, X86_VEC_PF);
    if (unlikely((regs->error_code & (PF_PRESENT | PF_USER)) == PF_PRESENT) && finish_iretq(xv)) {
        return;
    }
    if (pv_mm_fault(xv, cr2, regs->error_code)) {
        return;
    }
    TRACE_MANY(TRC_PV_PAGE_FAULT | TRC_64_FLAG, TRACE_PAIR(regs->rip), TRACE_PAIR(cr2), regs->error_code);
    pv_inject_page_fault(xv, regs->error_code, cr2);
}

/* May the guest's code use this entry of the trap table by INT n? */
static bool may_interrupt(const struct x86_vcpu *xv, const struct pv_trap *t)
{
    return t->rip != 0 && (xv->is_kernel_mode || (t->flags & 3) == 3);
}

/* INT n through a gate that the CPU does not let ring 3 use: the guest's own table decides. */
static bool deliver_software_interrupt(struct x86_vcpu *xv)
{
    struct x86_regs *r = &xv->regs;
    const struct pv_trap *t;
    uint8_t insn[2];

    if (!(r->error_code & 2) || guest_read(insn, r->rip, sizeof(insn)) != 0 || insn[0] != 0xcd) {
        return false;
    }
    t = &xv->pv->traps[insn[1]];
    if (!may_interrupt(xv, t)) {
        pv_inject(xv, X86_VEC_GP, true, GATE_ERROR(insn[1]));
        return true;
    }
    r->rip += sizeof(insn);
    pv_deliver(xv, &(struct pv_bounce){t->rip, t->cs, (t->flags & 4) != 0, false, 0});
    return true;
}

/* INT n through a gate that ring 3 may use, which only the guest may say: RIP is behind the instruction. True: it may not. */
static bool refuse_software_interrupt(struct x86_vcpu *xv, unsigned int vector)
{
    if (vector < FIRST_SOFTWARE_VECTOR || may_interrupt(xv, &xv->pv->traps[vector])) {
        return false;
    }
    xv->regs.rip -= INT_LENGTH;
    pv_inject(xv, X86_VEC_GP, true, GATE_ERROR(vector));
    return true;
}

static __attribute__((cold, noinline)) void trace_trap(const struct x86_regs *regs)
{
    unsigned int vector = regs->entry_vector;

    TRACE_3(TRC_PV_TRAP | TRC_64_FLAG, TRACE_PAIR(regs->rip),
            vector | (uint32_t)vector_has_error(vector) << 15 | regs->error_code << 16);
}

void pv_exception(struct x86_regs *regs)
{
    struct x86_vcpu *xv = current_x86();
    unsigned int vector = regs->entry_vector;

    count_in(COUNTER_pv_exceptions, vector % 32);
    switch (vector) {
    case X86_VEC_DB:
        xv->pv->debugreg[6] |= hw_take_dr6();
        break;
    case X86_VEC_NM:
        hw_set_ts(false);
        xv->pv->cr0 &= ~8ull;
        break;
    case X86_VEC_GP:
        if (deliver_software_interrupt(xv)) {
            return;
        }
        TRACE_2(TRC_PV_EMULATE_PRIVOP | TRC_64_FLAG, TRACE_PAIR(regs->rip));
        if (regs->error_code == 0 && pv_emulate_privileged(xv)) {
            return;
        }
        break;
    case X86_VEC_UD:
        TRACE_2(TRC_PV_FORCED_INVALID_OP | TRC_64_FLAG, TRACE_PAIR(regs->rip));
        if (pv_emulate_privileged(xv)) {
            return;
        }
        break;
    default:
        if (refuse_software_interrupt(xv, vector)) {
            return;
        }
        break;
    }
    if (trace_wants(TRC_PV)) {
        trace_trap(regs);
    }
    pv_inject(xv, vector, vector_has_error(vector), regs->error_code);
}

void pv_iret_failed(uint64_t vector, uint64_t error, uint64_t cr2)
{
    struct x86_vcpu *xv = current_x86();

    irq_enable();
    xv->regs.entry_vector = VECTOR_NONE;
    if (vector == X86_VEC_PF) { /* the first use of an LDT page */
        if (pv_mm_fault(xv, cr2, PF_USER)) {
            return;
        }
        vector = X86_VEC_GP;
        error = xv->regs.cs & ~3u;
    }
    pv_inject(xv, (unsigned int)vector, vector_has_error((unsigned int)vector), (uint32_t)error);
}

/* --- hypercalls and system calls ----------------------------------------------------------------------------------------------------------- */

bool pv_hypercall_entry(struct x86_regs *regs)
{
    struct hypercall c = {
        .nr = (uint32_t)regs->rax,
        .arg = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9},
    };
    long rc;

    irq_enable();
    rc = hypercall_dispatch(&c);
    if (hypercall_goes_on(&c, rc)) {
        regs->rdi = c.arg[0];
        regs->rsi = c.arg[1];
        regs->rdx = c.arg[2];
        regs->r10 = c.arg[3];
        regs->r8 = c.arg[4];
        regs->r9 = c.arg[5];
        regs->rip -= SYSCALL_LENGTH;
    } else {
        regs->rax = (uint64_t)rc;
    }
    irq_disable();
    if (!is_canonical(regs->rip)) {
        regs->entry_vector = VECTOR_NONE;
    }
    return regs->entry_vector == VECTOR_SYSCALL && !softirq_pending() && !vcpu_event_pending(current_vcpu());
}

static void system_call(struct x86_vcpu *xv, enum pv_callback_kind kind)
{
    const struct pv_callback *cb = &xv->pv->callbacks[kind];

    if (cb->rip == 0) {
        xv->regs.rip -= SYSCALL_LENGTH;
        pv_inject(xv, X86_VEC_UD, false, 0);
        return;
    }
    pv_deliver(xv, &(struct pv_bounce){cb->rip, SEL_RING3_CS64, cb->mask_events, false, 0});
}

void pv_syscall_from_user(struct x86_regs *regs)
{
    irq_enable();
    system_call(current_x86(), PV_CB_SYSCALL);
}

void pv_syscall32(struct x86_regs *regs)
{
    irq_enable();
    system_call(current_x86(), PV_CB_SYSCALL32);
}

void pv_sysenter(struct x86_regs *regs)
{
    struct x86_vcpu *xv = current_x86();
    const struct pv_callback *cb = &xv->pv->callbacks[PV_CB_SYSENTER];

    irq_enable();
    regs->rflags = (regs->rflags & ~X86_FLAGS_TF) | X86_FLAGS_IF;
    if (cb->rip == 0) {
        pv_inject(xv, X86_VEC_GP, true, 0);
        return;
    }
    pv_deliver(xv, &(struct pv_bounce){cb->rip, SEL_RING3_CS64, cb->mask_events, false, 0});
}

void pv_run(struct x86_vcpu *xv)
{
    const struct pv_callback *cb = &xv->pv->callbacks[PV_CB_EVENT];

    if (unlikely(xv->pv->nmi_pending) && __atomic_exchange_n(&xv->pv->nmi_pending, false, __ATOMIC_SEQ_CST)) {
        pv_inject(xv, X86_VEC_NMI, false, 0);
    }
    if (vcpu_event_pending(&xv->v) && cb->rip != 0) {
        count(COUNTER_pv_upcalls);
        pv_deliver(xv, &(struct pv_bounce){cb->rip, SEL_RING3_CS64, true, false, 0});
        if (softirq_pending()) {
            return;
        }
    }
    if (xv->regs.entry_vector == VECTOR_SYSCALL && !is_canonical(xv->regs.rip)) {
        xv->regs.entry_vector = VECTOR_NONE;
    }
    pv_resume(&xv->regs);
}
