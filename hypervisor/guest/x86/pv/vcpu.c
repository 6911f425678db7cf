/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PV domains and vCPUs: creation, the switch between them, and their whole state as the toolstack or another vCPU sets it. */
#include <base/guest_access.h>
#include <base/log.h>
#include <core/domain/arch.h>
#include <core/memory/heap.h>
#include <guest/x86/common/user_regs.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/common/selectors.h>
#include <guest/x86/pv/mm.h>
#include <guest/x86/pv/pv.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>

#define CR0_TS              8ull
#define CR4_GUEST           0x6a0ull /* PAE PGE OSFXSR OSXMMEXCPT: what a PV guest reads */
#define CR4_TSD             BIT(2)
#define CR4_FSGSBASE        BIT(16)
#define CR4_OSXSAVE         BIT(18)
#define X86_VEC_NMI         2
#define HYPERCALL_STUB_SIZE 32

int pv_domain_init(struct x86_domain *xd)
{
    return 0;
}

int pv_vcpu_init(struct x86_vcpu *xv)
{
    struct pv_vcpu *p = zalloc(sizeof(*p));

    if (!p) {
        return -XEN_ENOMEM;
    }
    p->traps = heap_alloc_page();
    if (!p->traps) {
        zfree(p);
        return -XEN_ENOMEM;
    }
    p->guest_table = INVALID_MFN;
    p->guest_table_user = INVALID_MFN;
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        p->gdt_frames[i] = INVALID_MFN;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(p->ldt_frames); i++) {
        p->ldt_frames[i] = INVALID_MFN;
    }
    p->cr4 = CR4_GUEST;
    p->debugreg[6] = X86_DR6_RESET;
    p->debugreg[7] = X86_DR7_RESET;
    xv->pv = p;
    xv->is_kernel_mode = 1;
    xv->regs.entry_vector = VECTOR_NONE;
    return 0;
}

/*
 * Who reads the time stamp counter comes to the hypervisor: for a counter that is not the processor's, or when not all of the guest may. A kernel
 * that does not say FSGSBASE takes it that user mode has no bases of its own.
 */
static void show_cr4(const struct x86_vcpu *xv)
{
    uint64_t tsd = x86_domain(xv->v.domain)->tsc_khz != 0 ? CR4_TSD : 0;

    hw_set_guest_cr4(tsd | (xv->pv->cr4 & (CR4_TSD | CR4_FSGSBASE)));
}

void pv_set_cr4(struct x86_vcpu *xv, uint64_t value)
{
    const struct cpu_policy *policy = x86_domain(xv->v.domain)->policy;
    uint64_t settable = CR4_TSD;

    settable |= cpu_policy_has(policy, XEN_X86_FEATURE_DE) ? X86_CR4_DE : 0;
    settable |= cpu_policy_has(policy, XEN_X86_FEATURE_XSAVE) ? CR4_OSXSAVE : 0;
    settable |= cpu_policy_has(policy, XEN_X86_FEATURE_FSGSBASE) ? CR4_FSGSBASE : 0;
    xv->pv->cr4 = CR4_GUEST | (value & settable);
    if (xv == current_x86()) {
        show_cr4(xv);
    }
}

void pv_vcpu_free(struct x86_vcpu *xv)
{
    heap_free_page(xv->pv->traps);
    zfree(xv->pv);
}

void pv_switch_from(struct x86_vcpu *xv)
{
    hw_save_segments(xv->pv, xv->is_kernel_mode);
    pv_unload_breakpoints(xv->pv);
}

void pv_switch_to(struct x86_vcpu *xv)
{
    struct pv_vcpu *p = xv->pv;

    hw_set_entry_vcpu(xv);
    hw_switch_cr3(xv->cr3);
    hw_show_guest_descriptors(p);
    hw_load_ldt(p->ldt_ents);
    hw_load_segments(p, xv->is_kernel_mode);
    hw_set_tsc_aux(xv->tsc_aux);
    show_cr4(xv);
    if (p->cr0 & CR0_TS) {
        hw_set_ts(true);
    }
    pv_load_breakpoints(p);
}

/* Stubs of 32 bytes, one a hypercall number: save what SYSCALL clobbers, load the number, go. iret needs no way back. */
void pv_fill_hypercall_page(struct domain *d, void *page)
{
    static const uint8_t call[] = {0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    static const uint8_t iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05};

    if (!page) {
        return;
    }
    memset(page, 0xcc, PAGE_SIZE);
    for (uint32_t nr = 0; nr < PAGE_SIZE / HYPERCALL_STUB_SIZE; nr++) {
        uint8_t *stub = (uint8_t *)page + nr * HYPERCALL_STUB_SIZE;

        if (nr == __HYPERVISOR_iret) {
            memcpy(stub, iret, sizeof(iret));
        } else {
            memcpy(stub, call, sizeof(call));
            memcpy(stub + 4, &nr, sizeof(nr));
        }
    }
}

