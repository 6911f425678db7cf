/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls by which a PV kernel says where its handlers and stack are, and returns from them. */
#include <abi/callback.h>
#include <abi/nmi.h>
#include <base/guest_access.h>
#include <base/log.h>
#include <base/softirq.h>
#include <core/hypercall/handlers.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/selectors.h>
#include <guest/x86/pv/pv.h>
#include <lib/string.h>

#define CR0_TS            8ull
#define X86_VEC_NMI       2
#define TRAP_MASKS_EVENTS 4
#define NULL_SELECTOR_MAX 3

long do_set_trap_table(struct hypercall *c)
{
    struct pv_vcpu *p = current_x86()->pv;
    vaddr_t table = c->arg[0];

    if (table == 0) {
        memset(p->traps, 0, 256 * sizeof(*p->traps));
        return 0;
    }
    for (unsigned int i = 0; i < 256; i++) {
        struct trap_info t;

        if (guest_read_elem(&t, table, i) != 0) {
            return -XEN_EFAULT;
        }
        if (t.address == 0) {
            return 0;
        }
        if (!is_canonical(t.address)) {
            return -XEN_EINVAL;
        }
        p->traps[t.vector] = (struct pv_trap){t.address, pv_fix_selector(t.cs), t.flags};
    }
    return 0;
}

static const uint8_t kind_of_callback[] = {
    [CALLBACKTYPE_event] = PV_CB_EVENT,         [CALLBACKTYPE_failsafe] = PV_CB_FAILSAFE,
    [CALLBACKTYPE_syscall] = PV_CB_SYSCALL,     [CALLBACKTYPE_sysenter] = PV_CB_SYSENTER,
    [CALLBACKTYPE_syscall32] = PV_CB_SYSCALL32,
};

static long set_callback(struct pv_vcpu *p, unsigned int type, uint64_t address, bool mask)
{
    if (type == CALLBACKTYPE_nmi) {
        if (!is_canonical(address)) {
            return -XEN_EINVAL;
        }
        p->traps[X86_VEC_NMI] = (struct pv_trap){address, SEL_RING3_CS64, TRAP_MASKS_EVENTS};
        return 0;
    }
    /* 3 and 6 are the two that older interfaces had */
    if (type >= ARRAY_SIZE(kind_of_callback) || type == 3 || type == 6) {
        return -XEN_ENOSYS;
    }
    if (!is_canonical(address)) {
        return -XEN_EINVAL;
    }
    p->callbacks[kind_of_callback[type]] = (struct pv_callback){address, mask};
    return 0;
}

long do_callback_op(struct hypercall *c)
{
    struct pv_vcpu *p = current_x86()->pv;

    switch (c->arg[0]) {
    case CALLBACKOP_register: {
        struct callback_register reg;

        if (guest_read_obj(&reg, c->arg[1]) != 0) {
            return -XEN_EFAULT;
        }
        return set_callback(p, reg.type, reg.address, (reg.flags & CALLBACKF_mask_events) != 0);
    }
    case CALLBACKOP_unregister: {
        struct callback_unregister unreg;

        if (guest_read_obj(&unreg, c->arg[1]) != 0) {
            return -XEN_EFAULT;
        }
        if (unreg.type == CALLBACKTYPE_nmi) {
            return set_callback(p, CALLBACKTYPE_nmi, 0, false);
        }
        return -XEN_EINVAL;
    }
    default:
        return -XEN_ENOSYS;
    }
}

long do_set_callbacks(struct hypercall *c)
{
    struct pv_vcpu *p = current_x86()->pv;
    long rc = set_callback(p, CALLBACKTYPE_event, c->arg[0], false);

    if (rc == 0) {
        rc = set_callback(p, CALLBACKTYPE_failsafe, c->arg[1], false);
    }
    if (rc == 0) {
        rc = set_callback(p, CALLBACKTYPE_syscall, c->arg[2], false);
    }
    return rc;
}

