/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Privileged instructions of a PV kernel: what each may do, what user mode may not, code at the edge of memory. */
#include "rig.h"

#define PORT 0x70u

static struct x86_vcpu *xv;
static struct x86_regs *r;

static int start(void **state)
{
    rig_start(state);
    xv = &rig_vcpu[0];
    r = &xv->regs;
    rig_set_handlers(xv, false);
    xv->pv->kernel_sp = rig_stack();
    return 0;
}

/* The instruction raised #GP; true: that settled it. */
static bool run(const void *code, size_t size)
{
    rig_code(xv, code, size);
    r->entry_vector = X86_VEC_GP;
    r->error_code = 0;
    return pv_emulate_privileged(xv);
}

#define RUN(...) run((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* How far it came; the handler's number when that was an exception. */
static uint64_t done(void)
{
    return r->rip - (uint64_t)(uintptr_t)rig_mem;
}

static bool raised(unsigned int vector)
{
    return r->rip == RIG_HANDLER + vector;
}

static void to_user(void)
{
    xv->is_kernel_mode = false;
}

static void identification(void **state)
{
    static const uint8_t forced[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};

    r->rax = ~0ull << 32 | 7, r->rcx = ~0ull << 32 | 1, r->rdx = ~0ull;
    assert_true(RUN(0x0f, 0xa2));
    assert_int_equal(done(), 2);
    assert_true(r->rax == 8 && r->rbx == 9 && r->rcx == 10 && r->rdx == 11);
    rig_code(xv, forced, sizeof(forced));
    r->entry_vector = X86_VEC_UD;
    r->rax = 1, r->rcx = 0;
    assert_true(pv_emulate_privileged(xv));
    assert_int_equal(done(), 7);
    assert_int_equal(r->rbx, 2);
    rig_code(xv, forced, sizeof(forced));
    rig_mem[3] = 'E'; /* an invalid instruction as any other */
    r->entry_vector = X86_VEC_UD;
    assert_false(pv_emulate_privileged(xv));
    assert_int_equal(done(), 0);
    /* nothing else is done behind it */
    rig_code(xv, (const uint8_t[]){0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0x32}, 7);
    r->entry_vector = X86_VEC_UD;
    assert_false(pv_emulate_privileged(xv));
    assert_int_equal(done(), 0);
    rig_code(xv, (const uint8_t[]){0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0x06, 0x90}, 8);
    r->entry_vector = X86_VEC_UD;
    assert_false(pv_emulate_privileged(xv));
    assert_int_equal(done(), 0);
    /* the prefix ends where memory does */
    memcpy(rig_mem + RIG_MEM - 5, forced, 5);
    r->rip = rig_stack() - 5;
    assert_true(pv_emulate_privileged(xv));
    assert_true(raised(X86_VEC_PF));
    assert_int_equal(xv->v.info->arch.cr2, rig_stack());
    memcpy(rig_mem + RIG_MEM - 3, forced, 3);
    r->rip = rig_stack() - 3;
    assert_false(pv_emulate_privileged(xv));
}

static void msrs(void **state)
{
    r->rcx = 1, r->rax = ~0ull << 32 | 0x89abcdef, r->rdx = ~0ull << 32 | 0x1234567;
    assert_true(RUN(0x0f, 0x30));
    assert_int_equal(rig_msr, 0x123456789abcdefull);
    rig_msr = 0xfedcba9876543210ull;
    assert_true(RUN(0x0f, 0x32));
    assert_int_equal(r->rax, 0x76543210);
    assert_int_equal(r->rdx, 0xfedcba98);
    assert_int_equal(done(), 2);
    r->rcx = 2;
    assert_true(RUN(0x0f, 0x32));
    assert_true(raised(X86_VEC_GP));
    assert_true(RUN(0x0f, 0x30));
    assert_true(raised(X86_VEC_GP));
    r->rcx = 1;
    to_user();
    assert_true(RUN(0x0f, 0x30));
    assert_true(raised(X86_VEC_GP));
    to_user();
    assert_true(RUN(0x0f, 0x32));
    assert_true(raised(X86_VEC_GP));
    assert_int_equal(rig_msr, 0xfedcba9876543210ull);
}

