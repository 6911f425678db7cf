/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the records of a PVH domain's vCPUs: <xen/hvm/save.h>. load.c reads them. */
#include <abi/hvm_save.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>

struct out {
    uint8_t *buf;
    uint32_t size, used;
};

/* Room for a record of @length bytes; NULL: no more. */
static void *add(struct out *o, uint16_t type, uint16_t instance, uint32_t length)
{
    struct hvm_save_descriptor d = {.typecode = type, .instance = instance, .length = length};
    void *at;

    if (o->size - o->used < sizeof(d) + length) {
        return NULL;
    }
    memcpy(o->buf + o->used, &d, sizeof(d));
    at = o->buf + o->used + sizeof(d);
    o->used += (uint32_t)sizeof(d) + length;
    memset(at, 0, length);
    return at;
}

#define ADD(o, type, instance) \
    (HVM_SAVE_TYPE(type) *)add(o, HVM_SAVE_CODE(type), (uint16_t)(instance), (uint32_t)HVM_SAVE_LENGTH(type))

static void put_segments(const struct vm_state *s, struct hvm_hw_cpu *c)
{
#define PUT(name, seg)                                                                     \
    c->name##_sel = (seg).sel, c->name##_limit = (seg).limit, c->name##_base = (seg).base, \
    c->name##_arbytes = (seg).attr
    PUT(cs, s->seg[X86_SEG_CS]);
    PUT(ds, s->seg[X86_SEG_DS]);
    PUT(es, s->seg[X86_SEG_ES]);
    PUT(fs, s->seg[X86_SEG_FS]);
    PUT(gs, s->seg[X86_SEG_GS]);
    PUT(ss, s->seg[X86_SEG_SS]);
    PUT(tr, s->tr);
    PUT(ldtr, s->ldtr);
#undef PUT
    c->idtr_limit = s->idtr.limit;
    c->idtr_base = s->idtr.base;
    c->gdtr_limit = s->gdtr.limit;
    c->gdtr_base = s->gdtr.base;
}

static void put_event(const struct vm_event *ev, struct hvm_hw_cpu *c)
{
    if (!ev->valid) {
        return;
    }
    c->pending_valid = 1;
    c->pending_type = ev->type & 7;
    c->pending_vector = ev->vector;
    c->pending_error_valid = ev->has_error;
    c->error_code = ev->error;
}

static void put_cpu(struct x86_vcpu *xv, struct hvm_hw_cpu *c)
{
    struct vm_vcpu *vm = &xv->pvh->vm;
    const struct vm_state *s = vm_fetch(vm, VM_ALL);
    const struct x86_regs *r = &xv->regs;

    vm_save_debug(vm);
    fpu_get_image(xv, c->fpu_regs);
    c->rax = r->rax, c->rbx = r->rbx, c->rcx = r->rcx, c->rdx = r->rdx, c->rbp = r->rbp, c->rsi = r->rsi,
    c->rdi = r->rdi, c->rsp = r->rsp;
    c->r8 = r->r8, c->r9 = r->r9, c->r10 = r->r10, c->r11 = r->r11, c->r12 = r->r12, c->r13 = r->r13,
    c->r14 = r->r14, c->r15 = r->r15;
    c->rip = r->rip, c->rflags = r->rflags;
    c->cr0 = s->cr0, c->cr2 = s->cr2, c->cr3 = s->cr3, c->cr4 = s->cr4;
    c->dr0 = s->dr[0], c->dr1 = s->dr[1], c->dr2 = s->dr[2], c->dr3 = s->dr[3], c->dr6 = s->dr[6],
    c->dr7 = s->dr[7];
    put_segments(s, c);
    c->sysenter_cs = s->msr.sysenter_cs, c->sysenter_esp = s->msr.sysenter_esp,
    c->sysenter_eip = s->msr.sysenter_eip;
    c->shadow_gs = s->msr.kernel_gs_base;
    c->msr_lstar = s->msr.lstar, c->msr_star = s->msr.star, c->msr_cstar = s->msr.cstar,
    c->msr_syscall_mask = s->msr.sfmask;
    c->msr_efer = s->msr.efer;
    c->msr_tsc_aux = s->msr.tsc_aux;
    c->tsc = pvh_guest_tsc(xv);
    put_event(&vm->inject, c);
    c->flags = XEN_X86_FPU_INITIALISED;
}

