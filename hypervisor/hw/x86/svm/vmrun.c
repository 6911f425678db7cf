/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control block against the register cache, address space identifiers, and the entry itself: guest/x86/pvh/vm.h. AMD APM volume 2, chapter 15. */
#include <base/log.h>
#include <guest/x86/common/hw_contract.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/svm/svm_internal.h>
#include <lib/string.h>

#define VECTOR_MACHINE_CHECK   18
#define EXIT_INT_TYPE_SOFTWARE 4
#define PAGE_INFO_WALK         BIT(33)

/* --- registers ---------------------------------------------------------------------------------------------------------------------------------------------- */

static void fetch_segments(const struct vmcb *b, struct vm_state *s)
{
    s->seg[X86_SEG_ES] = b->es;
    s->seg[X86_SEG_CS] = b->cs;
    s->seg[X86_SEG_SS] = b->ss;
    s->seg[X86_SEG_DS] = b->ds;
    s->seg[X86_SEG_FS] = b->fs;
    s->seg[X86_SEG_GS] = b->gs;
    s->tr = b->tr;
    s->ldtr = b->ldtr;
    s->gdtr = b->gdtr;
    s->idtr = b->idtr;
}

static void store_segments(struct vmcb *b, const struct vm_state *s)
{
    b->es = s->seg[X86_SEG_ES];
    b->cs = s->seg[X86_SEG_CS];
    b->ss = s->seg[X86_SEG_SS];
    b->ds = s->seg[X86_SEG_DS];
    b->fs = s->seg[X86_SEG_FS];
    b->gs = s->seg[X86_SEG_GS];
    b->tr = s->tr;
    b->ldtr = s->ldtr;
    b->gdtr = s->gdtr;
    b->idtr = s->idtr;
    b->cpl = (s->seg[X86_SEG_SS].attr & X86_SEG_DPL) >> 5;
}

static void fetch_msrs(const struct vmcb *b, struct msr_state *m)
{
    m->star = b->star;
    m->lstar = b->lstar;
    m->cstar = b->cstar;
    m->sfmask = b->sfmask;
    m->kernel_gs_base = b->kernel_gs_base;
    m->sysenter_cs = b->sysenter_cs;
    m->sysenter_esp = b->sysenter_esp;
    m->sysenter_eip = b->sysenter_eip;
    m->pat = b->pat;
}

static void store_msrs(struct vmcb *b, const struct msr_state *m)
{
    b->star = m->star;
    b->lstar = m->lstar;
    b->cstar = m->cstar;
    b->sfmask = m->sfmask;
    b->kernel_gs_base = m->kernel_gs_base;
    b->sysenter_cs = m->sysenter_cs;
    b->sysenter_esp = m->sysenter_esp;
    b->sysenter_eip = m->sysenter_eip;
    b->pat = m->pat;
}

void vm_fetch_slow(struct vm_vcpu *vm, uint32_t groups)
{
    const struct vmcb *b = ((struct svm_vcpu *)vm->hw)->vmcb;
    struct vm_state *s = &vm->state;

    groups &= ~vm->valid;
    if (groups & VM_SEG) {
        fetch_segments(b, s);
    }
    if (groups & VM_CR) {
        s->cr0 = b->cr0;
        s->cr2 = b->cr2;
        s->cr3 = b->cr3;
        s->cr4 = b->cr4;
        s->msr.efer = b->efer & ~EFER_SVME;
    }
    if (groups & VM_MSR) {
        fetch_msrs(b, &s->msr);
    }
    if (groups & VM_DR) {
        s->dr[6] = b->dr6;
        s->dr[7] = b->dr7;
    }
    vm->valid |= groups;
}

static void store_dirty(const struct vm_vcpu *vm, struct vmcb *b)
{
    const struct vm_state *s = &vm->state;

    if (vm->dirty & VM_SEG) {
        store_segments(b, s);
    }
    if (vm->dirty & VM_CR) {
        b->cr0 = s->cr0;
        b->cr2 = s->cr2;
        b->cr3 = s->cr3;
        b->cr4 = s->cr4;
        b->efer = s->msr.efer | EFER_SVME;
    }
    if (vm->dirty & VM_MSR) {
        store_msrs(b, &s->msr);
    }
    if (vm->dirty & VM_DR) {
        b->dr6 = s->dr[6];
        b->dr7 = s->dr[7];
    }
}

/* --- debug registers ------------------------------------------------------------------------------------------------------------------------------------------ */

