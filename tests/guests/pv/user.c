/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest user mode: a page table of its own, iret into it, syscall, exceptions and events out of it; the I/O privilege level, which is about both modes. */
#include "guest.h"

static u64 *user_l4;
static u64 back[8];
static struct regs last;
static u8 user_stack[PAGE_SIZE] __attribute__((aligned(4096)));

static bool leave(struct regs *r)
{
    last = *r;
    ctx_jump(back, 1);
}
static void user_up(void)
{
    if (!user_l4) {
        user_l4 = page_alloc();
        user_l4[511] = ((u64 *)g.si->pt_base)[511];
        CHECK_EQ(make_ro(user_l4), 0);
        CHECK_EQ(mmuext1(MMUEXT_PIN_L4_TABLE, va_mfn(user_l4), 0), 0);
        CHECK_EQ(mmuext1(MMUEXT_NEW_USER_BASEPTR, va_mfn(user_l4), 0), 0);
        /* traps out of user mode get a stack below the one that runs now */
        CHECK_EQ(hc2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, stacks[0] + 8192), 0);
    }
    for (int v = 0; v < 32; v++) {
        trap_hook[v] = leave;
    }
    trap_hook[0x80] = leave;
    trap_hook[VEC_SYSCALL] = leave;
    memset(&last, 0, sizeof(last));
    last.vec = 0xffff;
}
/* Runs code in user mode until something leads back to the kernel, which is then in `last`. */
static void run_user(void *code, u64 rdi, u64 rflags)
{
    if (ctx_save(back)) {
        return;
    }
    struct regs r = {.rip = (u64)code,
                     .cs = FLAT_USER_CS,
                     .ss = FLAT_USER_SS,
                     .rflags = rflags,
                     .rsp = (u64)user_stack + sizeof(user_stack) - 8,
                     .rdi = rdi,
                     .rax = 0x1234,
                     .rcx = 5,
                     .r11 = 6};
    pv_load_regs(&r);
}
#define CODE(name, text) \
    extern u8 name[];    \
    asm(".text\n" #name ": " text)
CODE(do_syscall, "mov $42, %eax; syscall; after_syscall: ud2");
extern u8 after_syscall[];
CODE(do_sysenter, "sysenter; ud2");
CODE(do_int3, "int3; ud2");
CODE(do_int80, "int $0x80; ud2");
CODE(do_ud2, "ud2");
CODE(do_hlt, "hlt; ud2");
CODE(do_read, "mov (%rdi), %rax; syscall; ud2");
CODE(do_write, "mov %rax, (%rdi); syscall; ud2");
CODE(do_in, "mov $0x80, %dx; in %dx, %al; syscall; ud2");
CODE(do_wait, "1: pause; cmpl $0, (%rdi); je 1b; syscall; ud2");
CODE(do_cli, "cli; syscall; ud2");
CODE(do_rdtsc, "rdtsc; syscall; ud2");
CODE(do_selector, "mov %edi, %es; syscall; ud2");
CODE(do_cr, "mov %cr0, %rax; ud2");

TEST(syscall)
{
    RUN(user_up());
    run_user(do_syscall, 0, 0x202);
    CHECK_EQ(last.vec, VEC_SYSCALL);
    CHECK_EQ(last.rax, 42);
    CHECK_EQ(last.cs & 3, 3);
    CHECK_EQ(last.rip, (u64)after_syscall);
    CHECK_EQ(last.rsp, (u64)user_stack + sizeof(user_stack) - 8);
    CHECK(!events_enabled()); /* the callback was registered with mask_events */
}
/* SYSENTER says neither where it was nor on which stack: the callback's frame shows none of it. AMD's processors have no SYSENTER in 64-bit mode. */
TEST(sysenter)
{
    struct callback_register cb = {.type = CALLBACKTYPE_sysenter, .flags = CALLBACKF_mask_events};
    u32 r[4];
    cpuid(0, 0, r);
    bool intel = r[1] == 0x756e6547;
    RUN(user_up());
    run_user(do_sysenter, 0, 0x202);
    CHECK_EQ(last.vec, intel ? 13 : 6); /* nobody asked for it yet */
    cb.address = pv_stub(VEC_SYSCALL);
    CHECK_EQ(hc2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), 0);
    static const u64 flags[] = {0x202, 0x302, 0x4202, 0x40202, 0x44302}; /* TF, NT, AC */
    for (int i = 0; intel && i < ARRAY_SIZE(flags); i++) {
        RUN(user_up());
        run_user(do_sysenter, 0x77, flags[i]);
        CHECK_EQ(last.vec, VEC_SYSCALL);
        CHECK_EQ(last.rdi, 0x77);
        CHECK_EQ(last.rip, 0);
        CHECK_EQ(last.rsp, 0);
        CHECK_EQ(last.cs & 3, 3);
        CHECK_EQ(last.rflags & 0x300, 0x200);
        CHECK(!events_enabled());
    }
    cb.address = 0;
    CHECK_EQ(hc2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), 0);
}
TEST(int3_from_user)
{
    RUN(user_up());
    run_user(do_int3, 0, 0x202);
    CHECK_EQ(last.vec, 3);
    CHECK_EQ(last.cs & 3, 3);
    CHECK_EQ(last.rcx, 5);
    CHECK_EQ(last.r11, 6);
    CHECK_EQ(last.rax, 0x1234);
    CHECK(last.rflags & 0x200);
}
TEST(int80_from_user)
{
    RUN(user_up());
    run_user(do_int80, 0, 0x202);
    CHECK_EQ(last.vec, 0x80);
}
TEST(faults_from_user)
{
    RUN(user_up());
    run_user(do_ud2, 0, 0x202);
    CHECK_EQ(last.vec, 6);
    CHECK_EQ(last.rip, (u64)do_ud2);
    RUN(user_up());
    run_user(do_hlt, 0, 0x202);
    CHECK_EQ(last.vec, 13);
    RUN(user_up());
    run_user(do_in, 0, 0x202);
    CHECK_EQ(last.vec, 13);
    RUN(user_up());
    run_user(do_cr, 0, 0x202);
    CHECK_EQ(last.vec, 13);
}
TEST(page_fault_from_user)
{
    RUN(user_up());
    run_user(do_read, 0x00007ff000000000UL, 0x202);
    CHECK_EQ(last.vec, 14);
    CHECK_EQ(last.err & 7, 4);
    CHECK_EQ(g.trap.cr2 == 0x00007ff000000000UL || vcpu_info(0)->arch.cr2 == 0x00007ff000000000UL, 1);
    RUN(user_up());
    run_user(do_write, 0x00007ff000000000UL, 0x202);
    CHECK_EQ(last.vec, 14);
    CHECK_EQ(last.err & 7, 6);
}
TEST(user_sees_hypervisor_as_nothing)
{ /* neither its memory nor the M2P (kernel only) */
    RUN(user_up());
    run_user(do_read, 0xffff830000000000UL, 0x202);
    CHECK(last.vec == 14 || last.vec == 13);
    RUN(user_up());
    run_user(do_read, MACH2PHYS_VIRT_START, 0x202);
    CHECK_EQ(last.vec, 14);
}
TEST(selector_of_nothing)
{ /* user code may try any: its kernel hears of #GP, in user mode */
    RUN(user_up());
    run_user(do_selector, 0x2003, 0x202);
    CHECK_EQ(last.vec, 13);
    CHECK_EQ(last.err, 0x2000);
    CHECK_EQ(last.cs & 3, 3);
}
TEST(kernel_only_mapping)
{ /* an L4 entry of the kernel's table only */
    RUN(user_up());
    u64 *l4 = (u64 *)g.si->pt_base;
    u64 *l3 = page_alloc();
    CHECK_EQ(make_ro(l3), 0);
    CHECK_EQ(mmu_update1((va_mfn(l4) << 12) + 90 * 8, va_mfn(l3) << 12 | PTE_RW), 0);
    CHECK_EQ(user_l4[90], 0);
    CHECK_EQ(mmu_update1((va_mfn(l4) << 12) + 90 * 8, 0), 0);
    CHECK_EQ(make_rw(l3), 0);
    page_free(l3);
}
static volatile u32 flag;
static void raise_flag(u32 port)
{
    flag = 1;
}
TEST(event_in_user)
{ /* an event interrupts user mode and user mode goes on */
    RUN(user_up());
    long p = bind_virq(VIRQ_TIMER, 0);
    CHECK(p > 0);
    vcpu_op(VCPUOP_stop_periodic_timer, 0, 0);
    port_clear(p);
    port_mask(p, false);
    flag = 0;
    hc1(__HYPERVISOR_set_timer_op, now_ns() + 5000000);
    evt_handler = raise_flag;
    run_user(do_wait, (u64)&flag, 0x202);
    CHECK_EQ(last.vec, VEC_SYSCALL);
    CHECK_EQ(evt_count[p], 1);
    events_off();
    CHECK_EQ(port_close(p), 0);
}
TEST(iret_bad_frame)
{ /* iret to a non-canonical address or a null selector: an exception or failsafe, not a hang */
    RUN(user_up());
    trap_hook[VEC_FAILSAFE] = leave;
    run_user((void *)0x8000000000000000UL, 0, 0x202);
    CHECK(last.vec == 13 || last.vec == 14 || last.vec == VEC_FAILSAFE);
}
TEST(iret_to_selector_of_nothing)
{ /* #GP that names it: what the frame wanted is in the new one */
    RUN(user_up());
    trap_hook[VEC_FAILSAFE] = leave;
    if (!ctx_save(back)) {
        struct regs r = {.rip = (u64)do_syscall,
                         .cs = 0x2003,
                         .ss = FLAT_USER_SS,
                         .rflags = 0x202,
                         .rsp = (u64)user_stack + sizeof(user_stack) - 8};
        pv_load_regs(&r);
    }
    CHECK_EQ(last.vec, 13);
    CHECK_EQ(last.err, 0x2000);
    CHECK_EQ(last.rip, (u64)do_syscall);
}
static void enter(u32 cs, u32 ss)
{
    if (!ctx_save(back)) {
        struct regs r = {.rip = (u64)do_syscall,
                         .cs = cs,
                         .ss = ss,
                         .rflags = 0x202,
                         .rsp = (u64)user_stack + sizeof(user_stack) - 8};
        pv_load_regs(&r);
    }
}
TEST(iret_to_ldt)
{ /* code whose descriptor is in a page of the LDT that nobody has used yet, or that cannot be one */
    u64 *ldt = page_alloc();
    RUN(user_up());
    ldt[1] = 0x00affa000000ffffUL;                       /* 64-bit code, ring 3 */
    CHECK_EQ(mmuext1(MMUEXT_SET_LDT, (u64)ldt, 512), 0); /* not yet: the page is writable */
    enter(0xf, FLAT_USER_SS);
    CHECK_EQ(last.vec, 14);
    CHECK_EQ(last.err, 4);
    CHECK_EQ(last.rip, (u64)do_syscall);
    CHECK_EQ(vcpu_info(0)->arch.cr2, (u64)&ldt[1]);
    CHECK_EQ(make_ro(ldt), 0);
    RUN(user_up());
    enter(0xf, FLAT_USER_SS);
    CHECK_EQ(last.vec, VEC_SYSCALL);
    CHECK_EQ(last.rip, (u64)after_syscall);
    RUN(user_up());
    enter(0x17, FLAT_USER_SS); /* no such descriptor */
    CHECK_EQ(last.vec, 13);
    CHECK_EQ(last.err, 0x14);
    RUN(user_up());
    enter(0x2007, FLAT_USER_SS); /* beyond its end */
    CHECK_EQ(last.vec, 13);
    CHECK_EQ(last.err, 0x2004);
    CHECK_EQ(mmuext1(MMUEXT_SET_LDT, 0, 0), 0);
    RUN(user_up());
    enter(0xf, FLAT_USER_SS); /* none at all */
    CHECK_EQ(last.vec, 13);
    CHECK_EQ(last.err, 0xc);
    CHECK_EQ(make_rw(ldt), 0);
    page_free(ldt);
}
TEST(user_gs)
{
    RUN(user_up());
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, user_stack), 0);
    CHECK_EQ(hc2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, stacks), 0);
    run_user(do_syscall, 0, 0x202);
    CHECK_EQ(last.vec, VEC_SYSCALL);
    u64 v = 0;
    CHECK_EQ(probe_rdmsr(0xc0000101, &v), -1); /* back in the kernel: the kernel's */
    CHECK_EQ(v, (u64)stacks);
    CHECK_EQ(probe_rdmsr(0xc0000102, &v), -1);
    CHECK_EQ(v, (u64)user_stack);
}

