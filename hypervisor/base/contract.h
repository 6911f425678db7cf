/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract with the machine: everything that base, core, model and guest may ask of it. Defined twice, by hw/x86 for the
 * machine and by host/ for Linux programs. Calls that are one instruction long are inline, in <port/cpu.h>.
 */
#pragma once
#include <base/cpuset.h>
#include <port/cpu.h>

/* pCPUs that are online now; bit set by the port as each comes up. */
extern cpuset_t cpus_online;
/* pCPUs that were brought up at the start; those of them that are not online are parked. Constant once domains run. */
extern cpuset_t cpus_present;
/*
 * Park @cpu, which is online, not this one, idles and is not sent work any more: it goes out of cpus_online and halts. What still comes to it (a late
 * interrupt, a softirq) it does, and halts again. And bring it back. Both return when it is done; process context, one at a time.
 */
void port_cpu_park(unsigned int cpu);
void port_cpu_unpark(unsigned int cpu);

/* Time: nanoseconds since boot, monotonic and the same on every pCPU. */
uint64_t port_now_ns(void);
/* Seconds since 1970 (UTC) at port_now_ns() == 0, in nanoseconds. */
uint64_t port_wallclock_base_ns(void);
/* Spin for @ns. Any context, panics included. */
void port_delay_ns(uint64_t ns);
/* Raise SOFTIRQ_TIMER on this pCPU at or after @deadline_ns; 0 disarms. One deadline a pCPU: a later call replaces it. */
void port_timer_arm(uint64_t deadline_ns);

/* Make @cpu look at its pending softirqs soon (an inter-processor interrupt unless it is this one). */
void port_kick_cpu(unsigned int cpu);
/* Run @fn(@arg) on each pCPU of @cpus in interrupt context and, if @wait, return when all have. Interrupts must be on when waiting. */
void port_call_on(cpuset_t cpus, void (*fn)(void *arg), void *arg, bool wait);
/* Discard every non-global translation on each pCPU of @cpus before returning. */
void port_flush_tlb(cpuset_t cpus);
/* Discard the translation of @va on each pCPU of @cpus before returning. */
void port_flush_tlb_page(cpuset_t cpus, vaddr_t va);
/* Counts flushes of this pCPU's whole TLB, machine-wide and monotonic; see frame_aux in base/frame.h. */
uint32_t port_tlb_clock(void);
/* Of @cpus, those that may still hold translations from when the clock was @stamp: the ones whose last whole flush began at or before it. May err by
 * naming too many, never too few (also across a wrap of the clock). */
cpuset_t port_tlb_stale(cpuset_t cpus, uint32_t stamp);

/* Bytes to the machine's console (serial, VGA): raw, may be called with interrupts off. */
void port_console_write(const char *text, size_t len);

/* Stop the machine with a message, registers and a backtrace. */
_Noreturn void port_panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void port_reboot(void);
/* Something ended that the machine cannot go on without: reboot, or halt when noreboot is given. */
_Noreturn void port_stop(void);
_Noreturn void port_power_off(void);

/* Fill a page of the direct map with zeroes. Any context. */
void port_clear_page(void *page);

/* Small objects of the hypervisor's own, zeroed; NULL when memory is out. zfree(NULL) does nothing. */
void *zalloc(size_t size) __attribute__((malloc, warn_unused_result));
void zfree(void *ptr);
