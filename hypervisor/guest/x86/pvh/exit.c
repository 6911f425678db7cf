/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exits of PVH vCPUs: each record becomes a change of state. Hypercalls, CPUID, MSRs stay in this file and its neighbour; what needs an instruction carried
 * out goes to emulate.c. AMD APM volume 2, 15.9 to 15.14.
 */
#include <abi/hvm_params.h>
#include <abi/sched.h>
#include <base/counters.h>
#include <base/log.h>
#include <base/softirq.h>
#include <core/hypercall/hypercall.h>
#include <core/trace/trace.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/platform.h>
#include <guest/x86/pvh/pvh_internal.h>

#define CR0_PE        BIT(0)
#define OPCODE_RDTSCP 0xf9010fu
#define CR4_TSD       BIT(2)
#define CR4_OSXSAVE   BIT(18)

/* --- past the instruction ------------------------------------------------------------------------------------------------------------------------------ */

static uint64_t wrap_rip(const struct vm_vcpu *vm, uint64_t rip)
{
    return vm->mode == INSN_MODE_64 ? rip : vm->mode == INSN_MODE_32 ? (uint32_t)rip : (uint16_t)rip;
}

/* The instruction is done as the processor would have done it: no interrupt shadow is left, single-stepping traps. */
static void finish_instruction(struct x86_vcpu *xv, uint64_t rip)
{
    struct vm_vcpu *vm = &xv->pvh->vm;

    xv->regs.rip = rip;
    vm->shadow = false;
    if (unlikely(xv->regs.rflags & (X86_FLAGS_TF | X86_FLAGS_RF))) {
        xv->regs.rflags &= ~X86_FLAGS_RF;
        if (xv->regs.rflags & X86_FLAGS_TF) {
            vm_fetch(vm, VM_DR)->dr[6] |= X86_DR6_STEP;
            vm_changed(vm, VM_DR);
            pvh_inject(xv, X86_VEC_DB, 0);
        }
    }
}

void pvh_skip(struct x86_vcpu *xv, unsigned int length)
{
    finish_instruction(xv, wrap_rip(&xv->pvh->vm, xv->regs.rip + length));
}

static uint64_t code_address(struct x86_vcpu *xv)
{
    struct vm_vcpu *vm = &xv->pvh->vm;

    return vm->mode == INSN_MODE_64 ? xv->regs.rip
                                    : (uint32_t)(vm_fetch(vm, VM_SEG)->seg[X86_SEG_CS].base + xv->regs.rip);
}

/* Length of the instruction at RIP; 0: it cannot be read (any more), so the guest had better try again and take its fault. */
static unsigned int length_at_rip(struct x86_vcpu *xv, const struct vmexit *e)
{
    uint8_t bytes[INSN_MAX_LENGTH];
    struct insn in;
    unsigned int got;

    if (e->insn_count > 0) {
        return insn_decode(e->insn, e->insn_count, (enum insn_mode)xv->pvh->vm.mode, &in) == INSN_OK
                   ? in.length
                   : 0;
    }
    got = pvh_fetch_code(xv, code_address(xv), bytes, sizeof(bytes));
    return insn_decode(bytes, got, (enum insn_mode)xv->pvh->vm.mode, &in) == INSN_OK ? in.length : 0;
}

/* The same, by the usual encoding without prefixes first: its bytes as a little-endian word. */
static inline unsigned int length_of(struct x86_vcpu *xv, const struct vmexit *e, uint32_t usual,
                                     unsigned int usual_length)
{
    if (likely(e->next_rip != 0)) {
        return (unsigned int)(e->next_rip - xv->regs.rip);
    }
    if (likely(((pvh_peek_code(xv, code_address(xv)) ^ usual) & (uint32_t)(BIT(8 * usual_length) - 1)) ==
               0)) {
        return usual_length;
    }
    return length_at_rip(xv, e);
}

/* --- hypercalls ------------------------------------------------------------------------------------------------------------------------------------------- */