/* --- the virtual I/O privilege level -------------------------------------------------------------------------------------------------- */
#define IOPL_OF(rflags) ((u32)((rflags) >> 12 & 3))

static long set_iopl(u32 level)
{
    struct physdev_set_iopl iopl = {.iopl = level};
    return hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
}
static int in_of_kernel(void)
{
    u64 a = 0, c = 0, d = 0x80;
    return TRAP_INSN("in %%dx, %%al", a, c, d);
}
/* What the frame of an exception in the kernel says. */
static u32 shown_iopl(void)
{
    return TRAP_OF("int3") == 3 ? IOPL_OF(g.trap.rflags) : 99;
}
/* The vector by which user code comes back that starts with this I/O privilege level in its flags. */
static u32 user_with(void *code, u32 said)
{
    user_up();
    run_user(code, 0, 0x202 | (u64)said << 12);
    memset(trap_hook, 0, sizeof(trap_hook));
    return (u32)last.vec;
}
TEST(iopl_by_hypercall)
{ /* the kernel counts as level 1; what a frame says means nothing */
    for (u32 level = 0; level <= 3; level++) {
        int kernel = level >= 1 ? -1 : 13;
        u32 user = level == 3 ? VEC_SYSCALL : 13;
        CHECK_EQ(set_iopl(level), 0);
        CHECK_EQ(TRAP_OF("cli"), kernel);
        CHECK_EQ(TRAP_OF("sti"), kernel);
        CHECK_EQ(in_of_kernel(), kernel);
        CHECK_EQ(shown_iopl(), 0);
        for (u32 said = 0; said <= 3; said++) {
            CHECK_EQ(user_with(do_cli, said), user);
            CHECK_EQ(user_with(do_in, said), user);
            CHECK_EQ(IOPL_OF(last.rflags), 0);
        }
    }
    CHECK_EQ(set_iopl(0), 0);
}
TEST(iopl_architectural)
{ /* as on a processor: the kernel is level 0, frames show the level, and iret sets it */
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0);
    for (u32 level = 0; level <= 3; level++) {
        CHECK_EQ(set_iopl(level), 0);
        CHECK_EQ(shown_iopl(), level);
        CHECK_EQ(TRAP_OF("cli"), -1);
        CHECK_EQ(TRAP_OF("sti"), -1);
        CHECK_EQ(in_of_kernel(), -1);
    }
    for (u32 said = 0; said <= 3; said++) {
        CHECK_EQ(user_with(do_cli, said), said == 3 ? VEC_SYSCALL : 13);
        CHECK_EQ(user_with(do_in, said), said == 3 ? VEC_SYSCALL : 13);
        CHECK_EQ(IOPL_OF(last.rflags), said);
    }
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_architectural_iopl), 0);
    CHECK_EQ(set_iopl(0), 0);
    CHECK_EQ(shown_iopl(), 0);
}
TEST(counter_kept_from_user_mode)
{ /* CR4.TSD: the kernel reads the counter, user mode may not */
    u64 cr4;
    CHECK_EQ(user_with(do_rdtsc, 0), VEC_SYSCALL);
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    asm volatile("mov %0, %%cr4" ::"r"(cr4 | 4));
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    CHECK(cr4 & 4);
    CHECK_EQ(user_with(do_rdtsc, 0), 13);
    CHECK_EQ(TRAP_OF("rdtsc"), -1);
    asm volatile("mov %0, %%cr4" ::"r"(cr4 & ~4UL));
    CHECK_EQ(user_with(do_rdtsc, 0), VEC_SYSCALL);
}
TEST(m2p_strict)
{ /* with it user mode does not see the M2P, nor does it without it here */
    CHECK_EQ(hc2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_m2p_strict), 0);
}
