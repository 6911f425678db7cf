/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a PV kernel registers, each value at its limits; the return from a trap. */
#include "rig.h"
#include <abi/callback.h>
#include <abi/nmi.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))

static struct pv_vcpu *p(void)
{
    return rig_vcpu[0].pv;
}

static void trap_table(void **state)
{
    struct trap_info *t = (struct trap_info *)rig_mem;

    t[0] = (struct trap_info){.vector = 3, .flags = 3, .cs = 0xe030, .address = 0x1000};
    t[1] = (struct trap_info){.vector = 255, .flags = 4, .cs = 0, .address = RIG_LAST_OF_LOWER};
    t[3] = (struct trap_info){.vector = 9, .address = 0x3000}; /* behind the end */
    assert_int_equal(rig_hypercall(do_set_trap_table, GUEST(t), 0, 0), 0);
    assert_int_equal(p()->traps[3].rip, 0x1000);
    assert_int_equal(p()->traps[3].cs, 0xe033); /* no less than ring 3 */
    assert_int_equal(p()->traps[3].flags, 3);
    assert_int_equal(p()->traps[255].rip, RIG_LAST_OF_LOWER);
    assert_int_equal(p()->traps[255].cs, 3);
    assert_int_equal(p()->traps[9].rip, 0);
    t[2] = (struct trap_info){.vector = 5, .address = RIG_LAST_OF_LOWER + 1};
    assert_int_equal(rig_hypercall(do_set_trap_table, GUEST(t), 0, 0), -XEN_EINVAL);
    assert_int_equal(p()->traps[5].rip, 0);
    assert_int_equal(p()->traps[9].rip, 0);
    /* one without an end has 256 entries */
    for (unsigned int i = 0; i < 258; i++) {
        t[i] = (struct trap_info){.vector = (uint8_t)i, .address = 0x100 + i};
    }
    assert_int_equal(rig_hypercall(do_set_trap_table, GUEST(t), 0, 0), 0);
    assert_int_equal(p()->traps[0].rip, 0x100);
    assert_int_equal(p()->traps[255].rip, 0x1ff);
    t = (struct trap_info *)(rig_mem + RIG_MEM) - 1;
    *t = (struct trap_info){.vector = 7, .address = 0x7777};
    assert_int_equal(rig_hypercall(do_set_trap_table, GUEST(t), 0, 0), -XEN_EFAULT);
    assert_int_equal(p()->traps[7].rip, 0x7777);
    assert_int_equal(rig_hypercall(do_set_trap_table, 0, 0, 0), 0);
    for (unsigned int i = 0; i < 256; i++) {
        assert_int_equal(p()->traps[i].rip, 0);
    }
}

static long reg(uint16_t type, uint64_t address, uint16_t flags)
{
    *(struct callback_register *)rig_mem =
        (struct callback_register){.type = type, .flags = flags, .address = address};
    return rig_hypercall(do_callback_op, CALLBACKOP_register, GUEST(rig_mem), 0);
}

static void callbacks(void **state)
{
    static const struct {
        uint16_t type;
        enum pv_callback_kind kind;
    } known[] = {{CALLBACKTYPE_event, PV_CB_EVENT},
                 {CALLBACKTYPE_failsafe, PV_CB_FAILSAFE},
                 {CALLBACKTYPE_syscall, PV_CB_SYSCALL},
                 {CALLBACKTYPE_sysenter, PV_CB_SYSENTER},
                 {CALLBACKTYPE_syscall32, PV_CB_SYSCALL32}};
    static const uint16_t unknown[] = {3, 6, 8, 9, 255, 0xffff};
    struct callback_unregister *u = (struct callback_unregister *)rig_mem;

    for (unsigned int i = 0; i < ARRAY_SIZE(known); i++) {
        const struct pv_callback *cb = &p()->callbacks[known[i].kind];

        assert_int_equal(reg(known[i].type, 0x1000 + i, i % 2 ? CALLBACKF_mask_events : 0), 0);
        assert_int_equal(cb->rip, 0x1000 + i);
        assert_int_equal(cb->mask_events, i % 2);
        assert_int_equal(reg(known[i].type, RIG_NO_ADDRESS, 0), -XEN_EINVAL);
        assert_int_equal(cb->rip, 0x1000 + i);
        u->type = known[i].type;
        assert_int_equal(rig_hypercall(do_callback_op, CALLBACKOP_unregister, GUEST(u), 0), -XEN_EINVAL);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(unknown); i++) {
        assert_int_equal(reg(unknown[i], 0x1000, 0), -XEN_ENOSYS);
    }
    assert_int_equal(reg(CALLBACKTYPE_nmi, RIG_NO_ADDRESS, 0), -XEN_EINVAL);
    assert_int_equal(reg(CALLBACKTYPE_nmi, 0x2000, 0), 0);
    assert_int_equal(p()->traps[2].rip, 0x2000);
    assert_int_equal(p()->traps[2].flags & 7, 4); /* masks events; not for INT 2 of user mode */
    u->type = CALLBACKTYPE_nmi;
    assert_int_equal(rig_hypercall(do_callback_op, CALLBACKOP_unregister, GUEST(u), 0), 0);
    assert_int_equal(p()->traps[2].rip, 0);
    assert_int_equal(rig_hypercall(do_callback_op, CALLBACKOP_register, 8, 0), -XEN_EFAULT);
    assert_int_equal(rig_hypercall(do_callback_op, CALLBACKOP_unregister, 8, 0), -XEN_EFAULT);
    assert_int_equal(rig_hypercall(do_callback_op, 2, GUEST(u), 0), -XEN_ENOSYS);
    assert_int_equal(rig_hypercall(do_set_callbacks, 0x10, 0x20, 0x30), 0);
    assert_int_equal(p()->callbacks[PV_CB_SYSCALL].rip, 0x30);
    assert_int_equal(rig_hypercall(do_set_callbacks, 0x11, RIG_NO_ADDRESS, 0x31), -XEN_EINVAL);
    assert_int_equal(p()->callbacks[PV_CB_FAILSAFE].rip, 0x20);
}

