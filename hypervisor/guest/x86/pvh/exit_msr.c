/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSRs of PVH vCPUs: the rules of model/x86/msr over the vCPU's register cache, and the local APIC's by model/x86/vlapic. Also what CPUID asks of a vCPU. */
#include <base/log.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/platform.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <model/x86/cpuid/cpu_policy.h>

#define CR0_PG      BIT(31)
#define CR4_OSXSAVE BIT(18)
#define CR4_PKE     BIT(22)

static struct msr_ctx context(struct x86_vcpu *xv, uint32_t msr)
{
    struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_CR | VM_MSR);

    if (unlikely(msr == MSR_FS_BASE || msr == MSR_GS_BASE)) {
        vm_fetch(&xv->pvh->vm, VM_SEG);
        s->msr.fs_base = s->seg[X86_SEG_FS].base;
        s->msr.gs_base = s->seg[X86_SEG_GS].base;
    }
    return (struct msr_ctx){
        .policy = x86_domain(xv->v.domain)->policy,
        .state = &s->msr,
        .hvm = true,
        .first_vcpu = xv->v.id == 0,
        .paging = (s->cr0 & CR0_PG) != 0,
        .tsc = pvh_guest_tsc(xv),
    };
}

static bool is_x2apic(uint32_t msr)
{
    return msr - VLAPIC_MSR_FIRST <= VLAPIC_MSR_LAST - VLAPIC_MSR_FIRST;
}

static struct vlapic_clock clock_for(const struct x86_vcpu *xv, uint32_t msr)
{
    return vlapic_msr_needs_clock(msr) ? pvh_apic_clock(xv) : (struct vlapic_clock){0};
}

static bool apic_read(struct x86_vcpu *xv, uint32_t msr, uint64_t *value)
{
    struct vlapic_clock clock = clock_for(xv, msr);

    return vlapic_msr_read(&xv->pvh->vlapic, msr, &clock, value);
}

static bool apic_write(struct x86_vcpu *xv, uint32_t msr, uint64_t value)
{
    struct vlapic_clock clock = clock_for(xv, msr);
    struct vlapic_effect fx = {0};

    if (!vlapic_msr_write(&xv->pvh->vlapic, msr, value, &clock, &fx)) {
        return false;
    }
    if (msr != VLAPIC_MSR_BASE || fx.base_changed) { /* the base as it was changes nothing */
        pvh_apply_effect(xv, &fx);
    }
    return true;
}

bool pvh_msr_read(struct x86_vcpu *xv, uint32_t msr, uint64_t *value)
{
    struct msr_ctx c;

    if (likely(is_x2apic(msr))) {
        return xv->pvh->vlapic.x2apic_allowed && apic_read(xv, msr, value);
    }
    c = context(xv, msr);
    switch (msr_read(&c, msr, value)) {
    case MSR_OK:
        return true;
    case MSR_VLAPIC:
        return apic_read(xv, msr, value);
    default:
        log_guest_debug("d%uv%u: reads MSR %#x, which there is not\n", xv->v.domain->id, xv->v.id, msr);
        return false;
    }
}

static bool set_hypercall_page(struct x86_vcpu *xv, uint64_t gfn)
{
    mfn_t mfn;

    if (pvh_get_gfn(xv->v.domain, GFN(gfn), true, &mfn) != 0) {
        return false;
    }
    pvh_fill_hypercall_page(xv->v.domain, mfn_to_virt(mfn));
    frame_put_writable(mfn);
    pvh_take_info_width(xv);
    return true;
}

/* The guest wrote its time stamp counter: its shared time is said anew, and the deadline that was set by the old one moves. */
static void tsc_changed(struct x86_vcpu *xv, uint64_t add)
{
    struct vlapic_clock clock;

    pvh_set_tsc_delta(xv, xv->pvh->tsc_delta + add);
    vcpu_update_time(&xv->v); /* the shared time goes by this counter */
    clock = pvh_apic_clock(xv);
    vlapic_tsc_changed(&xv->pvh->vlapic, &clock);
    pvh_arm_timer(xv);
}

static void bases_changed(struct vm_vcpu *vm, uint32_t msr)
{
    struct vm_state *s = &vm->state;

    if (msr != MSR_KERNEL_GS_BASE) {
        s->seg[X86_SEG_FS].base = s->msr.fs_base;
        s->seg[X86_SEG_GS].base = s->msr.gs_base;
        vm_changed(vm, VM_SEG);
    }
    vm_changed(vm, VM_MSR);
}

static void state_changed(struct x86_vcpu *xv, uint32_t msr)
{
    vm_changed(&xv->pvh->vm, VM_MSR);
    if (msr == MSR_TSC_AUX) {
        hw_set_tsc_aux(xv->pvh->vm.state.msr.tsc_aux);
    }
}

bool pvh_msr_write(struct x86_vcpu *xv, uint32_t msr, uint64_t value)
{
    struct msr_ctx c;
    uint64_t aux = 0;

    if (likely(is_x2apic(msr))) {
        return xv->pvh->vlapic.x2apic_allowed && apic_write(xv, msr, value);
    }
    c = context(xv, msr);
    switch (msr_write(&c, msr, value, &aux)) {
    case MSR_OK:
    case MSR_NEW_MTRR: /* memory types come from the nested tables: all of it is write-back */
        return true;
    case MSR_IGNORED:
        x86_msr_note_ignored(xv, msr, value);
        return true;
    case MSR_VLAPIC:
        return apic_write(xv, msr, value);
    case MSR_NEW_EFER:
        vm_changed(&xv->pvh->vm, VM_CR);
        xv->pvh->vm.flush = true;
        return true;
    case MSR_NEW_BASE:
        bases_changed(&xv->pvh->vm, msr);
        return true;
    case MSR_NEW_STATE:
        state_changed(xv, msr);
        return true;
    case MSR_SET_TSC:
        tsc_changed(xv, value - c.tsc);
        return true;
    case MSR_ADD_TSC:
        tsc_changed(xv, aux);
        return true;
    case MSR_FORGET_BRANCHES:
        hw_forget_branches();
        return true;
    case MSR_SET_HYPERCALL_PAGE:
        return set_hypercall_page(xv, aux);
    default:
        log_guest_debug("d%uv%u: writes %#lx to MSR %#x, which there is not\n", xv->v.domain->id, xv->v.id,
                        (unsigned long)value, msr);
        return false;
    }
}

void pvh_cpuid_state(const struct x86_vcpu *xv, struct cpuid_vcpu *v)
{
    const struct vm_state *s = vm_fetch(&xv->pvh->vm, VM_CR);

    v->osxsave = (s->cr4 & CR4_OSXSAVE) != 0;
    v->ospke = (s->cr4 & CR4_PKE) != 0;
    v->apic_enabled = vlapic_hw_enabled(&xv->pvh->vlapic);
    v->apic_id = xv->pvh->vlapic.id;
}
