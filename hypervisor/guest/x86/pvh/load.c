/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Takes the records of a PVH domain's vCPUs: <xen/hvm/save.h>; save.c writes them. It goes through all records twice: the first time into scratch space to see
 * whether they can be taken, the second time for good. Between the two they lie in the hypervisor's memory, and the domain does not run.
 */
#include <abi/hvm_save.h>
#include <base/log.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>

/* What a record is loaded into: the vCPU itself, or a copy. */
struct target {
    struct x86_domain *xd;
    bool commit;
    struct x86_vcpu *xv;
    struct vm_state state;
    struct x86_regs regs;
    struct vlapic vlapic;
};

static struct x86_seg get_segment(uint32_t sel, uint32_t ar, uint32_t limit, uint64_t base)
{
    return (struct x86_seg){.sel = (uint16_t)sel, .attr = (uint16_t)ar, .limit = limit, .base = base};
}

static void get_segments(const struct hvm_hw_cpu *c, struct vm_state *s)
{
#define GET(name) get_segment(c->name##_sel, c->name##_arbytes, c->name##_limit, c->name##_base)
    s->seg[X86_SEG_CS] = GET(cs);
    s->seg[X86_SEG_DS] = GET(ds);
    s->seg[X86_SEG_ES] = GET(es);
    s->seg[X86_SEG_FS] = GET(fs);
    s->seg[X86_SEG_GS] = GET(gs);
    s->seg[X86_SEG_SS] = GET(ss);
    s->tr = GET(tr);
    s->ldtr = GET(ldtr);
#undef GET
    s->idtr = get_segment(0, 0, c->idtr_limit, c->idtr_base);
    s->gdtr = get_segment(0, 0, c->gdtr_limit, c->gdtr_base);
}

static void get_state(const struct hvm_hw_cpu *c, struct vm_state *s, struct x86_regs *r)
{
    r->rax = c->rax, r->rbx = c->rbx, r->rcx = c->rcx, r->rdx = c->rdx, r->rbp = c->rbp, r->rsi = c->rsi,
    r->rdi = c->rdi, r->rsp = c->rsp;
    r->r8 = c->r8, r->r9 = c->r9, r->r10 = c->r10, r->r11 = c->r11, r->r12 = c->r12, r->r13 = c->r13,
    r->r14 = c->r14, r->r15 = c->r15;
    r->rip = c->rip, r->rflags = c->rflags;
    s->cr0 = c->cr0 | BIT(4), s->cr2 = c->cr2, s->cr3 = c->cr3, s->cr4 = c->cr4;
    s->dr[0] = c->dr0, s->dr[1] = c->dr1, s->dr[2] = c->dr2, s->dr[3] = c->dr3, s->dr[6] = c->dr6,
    s->dr[7] = c->dr7;
    get_segments(c, s);
    s->msr.sysenter_cs = c->sysenter_cs, s->msr.sysenter_esp = c->sysenter_esp,
    s->msr.sysenter_eip = c->sysenter_eip;
    s->msr.kernel_gs_base = c->shadow_gs;
    s->msr.lstar = c->msr_lstar, s->msr.star = c->msr_star, s->msr.cstar = c->msr_cstar,
    s->msr.sfmask = c->msr_syscall_mask;
    s->msr.efer = c->msr_efer;
    s->msr.tsc_aux = c->msr_tsc_aux;
}

static int check_event(const struct hvm_hw_cpu *c)
{
    if (!c->pending_valid) {
        return 0;
    }
    return c->pending_type == VM_EVENT_INTERRUPT || c->pending_type == VM_EVENT_NMI ||
                   (c->pending_type == VM_EVENT_EXCEPTION && c->pending_vector < 32)
               ? 0
               : -XEN_EINVAL;
}

