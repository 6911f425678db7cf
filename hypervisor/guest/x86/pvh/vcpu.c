/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs of PVH domains: creation, reset, start-up by SIPI or VCPUOP_initialise, the switch between pCPUs. AMD APM volume 2, 14.1.3 (state after INIT),
 * 15.5.1 (what an entry refuses); <xen/hvm/hvm_vcpu.h>.
 */
#include <abi/hvm_vcpu.h>
#include <base/guest_access.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/tsc.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>
#include <model/x86/cpuid/cpu_policy.h>
#include <model/x86/pt/pt.h>

#define CR0_PE        BIT(0)
#define CR0_ET        BIT(4)
#define CR0_NW        BIT(29)
#define CR0_CD        BIT(30)
#define CR0_PG        BIT(31)
#define CR0_KNOWN     0xe005003full
#define CR4_PAE       BIT(5)
#define RFLAGS_KNOWN  0x3f7fd5ull
#define ATTR_CODE16   0x9b
#define ATTR_DATA16   0x93
#define ATTR_LDT      0x82
#define ATTR_TSS_BUSY 0x8b
#define ATTR_CODE64   0xa9b
#define ATTR_DATA32   0xc93

static struct x86_seg flat(uint16_t sel, uint16_t attr, uint32_t limit, uint64_t base)
{
    return (struct x86_seg){.sel = sel, .attr = attr, .limit = limit, .base = base};
}

static void reset_segments(struct vm_state *s)
{
    for (unsigned int i = 0; i < X86_SEG_COUNT; i++) {
        s->seg[i] = flat(0, ATTR_DATA16, 0xffff, 0);
    }
    s->seg[X86_SEG_CS] = flat(0xf000, ATTR_CODE16, 0xffff, 0xffff0000);
    s->ldtr = flat(0, ATTR_LDT, 0xffff, 0);
    s->tr = flat(0, ATTR_TSS_BUSY, 0xffff, 0);
    s->gdtr = flat(0, 0, 0xffff, 0);
    s->idtr = flat(0, 0, 0xffff, 0);
}

void pvh_reset(struct x86_vcpu *xv)
{
    struct vm_vcpu *vm = &xv->pvh->vm;
    struct vm_state *s = &vm->state;
    struct msr_state kept = vm_fetch(vm, VM_ALL)->msr;

    vm_save_debug(vm);
    memset(s, 0, sizeof(*s));
    msr_state_init(&s->msr, true);
    memcpy(s->msr.mtrr_fixed, kept.mtrr_fixed, sizeof(kept.mtrr_fixed));
    memcpy(s->msr.mtrr_var, kept.mtrr_var, sizeof(kept.mtrr_var));
    s->msr.mtrr_def_type = kept.mtrr_def_type;
    reset_segments(s);
    s->cr0 = CR0_ET;
    s->dr[6] = X86_DR6_RESET;
    s->dr[7] = X86_DR7_RESET;
    memset(&xv->regs, 0, sizeof(xv->regs));
    xv->regs.rip = 0xfff0;
    xv->regs.rflags = X86_FLAGS_FIXED;
    xv->regs.rdx = x86_domain(xv->v.domain)->policy->basic[1].a;
    vm->inject.valid = false;
    vm->shadow = false;
    vm->cpl = 0;
    vm->mode = INSN_MODE_16;
    vm->flush = true;
    vm_changed(vm, VM_ALL);
    xv->pvh->nmi_pending = xv->pvh->nmi_masked = false;
    vm->want_iret = false;
}

void pvh_start_at(struct x86_vcpu *xv, uint8_t page)
{
    struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_SEG);

    s->seg[X86_SEG_CS] = flat((uint16_t)(page << 8), ATTR_CODE16, 0xffff, (uint64_t)page << 12);
    xv->regs.rip = 0;
    vm_changed(&xv->pvh->vm, VM_SEG);
    xv->v.is_initialised = true;
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------------------- */

