/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV guests as seen by the entry code: 64-bit guests whose kernel and user mode both run in ring 3. The kernel's address space is guest_table, the
 * user's guest_table_user; both hold the hypervisor's slots. ABI: <xen/arch-x86/xen.h>, <xen/arch-x86/xen-x86_64.h>.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* --- called by hw/x86/trap ------------------------------------------------------------------------------------------------------------ */

/* A hypercall by SYSCALL from kernel mode; interrupts off. True: interrupts are off again, nothing is pending, SYSRET may return. */
bool pv_hypercall_entry(struct x86_regs *regs);
/* SYSCALL from user mode: the guest's own system call. Interrupts off. */
void pv_syscall_from_user(struct x86_regs *regs);
/* SYSCALL from 32-bit user code. */
void pv_syscall32(struct x86_regs *regs);
/* SYSENTER, whose instruction pointer and stack pointer nobody knows: 0 in @regs. */
void pv_sysenter(struct x86_regs *regs);
/* #PF at @cr2; any other exception (regs->entry_vector). Interrupts on. */
void pv_page_fault(struct x86_regs *regs, uint64_t cr2);
void pv_exception(struct x86_regs *regs);
/* IRET refused the frame of the current vCPU with this exception; @cr2 is that of a page fault. Interrupts off. */
void pv_iret_failed(uint64_t vector, uint64_t error, uint64_t cr2);
/* Deliver pending events and enter the guest; returns only when there is more to do first. Interrupts off. */
void pv_run(struct x86_vcpu *xv);
/* In entry.S: load the registers and go. */
_Noreturn void pv_resume(struct x86_regs *regs);

/* --- inside guest/x86/pv ---------------------------------------------------------------------------------------------------------------- */

/* What a delivery to the guest kernel looks like. */
struct pv_bounce {
    uint64_t rip;
    uint16_t cs;
    bool mask_events;
    bool has_error;
    uint32_t error;
};

/*
 * Make the guest kernel run at @b with the interrupted state in a frame on its stack: { rcx, r11, [error], rip, cs | mask << 32, rflags, rsp, ss }. A
 * stack that cannot be written crashes the domain.
 */
void pv_deliver(struct x86_vcpu *xv, const struct pv_bounce *b);
/* Raise exception @vector in the guest, through its trap table; without a handler the domain crashes. */
void pv_inject(struct x86_vcpu *xv, unsigned int vector, bool has_error, uint32_t error);
void pv_inject_page_fault(struct x86_vcpu *xv, uint32_t error, uint64_t cr2);
/* Change between kernel and user mode: page tables and GS base. */
void pv_toggle_mode(struct x86_vcpu *xv);
/* The L4 that belongs to the current mode. */
mfn_t pv_active_table(const struct x86_vcpu *xv);
/* A selector as the guest may have it: ring 3. */
static inline uint16_t pv_fix_selector(uint16_t sel)
{
    return sel | 3;
}
/* Did the guest ask for this behaviour (VMASST_TYPE_*)? */
static inline bool pv_has_assist(const struct x86_vcpu *xv, unsigned int type)
{
    return __atomic_load_n(&x86_domain(xv->v.domain)->vm_assist, __ATOMIC_RELAXED) >> type & 1;
}
/* The bits of RFLAGS that tell the guest its I/O privilege level, if it wants to see that there. */
static inline uint64_t pv_shown_iopl(const struct x86_vcpu *xv)
{
    return pv_has_assist(xv, VMASST_TYPE_architectural_iopl) ? (uint64_t)xv->pv->iopl << 12 : 0;
}
/* Emulate the instruction that raised #GP or #UD; true when that settled it (done, or the right exception injected). */
bool pv_emulate_privileged(struct x86_vcpu *xv);
/* Set a vCPU's whole state, as XEN_DOMCTL_setvcpucontext and VCPUOP_initialise do; takes the page tables' references. May return -XEN_ERESTART. */
struct vcpu_guest_context;
int pv_set_context(struct x86_vcpu *xv, const struct vcpu_guest_context *ctx);
void pv_get_context(struct x86_vcpu *xv, struct vcpu_guest_context *ctx);

/*
 * Write virtual debug register @reg (4 and 5 mean 6 and 7 without CR4.DE). -XEN_EPERM: a breakpoint in the hypervisor's range, on a port without CR4.DE, or
 * general detection; -XEN_EINVAL: bits that there are not; -XEN_ENODEV: no such register.
 */
long pv_set_debugreg(struct x86_vcpu *xv, uint64_t reg, uint64_t value);
/* The breakpoints of a vCPU that begins or ends to run here. */
void pv_load_breakpoints(const struct pv_vcpu *p);
void pv_unload_breakpoints(const struct pv_vcpu *p);
/* An instruction of @xv's accessed @size ports from @port on: a breakpoint that says so adds to debug_events, for when it is done. */
void pv_port_accessed(struct x86_vcpu *xv, unsigned int port, unsigned int size);
/*
 * The guest's CR4 from now on: of what it asks for, the bits that its policy lets it have, and those that are always set. In the real register TSD and
 * FSGSBASE follow it while the vCPU runs; DE is about what is done for the guest only; OSXSAVE is on for every PV guest where the CPU has it.
 */
void pv_set_cr4(struct x86_vcpu *xv, uint64_t value);
/* Set up the model's context for an instruction of @xv. */
struct insn_ctx;
void pv_insn_ctx_init(struct insn_ctx *ctx, struct x86_vcpu *xv);