static void control_registers(void **state)
{
    assert_true(RUN(0x0f, 0x20, 0xc0)); /* mov rax, cr0 */
    assert_int_equal(r->rax, 0x80050033);
    r->rax |= 8;
    assert_true(RUN(0x0f, 0x22, 0xc0));
    assert_int_equal(done(), 3);
    assert_true(rig_ts);
    r->rax = 0x80050033 & ~0x80000000; /* without paging */
    assert_true(RUN(0x0f, 0x22, 0xc0));
    assert_true(raised(X86_VEC_GP));
    for (unsigned int bit = 0; bit < 64; bit++) { /* nothing but TS changes */
        r->rax = (0x80050033 | 8) ^ 1ull << bit;
        assert_true(RUN(0x0f, 0x22, 0xc0));
        assert_int_equal(raised(X86_VEC_GP), bit != 3);
    }
    r->rax = 0x80050033 | 8;
    assert_true(RUN(0x0f, 0x22, 0xc0));
    assert_true(rig_ts);
    assert_true(RUN(0x0f, 0x06)); /* clts */
    assert_false(rig_ts);
    r->rax = 0x7000;
    assert_true(RUN(0x0f, 0x22, 0xd0));
    assert_true(RUN(0x0f, 0x20, 0xd3)); /* mov rbx, cr2 */
    assert_int_equal(r->rbx, 0x7000);
    r->rax = 0x9000;
    assert_true(RUN(0x0f, 0x22, 0xd8));
    assert_int_equal(rig_new_base.n, 9);
    assert_int_equal(done(), 3);
    rig_base_rc = -XEN_ERESTART; /* goes on later, at the same instruction */
    assert_true(RUN(0x0f, 0x22, 0xd8));
    assert_int_equal(done(), 0);
    rig_base_rc = -XEN_EINVAL;
    assert_true(RUN(0x0f, 0x22, 0xd8));
    assert_true(raised(X86_VEC_GP));
    assert_true(RUN(0x0f, 0x20, 0xd8));
    assert_int_equal(r->rax, RIG_KERNEL.n << PAGE_SHIFT);
    r->rax = ~0ull; /* what the policy has not is not there */
    assert_true(RUN(0x0f, 0x22, 0xe0));
    assert_true(RUN(0x0f, 0x20, 0xe0));
    assert_int_equal(r->rax, 0x6a4);
    assert_int_equal(rig_cr4, 4);
    assert_true(RUN(0x44, 0x0f, 0x20, 0xc0)); /* cr8 */
    assert_true(raised(X86_VEC_UD));
    to_user();
    assert_true(RUN(0x0f, 0x20, 0xc0));
    assert_true(raised(X86_VEC_GP));
}

static void debug_registers(void **state)
{
    r->rax = 0x1234;
    assert_true(RUN(0x0f, 0x23, 0xc0));
    assert_int_equal(rig_dr[0], 0x1234);
    r->rax = VA_HYPERVISOR_START;
    assert_true(RUN(0x0f, 0x23, 0xc0));
    assert_true(raised(X86_VEC_GP));
    assert_int_equal(rig_dr[0], 0x1234);
    assert_true(RUN(0x0f, 0x21, 0xc3));
    assert_int_equal(r->rbx, 0x1234);
    to_user();
    assert_true(RUN(0x0f, 0x21, 0xc3));
    assert_true(raised(X86_VEC_GP));
}

/* A single step ends behind the instruction. */
static void stepped(void **state)
{
    r->rflags |= X86_FLAGS_TF;
    assert_true(RUN(0x0f, 0xa2));
    assert_true(raised(X86_VEC_DB));
    assert_int_equal(xv->pv->debugreg[6] & 0x4000, 0x4000);
    r->rflags |= X86_FLAGS_TF; /* the handler runs without */
    assert_true(RUN(0x0f, 0x20, 0xc0));
    assert_true(raised(X86_VEC_DB));
    assert_true(RUN(0x0f, 0x20, 0xc0));
    assert_int_equal(done(), 3);
}