int pvh_vcpu_init(struct x86_vcpu *xv)
{
    const struct x86_domain *xd = x86_domain(xv->v.domain);
    struct pvh_vcpu *p = zalloc(sizeof(*p));
    int rc;

    if (!p) {
        return -XEN_ENOMEM;
    }
    rc = vm_vcpu_init(&p->vm);
    if (rc != 0) {
        zfree(p);
        return rc;
    }
    xv->pvh = p;
    timer_init(&p->timer, pvh_timer_rang, xv, 0);
    vlapic_init(&p->vlapic, xv->v.id * 2, xv->v.id == 0, cpu_policy_has(xd->policy, XEN_X86_FEATURE_X2APIC),
                cpu_policy_has(xd->policy, XEN_X86_FEATURE_TSC_DEADLINE));
    p->vm.valid = VM_ALL;
    p->vm.npt_root = xd->pvh->p2m.root;
    p->vm.tsc_offset = xd->tsc_offset;
    p->wait_sipi = true;
    pvh_reset(xv);
    return 0;
}

void pvh_vcpu_free(struct x86_vcpu *xv)
{
    timer_kill(&xv->pvh->timer);
    vm_vcpu_free(&xv->pvh->vm);
    zfree(xv->pvh);
    xv->pvh = NULL;
}

/* --- the switch ------------------------------------------------------------------------------------------------------------------------------------ */

void pvh_switch_from(struct x86_vcpu *xv)
{
    vm_switch_from(&xv->pvh->vm);
}

void pvh_switch_to(struct x86_vcpu *xv)
{
    /* The guest's tables are nested: ours are what the processor uses outside of it. */
    hw_load_idle_tables();
    hw_hide_guest_descriptors();
    hw_set_entry_vcpu(xv);
    pvh_set_tsc_delta(xv, xv->pvh->tsc_delta); /* the domain's offset may be another */
    xv->pvh->vm.want_rdtsc = x86_domain(xv->v.domain)->tsc_khz != 0;
    xv->pvh->vm.let_halt = sched_may_halt(&xv->v.sched);
    vm_switch_to(&xv->pvh->vm);
    if (timer_is_armed(&xv->pvh->timer)) {
        timer_migrate(&xv->pvh->timer, pcpu_id());
    }
}

uint64_t pvh_guest_tsc(const struct x86_vcpu *xv)
{
    return tsc_of_domain(x86_domain(xv->v.domain)) + xv->pvh->tsc_delta;
}

uint64_t pvh_tsc_offset(const struct x86_vcpu *xv)
{
    return xv->pvh->vm.tsc_offset;
}

void pvh_set_tsc_delta(struct x86_vcpu *xv, uint64_t delta)
{
    xv->pvh->tsc_delta = delta;
    xv->pvh->vm.tsc_offset = x86_domain(xv->v.domain)->tsc_offset + delta;
}

/* --- states from outside ----------------------------------------------------------------------------------------------------------------------------- */

static bool efer_ok(const struct vm_state *s)
{
    uint64_t efer = s->msr.efer;
    bool lma = (efer & EFER_LMA) != 0;

    if (efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) {
        return false;
    }
    if (lma != ((efer & EFER_LME) && (s->cr0 & CR0_PG))) {
        return false;
    }
    return !lma || (s->cr4 & CR4_PAE);
}

static bool bases_ok(const struct vm_state *s)
{
    for (unsigned int i = 0; i < X86_SEG_COUNT; i++) {
        if (!pt_canonical(s->seg[i].base) || (s->seg[i].attr & ~0xfff)) {
            return false;
        }
    }
    return pt_canonical(s->tr.base) && pt_canonical(s->ldtr.base) && pt_canonical(s->gdtr.base) &&
           pt_canonical(s->idtr.base) && pt_canonical(s->msr.lstar) && pt_canonical(s->msr.cstar) &&
           pt_canonical(s->msr.kernel_gs_base) && pt_canonical(s->msr.sysenter_eip) &&
           pt_canonical(s->msr.sysenter_esp);
}

int pvh_check_state(const struct x86_domain *xd, const struct vm_state *s, struct x86_regs *r)
{
    r->rflags = (r->rflags & RFLAGS_KNOWN) | X86_FLAGS_FIXED;
    if ((s->cr0 & ~CR0_KNOWN) || ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE)) ||
        ((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD))) {
        return -XEN_EINVAL;
    }
    if ((s->cr4 & ~xd->pvh->cr4_allowed) || (s->cr3 >> 52) || (s->dr[6] >> 32) || (s->dr[7] >> 32)) {
        return -XEN_EINVAL;
    }
    return efer_ok(s) && bases_ok(s) && pt_canonical(r->rip) ? 0 : -XEN_EINVAL;
}

