/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ways into the hypervisor and back: frames on the guest's stack, exceptions and who handles them, hypercalls that go on later, what waits at the way out. */
#include "rig.h"

#define SEGMENT_NOT_PRESENT 11
#define USER_SP             0x7000u

static struct x86_vcpu *xv;
static struct x86_regs *r;

static int start(void **state)
{
    rig_start(state);
    xv = &rig_vcpu[0];
    r = &xv->regs;
    *r = (struct x86_regs){.rip = 0x5000, .cs = SEL_RING3_CS64, .ss = SEL_RING3_SS, .rcx = 11, .r11 = 12};
    r->rsp = rig_stack() - 64;
    r->rflags = X86_FLAGS_IF | X86_FLAGS_FIXED | X86_FLAGS_TF | X86_FLAGS_AC | X86_FLAGS_NT;
    xv->pv->kernel_sp = rig_stack();
    return 0;
}

static void to_user(void)
{
    xv->is_kernel_mode = false;
    r->rsp = USER_SP;
}

static const uint64_t *stack(unsigned int words)
{
    assert_int_equal(r->rsp, rig_stack() - (xv->is_kernel_mode && rig_gs_swaps == 0 ? 64 : 0) - 8 * words);
    return (const uint64_t *)(uintptr_t)r->rsp;
}

/* --- frames ---- */

static void from_kernel(void **state)
{
    const uint64_t *f;
    uint64_t flags = r->rflags;

    r->rsp -= 8; /* frames begin at multiples of 16 */
    pv_deliver(xv, &(struct pv_bounce){0x9000, SEL_RING3_CS64, true, true, 0x55});
    assert_int_equal(r->rsp, rig_stack() - 80 - 64);
    f = (const uint64_t *)(uintptr_t)r->rsp;
    assert_true(f[0] == 11 && f[1] == 12 && f[2] == 0x55 && f[3] == 0x5000);
    assert_int_equal(f[4], SEL_RING3_CS64 & ~3u); /* ring 0 to itself, events were not masked */
    assert_int_equal(f[5], flags);
    assert_int_equal(f[6], rig_stack() - 72);
    assert_int_equal(f[7], SEL_RING3_SS);
    assert_int_equal(r->rip, 0x9000);
    assert_int_equal(r->entry_vector, VECTOR_SYSCALL);
    assert_int_equal(r->rflags, X86_FLAGS_IF | X86_FLAGS_FIXED);
    assert_int_equal(xv->v.info->evtchn_upcall_mask, 1);
    assert_int_equal(rig_gs_swaps, 0);
}

static void from_user(void **state)
{
    const uint64_t *f;

    to_user();
    xv->v.info->evtchn_upcall_mask = 1;
    pv_deliver(xv, &(struct pv_bounce){0x9000, SEL_RING3_CS64, false, false, 0});
    assert_true(xv->is_kernel_mode);
    assert_int_equal(rig_cr3, RIG_KERNEL.n);
    assert_int_equal(rig_gs_swaps, 1);
    f = stack(7);
    assert_int_equal(f[2], 0x5000);
    assert_int_equal(f[3], SEL_RING3_CS64 | 1ull << 32);
    assert_int_equal(f[4] & X86_FLAGS_IF, 0); /* events were masked */
    assert_int_equal(f[5], USER_SP);
    assert_int_equal(rig_crashes, 0);
}

static void no_room(void **state)
{
    uint64_t rip = r->rip;

    r->rsp = (uint64_t)(uintptr_t)rig_mem + 40; /* a part of the frame is outside */
    pv_deliver(xv, &(struct pv_bounce){0x9000, SEL_RING3_CS64, false, false, 0});
    assert_int_equal(rig_crashes, 1);
    r->rsp = 0; /* around zero */
    pv_deliver(xv, &(struct pv_bounce){0x9000, SEL_RING3_CS64, false, false, 0});
    assert_int_equal(rig_crashes, 2);
    assert_int_equal(r->rip, rip);
}

/* SYSRET with such an address would fault in the hypervisor. */
static void handler_not_canonical(void **state)
{
    pv_deliver(xv, &(struct pv_bounce){RIG_NO_ADDRESS, SEL_RING3_CS64, false, false, 0});
    assert_int_equal(r->entry_vector, VECTOR_NONE);
    r->rsp = rig_stack();
    pv_deliver(xv, &(struct pv_bounce){0x1000, SEL_RING3_CS32, false, false, 0});
    assert_int_equal(r->entry_vector, VECTOR_NONE);
}

/* --- exceptions ---- */