static void get_arguments(const struct x86_regs *r, bool is_64, struct hypercall *c)
{
    if (is_64) {
        *c = (struct hypercall){.nr = r->rax, .arg = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}};
    } else {
        *c = (struct hypercall){
            .nr = (uint32_t)r->rax,
            .arg = {(uint32_t)r->rbx, (uint32_t)r->rcx, (uint32_t)r->rdx, (uint32_t)r->rsi, (uint32_t)r->rdi,
                    (uint32_t)r->rbp},
            .is_compat = true,
        };
    }
}

static void set_arguments(struct x86_regs *r, bool is_64, const struct hypercall *c)
{
    if (is_64) {
        r->rdi = c->arg[0];
        r->rsi = c->arg[1];
        r->rdx = c->arg[2];
        r->r10 = c->arg[3];
        r->r8 = c->arg[4];
        r->r9 = c->arg[5];
    } else {
        r->rbx = (uint32_t)c->arg[0];
        r->rcx = (uint32_t)c->arg[1];
        r->rdx = (uint32_t)c->arg[2];
        r->rsi = (uint32_t)c->arg[3];
        r->rdi = (uint32_t)c->arg[4];
        r->rbp = (uint32_t)c->arg[5];
    }
}

/* Kernels make hypercalls: not user code, nor code in real mode, which has no privilege levels. */
static bool may_call(struct x86_vcpu *xv, bool is_64)
{
    return xv->pvh->vm.cpl == 0 && (is_64 || (vm_fetch(&xv->pvh->vm, VM_CR)->cr0 & CR0_PE));
}

static void hypercall(struct x86_vcpu *xv, const struct vmexit *e)
{
    bool is_64 = xv->pvh->vm.mode == INSN_MODE_64;
    unsigned int length = length_of(xv, e, 0xd9010f, 3);
    struct hypercall c;
    long rc;

    if (unlikely(length == 0)) {
        return;
    }
    if (unlikely(!may_call(xv, is_64))) {
        pvh_skip(xv, length);
        xv->regs.rax = is_64 ? (uint64_t)-XEN_EPERM : (uint32_t)-XEN_EPERM;
        return;
    }
    get_arguments(&xv->regs, is_64, &c);
    irq_enable();
    rc = hypercall_dispatch(&c);
    irq_disable();
    if (unlikely(rc == -XEN_ERESTART)) {
        set_arguments(&xv->regs, is_64, &c); /* the instruction is executed again */
        return;
    }
    pvh_skip(xv, length);
    xv->regs.rax = is_64 ? (uint64_t)rc : (uint32_t)rc;
}

/* --- CPUID, MSRs, HLT ------------------------------------------------------------------------------------------------------------------------------------- */

static void cpuid(struct x86_vcpu *xv, const struct vmexit *e)
{
    unsigned int length = length_of(xv, e, 0xa20f, 2);
    uint32_t out[4];

    if (unlikely(length == 0)) {
        return;
    }
    x86_cpuid(xv, (uint32_t)xv->regs.rax, (uint32_t)xv->regs.rcx, out);
    TRACE_MANY(TRC_HVM_CPUID, (uint32_t)xv->regs.rax, out[0], out[1], out[2], out[3]);
    xv->regs.rax = out[0];
    xv->regs.rbx = out[1];
    xv->regs.rcx = out[2];
    xv->regs.rdx = out[3];
    pvh_skip(xv, length);
}

static void msr_access(struct x86_vcpu *xv, const struct vmexit *e)
{
    unsigned int length = length_of(xv, e, e->is_write ? 0x300f : 0x320f, 2);
    uint32_t msr = (uint32_t)xv->regs.rcx;
    uint64_t value;

    if (unlikely(length == 0)) {
        return;
    }
    if (e->is_write) {
        if (!pvh_msr_write(xv, msr, (uint32_t)xv->regs.rax | xv->regs.rdx << 32)) {
            pvh_inject_gp(xv);
            return;
        }
        TRACE_3(TRC_HVM_MSR_WRITE, msr, (uint32_t)xv->regs.rax, (uint32_t)xv->regs.rdx);
    } else {
        if (!pvh_msr_read(xv, msr, &value)) {
            pvh_inject_gp(xv);
            return;
        }
        TRACE_3(TRC_HVM_MSR_READ, msr, TRACE_PAIR(value));
        xv->regs.rax = (uint32_t)value;
        xv->regs.rdx = value >> 32;
    }
    pvh_skip(xv, length);
}

