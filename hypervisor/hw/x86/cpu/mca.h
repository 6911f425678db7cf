/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machine checks of the host. An exception with an error that was not corrected ends the machine: nothing is recovered. Corrected ones are found by
 * looking into the banks every MCA_POLL_NS, when a timer interrupt comes anyway (idle CPUs, which may get none, are asked to by one that does), and
 * reported to guest/x86/common/mca.h. What the banks mean: model/x86/mca.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>

#define MCA_POLL_NS SECONDS(8)

/* Turn this CPU's banks on; what they hold from before is reported at the first look. Boot CPU first. */
void mca_init_cpu(void);
/* The exception; returns when the machine can go on. */
void mca_exception(const struct x86_regs *regs);
/* A timer interrupt, at @now_ns: is it time to look? */
void mca_poll_when_due(uint64_t now_ns);
/* Look into this CPU's banks, if somebody asked for it. Softirq. */
void mca_poll_now(void);