void vm_load_debug(struct vm_vcpu *vm)
{
    struct svm_vcpu *h = vm->hw;

    asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3" ::"r"(vm->state.dr[0]),
                 "r"(vm->state.dr[1]), "r"(vm->state.dr[2]), "r"(vm->state.dr[3]));
    h->debug_loaded = true;
    h->vmcb->intercept_dr = 0;
}

void vm_save_debug(struct vm_vcpu *vm)
{
    struct svm_vcpu *h = vm->hw;

    if (!h->debug_loaded) {
        return;
    }
    asm volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3"
                 : "=r"(vm->state.dr[0]), "=r"(vm->state.dr[1]), "=r"(vm->state.dr[2]),
                   "=r"(vm->state.dr[3]));
    h->debug_loaded = false;
    h->vmcb->intercept_dr = ~0u;
}

void vm_switch_from(struct vm_vcpu *vm)
{
    const struct svm_vcpu *h = vm->hw;

    vm_save_debug(vm);
    if (h->vmcb->dr6 != X86_DR6_RESET) {
        write_dr6(X86_DR6_RESET); /* exits leave the guest's there */
    }
}

static void intercept_tsc(struct vmcb *b, bool on)
{
    b->intercept1 = on ? b->intercept1 | INTERCEPT_RDTSC : b->intercept1 & ~(uint32_t)INTERCEPT_RDTSC;
    b->intercept2 = on ? b->intercept2 | INTERCEPT2_RDTSCP : b->intercept2 & ~(uint32_t)INTERCEPT2_RDTSCP;
}

/*
 * Without it a guest that halts stays in the guest until an interrupt of the host's makes it leave. It then goes on behind its HLT, whether or not there is
 * something for it: kernels expect that.
 */
static void intercept_hlt(struct vmcb *b, bool on)
{
    b->intercept1 = on ? b->intercept1 | INTERCEPT_HLT : b->intercept1 & ~(uint32_t)INTERCEPT_HLT;
}

void vm_switch_to(struct vm_vcpu *vm)
{
    struct svm_vcpu *h = vm->hw;
    uint64_t dr7 = vm->valid & VM_DR ? vm->state.dr[7] : h->vmcb->dr7;

    if (dr7 & 0xff) {
        vm_load_debug(vm); /* breakpoints are set */
    }
    hw_set_tsc_aux(vm->state.msr.tsc_aux);
    intercept_tsc(h->vmcb, vm->want_rdtsc);
    intercept_hlt(h->vmcb, !vm->let_halt);
}

/* --- address space identifiers ---------------------------------------------------------------------------------------------------------------------------------- */

static DEFINE_PER_CPU(uint64_t, asid_generation);
static DEFINE_PER_CPU(uint32_t, asid_next);

/* Another one instead of a flush; when they are used up the whole TLB is flushed and they start over. */
static void new_asid(struct svm_vcpu *h)
{
    h->vmcb->tlb_control = 0;
    if (this_cpu(asid_generation) == 0 || this_cpu(asid_next) >= svm.asids) {
        this_cpu(asid_generation)++;
        this_cpu(asid_next) = 1;
        h->vmcb->tlb_control = TLB_FLUSH_ALL;
    }
    h->vmcb->asid = this_cpu(asid_next)++;
    h->asid_generation = this_cpu(asid_generation);
    h->cpu = (uint16_t)pcpu_id();
}

/* --- events: in and back ------------------------------------------------------------------------------------------------------------------------------------------ */

static uint64_t event_bits(const struct vm_event *e)
{
    if (!e->valid) {
        return 0;
    }
    return EVENT_VALID | e->vector | (uint64_t)e->type << 8 |
           (e->has_error ? EVENT_HAS_ERROR | (uint64_t)e->error << 32 : 0);
}

/*
 * Events are injected. Not so an interrupt where svm.like_qemu is set: it goes in as the virtual interrupt, which the guest, that can take one, takes before
 * its first instruction, unless that is needed to hear of the next window. After an injected interrupt QEMU 7.2 remembers the vector as an exception that is
 * still to come, and gives it to the guest once more when something asks the emulated processor out of its loop just then. Bochs 2.7, which saves the next RIP,
 * forgets a virtual one. APM volume 2, 15.20 and 15.21.4.
 */
static void set_events(const struct vm_vcpu *vm, struct vmcb *b, struct svm_vcpu *h)
{
    const uint64_t at_once = VINTR_IRQ | VINTR_PRIORITY(15) | VINTR_IGNORE_TPR;

    b->intercept1 |= (vm->want_iret ? INTERCEPT_IRET : 0) | (vm->want_window ? INTERCEPT_VINTR : 0);
    if (vm->want_window) {
        h->vintr_use = VINTR_FOR_WINDOW;
        b->vintr |= at_once;
    } else if (svm.like_qemu && vm->inject.valid && vm->inject.type == VM_EVENT_INTERRUPT) {
        h->vintr_use = VINTR_FOR_EVENT;
        b->vintr |= at_once | VINTR_VECTOR(vm->inject.vector);
        return;
    }
    b->event_inject = event_bits(&vm->inject);
}

