/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions of a PV kernel: each vector reaches the trap table's handler with the right frame, and iret resumes. */
#include "guest.h"

#define UNMAPPED ((void *)0x00007ff000000000UL)

TEST(breakpoint)
{
    CHECK_EQ(TRAP_OF("int3"), 3);
    CHECK_EQ(g.trap.count, 1);
    CHECK_EQ(g.trap.err, 0);
    CHECK_EQ(g.trap.cs & 3, 0); /* kernel mode shows as ring 0 */
}
TEST(int80)
{ /* other vectors need the error code of a refused INT, which QEMU 7.2 gets wrong in long mode (16n+2) */
    CHECK_EQ(TRAP_OF("int $0x80"), 0x80);
}
TEST(undefined)
{
    CHECK_EQ(TRAP_OF("ud2"), 6);
}
TEST(divide)
{
    u64 a = 1, c = 0, d = 0;
    CHECK_EQ(TRAP_INSN("div %%rcx", a, c, d), 0);
}
TEST(page_fault_read)
{
    u64 v;
    CHECK_EQ(probe_read(UNMAPPED, &v), 14);
    CHECK_EQ(g.trap.cr2, (u64)UNMAPPED);
    CHECK_EQ(g.trap.err & 3, 0);
    CHECK_EQ(probe_read((u8 *)UNMAPPED + 0x123456, &v), 14);
    CHECK_EQ(g.trap.cr2, (u64)UNMAPPED + 0x123456);
}
TEST(page_fault_write)
{
    CHECK_EQ(probe_write(UNMAPPED, 1), 14);
    CHECK_EQ(g.trap.err & 3, 2);
    u8 *p = page_alloc();
    CHECK_EQ(make_ro(p), 0);
    CHECK_EQ(probe_write(p + 8, 1), 14);
    CHECK_EQ(g.trap.err & 3, 3); /* present, write */
    CHECK_EQ(g.trap.cr2, (u64)p + 8);
    CHECK_EQ(make_rw(p), 0);
    CHECK_EQ(probe_write(p + 8, 1), -1);
    page_free(p);
}
TEST(hypervisor_area)
{ /* its memory can be neither read nor written; the M2P can be read only */
    u64 v;
    CHECK(probe_read((void *)0xffff82d080000000UL, &v) >= 13);
    CHECK(probe_read((void *)0xffff830000000000UL, &v) >= 13);
    CHECK(probe_write((void *)0xffff830000000000UL, 1) >= 13);
    CHECK_EQ(probe_read((void *)MACH2PHYS_VIRT_START, &v), -1);
    CHECK_EQ(probe_write((void *)(MACH2PHYS_VIRT_START + 8 * va_mfn(stacks)), 1), 14);
}
static bool from_code(struct regs *r)
{ /* act as the RET that could not be fetched */
    r->rip = *(u64 *)r->rsp;
    r->rsp += 8;
    return true;
}
TEST(no_execute)
{
    static u8 code[4096] __attribute__((aligned(4096)));
    code[0] = 0xc3;
    CHECK_EQ(set_va(code, va_mfn(code) << 12 | PTE_RW | PTE_NX), 0);
    trap_hook[14] = from_code;
    trap_clear();
    ((void (*)(void))code)();
    trap_hook[14] = NULL;
    CHECK_EQ(g.trap.vec, 14);
    CHECK_EQ(g.trap.cr2, (u64)code);
    CHECK_EQ(g.trap.err & 0x11, 0x11); /* instruction fetch, present */
    CHECK_EQ(make_rw(code), 0);
    trap_clear();
    ((void (*)(void))code)();
    CHECK_EQ(g.trap.vec, -1);
}
TEST(general_protection)
{
    u64 v;
    CHECK_EQ(probe_read((void *)0x8000000000000000UL, &v), 13); /* not canonical */
    CHECK_EQ(g.trap.err, 0);
    u64 a = 0xfff0, c = 0, d = 0; /* a selector past any table */
    CHECK_EQ(TRAP_INSN("mov %%eax, %%ds", a, c, d), 13);
    CHECK_EQ(g.trap.err, 0xfff0);
}
TEST(flags_kept)
{ /* registers and flags survive an exception */
    u64 in[4] = {0x1111, 0x2222, 0x3333, 0x4444}, out[4];
    trap_clear();
    asm volatile("mov %[a], %%r8; mov %[b], %%r11; mov %[c], %%rcx; mov %[d], %%r15; stc; int3; 2:\n"
                 "setc %%al; movzbl %%al, %%eax; mov %%r8, (%[o]); mov %%r11, 8(%[o]); mov %%rcx, 16(%[o]); "
                 "mov %%r15, 24(%[o]); mov %%rax, %[a]\n"
                 ".pushsection .fixups,\"a\"; .quad 0, 2b; .popsection"
                 : [a] "+r"(in[0]), "+m"(out)
                 : [b] "r"(in[1]), [c] "r"(in[2]), [d] "r"(in[3]), [o] "r"(out)
                 : "r8", "r11", "rcx", "r15", "rax", "memory", "cc");
    CHECK_EQ(g.trap.vec, 3);
    CHECK_EQ(in[0], 1); /* carry */
    CHECK(out[0] == 0x1111 && out[1] == 0x2222 && out[2] == 0x3333 && out[3] == 0x4444);
}
static bool clear_tf(struct regs *r)
{
    if (g.trap.count >= 3) {
        r->rflags &= ~0x100UL;
    }
    return true;
}
TEST(single_step)
{
    trap_hook[1] = clear_tf;
    trap_clear();
    asm volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop; nop; nop; nop" ::: "memory", "cc");
    CHECK_EQ(g.trap.vec, 1);
    CHECK_EQ(g.trap.count, 3);
}
/* Where each step stopped. */
static u64 stops[8];
static unsigned stopped;
static bool note_stop(struct regs *r)
{
    if (stopped < ARRAY_SIZE(stops)) {
        stops[stopped] = r->rip;
    }
    if (++stopped >= 6) {
        r->rflags &= ~0x100UL;
    }
    return true;
}
TEST(single_step_over_emulated)
{ /* also behind an instruction that the hypervisor does: CPUID, RDMSR, a read of CR0 */
    extern u8 step_nop[], step_cpuid[], step_rdmsr[], step_cr0[], step_end[];
    trap_hook[1] = note_stop;
    stopped = 0;
    asm volatile("pushf; orl $0x100, (%%rsp); popf; nop\n"
                 "step_nop: .byte 0x0f,0x0b,0x78,0x65,0x6e,0x0f,0xa2\n"
                 "step_cpuid: mov $0xc0000100, %%ecx\n"
                 "step_rdmsr: rdmsr\n"
                 "step_cr0: mov %%cr0, %%rax\n"
                 "step_end: nop; nop; nop"
                 :
                 : "a"(0)
                 : "rbx", "rcx", "rdx", "memory", "cc");
    CHECK_EQ(stops[0], (u64)step_nop);
    CHECK_EQ(stops[1], (u64)step_cpuid);
    CHECK_EQ(stops[2], (u64)step_rdmsr);
    CHECK_EQ(stops[3], (u64)step_cr0);
    CHECK_EQ(stops[4], (u64)step_end);
    CHECK(hc1(__HYPERVISOR_get_debugreg, 6) & 0x4000);
    CHECK_EQ(hc2(__HYPERVISOR_set_debugreg, 6, 0), 0);
}
TEST(trap_table_events_flag)
{ /* flag 4 of an entry: the handler runs with events masked */
    static struct trap_info ti[2];
    static struct trap_info all[257];
    fill_trap_table(all);
    for (int i = 0; all[i].address; i++) {
        if (all[i].vector == 3) {
            ti[0] = all[i];
        }
    }
    events_on();
    CHECK_EQ(TRAP_OF("int3"), 3);
    CHECK(g.trap.rflags & 0x200);
    CHECK(events_enabled());
    ti[0].flags |= 4;
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, ti), 0);
    CHECK_EQ(TRAP_OF("int3"), 3);
    CHECK(g.trap.rflags & 0x200);
    CHECK(events_enabled()); /* iret gave it back */
    events_off();
    CHECK_EQ(TRAP_OF("int3"), 3);
    CHECK(!(g.trap.rflags & 0x200));
    CHECK(!events_enabled());
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, all), 0);
}
static u8 mask_seen;
static bool see_mask(struct regs *r)
{
    mask_seen = vcpu_info(0)->evtchn_upcall_mask;
    return true;
}
TEST(int_without_handler)
{ /* #GP that names the entry, at the instruction; also through 0x80, which ring 3 may use in the processor's own table */
    static struct trap_info all[257], kept[257];
    unsigned n = 0;
    fill_trap_table(all);
    for (int i = 0; all[i].address; i++) {
        if (all[i].vector < 32) {
            kept[n++] = all[i];
        }
    }
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, 0), 0);
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, kept), 0);
    CHECK_EQ(TRAP_OF("int $0x80"), 13);
    CHECK_EQ(g.trap.err, 0x80 << 3 | 2);
    CHECK_EQ(TRAP_OF("int $0x55"), 13);
    CHECK(g.trap.err == (0x55 << 3 | 2) ||
          !on_zendo()); /* QEMU 7.2 counts entries of 16 bytes, which Xen passes on */
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, all), 0);
}
/* A call at the very end of the lower half: it would go on at an address that is none. */
static void *lower_end(void)
{
    static u64 tables[3][512] __attribute__((aligned(4096)));
    static u8 code[PAGE_SIZE] __attribute__((aligned(4096)));
    u64 *l4 = (u64 *)g.si->pt_base;
    code[4094] = 0x0f;
    code[4095] = 0x05; /* syscall */
    tables[0][511] = va_mfn(code) << 12 | PTE_RW;
    tables[1][511] = va_mfn(tables[0]) << 12 | PTE_RW;
    tables[2][511] = va_mfn(tables[1]) << 12 | PTE_RW;
    for (int i = 0; i < 3; i++) {
        if (make_ro(tables[i]) != 0) {
            return NULL;
        }
    }
    return mmu_update1((va_mfn(l4) << 12) + 255 * 8, va_mfn(tables[2]) << 12 | PTE_RW) == 0
               ? (void *)0x7ffffffffffeUL
               : NULL;
}
static u64 back_sp;
static struct regs at_fault;
extern u8 after_lower_end[];
static bool note_and_return(struct regs *r)
{
    at_fault = *r;
    r->rip = (u64)after_lower_end;
    r->rsp = back_sp;
    return true;
}
TEST(return_to_no_address)
{ /* #GP in the kernel, which hears where it would have been */
    void *end = lower_end();
    CHECK(end != NULL);
    trap_hook[13] = trap_hook[14] = note_and_return;
    asm volatile("mov %%rsp, %[sp]; jmp *%[end]\n after_lower_end:"
                 : [sp] "=m"(back_sp)
                 : [end] "r"(end), "a"(__HYPERVISOR_xen_version), "D"(XENVER_version), "S"(0UL)
                 : "rcx", "r11", "memory", "cc");
    CHECK_EQ(at_fault.vec, 13);
    CHECK_EQ(at_fault.err, 0);
    CHECK_EQ(at_fault.rip, 0x800000000000UL);
    CHECK_EQ(mmu_update1((va_mfn((void *)g.si->pt_base) << 12) + 255 * 8, 0), 0);
}
TEST(handler_mask_state)
{
    static struct trap_info all[257], one[2];
    fill_trap_table(all);
    for (int i = 0; all[i].address; i++) {
        if (all[i].vector == 3) {
            one[0] = all[i];
        }
    }
    trap_hook[3] = see_mask;
    events_on();
    CHECK_EQ(TRAP_OF("int3"), 3);
    CHECK_EQ(mask_seen, 0);
    one[0].flags |= 4;
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, one), 0);
    CHECK_EQ(TRAP_OF("int3"), 3);
    CHECK_EQ(mask_seen, 1);
    events_off();
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, all), 0);
}
TEST(trap_table_errors)
{
    static struct trap_info ti[2];
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, UNMAPPED), -XEN_EFAULT);
    ti[0].vector = 3;
    ti[0].cs = FLAT_KERNEL_CS;
    ti[0].address = 0x8000000000000000UL;
    CHECK_EQ(hc1(__HYPERVISOR_set_trap_table, ti), -XEN_EINVAL);
}
TEST(many_exceptions)
{
    for (int i = 0; i < 2000; i++) {
        CHECK_EQ(TRAP_OF("int3"), 3);
        CHECK_EQ(TRAP_OF("ud2"), 6);
    }
}
TEST(iret_in_place)
{ /* HYPERVISOR_iret to the next instruction, with other flags */
    u64 flags;
    events_off();
    asm volatile("mov %%rsp, %%rcx; push $0; push %%rcx; push $0x246; push %[cs]; lea 3f(%%rip), %%rax; push "
                 "%%rax; push $0; push $0x77; push $0x66; push $0x55\n"
                 "movq %[ss], 64(%%rsp)\n mov $23, %%eax; syscall\n 3: pushf; pop %[f]\n"
                 "cmp $0x55, %%rax; jne 4f; cmp $0x66, %%r11; jne 4f; cmp $0x77, %%rcx; jne 4f; jmp 5f; 4: "
                 "xor %[f], %[f]; 5:\n"
                 : [f] "=r"(flags)
                 : [cs] "i"(FLAT_KERNEL_CS & 0xfffc), [ss] "i"(FLAT_KERNEL_SS)
                 : "rax", "rcx", "r11", "memory", "cc");
    CHECK(flags != 0);
    CHECK_EQ(flags & 0x44, 0x44); /* ZF, PF from the frame */
    CHECK(events_enabled());      /* IF of the frame: events are on */
    events_off();
}
/* A frame of HYPERVISOR_iret on the stack that leads to label 3, with 0x77, 0x66, 0x55 for rcx, r11, rax; @nr is called with it. */
#define IRET_FRAME(nr)                                                                                   \
    "mov %%rsp, %%rcx; push $0; push %%rcx; push $0x246; push %[cs]; lea 3f(%%rip), %%rax; push %%rax; " \
    "push $0; push $0x77; push $0x66; push $0x55\n movq %[ss], 64(%%rsp)\n mov %[" nr                    \
    "], %%eax; syscall\n 3: "