static void nmi(void **state)
{
    struct xennmi_callback *cb = (struct xennmi_callback *)rig_mem;

    cb->handler_address = 0x3000;
    assert_int_equal(rig_hypercall(do_nmi_op, XENNMI_register_callback, GUEST(cb), 0), 0);
    assert_int_equal(p()->traps[2].rip, 0x3000);
    cb->handler_address = RIG_NO_ADDRESS;
    assert_int_equal(rig_hypercall(do_nmi_op, XENNMI_register_callback, GUEST(cb), 0), -XEN_EINVAL);
    assert_int_equal(rig_hypercall(do_nmi_op, XENNMI_register_callback, 8, 0), -XEN_EFAULT);
    assert_int_equal(p()->traps[2].rip, 0x3000);
    assert_int_equal(rig_hypercall(do_nmi_op, XENNMI_unregister_callback, 0, 0), 0);
    assert_int_equal(p()->traps[2].rip, 0);
    assert_int_equal(rig_hypercall(do_nmi_op, 2, GUEST(cb), 0), -XEN_ENOSYS);
}

static void stack_and_bases(void **state)
{
    assert_int_equal(rig_hypercall(do_stack_switch, 0xe028, RIG_NO_ADDRESS, 0),
                     0); /* used only to write to, as the guest */
    assert_int_equal(p()->kernel_ss, 0xe02b);
    assert_int_equal(p()->kernel_sp, RIG_NO_ADDRESS);
    assert_int_equal(rig_hypercall(do_fpu_taskswitch, 1, 0, 0), 0);
    assert_true(rig_ts && (p()->cr0 & 8));
    assert_int_equal(rig_hypercall(do_fpu_taskswitch, 0, 0, 0), 0);
    assert_true(!rig_ts && !(p()->cr0 & 8));
    assert_int_equal(rig_hypercall(do_set_segment_base, SEGBASE_FS, 0x1000, 0), 0);
    assert_int_equal(rig_fs, 0x1000);
    assert_int_equal(rig_hypercall(do_set_segment_base, SEGBASE_GS_USER, 0x2000, 0), 0);
    assert_int_equal(rig_hidden_gs, 0x2000);
    assert_int_equal(rig_hypercall(do_set_segment_base, SEGBASE_GS_KERNEL, 0x3000, 0), 0);
    assert_int_equal(rig_gs, 0x3000);
    assert_int_equal(p()->gs_base_kernel, 0x3000);
    for (unsigned int which = SEGBASE_FS; which <= SEGBASE_GS_KERNEL; which++) {
        assert_int_equal(rig_hypercall(do_set_segment_base, which, RIG_LAST_OF_LOWER + 1, 0), -XEN_EINVAL);
        assert_int_equal(rig_hypercall(do_set_segment_base, which, RIG_NO_ADDRESS, 0), -XEN_EINVAL);
    }
    assert_int_equal(rig_fs | rig_gs | rig_hidden_gs, 0x3000);
    assert_int_equal(rig_hypercall(do_set_segment_base, SEGBASE_GS_USER_SEL, 0x28, 0), 0);
    assert_int_equal(rig_gs_selector, 0x2b);
    assert_int_equal(rig_hypercall(do_set_segment_base, SEGBASE_GS_USER_SEL, ~0ull, 0), 0);
    assert_int_equal(rig_gs_selector, 0xffff);
    assert_int_equal(rig_hypercall(do_set_segment_base, SEGBASE_GS_USER_SEL, 2, 0), 0);
    assert_int_equal(rig_gs_selector, 2); /* a null selector stays null */
    assert_int_equal(rig_hypercall(do_set_segment_base, 4, 0x1000, 0), -XEN_EINVAL);
    assert_int_equal(rig_hypercall(do_set_segment_base, ~0ull, 0x1000, 0), -XEN_EINVAL);
}