static void page_faults(void **state)
{
    rig_mm_settles = true;
    r->error_code = 7;
    pv_page_fault(r, 0x1234);
    assert_int_equal(r->rip, 0x5000);
    rig_mm_settles = false;
    pv_page_fault(r, 0x1234);
    assert_int_equal(rig_crashes, 1); /* no handler */
    rig_set_handlers(xv, false);
    pv_page_fault(r, 0x1234);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_PF);
    assert_int_equal(xv->v.info->arch.cr2, 0x1234);
    assert_int_equal(stack(8)[2], 3); /* its kernel is no user to it */
    r->rip = 0x5000;
    to_user();
    pv_page_fault(r, 0x1234);
    assert_int_equal(stack(8)[2], 7);
}

/* An access as supervisor from ring 3: the emulated processor's IRETQ, or something that is not. */
static void iretq(void **state)
{
    static const uint8_t code[] = {0x48, 0xcf};
    uint64_t *f = (uint64_t *)(rig_mem + 8192);

    rig_set_handlers(xv, false);
    rig_code(xv, code, sizeof(code));
    f[0] = RIG_NO_ADDRESS, f[1] = 0x10, f[2] = ~0ull, f[3] = 0x7777, f[4] = 0;
    r->rsp = (uint64_t)(uintptr_t)f;
    r->error_code = 1;
    r->entry_vector = X86_VEC_PF;
    pv_page_fault(r, 0x1234);
    assert_true(r->rip == RIG_NO_ADDRESS && r->rsp == 0x7777 && r->cs == 0x13 && r->ss == 3);
    assert_int_equal(r->rflags & (X86_FLAGS_IOPL | X86_FLAGS_VM), 0);
    assert_true(r->rflags & X86_FLAGS_IF);
    rig_code(xv, code, 1);
    rig_mem[1] = 0xce;
    pv_page_fault(r, 0x1234);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_PF);
}

static void raise(unsigned int vector, uint32_t error)
{
    r->entry_vector = vector;
    r->error_code = error;
    pv_exception(r);
}

static void exceptions(void **state)
{
    rig_set_handlers(xv, false);
    xv->pv->cr0 = 8;
    rig_ts = true;
    raise(X86_VEC_NM, 0);
    assert_true(!rig_ts && !(xv->pv->cr0 & 8));
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_NM);
    xv->pv->debugreg[6] = 0xffff0ff0;
    rig_dr6_events = 1;
    raise(X86_VEC_DB, 0);
    assert_int_equal(xv->pv->debugreg[6], 0xffff0ff1);
    rig_dr6_events = 0x4000;
    raise(X86_VEC_DB, 0);
    assert_int_equal(xv->pv->debugreg[6], 0xffff4ff1); /* until the guest clears it */
    /* those that push an error code: one word more */
    for (unsigned int vector = 0; vector < 32; vector++) {
        bool has_error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;

        r->rsp = rig_stack() - 64;
        raise(vector, has_error ? 0x28 : 0);
        assert_int_equal(r->rip, RIG_HANDLER + vector);
        stack(has_error ? 8 : 7);
    }
    assert_int_equal(rig_crashes, 0);
    xv->pv->traps[X86_VEC_GP].rip = 0;
    raise(X86_VEC_GP, 0x28);
    assert_int_equal(rig_crashes, 1);
}

static void software_interrupts(void **state)
{
    static const uint8_t code[] = {0xcd, 0x80};

    rig_set_handlers(xv, false);
    rig_code(xv, code, sizeof(code));
    raise(X86_VEC_GP, 0x80 << 3 | 2); /* its kernel may */
    assert_int_equal(r->rip, RIG_HANDLER + 0x80);
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[2], (uint64_t)(uintptr_t)rig_mem + 2);
    rig_code(xv, code, sizeof(code));
    to_user();
    raise(X86_VEC_GP, 0x80 << 3 | 2); /* user mode may not */
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_GP);
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[2], 0x80 << 3 | 2);
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[3], (uint64_t)(uintptr_t)rig_mem);
    rig_set_handlers(xv, true);
    rig_code(xv, code, sizeof(code));
    to_user();
    raise(X86_VEC_GP, 0x80 << 3 | 2);
    assert_int_equal(r->rip, RIG_HANDLER + 0x80);
    rig_code(xv, code, sizeof(code));
    xv->pv->traps[0x80].rip = 0;
    raise(X86_VEC_GP, 0x80 << 3 | 2);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_GP);
    rig_mem[0] = 0xcc; /* not that instruction: its fault stays as it is */
    xv->pv->traps[0x80].rip = 0x9000;
    rig_code(xv, rig_mem, 2);
    raise(X86_VEC_GP, 3 << 3 | 2);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_GP);
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[2], 3 << 3 | 2);
    r->rip = 8; /* code that cannot be read is none */
    raise(X86_VEC_GP, 0x80 << 3 | 2);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_GP);
    assert_int_equal(rig_crashes, 0);
}

