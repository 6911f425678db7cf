/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instructions that are carried out for a guest, at the limits: accesses half in memory, rights that changed since the exit, control registers, long repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <model/x86/pt/pt.h>
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>

#define END   ((uint64_t)RIG_PAGES << PAGE_SHIFT)
#define PCIDE (1ull << 17)

static struct x86_vcpu *const v0 = &rig_vcpu[0];
static struct vm_state *s;

static int start(void **state)
{
    rig_start();
    s = vm_fetch(&v0->pvh->vm, VM_ALL);
    return 0;
}

static int end(void **state)
{
    rig_end();
    return 0;
}

/* Long mode; the first 2 MiB of linear addresses are the first of memory, for the kernel only. */
static void long_mode(void)
{
    ((uint64_t *)rig_at(0x1000))[0] = 0x2000 | PTE_P | PTE_RW | PTE_US;
    ((uint64_t *)rig_at(0x2000))[0] = 0x3000 | PTE_P | PTE_RW | PTE_US;
    ((uint64_t *)rig_at(0x3000))[0] = PTE_P | PTE_RW | PTE_PS;
    s->cr0 = 0x80010011;
    s->cr3 = 0x1000;
    s->cr4 = 0x20;
    s->msr.efer = EFER_LME | EFER_LMA | EFER_NXE;
    s->seg[X86_SEG_CS].attr = 0xa9b;
    v0->pvh->vm.mode = INSN_MODE_64;
    vm_changed(&v0->pvh->vm, VM_ALL);
}

static void run(const uint8_t *code, size_t size, struct vmexit e)
{
    memcpy(rig_at(RIG_CODE), code, size);
    v0->regs.rip = RIG_CODE;
    v0->pvh->vm.inject.valid = false;
    rig_run(v0, &e);
}

#define RUN(reason_, ...)                                                       \
    run((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), \
        (struct vmexit){.reason = reason_, .gpa = 0xd0000000, .error = 4})

static bool raised(uint8_t vector)
{
    return v0->pvh->vm.inject.valid && v0->pvh->vm.inject.vector == vector && v0->regs.rip == RIG_CODE;
}

static bool done(unsigned int length)
{
    return !v0->pvh->vm.inject.valid && v0->regs.rip == RIG_CODE + length;
}

static void half_in_memory(void **state)
{
    memcpy(rig_at(END - 2), "\x12\x34", 2);
    v0->regs.rbx = END - 2;
    RUN(VMEXIT_PAGE, 0x8b, 0x03); /* mov (%ebx), %eax */
    assert_true(done(2));
    assert_int_equal(v0->regs.rax, 0xffff3412);
    v0->regs.rax = 0x99887766;
    RUN(VMEXIT_PAGE, 0x89, 0x03);
    assert_true(done(2));
    assert_memory_equal(rig_at(END - 2), "\x66\x77", 2);
    v0->regs.rbx = 0xfffffffe; /* it goes on at 0 in 32 bits, or faults: but nothing else is touched */
    RUN(VMEXIT_PAGE, 0x89, 0x03);
    assert_int_equal(rig_crashes, 0);
}

/* Others may have changed tables or code since the exit. */
static void rights_changed(void **state)
{
    long_mode();
    v0->regs.rbx = 0x6000;
    v0->pvh->vm.cpl = 3;
    ((uint64_t *)rig_at(0x3000))[0] |= PTE_US;
    RUN(VMEXIT_PAGE, 0x8b, 0x03);
    assert_true(done(2));
    ((uint64_t *)rig_at(0x3000))[0] &= ~PTE_RW;
    RUN(VMEXIT_PAGE, 0x89, 0x03);
    assert_true(raised(14));
    assert_int_equal(v0->pvh->vm.inject.error, 7);
    assert_int_equal(s->cr2, 0x6000);
    ((uint64_t *)rig_at(0x3000))[0] &= ~PTE_US;
    RUN(VMEXIT_PAGE, 0x8b, 0x03);
    assert_true(raised(14));
    assert_int_equal(v0->pvh->vm.inject.error, 5);
    v0->pvh->vm.cpl = 0;
    v0->regs.rbx = 1ull << 47;
    RUN(VMEXIT_PAGE, 0x8b, 0x03);
    assert_true(raised(13));
    RUN(VMEXIT_PAGE, 0x0f, 0x22, 0xe0); /* an instruction of another kind took its place */
    assert_true(raised(6));
    assert_int_equal(s->cr4, 0x20);
}