TEST(iret_in_multicall)
{ /* ends it: what comes after is not done, and rax is the frame's */
    static struct multicall_entry m[3];
    long rax;
    memset(m, 0, sizeof(m));
    m[0].op = m[2].op = __HYPERVISOR_xen_version;
    m[0].args[0] = m[2].args[0] = XENVER_version;
    m[1].op = __HYPERVISOR_iret;
    m[0].result = m[1].result = m[2].result = 0x5a5a;
    asm volatile(IRET_FRAME("nr")
                 : "=&a"(rax)
                 : [nr] "i"(__HYPERVISOR_multicall), "D"(m),
                   "S"(3UL), [cs] "i"(FLAT_KERNEL_CS & 0xfffc), [ss] "i"(FLAT_KERNEL_SS)
                 : "rcx", "r11", "memory", "cc");
    CHECK_EQ(rax, 0x55);
    CHECK_EQ(m[0].result, xen_version(XENVER_version, 0));
    CHECK_EQ(m[2].result, 0x5a5a);
    events_off();
}
TEST(iret_with_any_rax)
{ /* what the hypervisor means by some numbers says nothing about what a guest has in the register */
    for (long value = -200; value <= 0; value++) {
        long rax;
        u64 kept = 0x1234;
        asm volatile(
            "mov %%rsp, %%rcx; push $0; push %%rcx; push $0x246; push %[cs]; lea 3f(%%rip), %%rax; push "
            "%%rax; push $0; push $0x77; push $0x66; push %[value]\n"
            "movq %[ss], 64(%%rsp)\n mov %[nr], %%eax; syscall\n 3:"
            : "=&a"(rax), "+D"(kept)
            : [nr] "i"(__HYPERVISOR_iret), [value] "r"(value), [cs] "i"(FLAT_KERNEL_CS & 0xfffc),
              [ss] "i"(FLAT_KERNEL_SS)
            : "rcx", "r11", "memory", "cc");
        CHECK_EQ(rax, value);
        CHECK_EQ(kept, 0x1234);
    }
    events_off();
}
TEST(iretq_of_the_kernel)
{ /* the instruction itself, level 3 to level 3; Linux serializes with it. The frame's selectors are those that are in use. */
    u64 flags;
    asm volatile("mov %%ss, %%eax; mov %%rsp, %%rcx; push %%rax; push %%rcx; push $0x246; mov %%cs, %%eax; "
                 "push %%rax\n"
                 "lea 3f(%%rip), %%rax; push %%rax; xor %%eax, %%eax; inc %%eax\n"
                 "iretq\n 3: pushf; pop %[f]; cmp %%rcx, %%rsp; je 5f; xor %[f], %[f]; 5:\n"
                 : [f] "=r"(flags)
                 :
                 : "rax", "rcx", "memory", "cc");
    CHECK_EQ(flags & 0x44, 0x44);
}
TEST(callback_errors)
{
    struct callback_register cb = {.type = 99, .address = 0};
    CHECK_EQ(hc2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), -XEN_ENOSYS);
    cb.type = CALLBACKTYPE_event;
    cb.address = 0x8000000000000000UL;
    CHECK_EQ(hc2(__HYPERVISOR_callback_op, CALLBACKOP_register, &cb), -XEN_EINVAL);
    CHECK_EQ(hc2(__HYPERVISOR_callback_op, 99, &cb), -XEN_ENOSYS);
    CHECK_EQ(hc2(__HYPERVISOR_callback_op, CALLBACKOP_register, UNMAPPED), -XEN_EFAULT);
}
TEST(stack_switch)
{
    CHECK_EQ(hc2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, stacks[0] + STACK_SIZE), 0);
    CHECK_EQ(hc2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, 0x8000000000000000UL) <= 0, 1);
    CHECK_EQ(hc2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, stacks[0] + STACK_SIZE), 0);
}