/* Through a gate that ring 3 may use in the processor's table: it is in the guest's only if its own says so. */
static void interrupt_0x80(void **state)
{
    rig_set_handlers(xv, true);
    rig_code(xv, (const uint8_t[]){0xcd, 0x80}, 2);
    r->rip += 2;
    raise(0x80, 0);
    assert_int_equal(r->rip, RIG_HANDLER + 0x80);
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[2], (uint64_t)(uintptr_t)rig_mem + 2);
    rig_set_handlers(xv, false);
    to_user();
    r->rip = 0x1002;
    raise(0x80, 0);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_GP);
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[2], 0x80 << 3 | 2);
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[3], 0x1000);
    xv->pv->traps[0x80].rip = 0;
    r->rip = 0x1002;
    raise(0x80, 0); /* the kernel may, but there is nothing */
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[3], 0x1000);
    assert_int_equal(rig_crashes, 0);
}

static void iret_failed(void **state)
{
    rig_set_handlers(xv, false);
    r->rip = RIG_NO_ADDRESS; /* where the kernel wanted to go on: its handler is told */
    irq_disable();
    pv_iret_failed(X86_VEC_GP, 8, 0);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_GP);
    assert_true(irqs_enabled());
    to_user();
    irq_disable();
    pv_iret_failed(SEGMENT_NOT_PRESENT, 0x10, 0);
    assert_int_equal(r->rip, RIG_HANDLER + SEGMENT_NOT_PRESENT);
    assert_int_equal(rig_crashes, 0);
    to_user();
    r->cs = 0x2003; /* its descriptor is in no page */
    irq_disable();
    pv_iret_failed(X86_VEC_PF, 0, 0);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_GP);
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[2], 0x2000);
    to_user();
    r->cs = 0xf;
    rig_mm_settles = true; /* the page of the LDT is there now: again */
    irq_disable();
    pv_iret_failed(X86_VEC_PF, 0, 0x5008);
    assert_int_equal(r->cs, 0xf);
    assert_int_equal(r->entry_vector, VECTOR_NONE);
    rig_mm_settles = false;
    xv->pv->traps[X86_VEC_GP].rip = 0;
    to_user();
    irq_disable();
    pv_iret_failed(X86_VEC_GP, 8, 0);
    assert_int_equal(rig_crashes, 1); /* there is nobody to tell */
}

/* --- calls ---- */

static bool hypercall(uint64_t nr)
{
    bool quick;

    r->entry_vector = VECTOR_SYSCALL;
    r->rax = nr;
    r->rdi = 1, r->rsi = 2, r->rdx = 3, r->r10 = 4, r->r8 = 5, r->r9 = 6;
    irq_disable();
    quick = pv_hypercall_entry(r);
    assert_false(irqs_enabled());
    irq_enable();
    return quick;
}

static void hypercalls(void **state)
{
    rig_call_result = -XEN_EINVAL;
    assert_true(hypercall(1ull << 32 | 12));
    assert_int_equal(rig_call.nr, 12); /* of 32 bits */
    for (unsigned int i = 0; i < 6; i++) {
        assert_int_equal(rig_call.arg[i], i + 1);
    }
    assert_int_equal(r->rax, (uint64_t)-XEN_EINVAL);
    assert_int_equal(r->rdi, 1); /* arguments stay the guest's */
    assert_int_equal(r->rip, 0x5000);
    rig_call_result = -XEN_ERESTART;
    hypercall(12);
    assert_int_equal(r->rip, 0x5000 - 2);
    assert_int_equal(r->rdi, 101);
    assert_int_equal(r->rax, 12);
    rig_call_result = 0;
    xv->v.info->evtchn_upcall_pending = 1;
    assert_false(hypercall(12)); /* something is to be done first */
    xv->v.info->evtchn_upcall_mask = 1;
    assert_true(hypercall(12));
    r->rip = RIG_NO_ADDRESS;
    assert_false(hypercall(12));
    assert_int_equal(r->entry_vector, VECTOR_NONE);
}

