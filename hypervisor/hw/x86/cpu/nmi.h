/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NMIs. Those of our own (panic elsewhere, watchdog) are dealt with at once. What the platform sends is counted, and noted for the machine softirq, which
 * may log and tell the first domain; or it ends the machine (nmi=fatal). An NMI can come at any instruction, so the handler takes no lock and
 * runs on a stack of its own. It blocks further NMIs until its IRET; nothing in it may fault.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* The softirq's handler and the debug key. Boot CPU, after the log works. */
void nmi_init(void);
/* From the entry code. */
void nmi_interrupt(const struct x86_regs *regs);