/* A breakpoint on a port ends behind the instruction, too; with CR4.DE there is no DR4 and no DR5. */
static void watched_port(void **state)
{
    xv->pv->iopl = 1;
    xv->pv->cr4 |= X86_CR4_DE;
    xv->pv->debugreg[6] = 0xffff0ff0;
    xv->pv->debugreg[1] = PORT;
    xv->pv->debugreg[7] = 0x404 | 2u << 20;
    r->rdx = PORT;
    assert_true(RUN(0xec));
    assert_true(raised(X86_VEC_DB));
    assert_int_equal(xv->pv->debugreg[6], 0xffff0ff2);
    assert_true(RUN(0xee));
    assert_true(raised(X86_VEC_DB));
    r->rcx = 100; /* a string stops between two elements */
    r->rdi = (uint64_t)(uintptr_t)rig_mem + 4096;
    assert_true(RUN(0xf3, 0x6c));
    assert_true(raised(X86_VEC_DB));
    assert_int_equal(r->rcx, 36);
    r->rcx = 1; /* one that faults leaves nothing for later */
    r->rdi = VA_HYPERVISOR_START;
    assert_true(RUN(0xf3, 0x6c));
    assert_true(raised(X86_VEC_PF));
    r->rdx = PORT + 1;
    assert_true(RUN(0xec));
    assert_false(raised(X86_VEC_DB));
    assert_true(RUN(0x0f, 0x21, 0xe0));
    assert_true(raised(X86_VEC_UD));
    assert_true(RUN(0x0f, 0x23, 0xe8));
    assert_true(raised(X86_VEC_UD));
    xv->pv->iopl = 0;
    xv->pv->cr4 &= ~X86_CR4_DE;
    xv->pv->debugreg[7] = 0x400;
}

/* The kernel may keep the counter from user mode. */
static void kept_counter(void **state)
{
    pv_set_cr4(xv, 4);
    assert_int_equal(rig_cr4, 4);
    assert_true(RUN(0x0f, 0x31));
    assert_int_equal(done(), 2);
    to_user();
    assert_true(RUN(0x0f, 0x31));
    assert_true(raised(X86_VEC_GP));
    pv_set_cr4(xv, 0);
    assert_int_equal(rig_cr4, 0);
}

static void others(void **state)
{
    r->rax = 3, r->rdx = 0, r->rcx = 0;
    assert_true(RUN(0x0f, 0x01, 0xd1)); /* xsetbv */
    assert_int_equal(done(), 3);
    r->rcx = 1;
    assert_true(RUN(0x0f, 0x01, 0xd1));
    assert_true(raised(X86_VEC_GP));
    assert_true(RUN(0x0f, 0x31));
    assert_true(r->rax == 0x34567890 && r->rdx == 0x12);
    xv->tsc_aux = 77;
    assert_true(RUN(0x0f, 0x01, 0xf9));
    assert_int_equal(r->rcx, 77);
    r->rax = 0x123000;
    assert_true(RUN(0x0f, 0x01, 0x38)); /* invlpg [rax] */
    assert_int_equal(rig_invlpg, 0x123000);
    assert_true(RUN(0x0f, 0x09)); /* wbinvd */
    assert_int_equal(done(), 2);
    assert_int_equal(rig_flushes, 0); /* nothing of it is uncached */
    rig_domain.d.is_hardware = true;
    assert_true(RUN(0x0f, 0x09));
    assert_int_equal(rig_flushes, 1);
    assert_false(RUN(0x0f, 0x08)); /* invd */
    assert_int_equal(done(), 0);
    assert_true(RUN(0xfa)); /* its kernel is in ring 1 */
    assert_true(raised(X86_VEC_GP));
    xv->pv->iopl = 1;
    assert_true(RUN(0xfa));
    assert_true(RUN(0xfb));
    assert_int_equal(done(), 1);
    xv->pv->iopl = 0;
    rig_domain.vm_assist = 1ull << VMASST_TYPE_architectural_iopl; /* or in ring 0 */
    assert_true(RUN(0xfa));
    assert_int_equal(done(), 1);
    rig_domain.vm_assist = 0;
    assert_false(RUN(0x90)); /* nothing privileged raised that */
}

/* --- ports ---- */

