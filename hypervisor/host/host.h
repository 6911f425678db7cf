/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract with the machine, on Linux: an arena of memory, virtual time, simulated pCPUs, allocation that fails on demand, a window that stands for
 * a guest's memory. For unit tests, fuzzers and simulations; one thread unless a test says otherwise (the pCPU number is thread-local).
 *
 * A program usually starts with host_init(pcpus, memory size): everything is as after the machine's start-up. It may call it again.
 */
#pragma once
#include <base/contract.h>

/* Memory, time 0, @cpus online pCPUs with timers and softirqs, this thread is pCPU 0 with interrupts on, the heap holds all memory. */
void host_init(unsigned int cpus, uint64_t memory_bytes);
/* Only the memory: a zeroed arena, frame words, M2P (all invalid), the heap with all frames but frame 0. */
void host_memory_init(uint64_t size_bytes);
/* The same with an empty heap: for tests that call heap_add_range() themselves. */
void host_memory_init_bare(uint64_t size_bytes);
/* Frames [@first, @first + @count) are a hole from now on: state words 0, not RAM. The heap must not have them. */
void host_memory_hole(uint64_t first, uint64_t count);

/* --- pCPUs ----------------------------------------------------------------------------------------------------------------------------- */
/* This thread is @cpu from now on. */
void host_set_pcpu(unsigned int cpu);
/* pCPUs that port_kick_cpu() named since the last host_take_kicks(). */
uint64_t host_take_kicks(void);
/* Run pending softirqs of every online pCPU until there are none anywhere, in the order of numbers; the pCPU stays what it was. */
void host_run_softirqs(void);
bool host_softirqs_pending(void);
/*
 * cpu_relax() calls it, so that a pCPU that spins lets the simulated others get on. host_init() sets it to run the others' pending softirqs, and to
 * panic when that goes on for too long. NULL in tests with real threads.
 */
extern void (*host_on_relax)(void);

/* --- time -------------------------------------------------------------------------------------------------------------------------------- */
void host_set_now(uint64_t now_ns);
/* The earliest deadline that some pCPU armed; UINT64_MAX when none did. */
uint64_t host_next_deadline(void);
/* Move to @now_ns, stopping at each deadline on the way to raise SOFTIRQ_TIMER on its pCPU and run softirqs everywhere. */
void host_advance_to(uint64_t now_ns);
static inline void host_advance(uint64_t ns)
{
    host_advance_to(port_now_ns() + ns);
}

/* --- TLBs --------------------------------------------------------------------------------------------------------------------------------- */
extern uint64_t host_flush_count; /* calls of port_flush_tlb() and port_flush_tlb_page() */

/* --- failure ------------------------------------------------------------------------------------------------------------------------------ */
/* @n more calls of zalloc() succeed, the later ones fail; negative: none fails. */
void host_alloc_fail_after(int64_t n);
/* Objects of zalloc() that are not freed. */
uint64_t host_alloc_count(void);
/* What port_panic() and a failed assertion do: NULL aborts; else called first, and may longjmp() away. */
extern void (*host_on_panic)(const char *message);

/* --- the console --------------------------------------------------------------------------------------------------------------------------- */
extern bool host_console_to_stderr; /* default: set by the environment variable HOST_CONSOLE */
/* What was written since host_console_clear(), as a string; the last 64 KiB. */
const char *host_console(void);
void host_console_clear(void);

/* --- a guest's memory ----------------------------------------------------------------------------------------------------------------------- */
/* Guest addresses are host addresses inside [@base, @base + @size): guest_read() and guest_write() fault elsewhere. NULL, 0: everything faults. */
void host_guest_window(void *base, size_t size);
/* From now on each read is followed by @fn(@arg, address, size), which may change the memory: a check that values are read once. NULL ends it. */
void host_guest_on_read(void (*fn)(void *arg, uint64_t gva, size_t size), void *arg);
/* What the weak guest_read(), guest_write(), guest_clear() do; for tests that link a guest layer with its own. */
int host_guest_read(void *dst, uint64_t gva, size_t size);
int host_guest_write(uint64_t gva, const void *src, size_t size);
int host_guest_clear(uint64_t gva, size_t size);