/* --- the whole state ---------------------------------------------------------------------------------------------------------------------- */

static void regs_from_user(struct x86_regs *r, const struct cpu_user_regs *u)
{
    *r = (struct x86_regs){
        .entry_vector = VECTOR_NONE,
        .cs = pv_fix_selector(u->cs),
        .ss = pv_fix_selector(u->ss),
        .rflags = (u->rflags & ~(X86_FLAGS_IOPL | X86_FLAGS_VM)) | X86_FLAGS_IF | X86_FLAGS_FIXED,
    };
    general_from_user(r, u);
}

static int check_context(const struct vcpu_guest_context *c)
{
    if (!is_canonical(c->user_regs.rip) || !is_canonical(c->event_callback_eip) ||
        !is_canonical(c->failsafe_callback_eip) || !is_canonical(c->syscall_callback_eip) ||
        !is_canonical(c->fs_base) || !is_canonical(c->gs_base_kernel) || !is_canonical(c->gs_base_user)) {
        return -XEN_EINVAL;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++) {
        if (!is_canonical(c->trap_ctxt[i].address)) {
            return -XEN_EINVAL;
        }
    }
    return c->gdt_ents > PV_GDT_FRAMES * 512 || c->ldt_ents > 8192 ? -XEN_EINVAL : 0;
}

static void set_handlers(struct pv_vcpu *p, const struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < 256; i++) {
        const struct trap_info *t = &c->trap_ctxt[i];

        p->traps[i] = (struct pv_trap){t->address, pv_fix_selector(t->cs), t->flags};
    }
    p->callbacks[PV_CB_EVENT].rip = c->event_callback_eip;
    p->callbacks[PV_CB_FAILSAFE] =
        (struct pv_callback){c->failsafe_callback_eip, (c->flags & VGCF_failsafe_disables_events) != 0};
    p->callbacks[PV_CB_SYSCALL] =
        (struct pv_callback){c->syscall_callback_eip, (c->flags & VGCF_syscall_disables_events) != 0};
}

static void set_segments(struct pv_vcpu *p, const struct vcpu_guest_context *c)
{
    p->ds = c->user_regs.ds;
    p->es = c->user_regs.es;
    p->fs = c->user_regs.fs;
    p->gs = c->user_regs.gs;
    p->fs_base = c->fs_base;
    p->gs_base_kernel = c->gs_base_kernel;
    p->gs_base_user = c->gs_base_user;
    p->kernel_sp = c->kernel_sp;
    p->kernel_ss = pv_fix_selector((uint16_t)c->kernel_ss);
}

/* Page tables first: they can fail and be resumed; after them nothing can. */
static int set_tables(struct x86_vcpu *xv, const struct vcpu_guest_context *c)
{
    int rc = 0;

    if (!xv->v.is_initialised) {
        rc = pv_set_base_tables(xv, MFN(xen_cr3_to_pfn(c->ctrlreg[3])),
                                c->ctrlreg[1] & 1 ? MFN(xen_cr3_to_pfn(c->ctrlreg[1])) : INVALID_MFN);
    }
    if (rc == 0 && c->gdt_ents != 0) {
        rc = pv_set_gdt_frames(xv, c->gdt_frames, c->gdt_ents);
    }
    return rc;
}

int pv_set_context(struct x86_vcpu *xv, const struct vcpu_guest_context *c)
{
    struct pv_vcpu *p = xv->pv;
    int rc = check_context(c);

    if (rc == 0) {
        rc = set_tables(xv, c);
    }
    if (rc != 0) {
        return rc;
    }
    regs_from_user(&xv->regs, &c->user_regs);
    set_handlers(p, c);
    set_segments(p, c);
    if (c->flags & VGCF_i387_valid) {
        fpu_set_image(xv, &c->fpu_ctxt);
    }
    p->iopl = (uint8_t)(c->user_regs.rflags >> 12 & 3); /* a new vCPU says its I/O privilege level here */
    p->cr0 = c->ctrlreg[0] & CR0_TS;
    pv_set_cr4(xv, c->ctrlreg[4]);
    p->ldt_base = c->ldt_base;
    p->ldt_ents = c->ldt_ents;
    for (unsigned int i = 0; i < 8; i++) {
        if (i != 4 && i != 5) {
            pv_set_debugreg(xv, i, c->debugreg[i]);
        }
    }
    if (xv->v.id == 0) {
        x86_domain(xv->v.domain)->vm_assist = c->vm_assist;
        domain_update_wallclock(
            xv->v.domain); /* the builder has cleared the shared page since the domain was made */
    }
    xv->is_kernel_mode = (c->flags & VGCF_in_kernel) != 0;
    xv->cr3 = pv_active_table(xv);
    xv->v.is_initialised = true;
    return 0;
}