/*
 * At each exit, and at an entry with a virtual interrupt, QEMU 7.2 changes the word in which others mark physical interrupts, without their lock: one that
 * arrives at that moment is lost, and when it was the timer's, this pCPU hears of no deadline any more. Writing the task priority, which is 0 and stays so,
 * makes the local APIC look again.
 */
static void recall_interrupts(void)
{
    asm volatile("mov %0, %%cr8" : : "r"(0ul) : "memory");
}

/*
 * An event that did not get in, or whose delivery the exit interrupted, comes again; INT n, INT3, INTO are executed again instead. While the virtual interrupt
 * is still there nothing else can have been under way, whatever @info says of it.
 */
static void take_back_event(struct vm_vcpu *vm, const struct svm_vcpu *h)
{
    uint64_t info = h->vmcb->exit_int_info;
    unsigned int type = (info >> 8) & 7;

    if (unlikely(h->vintr_use == VINTR_FOR_EVENT && (h->vmcb->vintr & VINTR_IRQ))) {
        return;
    }
    vm->inject.valid = false;
    if (likely(!(info & EVENT_VALID)) || type == EXIT_INT_TYPE_SOFTWARE) {
        return;
    }
    if (type == VM_EVENT_EXCEPTION && ((info & 0xff) == 3 || (info & 0xff) == 4)) {
        return;
    }
    vm->inject = (struct vm_event){
        .valid = true,
        .type = (uint8_t)type,
        .vector = (uint8_t)info,
        .has_error = (info & EVENT_HAS_ERROR) != 0,
        .error = (uint32_t)(info >> 32),
    };
}

/* --- the entry ---------------------------------------------------------------------------------------------------------------------------------------------------- */

static void before(struct vm_vcpu *vm, const struct x86_regs *r, struct svm_vcpu *h)
{
    struct vmcb *b = h->vmcb;

    if (unlikely(vm->flush || h->asid_generation != this_cpu(asid_generation) || h->cpu != pcpu_id())) {
        vm->flush = false;
        new_asid(h);
    }
    if (unlikely(vm->dirty)) {
        store_dirty(vm, b);
    }
    vm->dirty = vm->valid = 0;
    b->rax = r->rax;
    b->rip = r->rip;
    b->rsp = r->rsp;
    b->rflags = r->rflags;
    b->n_cr3 = mfn_to_paddr(vm->npt_root);
    b->tsc_offset = vm->tsc_offset;
    b->shadow = vm->shadow;
    b->event_inject = 0;
    b->vintr = vm->cr8 | VINTR_MASKING;
    b->intercept_cr = BIT(16 + 4) | (vm->want_cr8 ? BIT(16 + 8) : 0);
    b->intercept1 &= ~(uint32_t)(INTERCEPT_IRET | INTERCEPT_VINTR);
    h->vintr_use = VINTR_UNUSED;
    if (unlikely(vm->inject.valid || vm->want_window || vm->want_iret)) {
        set_events(vm, b, h);
    }
}

static enum insn_mode code_mode(const struct vmcb *b)
{
    if ((b->cs.attr & X86_SEG_L) && (b->efer & EFER_LMA)) {
        return INSN_MODE_64;
    }
    return b->cs.attr & X86_SEG_DB ? INSN_MODE_32 : INSN_MODE_16;
}

static void after(struct vm_vcpu *vm, struct x86_regs *r, struct svm_vcpu *h)
{
    const struct vmcb *b = h->vmcb;

    r->rax = b->rax;
    r->rip = b->rip;
    r->rsp = b->rsp;
    r->rflags = b->rflags;
    vm->cpl = b->cpl;
    vm->mode = (uint8_t)code_mode(b);
    vm->shadow = b->shadow & 1;
    vm->cr8 = b->vintr & 15;
    h->vmcb->tlb_control = 0;
    if (svm.like_qemu) {
        recall_interrupts();
    }
    take_back_event(vm, h);
}

static void decode_io(const struct vmcb *b, struct vmexit *e)
{
    uint64_t info = b->exit_info1;

    e->reason = VMEXIT_IO;
    e->port = (uint16_t)(info >> 16);
    e->is_write = !(info & BIT(0));
    e->is_string = (info & (BIT(2) | BIT(3))) != 0;
    e->size = info & BIT(4) ? 1 : info & BIT(5) ? 2 : 4;
    e->next_rip = b->exit_info2;
}

