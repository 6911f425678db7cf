/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole state of a PV vCPU in and out: what is refused, what is corrected; the hypercall page; the switch. */
#include "rig.h"
#include <core/memory/heap.h>

static struct x86_vcpu *xv; /* the one that is set; the current one is vCPU 0 */
static struct vcpu_guest_context *c;

static int start(void **state)
{
    rig_start(state);
    xv = &rig_vcpu[1];
    c = (struct vcpu_guest_context *)rig_mem;
    c->ctrlreg[3] = xen_pfn_to_cr3(0x111);
    return 0;
}

static void refused(void **state)
{
    uint64_t *addresses[] = {&c->user_regs.rip,
                             &c->event_callback_eip,
                             &c->failsafe_callback_eip,
                             &c->syscall_callback_eip,
                             &c->fs_base,
                             &c->gs_base_kernel,
                             &c->gs_base_user,
                             &c->trap_ctxt[0].address,
                             &c->trap_ctxt[255].address};

    for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
        *addresses[i] = RIG_NO_ADDRESS;
        assert_int_equal(pv_set_context(xv, c), -XEN_EINVAL);
        *addresses[i] = RIG_LAST_OF_LOWER + 1;
        assert_int_equal(pv_set_context(xv, c), -XEN_EINVAL);
        *addresses[i] = 0;
    }
    c->gdt_ents = PV_GDT_FRAMES * 512 + 1;
    assert_int_equal(pv_set_context(xv, c), -XEN_EINVAL);
    c->gdt_ents = ~0u;
    assert_int_equal(pv_set_context(xv, c), -XEN_EINVAL);
    c->gdt_ents = 0;
    c->ldt_ents = 8193;
    assert_int_equal(pv_set_context(xv, c), -XEN_EINVAL);
    c->ldt_ents = ~0u;
    assert_int_equal(pv_set_context(xv, c), -XEN_EINVAL);
    c->ldt_ents = 0;
    assert_int_equal(rig_base_sets, 0);
    rig_base_rc = -XEN_ERESTART;
    assert_int_equal(pv_set_context(xv, c), -XEN_ERESTART);
    rig_base_rc = 0;
    rig_gdt_rc = -XEN_EBUSY;
    c->gdt_ents = 512;
    assert_int_equal(pv_set_context(xv, c), -XEN_EBUSY);
    assert_false(xv->v.is_initialised);
    rig_gdt_rc = 0;
    assert_int_equal(pv_set_context(xv, c), 0);
    assert_true(xv->v.is_initialised);
}

static void corrected(void **state)
{
    struct x86_regs *r = &xv->regs;

    c->user_regs.rflags = ~0ull;
    c->user_regs.cs = 0xe030;
    c->user_regs.ss = 0;
    c->kernel_ss = 0xe028;
    c->trap_ctxt[14].cs = 0x10;
    c->trap_ctxt[14].address = RIG_LAST_OF_LOWER;
    c->ctrlreg[0] = ~0ull;
    c->ctrlreg[4] = ~0ull;
    c->debugreg[0] = VA_HYPERVISOR_START; /* not taken over */
    c->debugreg[1] = 0x1234;
    c->debugreg[7] = 1u << 13;
    assert_int_equal(pv_set_context(xv, c), 0);
    assert_int_equal(r->rflags & (X86_FLAGS_IOPL | X86_FLAGS_VM), 0);
    assert_int_equal(r->rflags & (X86_FLAGS_IF | X86_FLAGS_FIXED), X86_FLAGS_IF | X86_FLAGS_FIXED);
    assert_int_equal(xv->pv->iopl, 3);
    assert_int_equal(r->cs, 0xe033);
    assert_int_equal(r->ss, 3);
    assert_int_equal(r->entry_vector, VECTOR_NONE);
    assert_int_equal(xv->pv->kernel_ss, 0xe02b);
    assert_int_equal(xv->pv->traps[14].cs, 0x13);
    assert_int_equal(xv->pv->cr0, 8);
    assert_int_equal(xv->pv->cr4, 0x6a4);
    assert_int_equal(xv->pv->debugreg[0], 0);
    assert_int_equal(xv->pv->debugreg[1], 0x1234);
    assert_int_equal(xv->pv->debugreg[7], 0x400);
    assert_int_equal(rig_dr_writes + rig_all_dr_loads, 0); /* it is not in the processor */
    assert_false(xv->is_kernel_mode);
    assert_int_equal(xv->cr3.n, 0x111);  /* no table of its user mode: the kernel's */
    assert_int_equal(rig_wallclocks, 0); /* the first vCPU's only */
}