void pv_get_context(struct x86_vcpu *xv, struct vcpu_guest_context *c)
{
    const struct x86_regs *r = &xv->regs;
    const struct pv_vcpu *p = xv->pv;

    memset(c, 0, sizeof(*c));
    fpu_get_image(xv, &c->fpu_ctxt);
    c->flags = VGCF_i387_valid | (xv->is_kernel_mode ? VGCF_in_kernel : 0) |
               (xv->v.sched.pause_flags & VPF_DOWN ? 0 : VGCF_online);
    c->user_regs = (struct cpu_user_regs){
        .cs = xv->is_kernel_mode ? r->cs & ~3 : r->cs,
        .rflags = r->rflags | (uint64_t)p->iopl << 12,
        .ss = r->ss,
        .ds = p->ds,
        .es = p->es,
        .fs = p->fs,
        .gs = p->gs,
    };
    general_to_user(&c->user_regs, r);
    for (unsigned int i = 0; i < 256; i++) {
        c->trap_ctxt[i] = (struct trap_info){(uint8_t)i, p->traps[i].flags, p->traps[i].cs, p->traps[i].rip};
    }
    c->ldt_base = p->ldt_base;
    c->ldt_ents = p->ldt_ents;
    for (unsigned int i = 0; i < PV_GDT_FRAMES; i++) {
        c->gdt_frames[i] = mfn_is_invalid(p->gdt_frames[i]) ? 0 : p->gdt_frames[i].n;
    }
    c->gdt_ents = p->gdt_ents;
    c->kernel_ss = p->kernel_ss;
    c->kernel_sp = p->kernel_sp;
    c->ctrlreg[0] = 0x80050033 | p->cr0;
    c->ctrlreg[3] = mfn_is_invalid(p->guest_table) ? 0 : xen_pfn_to_cr3(p->guest_table.n);
    c->ctrlreg[1] = mfn_is_invalid(p->guest_table_user) ? 0 : xen_pfn_to_cr3(p->guest_table_user.n) | 1;
    c->ctrlreg[4] = p->cr4;
    memcpy(c->debugreg, p->debugreg, sizeof(c->debugreg));
    c->event_callback_eip = p->callbacks[PV_CB_EVENT].rip;
    c->failsafe_callback_eip = p->callbacks[PV_CB_FAILSAFE].rip;
    c->syscall_callback_eip = p->callbacks[PV_CB_SYSCALL].rip;
    c->vm_assist = x86_domain(xv->v.domain)->vm_assist;
    c->fs_base = p->fs_base;
    c->gs_base_kernel = p->gs_base_kernel;
    c->gs_base_user = p->gs_base_user;
}

long pv_vcpu_initialise(struct x86_vcpu *xv, vaddr_t gva)
{
    struct vcpu_guest_context *ctx = zalloc(sizeof(*ctx));
    long rc;

    if (!ctx) {
        return -XEN_ENOMEM;
    }
    rc = guest_read_obj(ctx, gva) == 0 ? pv_set_context(xv, ctx) : -XEN_EFAULT;
    if (rc != 0 && rc != -XEN_ERESTART) {
        log_guest_warning("d%uv%u: VCPUOP_initialise refused (error %ld)\n", xv->v.domain->id, xv->v.id, rc);
    }
    zfree(ctx);
    return rc;
}

long pv_send_nmi(struct x86_vcpu *xv)
{
    if (xv->pv->traps[X86_VEC_NMI].rip == 0) {
        return -XEN_EOPNOTSUPP; /* it has no handler and would die of it */
    }
    __atomic_store_n(&xv->pv->nmi_pending, true, __ATOMIC_SEQ_CST);
    vcpu_unblock(&xv->v);
    softirq_raise_on(xv->v.sched.cpu,
                     SOFTIRQ_SCHEDULE); /* also one that is in a hypercall looks before it returns */
    return 0;
}