static void xsetbv(struct x86_vcpu *xv, const struct vmexit *e)
{
    unsigned int length = length_of(xv, e, 0xd1010f, 3);

    if (length == 0) {
        return;
    }
    if (!(vm_fetch(&xv->pvh->vm, VM_CR)->cr4 & CR4_OSXSAVE)) {
        pvh_inject_ud(xv);
    } else if (xv->pvh->vm.cpl != 0 ||
               fpu_write_xcr0(xv, (uint32_t)xv->regs.rcx, (uint32_t)xv->regs.rax | xv->regs.rdx << 32) != 0) {
        pvh_inject_gp(xv);
    } else {
        pvh_skip(xv, length);
    }
}

/* RDTSC and RDTSCP, when the domain's counter is not the processor's. QEMU 7.2 says RDTSC for both. */
static void read_tsc(struct x86_vcpu *xv, const struct vmexit *e, bool with_aux)
{
    unsigned int length;
    uint64_t tsc;

    with_aux = with_aux || (pvh_peek_code(xv, code_address(xv)) & 0xffffff) == OPCODE_RDTSCP;
    length = with_aux ? length_of(xv, e, OPCODE_RDTSCP, 3) : length_of(xv, e, 0x310f, 2);

    if (length == 0) {
        return;
    }
    if (xv->pvh->vm.cpl != 0 && (vm_fetch(&xv->pvh->vm, VM_CR)->cr4 & CR4_TSD)) {
        pvh_inject_gp(xv);
        return;
    }
    tsc = pvh_guest_tsc(xv);
    TRACE_2(TRC_HVM_RDTSC, TRACE_PAIR(tsc));
    xv->regs.rax = (uint32_t)tsc;
    xv->regs.rdx = tsc >> 32;
    if (with_aux) {
        xv->regs.rcx = xv->pvh->vm.state.msr.tsc_aux;
    }
    pvh_skip(xv, length);
}

static void halt(struct x86_vcpu *xv, const struct vmexit *e)
{
    unsigned int length = length_of(xv, e, 0xf4, 1);

    if (length == 0) {
        return;
    }
    pvh_skip(xv, length);
    TRACE_1(TRC_HVM_HLT, vcpu_event_pending(&xv->v));
    irq_enable();
    if (!(xv->regs.rflags & X86_FLAGS_IF) && !xv->pvh->nmi_pending) {
        vcpu_take_down(&xv->v); /* only INIT or VCPUOP_up bring it back */
    } else {
        vcpu_block(&xv->v);
    }
    irq_disable();
}

/* --- memory and ports --------------------------------------------------------------------------------------------------------------------------------------- */

/* Memory that was promised to the domain is used for the first time: it has it when this returns true. */
static bool populate(struct x86_vcpu *xv, uint64_t gpa)
{
    int rc;

    irq_enable();
    rc = p2m_pod_populate(p2m_of(xv), gpa >> PAGE_SHIFT);
    if (rc == -XEN_ENOMEM) {
        domain_crash(xv->v.domain, "v%u: guest address %#lx: out of populate-on-demand memory", xv->v.id,
                     (unsigned long)gpa);
    }
    irq_disable();
    TRACE_MANY(TRC_MEM_POD_POPULATE, TRACE_PAIR(gpa >> PAGE_SHIFT),
               TRACE_PAIR(p2m_lookup(p2m_of(xv), gpa >> PAGE_SHIFT).mfn.n), xv->v.domain->id);
    return rc != -XEN_EINVAL;
}