static bool in_al(void)
{
    r->rdx = PORT;
    r->rax = 0;
    assert_true(RUN(0xec));
    return !raised(X86_VEC_GP) && done() == 1 && (uint8_t)r->rax == PORT;
}

static void ports(void **state)
{
    uint8_t *bitmap = rig_mem + 4096;

    assert_false(in_al());
    rig_domain.vm_assist = 1ull << VMASST_TYPE_architectural_iopl;
    assert_true(in_al());
    rig_domain.vm_assist = 0;
    xv->pv->iopl = 1; /* its kernel in ring 1 */
    assert_true(in_al());
    to_user();
    assert_false(in_al());
    xv->pv->iopl = 3;
    to_user();
    assert_true(in_al());
    xv->pv->iopl = 0;
    to_user();
    memset(bitmap, 0xff, 8192);
    xv->pv->iobmp = (uint64_t)(uintptr_t)bitmap;
    xv->pv->iobmp_limit = 65536;
    assert_false(in_al());
    to_user();
    bitmap[PORT / 8] = 0xfe;
    assert_true(in_al());
    xv->pv->iobmp_limit = PORT; /* behind the end it is closed */
    assert_false(in_al());
    to_user();
    xv->pv->iobmp_limit = PORT + 1;
    assert_true(in_al());
    /* two ports, one of them closed */
    xv->pv->iobmp_limit = 65536;
    to_user();
    assert_true(RUN(0x66, 0xed));
    assert_true(raised(X86_VEC_GP));
    to_user();
    bitmap[PORT / 8] = 0xfc;
    assert_true(RUN(0x66, 0xed));
    assert_int_equal(done(), 2);
    /* the last four ports reach past the end */
    memset(bitmap, 0, 8192);
    r->rdx = 0xfffe;
    assert_true(RUN(0xed));
    assert_true(raised(X86_VEC_GP));
    to_user();
    xv->pv->iobmp = 8; /* it cannot be read */
    assert_false(in_al());
    xv->pv->iopl = 1;
    r->rax = 0x55, r->rdx = PORT;
    assert_true(RUN(0xee));
    assert_int_equal(rig_out & 0xff00ff, PORT << 16 | 0x55);
}

/* A bitmap that ends with the last byte of a page whose next one is not there. */
static void last_ports(void **state)
{
    xv->pv->iobmp = rig_stack() - 8192;
    xv->pv->iobmp_limit = 65536;
    memset(rig_mem + 8192, 0, 8192);
    to_user();
    r->rdx = 0xffff;
    assert_true(RUN(0xec));
    assert_int_equal(done(), 1);
    rig_mem[RIG_MEM - 1] = 0x80;
    assert_true(RUN(0xec));
    assert_true(raised(X86_VEC_GP));
}

static void strings(void **state)
{
    uint8_t *to = rig_mem + 256;

    xv->pv->iopl = 1;
    r->rflags = X86_FLAGS_FIXED;
    r->rdx = PORT, r->rcx = 100, r->rdi = (uint64_t)(uintptr_t)to;
    assert_true(RUN(0xf3, 0x6c)); /* rep insb, a part at a time */
    assert_int_equal(done(), 0);
    assert_int_equal(r->rcx, 36);
    assert_true(RUN(0xf3, 0x6c));
    assert_int_equal(done(), 2);
    assert_int_equal(to[99], PORT);
    assert_int_equal(to[100], 0);
    r->rcx = 1, r->rdi = VA_HYPERVISOR_START; /* not its memory */
    assert_true(RUN(0xf3, 0x6c));
    assert_true(raised(X86_VEC_PF));
    assert_int_equal(xv->v.info->arch.cr2, VA_HYPERVISOR_START);
    r->rcx = 1, r->rsi = VA_HYPERVISOR_END - 1;
    assert_true(RUN(0xf3, 0x6e));
    assert_true(raised(X86_VEC_PF));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, rig_end)
    const struct CMUnitTest tests[] = {
        T(identification), T(msrs),         T(control_registers), T(debug_registers),
        T(stepped),        T(watched_port), T(kept_counter),      T(others),
        T(ports),          T(last_ports),   T(strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