static void system_calls(void **state)
{
    static const struct {
        void (*enter)(struct x86_regs *regs);
        enum pv_callback_kind kind;
    } ways[] = {{pv_syscall_from_user, PV_CB_SYSCALL}, {pv_syscall32, PV_CB_SYSCALL32}};

    for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
        struct pv_callback *cb = &xv->pv->callbacks[ways[i].kind];

        rig_set_handlers(xv, false);
        to_user();
        r->rip = 0x5002;
        irq_disable();
        ways[i].enter(r);
        assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_UD);
        assert_int_equal(stack(7)[2], 0x5000); /* the instruction itself */
        to_user();
        r->rip = 0x5002;
        *cb = (struct pv_callback){0x9000, true};
        irq_disable();
        ways[i].enter(r);
        assert_int_equal(r->rip, 0x9000);
        assert_int_equal(stack(7)[2], 0x5002);
        assert_int_equal(xv->v.info->evtchn_upcall_mask, 1);
        xv->v.info->evtchn_upcall_mask = 0;
    }
    to_user(); /* SYSENTER tells neither place nor stack */
    r->rip = r->rsp = 0;
    r->rflags = X86_FLAGS_TF | 2;
    irq_disable();
    pv_sysenter(r);
    assert_int_equal(r->rip, RIG_HANDLER + X86_VEC_GP);
    to_user();
    r->rip = r->rsp = 0;
    r->rflags = X86_FLAGS_TF | 2;
    xv->pv->callbacks[PV_CB_SYSENTER] = (struct pv_callback){0x9000, true};
    irq_disable();
    pv_sysenter(r);
    assert_int_equal(r->rip, 0x9000);
    assert_int_equal(stack(7)[2], 0);
    assert_int_equal(stack(7)[4], X86_FLAGS_IF | 2);
    assert_int_equal(stack(7)[5], 0);
    assert_int_equal(xv->v.info->evtchn_upcall_mask, 1);
}

/* --- the way out ---- */

static void run(void)
{
    irq_disable();
    if (setjmp(rig_resumed) == 0) {
        pv_run(xv);
    }
    irq_enable();
}

static void upcalls(void **state)
{
    xv->v.info->evtchn_upcall_pending = 1;
    run();
    assert_int_equal(r->rip, 0x5000); /* it has not said where to */
    xv->pv->callbacks[PV_CB_EVENT].rip = 0x9000;
    xv->v.info->evtchn_upcall_mask = 1;
    run();
    assert_int_equal(r->rip, 0x5000);
    xv->v.info->evtchn_upcall_mask = 0;
    run();
    assert_int_equal(r->rip, 0x9000);
    assert_int_equal(xv->v.info->evtchn_upcall_mask, 1);
    assert_int_equal(stack(7)[3] >> 32, 0); /* they were not masked before */
    assert_int_equal(rig_resumes, 3);
    run();
    assert_int_equal(r->rip, 0x9000); /* once */
}

static void nmi_first(void **state)
{
    rig_set_handlers(xv, false);
    xv->pv->callbacks[PV_CB_EVENT].rip = 0x9000;
    xv->v.info->evtchn_upcall_pending = 1;
    assert_int_equal(pv_send_nmi(xv), 0);
    assert_int_equal(rig_wakes, 1);
    host_run_softirqs();
    run();
    assert_int_equal(r->rip, 0x9000); /* on top; it returns to the NMI's handler */
    assert_int_equal(((uint64_t *)(uintptr_t)r->rsp)[2], RIG_HANDLER + 2);
    assert_false(xv->pv->nmi_pending);
    xv->pv->traps[2].rip = 0;
    assert_int_equal(pv_send_nmi(xv), -XEN_EOPNOTSUPP);
}

static void way_out(void **state)
{
    r->rip = RIG_NO_ADDRESS;
    r->entry_vector = VECTOR_SYSCALL;
    run();
    assert_int_equal(r->entry_vector, VECTOR_NONE);
    r->rip = 0x5000;
    xv->pv->callbacks[PV_CB_EVENT].rip = 0x9000;
    xv->v.info->evtchn_upcall_pending = 1;
    softirq_raise(SOFTIRQ_SCHEDULE);
    rig_resumes = 0;
    run();
    assert_int_equal(rig_resumes, 0); /* there is more to do first */
    host_run_softirqs();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, rig_end)
    const struct CMUnitTest tests[] = {
        T(from_kernel),    T(from_user),   T(no_room),    T(handler_not_canonical),
        T(page_faults),    T(iretq),       T(exceptions), T(software_interrupts),
        T(interrupt_0x80), T(iret_failed), T(hypercalls), T(system_calls),
        T(upcalls),        T(nmi_first),   T(way_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