static void triple_fault(struct x86_vcpu *xv)
{
    struct x86_domain *xd = x86_domain(xv->v.domain);
    uint64_t reason = xd->hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON];

    log_guest_warning("d%uv%u: triple fault at rip %#lx\n", xv->v.domain->id, xv->v.id,
                      (unsigned long)xv->regs.rip);
    domain_shutdown(xv->v.domain, reason <= SHUTDOWN_MAX ? (uint8_t)reason : SHUTDOWN_crash);
}

/*
 * A page table or an event's table lies where no memory is. Ones are read there: a fault whose handler is not found either, nor that of what follows from it.
 * Kernels restart the machine so.
 */
static void lost(struct x86_vcpu *xv, const struct vmexit *e)
{
    const struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_CR);

    log_guest_warning("d%uv%u: %s at guest address %#lx, where no memory is (rip %#lx cr3 %#lx)\n",
                      xv->v.domain->id, xv->v.id, e->in_walk ? "a page table" : "an event's table",
                      (unsigned long)e->gpa, (unsigned long)xv->regs.rip, (unsigned long)s->cr3);
    triple_fault(xv);
}

static void page_fault(struct x86_vcpu *xv, const struct vmexit *e)
{
    struct p2m_leaf l = p2m_lookup(p2m_of(xv), e->gpa >> PAGE_SHIFT);
    bool write = (e->error & PFEC_W) != 0, fetch = (e->error & PFEC_I) != 0;

    TRACE_MANY(TRC_HVM_NPF, TRACE_PAIR(e->gpa), TRACE_PAIR(l.mfn.n), e->error, l.type);
    if (l.type != P2M_NONE && (!write || l.write) && (!fetch || l.type == P2M_RAM)) {
        return; /* mapped meanwhile */
    }
    if (l.type != P2M_NONE) {
        pvh_inject_gp(xv); /* writes to, or runs code in, memory that another domain granted otherwise */
        return;
    }
    if (p2m_has_promises(p2m_of(xv)) && populate(xv, e->gpa)) {
        return;
    }
    if (fetch) {
        domain_crash(xv->v.domain, "v%u: runs code at guest address %#lx, where no memory is (rip %#lx)",
                     xv->v.id, (unsigned long)e->gpa, (unsigned long)xv->regs.rip);
        return;
    }
    if (e->in_walk || xv->pvh->vm.inject.valid) {
        lost(xv, e);
        return;
    }
    irq_enable();
    pvh_emulate(xv, e, INSN_SET_MEMORY);
    irq_disable();
}

/* There are no devices: ones are read, writes go nowhere. String instructions go through the emulator. */
static void port_access(struct x86_vcpu *xv, const struct vmexit *e)
{
    unsigned int length;

    if (e->is_string) {
        irq_enable();
        pvh_emulate(xv, e, INSN_SET_PRIVILEGED | INSN_SET_MEMORY);
        irq_disable();
        return;
    }
    length = e->next_rip != 0 ? (unsigned int)(e->next_rip - xv->regs.rip) : length_at_rip(xv, e);
    if (length == 0) {
        return;
    }
    if (!e->is_write) {
        uint32_t value = platform_port_read(xv->v.domain, e->port, e->size);

        TRACE_2(TRC_HVM_IOPORT_READ, e->port, value);
        if (e->size == 1) {
            xv->regs.rax = (xv->regs.rax & ~0xffull) | (uint8_t)value;
        } else if (e->size == 2) {
            xv->regs.rax = (xv->regs.rax & ~0xffffull) | (uint16_t)value;
        } else {
            xv->regs.rax = value;
        }
    } else {
        TRACE_2(TRC_HVM_IOPORT_WRITE, e->port, (uint32_t)xv->regs.rax);
        platform_port_write(xv->v.domain, e->port, e->size, (uint32_t)xv->regs.rax);
    }
    pvh_skip(xv, length);
}

/* --- the rest ------------------------------------------------------------------------------------------------------------------------------------------------ */