long do_nmi_op(struct hypercall *c)
{
    struct xennmi_callback cb;

    switch (c->arg[0]) {
    case XENNMI_register_callback:
        if (guest_read_obj(&cb, c->arg[1]) != 0) {
            return -XEN_EFAULT;
        }
        return set_callback(current_x86()->pv, CALLBACKTYPE_nmi, cb.handler_address, false);
    case XENNMI_unregister_callback:
        return set_callback(current_x86()->pv, CALLBACKTYPE_nmi, 0, false);
    default:
        return -XEN_ENOSYS;
    }
}

long do_stack_switch(struct hypercall *c)
{
    struct pv_vcpu *p = current_x86()->pv;

    p->kernel_ss = pv_fix_selector((uint16_t)c->arg[0]);
    p->kernel_sp = c->arg[1];
    return 0;
}

long do_fpu_taskswitch(struct hypercall *c)
{
    struct pv_vcpu *p = current_x86()->pv;
    bool set = c->arg[0] != 0;

    p->cr0 = set ? p->cr0 | CR0_TS : p->cr0 & ~CR0_TS;
    hw_set_ts(set);
    return 0;
}

long do_set_segment_base(struct hypercall *c)
{
    struct x86_vcpu *xv = current_x86();
    uint64_t base = c->arg[1];

    if (c->arg[0] == SEGBASE_GS_USER_SEL) {
        if ((base & 0xffff) > NULL_SELECTOR_MAX) {
            base = (base & 0xffff) | 3;
        }
        hw_load_gs_user_selector((uint32_t)(base & 0xffff));
        return 0;
    }
    if (!is_canonical(base)) {
        return -XEN_EINVAL;
    }
    switch (c->arg[0]) {
    case SEGBASE_FS:
        hw_set_fs_base(base);
        return 0;
    case SEGBASE_GS_USER: /* a hypercall comes from kernel mode: the user's base is the hidden one */
        hw_set_hidden_gs_base(base);
        return 0;
    case SEGBASE_GS_KERNEL:
        hw_set_gs_base(base);
        xv->pv->gs_base_kernel = base;
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

/* --- return from a trap -------------------------------------------------------------------------------------------------------------------- */

long do_iret(struct hypercall *c)
{
    struct x86_vcpu *xv = current_x86();
    struct x86_regs *r = &xv->regs;
    struct iret_context ctx;

    c->is_final = c->is_value = true;
    if (guest_read_obj(&ctx, r->rsp) != 0) {
        domain_crash(xv->v.domain, "v%u: no iret frame at %#lx", xv->v.id, (unsigned long)r->rsp);
        return -XEN_EFAULT;
    }
    if ((ctx.cs & 3) == 3) {
        if (mfn_is_invalid(xv->pv->guest_table_user)) {
            domain_crash(xv->v.domain, "v%u: returns to user mode without a user page table", xv->v.id);
            return -XEN_EFAULT;
        }
        pv_toggle_mode(xv);
    }
    r->rip = ctx.rip;
    r->cs = pv_fix_selector((uint16_t)ctx.cs);
    r->rflags = (ctx.rflags & ~(X86_FLAGS_IOPL | X86_FLAGS_VM)) | X86_FLAGS_IF | X86_FLAGS_FIXED;
    r->rsp = ctx.rsp;
    r->ss = pv_fix_selector((uint16_t)ctx.ss);
    if (pv_has_assist(xv, VMASST_TYPE_architectural_iopl)) {
        xv->pv->iopl = (uint8_t)((ctx.rflags & X86_FLAGS_IOPL) >> 12);
    }
    if (ctx.flags & VGCF_in_syscall) {
        /* rcx and r11 are lost by the guest's own choice, so the short way back will do */
        r->entry_vector = r->cs == SEL_RING3_CS64 && r->ss == SEL_RING3_SS ? VECTOR_SYSCALL : VECTOR_NONE;
    } else {
        r->entry_vector = VECTOR_NONE;
        r->r11 = ctx.r11;
        r->rcx = ctx.rcx;
    }
    xv->v.info->evtchn_upcall_mask = !(ctx.rflags & X86_FLAGS_IF);
    return (long)ctx.rax;
}