static void write_cr(uint8_t modrm, uint64_t value)
{
    v0->regs.rax = value;
    RUN(VMEXIT_CR_WRITE, 0x0f, 0x22, modrm);
}

static void cr0(void **state)
{
    long_mode();
    write_cr(0xc0, 1ull << 32 | 0x80010011);
    assert_true(raised(13));
    write_cr(0xc0, 0x80010011 | 1u << 29); /* NW without CD */
    assert_true(raised(13));
    write_cr(0xc0, 0x80010010);
    assert_true(raised(13));
    write_cr(0xc0, 0x00010011); /* paging off in 64-bit code */
    assert_true(raised(13));
    assert_int_equal(s->cr0, 0x80010011);
    v0->pvh->vm.flush = false;
    write_cr(0xc0, 0x80000011);
    assert_true(done(3));
    assert_int_equal(s->cr0, 0x80000011);
    assert_int_equal(s->msr.efer & EFER_LMA, EFER_LMA);
    rig_flat_mode(v0); /* 32-bit code turns it off, and on again */
    s->cr0 = 0x80000011;
    s->seg[X86_SEG_CS].attr = 0xc9b;
    s->cr4 = PCIDE | 0x20;
    write_cr(0xc0, 0x11); /* with PCIDs in use */
    assert_true(raised(13));
    s->cr0 = 0x11;
    s->cr4 = 0x20;
    s->msr.efer = EFER_LME;
    s->seg[X86_SEG_CS].attr = 0xa9b;
    write_cr(0xc0, 0x80000011); /* from a segment that says 64 bits */
    assert_true(raised(13));
    s->seg[X86_SEG_CS].attr = 0xc9b;
    s->cr4 = 0;
    write_cr(0xc0, 0x80000011); /* without PAE */
    assert_true(raised(13));
    assert_int_equal(s->msr.efer, EFER_LME);
}

static void cr4(void **state)
{
    long_mode();
    write_cr(0xe0, 0x20 | PCIDE); /* not in its policy */
    assert_true(raised(13));
    rig_domain.pvh->cr4_allowed |= PCIDE;
    s->cr3 = 0x1001;
    write_cr(0xe0, 0x20 | PCIDE); /* with a PCID there already */
    assert_true(raised(13));
    s->cr3 = 0x1000;
    write_cr(0xe0, 0x20 | PCIDE);
    assert_true(done(3));
    assert_int_equal(s->cr4, 0x20 | PCIDE);
    s->cr3 = 0x1001;
    write_cr(0xe0, 0xa0 | PCIDE); /* it stays on */
    assert_true(done(3));
    write_cr(0xe0, 0x80 | PCIDE);
    assert_true(raised(13));
    write_cr(0xe0, 1ull << 32 | 0x20);
    assert_true(raised(13));
    assert_int_equal(s->cr4, 0xa0 | PCIDE);
    rig_flat_mode(v0);
    s->msr.efer = 0;
    s->cr4 = 0x20, s->cr3 = 0;
    write_cr(0xe0, 0x20 | PCIDE); /* outside long mode */
    assert_true(raised(13));
}

static void cr8(void **state)
{
    long_mode();
    v0->regs.rax = 16;
    RUN(VMEXIT_CR_WRITE, 0x44, 0x0f, 0x22, 0xc0);
    assert_true(raised(13));
    v0->regs.rax = 15;
    RUN(VMEXIT_CR_WRITE, 0x44, 0x0f, 0x22, 0xc0);
    assert_true(done(4));
    assert_int_equal(vlapic_cr8(&v0->pvh->vlapic), 15);
}

/* A repeat as long as registers can say is done in parts. */
static void long_repeat(void **state)
{
    struct vmexit e = {.reason = VMEXIT_IO, .port = 0x60, .size = 1, .is_string = true};

    v0->regs.rdx = 0x60;
    v0->regs.rdi = 0x8000;
    v0->regs.rcx = 1000;
    run((const uint8_t[]){0xf3, 0x6c}, 2, e);
    assert_int_equal(v0->regs.rip, RIG_CODE);
    assert_int_equal(v0->regs.rcx, 488);
    assert_int_equal(v0->regs.rdi, 0x8200);
    rig_run(v0, &e);
    assert_int_equal(v0->regs.rip, RIG_CODE + 2);
    assert_int_equal(v0->regs.rcx, 0);
    assert_int_equal(*(uint8_t *)rig_at(0x8000 + 999), 0xff);
    assert_int_equal(*(uint8_t *)rig_at(0x8000 + 1000), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(half_in_memory), T(rights_changed), T(cr0), T(cr4), T(cr8), T(long_repeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
