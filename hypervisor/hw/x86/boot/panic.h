/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of the machine: message, registers, backtrace with names, then halt or reboot. port_panic() is the same for callers that have no
 * trap frame.
 */
#pragma once
#include <core/param/options.h>
#include <base/contract.h>

/* General registers at the fault; fields in the order that early_entry.S pushes them. */
struct panic_regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error_code, rip, cs, rflags, rsp, ss;
};

/* Print the message, @r (NULL: none), and the call chain from @r's frame; stop the other CPUs; never returns. Any context, NMI included. */
_Noreturn void panic_with_regs(const struct panic_regs *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of text on the console, as panics print it: no lock, any context. For what belongs before a panic. */
void panic_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The panic that follows is of this kind, for crash-debug-*=; CRASH_PANIC otherwise. */
void panic_set_kind(enum crash kind);
/* Some CPU is in panic: the NMI and stop handlers halt then, unless it is this one. */
bool panic_in_progress(void);
bool panic_is_here(void);
/* Halt this CPU for good. */
_Noreturn void halt_cpu(void);

/* Print the call chain that starts at frame pointer @rbp, as long as it stays in the stack block that holds it. */
void backtrace_print(uint64_t rip, uint64_t rbp);