static void commit_cpu(struct target *t, const struct hvm_hw_cpu *c)
{
    struct x86_vcpu *xv = t->xv;
    struct vm_vcpu *vm = &xv->pvh->vm;

    pvh_reset(xv);
    vm->state = t->state;
    xv->regs = t->regs;
    vm_changed(vm, VM_ALL);
    if (c->flags & XEN_X86_FPU_INITIALISED) {
        fpu_set_image(xv, c->fpu_regs);
    }
    vm->inject = (struct vm_event){
        .valid = c->pending_valid,
        .type = c->pending_type,
        .vector = c->pending_vector,
        .has_error = c->pending_error_valid,
        .error = c->error_code,
    };
    xv->pvh->wait_sipi = false;
    xv->v.is_initialised = true;
    if (__atomic_fetch_and(&xv->v.sched.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN) {
        sched_wake(&xv->v.sched);
    }
}

/* Bits of MXCSR that FXRSTOR would refuse. */
static bool fpu_ok(const struct hvm_hw_cpu *c)
{
    uint32_t mxcsr;

    memcpy(&mxcsr, c->fpu_regs + 24, sizeof(mxcsr));
    return !(c->flags & XEN_X86_FPU_INITIALISED) || !(mxcsr & ~0xffbfu);
}

static int load_cpu(struct target *t, const void *rec)
{
    const struct hvm_hw_cpu *c = rec;
    int rc;

    t->state = *vm_fetch(&t->xv->pvh->vm, VM_ALL);
    memset(&t->regs, 0, sizeof(t->regs));
    get_state(c, &t->state, &t->regs);
    rc = pvh_check_state(t->xd, &t->state, &t->regs);
    if (rc == 0) {
        rc = fpu_ok(c) ? check_event(c) : -XEN_EINVAL;
    }
    if (rc == 0 && t->commit) {
        commit_cpu(t, c);
    }
    return rc;
}

static int load_lapic(struct target *t, const void *rec)
{
    struct vlapic *vl = t->commit ? &t->xv->pvh->vlapic : &t->vlapic;

    t->vlapic = t->xv->pvh->vlapic;
    return vlapic_load_hw(vl, rec) ? 0 : -XEN_EINVAL;
}

static int load_lapic_regs(struct target *t, const void *rec)
{
    struct vlapic *vl = t->commit ? &t->xv->pvh->vlapic : &t->vlapic;
    struct vlapic_clock clock = pvh_apic_clock(t->xv);

    t->vlapic = t->xv->pvh->vlapic;
    if (!vlapic_load_regs(vl, rec, &clock)) {
        return -XEN_EINVAL;
    }
    if (t->commit) {
        t->xv->pvh->look = true;
        pvh_arm_timer(t->xv);
    }
    return 0;
}

static int load_mtrr(struct target *t, const void *rec)
{
    const struct hvm_hw_mtrr *m = rec;
    struct vm_vcpu *vm = &t->xv->pvh->vm;
    struct msr_state s = {.pat = m->msr_pat_cr, .mtrr_def_type = m->msr_mtrr_def_type};

    memcpy(s.mtrr_var, m->msr_mtrr_var, sizeof(s.mtrr_var));
    memcpy(s.mtrr_fixed, m->msr_mtrr_fixed, sizeof(s.mtrr_fixed));
    if (!msr_memory_types_ok(x86_domain(t->xv->v.domain)->policy, &s)) {
        return -XEN_EINVAL;
    }
    if (t->commit) {
        struct msr_state *to = &vm_fetch(vm, VM_MSR)->msr;

        to->pat = s.pat;
        to->mtrr_def_type = s.mtrr_def_type;
        memcpy(to->mtrr_var, s.mtrr_var, sizeof(s.mtrr_var));
        memcpy(to->mtrr_fixed, s.mtrr_fixed, sizeof(s.mtrr_fixed));
        vm_changed(vm, VM_MSR);
    }
    return 0;
}

static int load_tsc_adjust(struct target *t, const void *rec)
{
    const struct hvm_tsc_adjust *a = rec;

    if (t->commit) {
        t->xv->pvh->vm.state.msr.tsc_adjust = a->tsc_adjust;
    }
    return 0;
}

static const struct {
    uint16_t type;
    uint16_t length;
    int (*load)(struct target *t, const void *rec);
} loaders[] = {
    {HVM_SAVE_CODE(CPU), HVM_SAVE_LENGTH(CPU), load_cpu},
    {HVM_SAVE_CODE(LAPIC), HVM_SAVE_LENGTH(LAPIC), load_lapic},
    {HVM_SAVE_CODE(LAPIC_REGS), HVM_SAVE_LENGTH(LAPIC_REGS), load_lapic_regs},
    {HVM_SAVE_CODE(MTRR), HVM_SAVE_LENGTH(MTRR), load_mtrr},
    {HVM_SAVE_CODE(TSC_ADJUST), HVM_SAVE_LENGTH(TSC_ADJUST), load_tsc_adjust},
};

/* Its length depends on what the vCPU ever used. */
static int load_xsave(struct target *t, const struct hvm_save_descriptor *d, const uint8_t *rec)
{
    uint64_t header[3];
    uint32_t size;

    if (d->length < HVM_SAVE_XSAVE_HEADER) {
        return -XEN_EINVAL;
    }
    memcpy(header, rec, sizeof(header));
    size = d->length - (uint32_t)HVM_SAVE_XSAVE_HEADER;
    return t->commit ? fpu_set_xstate(t->xv, header[1], header[2], rec + HVM_SAVE_XSAVE_HEADER, size)
                     : fpu_check_xstate(t->xv, header[1], header[2], rec + HVM_SAVE_XSAVE_HEADER, size);
}

static bool find_vcpu(struct target *t, const struct hvm_save_descriptor *d)
{
    if (d->instance >= t->xd->d.max_vcpus || !t->xd->d.vcpus[d->instance]) {
        return false;
    }
    t->xv = x86_vcpu(t->xd->d.vcpus[d->instance]);
    return true;
}

static int load_record(struct target *t, const struct hvm_save_descriptor *d, const uint8_t *rec)
{
    uint8_t aligned[sizeof(struct hvm_hw_cpu)] __attribute__((aligned(8)));

    if (d->typecode == CPU_XSAVE_CODE) {
        return find_vcpu(t, d) ? load_xsave(t, d, rec) : -XEN_EINVAL;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(loaders); i++) {
        if (loaders[i].type != d->typecode) {
            continue;
        }
        if (d->length != loaders[i].length || !find_vcpu(t, d)) {
            return -XEN_EINVAL;
        }
        memcpy(aligned, rec, d->length);
        return loaders[i].load(t, aligned);
    }
    if (!t->commit) {
        log_debug("d%u: save record of type %u is not used\n", t->xd->d.id, d->typecode);
    }
    return 0;
}

static int check_header(const struct hvm_save_descriptor *d, const uint8_t *rec)
{
    struct hvm_save_header h;

    if (d->typecode != HVM_SAVE_CODE(HEADER) || d->length != sizeof(h)) {
        return -XEN_EINVAL;
    }
    memcpy(&h, rec, sizeof(h));
    return h.magic == HVM_FILE_MAGIC && h.version == HVM_FILE_VERSION ? 0 : -XEN_EINVAL;
}

static int load_all(struct target *t, const uint8_t *buf, uint32_t size)
{
    uint32_t at = 0;

    for (;;) {
        struct hvm_save_descriptor d;
        int rc;

        if (size - at < sizeof(d)) {
            return -XEN_EINVAL;
        }
        memcpy(&d, buf + at, sizeof(d));
        if (d.length > size - at - sizeof(d)) {
            return -XEN_EINVAL;
        }
        if (at != 0 && d.typecode == HVM_SAVE_CODE(END)) {
            return 0;
        }
        rc = at == 0 ? check_header(&d, buf + sizeof(d)) : load_record(t, &d, buf + at + sizeof(d));
        if (rc != 0) {
            return rc;
        }
        at += (uint32_t)sizeof(d) + d.length;
    }
}

int pvh_set_context(struct x86_domain *xd, const void *buf, uint32_t size)
{
    struct target *t = zalloc(sizeof(*t));
    int rc;

    if (!t) {
        return -XEN_ENOMEM;
    }
    t->xd = xd;
    rc = load_all(t, buf, size);
    if (rc == 0) {
        t->commit = true;
        rc = load_all(t, buf, size);
    }
    zfree(t);
    return rc;
}