/* --- iret ---- */

static struct iret_context *frame(void)
{
    struct iret_context *f = (struct iret_context *)(rig_mem + RIG_MEM - sizeof(*f));

    rig_vcpu[0].regs.rsp = GUEST(f);
    return f;
}

static void to_kernel(void **state)
{
    struct x86_regs *r = &rig_vcpu[0].regs;
    struct hypercall c = {.in_multicall = true};

    *frame() = (struct iret_context){.rax = 1,
                                     .r11 = 2,
                                     .rcx = 3,
                                     .rip = RIG_NO_ADDRESS,
                                     .cs = 0xe030,
                                     .rflags = ~0ull,
                                     .rsp = 4,
                                     .ss = 0};
    rig_vcpu[0].v.info->evtchn_upcall_mask = 1;
    assert_int_equal(do_iret(&c), 1);
    assert_true(c.is_final);
    assert_int_equal(rig_vcpu[0].pv->iopl, 0);
    assert_true(r->r11 == 2 && r->rcx == 3 && r->rsp == 4);
    assert_int_equal(r->rip, RIG_NO_ADDRESS); /* the way out looks at it: pv_run() */
    assert_int_equal(r->cs, 0xe033);
    assert_int_equal(r->ss, 3);
    assert_int_equal(r->rflags & (X86_FLAGS_IOPL | X86_FLAGS_VM), 0);
    assert_int_equal(r->entry_vector, VECTOR_NONE);
    assert_int_equal(rig_vcpu[0].v.info->evtchn_upcall_mask, 0);
    assert_true(rig_vcpu[0].is_kernel_mode);
    *frame() = (struct iret_context){.cs = 0xe030, .rflags = 0};
    assert_int_equal(rig_hypercall(do_iret, 0, 0, 0), 0);
    assert_int_equal(r->rflags, X86_FLAGS_IF | X86_FLAGS_FIXED); /* the processor's stays on */
    rig_domain.vm_assist = 1ull << VMASST_TYPE_architectural_iopl;
    frame()->rflags = 2ull << 12;
    assert_int_equal(rig_hypercall(do_iret, 0, 0, 0), 0);
    assert_int_equal(rig_vcpu[0].pv->iopl, 2);
    assert_int_equal(r->rflags,
                     X86_FLAGS_IF | X86_FLAGS_FIXED); /* nor is the processor's level the guest's */
    rig_domain.vm_assist = 0;
    rig_vcpu[0].pv->iopl = 0;
    assert_int_equal(rig_vcpu[0].v.info->evtchn_upcall_mask, 1);
    assert_int_equal(rig_crashes, 0);
}

static void to_user(void **state)
{
    struct x86_regs *r = &rig_vcpu[0].regs;

    *frame() = (struct iret_context){
        .cs = SEL_RING3_CS64, .ss = SEL_RING3_SS, .r11 = 5, .rcx = 6, .flags = VGCF_in_syscall};
    r->r11 = r->rcx = 9;
    assert_int_equal(rig_hypercall(do_iret, 0, 0, 0), 0);
    assert_false(rig_vcpu[0].is_kernel_mode);
    assert_int_equal(rig_cr3, RIG_USER.n);
    assert_int_equal(rig_gs_swaps, 1);
    assert_int_equal(r->entry_vector, VECTOR_SYSCALL);
    assert_true(r->r11 == 9 && r->rcx == 9); /* lost, as it chose */
    rig_vcpu[0].is_kernel_mode = true;
    frame()->cs = SEL_RING3_CS32;
    assert_int_equal(rig_hypercall(do_iret, 0, 0, 0), 0);
    assert_int_equal(r->entry_vector, VECTOR_NONE); /* SYSRET goes to 64-bit code only */
    assert_int_equal(rig_crashes, 0);
}

static void iret_refused(void **state)
{
    rig_vcpu[0].regs.rsp = rig_stack() - 8;
    assert_int_equal(rig_hypercall(do_iret, 0, 0, 0), -XEN_EFAULT);
    assert_int_equal(rig_crashes, 1);
    *frame() = (struct iret_context){.cs = SEL_RING3_CS64};
    p()->guest_table_user = INVALID_MFN;
    assert_int_equal(rig_hypercall(do_iret, 0, 0, 0), -XEN_EFAULT);
    assert_int_equal(rig_crashes, 2);
    assert_true(rig_vcpu[0].is_kernel_mode);
    assert_int_equal(rig_cr3, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(trap_table), RIG_TEST(callbacks), RIG_TEST(nmi),          RIG_TEST(stack_and_bases),
        RIG_TEST(to_kernel),  RIG_TEST(to_user),   RIG_TEST(iret_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
