/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PVH vCPU in the form of a PV one's context: for tools that look (core dumps, xenctx), and to change general registers. <xen/arch-x86/xen.h>. Whole states
 * are loaded as save records: load.c.
 */
#include <abi/xen.h>
#include <guest/x86/common/user_regs.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/pvh/pvh_internal.h>
#include <lib/string.h>

void pvh_get_vcpu_context(struct x86_vcpu *xv, struct vcpu_guest_context *c)
{
    struct vm_vcpu *vm = &xv->pvh->vm;
    const struct vm_state *s = vm_fetch(vm, VM_ALL);
    const struct x86_regs *r = &xv->regs;

    memset(c, 0, sizeof(*c));
    vm_save_debug(vm);
    fpu_get_image(xv, &c->fpu_ctxt);
    c->flags = VGCF_i387_valid | (vm->cpl == 0 ? VGCF_in_kernel : 0) |
               (xv->v.sched.pause_flags & VPF_DOWN ? 0 : VGCF_online);
    c->user_regs = (struct cpu_user_regs){
        .cs = s->seg[X86_SEG_CS].sel,
        .rflags = r->rflags,
        .ss = s->seg[X86_SEG_SS].sel,
        .ds = s->seg[X86_SEG_DS].sel,
        .es = s->seg[X86_SEG_ES].sel,
        .fs = s->seg[X86_SEG_FS].sel,
        .gs = s->seg[X86_SEG_GS].sel,
    };
    general_to_user(&c->user_regs, r);
    c->ctrlreg[0] = s->cr0;
    c->ctrlreg[2] = s->cr2;
    c->ctrlreg[3] = s->cr3;
    c->ctrlreg[4] = s->cr4;
    memcpy(c->debugreg, s->dr, sizeof(c->debugreg));
    c->fs_base = s->seg[X86_SEG_FS].base;
    c->gs_base_kernel = vm->cpl == 0 ? s->seg[X86_SEG_GS].base : s->msr.kernel_gs_base;
    c->gs_base_user = vm->cpl == 0 ? s->msr.kernel_gs_base : s->seg[X86_SEG_GS].base;
}

int pvh_set_vcpu_context(struct x86_vcpu *xv, const struct vcpu_guest_context *c)
{
    const struct cpu_user_regs *u = &c->user_regs;
    struct x86_regs r = xv->regs;
    int rc;

    general_from_user(&r, u);
    r.rflags = u->rflags;
    rc = pvh_check_state(x86_domain(xv->v.domain), vm_fetch(&xv->pvh->vm, VM_ALL), &r);
    if (rc == 0) {
        xv->regs = r;
    }
    return rc;
}