static void decode_exception(const struct vmcb *b, struct vmexit *e)
{
    e->vector = (uint8_t)(b->exit_code - EXIT_EXCEPTION);
    if (e->vector == VECTOR_MACHINE_CHECK) {
        asm volatile("int $18" ::: "memory"); /* as if it had come here */
        e->reason = VMEXIT_INTERRUPT;
        return;
    }
    e->reason = VMEXIT_EXCEPTION;
    e->error = (uint32_t)b->exit_info1;
}

static void decode_page(const struct vmcb *b, struct vmexit *e)
{
    e->reason = VMEXIT_PAGE;
    e->error = (uint32_t)b->exit_info1;
    e->in_walk = (b->exit_info1 & PAGE_INFO_WALK) != 0;
    e->gpa = b->exit_info2;
    if (svm.decode_assists) {
        e->insn_count = MIN(b->insn_count & 15u, INSN_MAX_LENGTH);
        memcpy(e->insn, b->insn, sizeof(e->insn));
    }
}

static void decode(const struct vmcb *b, struct vmexit *e)
{
    e->is_write = e->is_string = false;
    e->insn_count = 0;
    e->code = b->exit_code;
    e->next_rip = svm.next_rip ? b->next_rip : 0;
    switch (b->exit_code) {
    case EXIT_VMMCALL:
        e->reason = VMEXIT_HYPERCALL;
        break;
    case EXIT_INTR:
    case EXIT_NMI:
    case EXIT_SMI:
    case EXIT_INIT:
        e->reason = VMEXIT_INTERRUPT;
        break;
    case EXIT_MSR:
        e->reason = VMEXIT_MSR;
        e->is_write = b->exit_info1 & 1;
        break;
    case EXIT_CPUID:
        e->reason = VMEXIT_CPUID;
        break;
    case EXIT_VINTR:
        e->reason = VMEXIT_WINDOW;
        break;
    case EXIT_HLT:
        e->reason = VMEXIT_HLT;
        break;
    case EXIT_NPF:
        decode_page(b, e);
        break;
    case EXIT_IOIO:
        decode_io(b, e);
        break;
    case EXIT_CR0_SELECTIVE:
    case EXIT_CR_WRITE + 4:
    case EXIT_CR_WRITE + 8:
        e->reason = VMEXIT_CR_WRITE;
        break;
    case EXIT_DR_READ ... EXIT_DR_LAST:
        e->reason = VMEXIT_DEBUG_REGISTER;
        break;
    case EXIT_EXCEPTION ... EXIT_EXCEPTION + 31:
        decode_exception(b, e);
        break;
    case EXIT_IRET:
        e->reason = VMEXIT_IRET;
        break;
    case EXIT_INVD:
    case EXIT_WBINVD:
        e->reason = VMEXIT_CACHE;
        break;
    case EXIT_RDTSC:
        e->reason = VMEXIT_RDTSC;
        break;
    case EXIT_RDTSCP:
        e->reason = VMEXIT_RDTSCP;
        break;
    case EXIT_XSETBV:
        e->reason = VMEXIT_XSETBV;
        break;
    case EXIT_RDPMC: /* no counters: #GP */
        e->reason = VMEXIT_EXCEPTION;
        e->vector = X86_VEC_GP;
        e->error = 0;
        break;
    case EXIT_INVLPGA:
    case EXIT_VMRUN:
    case EXIT_VMLOAD ... EXIT_RDTSCP - 1:
    case EXIT_RDTSCP + 1 ... EXIT_WBINVD - 1:
    case EXIT_WBINVD + 1 ... EXIT_XSETBV - 1:
    case EXIT_RDPRU:
        e->reason = VMEXIT_ABSENT;
        break;
    case EXIT_SHUTDOWN:
        e->reason = VMEXIT_TRIPLE_FAULT;
        break;
    default:
        e->reason = VMEXIT_FAILED;
        break;
    }
}

void vm_enter(struct vm_vcpu *vm, struct x86_regs *regs, struct vmexit *e)
{
    struct svm_vcpu *h = vm->hw;

    before(vm, regs, h);
    svm_run(regs, h->pa, this_cpu(svm_host_vmcb));
    after(vm, regs, h);
    decode(h->vmcb, e);
}

/* STI lets interrupts in after the next instruction; a PAUSE there would hide them from QEMU's CPU. */
void vm_take_interrupts(void)
{
    asm volatile("sti; nop; cli" ::: "memory");
}