/* What is taken out goes in again, and comes out the same. */
static void round_trip(void **state)
{
    struct vcpu_guest_context *out = c + 1;

    for (unsigned int i = 0; i < 256; i++) {
        c->trap_ctxt[i] = (struct trap_info){(uint8_t)i, i % 8, (uint16_t)(i << 3 | 3), 0x1000 + i};
    }
    c->flags = VGCF_in_kernel | VGCF_i387_valid;
    c->user_regs = (struct cpu_user_regs){.r15 = 1,
                                          .r14 = 2,
                                          .r13 = 3,
                                          .r12 = 4,
                                          .rbp = 5,
                                          .rbx = 6,
                                          .r11 = 7,
                                          .r10 = 8,
                                          .r9 = 9,
                                          .r8 = 10,
                                          .rax = 11,
                                          .rcx = 12,
                                          .rdx = 13,
                                          .rsi = 14,
                                          .rdi = 15,
                                          .rip = 16,
                                          .rsp = 17,
                                          .cs = 0xe030,
                                          .ss = SEL_RING3_SS,
                                          .ds = 21,
                                          .es = 22,
                                          .fs = 23,
                                          .gs = 24,
                                          .rflags = 0x202};
    c->ldt_base = 0x3000, c->ldt_ents = 8192;
    c->kernel_ss = SEL_RING3_SS, c->kernel_sp = 0x4000;
    c->ctrlreg[0] = 0x8005003b, c->ctrlreg[1] = xen_pfn_to_cr3(0x222) | 1, c->ctrlreg[4] = 0x6a0;
    c->debugreg[3] = 0x99, c->debugreg[6] = 0xffff0ff0, c->debugreg[7] = 0x400;
    c->event_callback_eip = 0x51, c->failsafe_callback_eip = 0x52, c->syscall_callback_eip = 0x53;
    c->fs_base = 0x61, c->gs_base_kernel = 0x62, c->gs_base_user = 0x63;
    assert_int_equal(pv_set_context(xv, c), 0);
    xv->v.sched.pause_flags = VPF_DOWN;
    pv_get_context(xv, out);
    assert_memory_equal(&out->user_regs, &c->user_regs, sizeof(c->user_regs));
    assert_memory_equal(out->trap_ctxt, c->trap_ctxt, sizeof(c->trap_ctxt));
    assert_memory_equal(out->ctrlreg, c->ctrlreg, sizeof(c->ctrlreg));
    assert_memory_equal(out->debugreg, c->debugreg, sizeof(c->debugreg));
    assert_int_equal(out->flags, c->flags);
    assert_memory_equal(&out->event_callback_eip, &c->event_callback_eip,
                        sizeof(*c) - offsetof(struct vcpu_guest_context, event_callback_eip));
    assert_int_equal(out->ldt_base, 0x3000);
    assert_int_equal(out->ldt_ents, 8192);
    assert_int_equal(out->kernel_sp, 0x4000);
    assert_int_equal(out->kernel_ss, SEL_RING3_SS);
    /* tables are taken once: a later state keeps them */
    c->ctrlreg[3] = xen_pfn_to_cr3(0x333);
    assert_int_equal(pv_set_context(xv, c), 0);
    assert_int_equal(rig_base_sets, 1);
    assert_int_equal(xv->pv->guest_table.n, 0x111);
}

