/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs of PVH domains: VCPUOP_initialise of both kinds with states that must not be, start-up by page, reset, the form that tools see (context.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <abi/hvm_vcpu.h>
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>

#define AT   0x3000u
#define NONE (1ull << 47) /* not canonical */

static struct x86_vcpu *const v1 = &rig_vcpu[1];
static struct vcpu_hvm_context *c;

static int start(void **state)
{
    rig_start();
    c = rig_at(AT);
    pvh_reset(v1);
    v1->pvh->wait_sipi = true;
    v1->v.is_initialised = false;
    return 0;
}

static int end(void **state)
{
    rig_end();
    return 0;
}

static long initialise(void)
{
    return pvh_vcpu_initialise(v1, AT);
}

static void make_64(void)
{
    memset(c, 0, sizeof(*c));
    c->mode = VCPU_HVM_MODE_64B;
    c->cpu_regs.x86_64 = (struct vcpu_hvm_x86_64){.rax = 1,
                                                  .rcx = 2,
                                                  .rdx = 3,
                                                  .rbx = 4,
                                                  .rsp = 5,
                                                  .rbp = 6,
                                                  .rsi = 7,
                                                  .rdi = 8,
                                                  .rip = 0x1000,
                                                  .rflags = ~0ull,
                                                  .cr0 = 0x80000001,
                                                  .cr3 = 0x5000,
                                                  .cr4 = 0x20,
                                                  .efer = EFER_LME};
}

static void make_32(void)
{
    memset(c, 0, sizeof(*c));
    c->mode = VCPU_HVM_MODE_32B;
    c->cpu_regs.x86_32 = (struct vcpu_hvm_x86_32){.eax = 1,
                                                  .eip = 0x2000,
                                                  .esp = 0xffffffff,
                                                  .eflags = 2,
                                                  .cr0 = 1,
                                                  .cs_limit = ~0u,
                                                  .ds_limit = ~0u,
                                                  .cs_base = 0x10,
                                                  .cs_ar = 0xc9b,
                                                  .ds_ar = 0xc93,
                                                  .ss_ar = 0xc93,
                                                  .es_ar = 0xc93,
                                                  .tr_ar = 0x8b,
                                                  .tr_limit = 0x67};
}

/* Refused, and the vCPU is as after a reset: a later start-up finds nothing of it. */
static void refused(void)
{
    assert_int_equal(initialise(), -XEN_EINVAL);
    assert_false(v1->v.is_initialised);
    assert_true(v1->pvh->wait_sipi);
    assert_int_equal(v1->pvh->vm.state.cr0, 0x10);
    assert_int_equal(v1->pvh->vm.state.cr3, 0);
    assert_int_equal(v1->pvh->vm.state.msr.efer, 0);
    assert_int_equal(v1->regs.rip, 0xfff0);
    assert_int_equal(v1->regs.rsp, 0);
}

#define REFUSED(place, value)            \
    do {                                 \
        __typeof__(place) good_ = place; \
        place = (value);                 \
        refused();                       \
        place = good_;                   \
    } while (0)

static void of_64_bits(void **state)
{
    struct vcpu_hvm_x86_64 *r = &c->cpu_regs.x86_64;
    const struct vm_state *s = &v1->pvh->vm.state;

    make_64();
    REFUSED(c->pad, 1);
    REFUSED(c->mode, 2);
    REFUSED(c->mode, ~0u);
    REFUSED(r->rip, NONE);
    REFUSED(r->cr0, 1ull << 32 | 0x80000001);
    REFUSED(r->cr0, 0x80000000);
    REFUSED(r->cr4, 0);                 /* long mode without PAE */
    REFUSED(r->cr4, 1ull << 13 | 0x20); /* VMXE */
    REFUSED(r->cr4, ~0ull);
    REFUSED(r->cr3, 1ull << 52);
    REFUSED(r->efer, EFER_LME | EFER_SVME);
    REFUSED(r->efer, 1ull << 63 | EFER_LME);
    REFUSED(r->efer, EFER_LMA); /* active, but not enabled */
    assert_int_equal(initialise(), 0);
    assert_true(v1->v.is_initialised);
    assert_false(v1->pvh->wait_sipi);
    assert_int_equal(s->msr.efer, EFER_LME | EFER_LMA);
    assert_int_equal(s->cr0, 0x80000011);
    assert_int_equal(s->seg[X86_SEG_CS].attr, 0xa9b);
    assert_int_equal(s->seg[X86_SEG_DS].attr, 0xc93);
    assert_int_equal(v1->regs.rdx, 3);
    assert_int_equal(v1->regs.rip, 0x1000);
    assert_int_equal(v1->regs.rflags & ~0x3f7fd7ull, 0); /* bits that there are not */
    assert_int_equal(v1->pvh->vm.dirty & VM_ALL, VM_ALL);
}

static void of_32_bits(void **state)
{
    struct vcpu_hvm_x86_32 *r = &c->cpu_regs.x86_32;
    const struct vm_state *s = &v1->pvh->vm.state;
    uint16_t *attrs[] = {&r->cs_ar, &r->ds_ar, &r->ss_ar, &r->es_ar, &r->tr_ar};

    make_32();
    for (unsigned int i = 0; i < ARRAY_SIZE(attrs); i++) {
        REFUSED(*attrs[i], 0x1c9b);
        REFUSED(*attrs[i], 0xffff);
    }
    REFUSED(r->pad1, 1);
    for (unsigned int i = 0; i < 3; i++) {
        REFUSED(r->pad2[i], 1);
    }
    REFUSED(r->cr4, 1u << 31);
    REFUSED(r->efer, EFER_LME << 4);
    REFUSED(r->cr0, 0x80000000);
    REFUSED(r->cr0, 0x20000001); /* NW without CD */
    assert_int_equal(initialise(), 0);
    assert_int_equal(s->cr0, 0x11);
    assert_int_equal(s->msr.efer, 0);
    assert_int_equal(s->seg[X86_SEG_CS].base, 0x10);
    assert_int_equal(s->tr.limit, 0x67);
    assert_int_equal(v1->regs.rsp, 0xffffffff);
    assert_int_equal(v1->regs.rdx, 0);
}

static void who_and_where(void **state)
{
    make_64();
    assert_int_equal(pvh_vcpu_initialise(&rig_vcpu[0], AT), -XEN_EEXIST); /* itself */
    assert_int_equal(pvh_vcpu_initialise(v1, (uint64_t)RIG_PAGES << PAGE_SHIFT), -XEN_EFAULT);
    assert_int_equal(pvh_vcpu_initialise(v1, ((uint64_t)RIG_PAGES << PAGE_SHIFT) - 8), -XEN_EFAULT);
    assert_false(v1->v.is_initialised);
}

static void start_up(void **state)
{
    const struct vm_state *s = &v1->pvh->vm.state;

    pvh_start_at(v1, 0xff);
    assert_int_equal(s->seg[X86_SEG_CS].sel, 0xff00);
    assert_int_equal(s->seg[X86_SEG_CS].base, 0xff000);
    assert_int_equal(v1->regs.rip, 0);
    assert_true(v1->v.is_initialised);
}

/* INIT keeps what the processor's keeps: the memory types; the rest is as at power-on. */
static void reset(void **state)
{
    struct vm_vcpu *vm = &v1->pvh->vm;
    struct vm_state *s = vm_fetch(vm, VM_ALL);

    s->msr.mtrr_def_type = 0xc06;
    s->msr.mtrr_var[3] = 0x1234;
    s->msr.mtrr_fixed[10] = 6;
    s->msr.lstar = 0x1000;
    s->dr[0] = 0x1000;
    v1->regs.rax = 1;
    v1->pvh->nmi_pending = v1->pvh->nmi_masked = true;
    vm->inject.valid = true;
    vm->cpl = 3;
    vm->flush = false;
    rig_policy.basic[1].a = 0x800f12;
    pvh_reset(v1);
    assert_true(s->msr.mtrr_def_type == 0xc06 && s->msr.mtrr_var[3] == 0x1234 && s->msr.mtrr_fixed[10] == 6);
    assert_true(s->msr.lstar == 0 && s->dr[0] == 0 && v1->regs.rax == 0);
    assert_int_equal(s->dr[6], 0xffff0ff0);
    assert_int_equal(s->dr[7], 0x400);
    assert_int_equal(s->cr0, 0x10);
    assert_int_equal(s->seg[X86_SEG_CS].base + v1->regs.rip, 0xfffffff0);
    assert_int_equal(v1->regs.rdx, 0x800f12);
    assert_false(v1->pvh->nmi_pending || v1->pvh->nmi_masked || vm->inject.valid);
    assert_int_equal(vm->cpl, 0);
    assert_int_equal(vm->mode, INSN_MODE_16);
    assert_true(vm->flush);
}

static void counter(void **state)
{
    rig_tsc = 1000;
    rig_domain.tsc_offset = 50;
    pvh_set_tsc_delta(v1, (uint64_t)-7);
    assert_int_equal(pvh_tsc_offset(v1), 43);
    assert_int_equal(pvh_guest_tsc(v1), 1043);
    rig_domain.tsc_offset = 60; /* set by the tools while it does not run */
    v1->pvh->vm.want_rdtsc = true;
    rig_may_halt = true;
    irq_disable();
    pvh_switch_to(v1);
    irq_enable();
    assert_int_equal(pvh_tsc_offset(v1), 53);
    assert_false(v1->pvh->vm.want_rdtsc);
    assert_true(v1->pvh->vm.let_halt);
    rig_may_halt = false;
}

/* --- context.c ---- */

static void seen_by_tools(void **state)
{
    static struct vcpu_guest_context g;
    struct vm_state *s = vm_fetch(&v1->pvh->vm, VM_ALL);

    v1->regs.rax = 5, v1->regs.r15 = 6, v1->regs.rflags = 0x202;
    s->cr2 = 0x7000, s->cr3 = 0x8000;
    s->seg[X86_SEG_FS].base = 1, s->seg[X86_SEG_GS].base = 2, s->msr.kernel_gs_base = 3;
    s->dr[1] = 9;
    v1->pvh->vm.cpl = 0;
    v1->v.sched.pause_flags = VPF_DOWN;
    pvh_get_vcpu_context(v1, &g);
    assert_true(g.user_regs.rax == 5 && g.user_regs.r15 == 6 && g.user_regs.rflags == 0x202);
    assert_true(g.ctrlreg[2] == 0x7000 && g.ctrlreg[3] == 0x8000 && g.debugreg[1] == 9);
    assert_true(g.fs_base == 1 && g.gs_base_kernel == 2 && g.gs_base_user == 3);
    assert_int_equal(g.flags & (VGCF_in_kernel | VGCF_online), VGCF_in_kernel);
    v1->pvh->vm.cpl = 3;
    v1->v.sched.pause_flags = 0;
    pvh_get_vcpu_context(v1, &g);
    assert_true(g.gs_base_kernel == 3 && g.gs_base_user == 2);
    assert_int_equal(g.flags & (VGCF_in_kernel | VGCF_online), VGCF_online);
    /* back go the general registers only */
    g.user_regs.rax = 0x55;
    g.user_regs.rflags = ~0ull;
    g.ctrlreg[3] = 0x9000;
    assert_int_equal(pvh_set_vcpu_context(v1, &g), 0);
    assert_int_equal(v1->regs.rax, 0x55);
    assert_int_equal(v1->regs.rflags & ~0x3f7fd7ull, 0);
    assert_int_equal(s->cr3, 0x8000);
    g.user_regs.rax = 0x66;
    g.user_regs.rip = NONE;
    assert_int_equal(pvh_set_vcpu_context(v1, &g), -XEN_EINVAL);
    assert_int_equal(v1->regs.rax, 0x55);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(of_64_bits), T(of_32_bits), T(who_and_where), T(start_up), T(reset), T(counter), T(seen_by_tools),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