static bool attr_ok(uint16_t ar)
{
    return !(ar & 0xf000);
}

static int state_from_32(const struct vcpu_hvm_x86_32 *c, struct vm_state *s, struct x86_regs *r)
{
    if (!attr_ok(c->cs_ar) || !attr_ok(c->ds_ar) || !attr_ok(c->ss_ar) || !attr_ok(c->es_ar) ||
        !attr_ok(c->tr_ar) || c->pad1 != 0 || c->pad2[0] != 0 || c->pad2[1] != 0 || c->pad2[2] != 0) {
        return -XEN_EINVAL;
    }
    s->seg[X86_SEG_CS] = flat(0, c->cs_ar, c->cs_limit, c->cs_base);
    s->seg[X86_SEG_DS] = flat(0, c->ds_ar, c->ds_limit, c->ds_base);
    s->seg[X86_SEG_SS] = flat(0, c->ss_ar, c->ss_limit, c->ss_base);
    s->seg[X86_SEG_ES] = flat(0, c->es_ar, c->es_limit, c->es_base);
    s->tr = flat(0, c->tr_ar, c->tr_limit, c->tr_base);
    s->cr0 = c->cr0 | CR0_ET;
    s->cr3 = c->cr3;
    s->cr4 = c->cr4;
    s->msr.efer = c->efer;
    r->rax = c->eax;
    r->rcx = c->ecx;
    r->rdx = c->edx;
    r->rbx = c->ebx;
    r->rsp = c->esp;
    r->rbp = c->ebp;
    r->rsi = c->esi;
    r->rdi = c->edi;
    r->rip = c->eip;
    r->rflags = c->eflags;
    return 0;
}

static void state_from_64(const struct vcpu_hvm_x86_64 *c, struct vm_state *s, struct x86_regs *r)
{
    for (unsigned int i = 0; i < X86_SEG_COUNT; i++) {
        s->seg[i] = flat(0, ATTR_DATA32, ~0u, 0);
    }
    s->seg[X86_SEG_CS] = flat(0, ATTR_CODE64, ~0u, 0);
    s->tr = flat(0, ATTR_TSS_BUSY, 0x67, 0);
    s->cr0 = c->cr0 | CR0_ET;
    s->cr3 = c->cr3;
    s->cr4 = c->cr4;
    s->msr.efer = c->efer;
    r->rax = c->rax;
    r->rcx = c->rcx;
    r->rdx = c->rdx;
    r->rbx = c->rbx;
    r->rsp = c->rsp;
    r->rbp = c->rbp;
    r->rsi = c->rsi;
    r->rdi = c->rdi;
    r->rip = c->rip;
    r->rflags = c->rflags;
}

/* What a caller that starts a vCPU with paging on need not know how to say. */
static void complete_efer(struct vm_state *s)
{
    if ((s->cr0 & CR0_PG) && (s->msr.efer & EFER_LME)) {
        s->msr.efer |= EFER_LMA;
    }
}

static long initialise(struct x86_vcpu *xv, const struct vcpu_hvm_context *c)
{
    struct vm_vcpu *vm = &xv->pvh->vm;
    struct vm_state *s;
    struct x86_regs *r = &xv->regs;
    int rc = 0;

    if (c->pad != 0) {
        return -XEN_EINVAL;
    }
    pvh_reset(xv);
    s = &vm->state;
    r->rdx = 0;
    switch (c->mode) {
    case VCPU_HVM_MODE_32B:
        rc = state_from_32(&c->cpu_regs.x86_32, s, r);
        break;
    case VCPU_HVM_MODE_64B:
        state_from_64(&c->cpu_regs.x86_64, s, r);
        break;
    default:
        return -XEN_EINVAL;
    }
    complete_efer(s);
    if (rc == 0) {
        rc = pvh_check_state(x86_domain(xv->v.domain), s, r);
    }
    if (rc != 0) {
        pvh_reset(xv);
        return rc;
    }
    xv->pvh->wait_sipi = false;
    xv->v.is_initialised = true;
    return 0;
}

long pvh_vcpu_initialise(struct x86_vcpu *xv, vaddr_t gva)
{
    struct vcpu_hvm_context c;

    if (guest_read_obj(&c, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (xv == current_x86()) {
        return -XEN_EEXIST;
    }
    return initialise(xv, &c);
}