static void skip_cache_operation(struct x86_vcpu *xv, const struct vmexit *e)
{
    unsigned int length =
        e->next_rip != 0 ? (unsigned int)(e->next_rip - xv->regs.rip) : length_at_rip(xv, e);

    if (length != 0) {
        pvh_skip(
            xv,
            length); /* all of a guest's memory is write-back, and no device of its looks past the caches */
    }
}

static void iret(struct x86_vcpu *xv)
{
    struct pvh_vcpu *p = xv->pvh;

    p->vm.want_iret = false;
    p->iret_rip = xv->regs.rip;
}

static void failed(struct x86_vcpu *xv, const struct vmexit *e)
{
    const struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_CR);

    domain_crash(
        xv->v.domain,
        "v%u: the processor does not run it (exit %#lx): rip %#lx cr0 %#lx cr3 %#lx cr4 %#lx efer %#lx",
        xv->v.id, (unsigned long)e->code, (unsigned long)xv->regs.rip, (unsigned long)s->cr0,
        (unsigned long)s->cr3, (unsigned long)s->cr4, (unsigned long)s->msr.efer);
}

void pvh_handle_exit(struct x86_vcpu *xv, const struct vmexit *e)
{
    switch ((enum vmexit_reason)e->reason) {
    case VMEXIT_HYPERCALL:
        hypercall(xv, e);
        break;
    case VMEXIT_CPUID:
        cpuid(xv, e);
        break;
    case VMEXIT_MSR:
        msr_access(xv, e);
        break;
    case VMEXIT_INTERRUPT:
        TRACE_0(TRC_HVM_INTR);
        vm_take_interrupts();
        break;
    case VMEXIT_WINDOW:
        xv->pvh->look = true;
        break;
    case VMEXIT_HLT:
        halt(xv, e);
        break;
    case VMEXIT_PAGE:
        page_fault(xv, e);
        break;
    case VMEXIT_IO:
        port_access(xv, e);
        break;
    case VMEXIT_CR_WRITE:
        irq_enable();
        pvh_emulate(xv, e, INSN_SET_PRIVILEGED);
        irq_disable();
        break;
    case VMEXIT_DEBUG_REGISTER:
        vm_load_debug(&xv->pvh->vm);
        break;
    case VMEXIT_EXCEPTION:
        pvh_inject(xv, e->vector, e->error);
        break;
    case VMEXIT_IRET:
        iret(xv);
        break;
    case VMEXIT_CACHE:
        skip_cache_operation(xv, e);
        break;
    case VMEXIT_RDTSC:
        read_tsc(xv, e, false);
        break;
    case VMEXIT_RDTSCP:
        read_tsc(xv, e, true);
        break;
    case VMEXIT_XSETBV:
        xsetbv(xv, e);
        break;
    case VMEXIT_ABSENT:
        pvh_inject_ud(xv);
        break;
    case VMEXIT_TRIPLE_FAULT:
        triple_fault(xv);
        break;
    default:
        failed(xv, e);
        break;
    }
}

BUILD_ASSERT((unsigned int)COUNTER_exit_failed - COUNTER_exit_interrupt == (unsigned int)VMEXIT_FAILED,
             "a counter for each reason");

void pvh_run(struct x86_vcpu *xv)
{
    struct vmexit e;

    if (!pvh_prepare_entry(xv)) {
        return;
    }
    TRACE_0(TRC_HVM_VMENTRY);
    vm_enter(&xv->pvh->vm, &xv->regs, &e);
    TRACE_3(TRC_HVM_VMEXIT64, (uint32_t)e.code, TRACE_PAIR(xv->regs.rip));
    count_in(COUNTER_exit_interrupt, e.reason);
    if (unlikely(xv->pvh->vm.cr8 != vlapic_cr8(&xv->pvh->vlapic))) {
        vlapic_set_cr8(&xv->pvh->vlapic, xv->pvh->vm.cr8);
        xv->pvh->look = true;
    }
    pvh_handle_exit(xv, &e);
}