/* --- VCPUOP_initialise ---- */

static long initialise(void)
{
    return pv_vcpu_initialise(xv, (uint64_t)(uintptr_t)c);
}

static void initialising(void **state)
{
    uint64_t objects = host_alloc_count();

    assert_int_equal(pv_vcpu_initialise(xv, 8), -XEN_EFAULT);
    assert_int_equal(pv_vcpu_initialise(xv, rig_stack() - 8), -XEN_EFAULT);
    c->gs_base_user = RIG_NO_ADDRESS;
    assert_int_equal(initialise(), -XEN_EINVAL);
    c->gs_base_user = 0;
    host_alloc_fail_after(0);
    assert_int_equal(initialise(), -XEN_ENOMEM);
    host_alloc_fail_after(-1);
    rig_base_rc = -XEN_ERESTART;
    assert_int_equal(initialise(), -XEN_ERESTART);
    rig_base_rc = 0;
    assert_false(xv->v.is_initialised);
    assert_int_equal(initialise(), 0);
    assert_int_equal(host_alloc_count(), objects);
}

/* --- the rest ---- */

static void hypercall_page(void **state)
{
    uint8_t *page = heap_alloc_page();
    uint32_t nr;

    pv_fill_hypercall_page(&rig_domain.d, NULL);
    pv_fill_hypercall_page(&rig_domain.d, page);
    for (uint32_t i = 0; i < 128; i++) {
        const uint8_t *stub = page + 32 * i;
        unsigned int at = i == __HYPERVISOR_iret ? 5 : 4; /* it saves rax too */

        memcpy(&nr, stub + at, 4);
        assert_int_equal(stub[at - 1], 0xb8);
        assert_int_equal(nr, i);
        assert_int_equal(stub[at + 4] << 8 | stub[at + 5], 0x0f05);
        assert_int_equal(stub[at + 9], i == __HYPERVISOR_iret ? 0xcc : 0xc3);
    }
    heap_free_page(page);
}

static void switching(void **state)
{
    struct pv_vcpu *p = rig_vcpu[0].pv;

    rig_vcpu[0].cr3 = MFN(0x77);
    pv_switch_to(&rig_vcpu[0]);
    assert_int_equal(rig_cr3, 0x77);
    assert_int_equal(rig_all_dr_loads, 0);
    assert_false(rig_ts);
    p->debugreg[7] = 0x401;
    p->cr0 = 8;
    pv_switch_to(&rig_vcpu[0]);
    assert_int_equal(rig_all_dr_loads, 1);
    assert_true(rig_ts);
    pv_switch_from(&rig_vcpu[0]); /* its breakpoints are nobody else's */
    assert_int_equal(rig_dr[7], 0x400);
}

static void out_of_memory(void **state)
{
    struct x86_vcpu v = {.v.domain = &rig_domain.d};
    uint64_t objects = host_alloc_count(), frames = heap_free_frames();
    void **pages = NULL, **last;

    host_alloc_fail_after(0);
    assert_int_equal(pv_vcpu_init(&v), -XEN_ENOMEM);
    host_alloc_fail_after(-1);
    assert_int_equal(host_alloc_count(), objects);
    while ((last = heap_alloc_page()) != NULL) {
        *last = pages;
        pages = last;
    }
    assert_int_equal(pv_vcpu_init(&v), -XEN_ENOMEM);
    assert_int_equal(host_alloc_count(), objects);
    while (pages) {
        last = pages;
        pages = *last;
        heap_free_page(last);
    }
    assert_int_equal(pv_vcpu_init(&v), 0);
    pv_vcpu_free(&v);
    assert_int_equal(host_alloc_count(), objects);
    assert_int_equal(heap_free_frames(), frames);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, rig_end)
    const struct CMUnitTest tests[] = {
        T(refused),        T(corrected), T(round_trip),    T(initialising),
        T(hypercall_page), T(switching), T(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
