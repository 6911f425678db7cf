/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watchdog (option `watchdog`): a CPU whose timer softirq has not run for watchdog_timeout seconds is stuck, and the machine stops with its
 * registers and call chain. Each CPU looks at the next one's beats whenever it beats itself; besides, the PIT sends an NMI to the boot CPU 18 times
 * a second, which looks at all of them and so also finds a CPU that is alone, or all CPUs stuck at once. Without the option none of it exists:
 * no timer, no NMI. core/timer/heartbeat.h decides who is stuck.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* Start, if the option is given. Boot CPU, all CPUs up, interrupts on, nothing long to be done any more before pcpu_loop(). */
void watchdog_start(void);
/* The machine is about to be stopped on purpose. Any context. */
void watchdog_stop(void);
/* @cpu was parked: nobody expects beats of it; and it is about to come back. */
void watchdog_leave_cpu(unsigned int cpu);
void watchdog_join_cpu(unsigned int cpu);
/* This CPU is alive though it lets nothing else run: it writes to the console. Any context. */
void watchdog_touch(void);
/* The NMI handler: true when the NMI was the watchdog's. Does not return when this CPU is stuck. */
bool watchdog_nmi(const struct x86_regs *regs);
