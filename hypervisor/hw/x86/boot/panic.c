/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/boot/panic.h>
#include <hw/x86/boot/symbols.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/time.h>
#include <hw/x86/cpu/watchdog.h>
#include <core/hypercall/crash_keys.h>
#include <base/lock.h>
#include <lib/printf.h>

#define BACKTRACE_MAX   24
#define REBOOT_DELAY_NS SECONDS(3)

static uint32_t panic_cpu = ~0u;
static enum crash panic_kind = CRASH_PANIC;

void panic_say(const char *fmt, ...)
{
    char line[200];
    va_list args;
    int length;

    va_start(args, fmt);
    length = zvscnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    port_console_write(line, (size_t)length);
}

static void say_address(uint64_t addr, const char *mark)
{
    const char *name;
    uint64_t offset;

    if (symbol_lookup(addr, &name, &offset)) {
        panic_say("   [<%016lx>] %s %s+%#lx\n", addr, mark, name, offset);
    } else {
        panic_say("   [<%016lx>] %s\n", addr, mark);
    }
}

void backtrace_print(uint64_t rip, uint64_t rbp)
{
    uint64_t block = rbp & ~(uint64_t)(STACK_SIZE - 1);
    uint64_t here = (uint64_t)__builtin_frame_address(0) & ~(uint64_t)(STACK_SIZE - 1);

    panic_say("Call trace:\n");
    say_address(rip, "R");
    /* only this CPU's own stack is known to be mapped */
    for (unsigned int i = 0; i < BACKTRACE_MAX && block == here; i++) {
        const uint64_t *frame = (const uint64_t *)rbp;

        if (rbp & 7 || rbp > block + STACK_SIZE - sizeof(struct cpu_info) - 16 || frame[1] == 0) {
            break;
        }
        say_address(frame[1], "F");
        if (frame[0] <= rbp || (frame[0] & ~(uint64_t)(STACK_SIZE - 1)) != block) {
            break;
        }
        rbp = frame[0];
    }
}

static void say_regs(const struct panic_regs *r)
{
    panic_say("RIP: %04lx:%016lx RSP: %04lx:%016lx RFLAGS: %08lx\n", r->cs, r->rip, r->ss, r->rsp, r->rflags);
    panic_say("rax: %016lx rbx: %016lx rcx: %016lx rdx: %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
    panic_say("rsi: %016lx rdi: %016lx rbp: %016lx r8:  %016lx\n", r->rsi, r->rdi, r->rbp, r->r8);
    panic_say("r9:  %016lx r10: %016lx r11: %016lx r12: %016lx\n", r->r9, r->r10, r->r11, r->r12);
    panic_say("r13: %016lx r14: %016lx r15: %016lx\n", r->r13, r->r14, r->r15);
    panic_say("cr0: %08lx cr2: %016lx cr3: %016lx cr4: %08lx\n", read_cr0(), read_cr2(), read_cr3(),
              read_cr4());
}

bool panic_in_progress(void)
{
    return __atomic_load_n(&panic_cpu, __ATOMIC_RELAXED) != ~0u;
}

bool panic_is_here(void)
{
    return __atomic_load_n(&panic_cpu, __ATOMIC_RELAXED) == pcpu_id();
}

_Noreturn void halt_cpu(void)
{
    for (;;) {
        irq_disable();
        hlt();
    }
}

static _Noreturn void panic_finish(void)
{
    if (opt_noreboot) {
        panic_say("Halted (noreboot).\n");
        halt_cpu();
    }
    panic_say("Rebooting in %u seconds.\n", (unsigned int)(REBOOT_DELAY_NS / SECONDS(1)));
    time_spin_ns(REBOOT_DELAY_NS);
    port_reboot();
}

void panic_set_kind(enum crash kind)
{
    panic_kind = kind;
}

static _Noreturn void panic_common(const struct panic_regs *r, uint64_t rip, uint64_t rbp, const char *fmt,
                                   va_list args)
{
    uint32_t nobody = ~0u, me = pcpu_id();
    char text[256];

    irq_disable();
    if (!__atomic_compare_exchange_n(&panic_cpu, &nobody, me, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
        if (nobody == me) {
            panic_say("\nPanic inside a panic at %016lx.\n", rip);
            if (crash_keys_at_work()) {
                panic_finish();
            }
        }
        halt_cpu();
    }
    apic_stop_others();
    zvscnprintf(text, sizeof(text), fmt, args);
    panic_say("\n****************************************\nPanic on CPU "
              "%u:\n%s\n****************************************\n",
              me, text);
    if (r) {
        say_regs(r);
    }
    backtrace_print(rip, rbp);
    locks_break();
    crash_keys_press(panic_kind);
    panic_finish();
}

_Noreturn void panic_with_regs(const struct panic_regs *r, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    panic_common(r, r ? r->rip : (uint64_t)__builtin_return_address(0),
                 r ? r->rbp : (uint64_t)__builtin_frame_address(0), fmt, args);
}

_Noreturn void port_panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    panic_common(NULL, (uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0), fmt,
                 args);
}

_Noreturn void port_assert_failed(const char *expr, const char *file, int line)
{
    port_panic("%s: %s:%d", expr, file, line);
}

_Noreturn void port_stop(void)
{
    crash_keys_press(CRASH_HWDOM);
    irq_disable();
    watchdog_stop();
    apic_stop_others();
    panic_finish();
}