static void put_mtrr(struct x86_vcpu *xv, struct hvm_hw_mtrr *m)
{
    const struct msr_state *s = &vm_fetch(&xv->pvh->vm, VM_MSR)->msr;

    m->msr_pat_cr = s->pat;
    memcpy(m->msr_mtrr_var, s->mtrr_var, sizeof(m->msr_mtrr_var));
    memcpy(m->msr_mtrr_fixed, s->mtrr_fixed, sizeof(m->msr_mtrr_fixed));
    m->msr_mtrr_cap = 0x500 | MSR_MTRR_VARIABLE;
    m->msr_mtrr_def_type = s->mtrr_def_type;
}

static uint32_t xsave_length(const struct x86_vcpu *xv)
{
    uint32_t size = fpu_xstate_size(xv);

    return size ? (uint32_t)HVM_SAVE_XSAVE_HEADER + size : 0;
}

static bool put_xsave(struct out *o, struct x86_vcpu *xv)
{
    uint32_t length = xsave_length(xv);
    struct hvm_hw_cpu_xsave *x;

    if (length == 0) {
        return true;
    }
    x = add(o, CPU_XSAVE_CODE, (uint16_t)xv->v.id, length);
    if (!x) {
        return false;
    }
    x->xcr0 = xv->xcr0;
    x->xcr0_accum = xv->xcr0_used;
    memcpy((uint8_t *)x + HVM_SAVE_XSAVE_HEADER, fpu_xstate(xv), length - HVM_SAVE_XSAVE_HEADER);
    return true;
}

static bool put_vcpu(struct out *o, struct x86_vcpu *xv)
{
    struct vlapic_clock clock = pvh_apic_clock(xv);
    struct hvm_hw_cpu *cpu = NULL;
    struct hvm_hw_lapic *lapic;
    struct hvm_hw_lapic_regs *regs;
    struct hvm_hw_mtrr *mtrr;
    struct hvm_tsc_adjust *adjust;

    if (xv->v.is_initialised && !(xv->v.sched.pause_flags & VPF_DOWN)) {
        cpu = ADD(o, CPU, xv->v.id);
        if (!cpu) {
            return false;
        }
        put_cpu(xv, cpu);
        if (!put_xsave(o, xv)) {
            return false;
        }
    }
    lapic = ADD(o, LAPIC, xv->v.id);
    regs = ADD(o, LAPIC_REGS, xv->v.id);
    mtrr = ADD(o, MTRR, xv->v.id);
    adjust = ADD(o, TSC_ADJUST, xv->v.id);
    if (!adjust) {
        return false;
    }
    vlapic_save(&xv->pvh->vlapic, &clock, lapic, regs);
    put_mtrr(xv, mtrr);
    adjust->tsc_adjust = xv->pvh->vm.state.msr.tsc_adjust;
    return true;
}

static uint32_t size_needed(const struct x86_domain *xd)
{
    uint32_t each =
        (uint32_t)(5 * sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(CPU) + HVM_SAVE_LENGTH(LAPIC) +
                   HVM_SAVE_LENGTH(LAPIC_REGS) + HVM_SAVE_LENGTH(MTRR) + HVM_SAVE_LENGTH(TSC_ADJUST));

    uint32_t needed = (uint32_t)(2 * sizeof(struct hvm_save_descriptor) + HVM_SAVE_LENGTH(HEADER));

    for (unsigned int i = 0; i < xd->d.max_vcpus; i++) {
        if (xd->d.vcpus[i]) {
            uint32_t extended = xsave_length(x86_vcpu(xd->d.vcpus[i]));

            needed += each + (extended ? (uint32_t)sizeof(struct hvm_save_descriptor) + extended : 0);
        }
    }
    return needed;
}

int pvh_get_context(struct x86_domain *xd, void *buf, uint32_t size, uint32_t *used)
{
    struct out o = {buf, size, 0};
    struct hvm_save_header *h;

    if (!buf) {
        *used = size_needed(xd);
        return 0;
    }
    h = ADD(&o, HEADER, 0);
    if (!h) {
        return -XEN_ENOSPC;
    }
    h->magic = HVM_FILE_MAGIC;
    h->version = HVM_FILE_VERSION;
    h->cpuid = cpuid_host_policy()->basic[1].a;
    h->gtsc_khz = cpuid_tsc_khz();
    for (unsigned int i = 0; i < xd->d.max_vcpus; i++) {
        if (xd->d.vcpus[i] && !put_vcpu(&o, x86_vcpu(xd->d.vcpus[i]))) {
            return -XEN_ENOSPC;
        }
    }
    if (!add(&o, HVM_SAVE_CODE(END), 0, 0)) {
        return -XEN_ENOSPC;
    }
    *used = o.used;
    return 0;
}
