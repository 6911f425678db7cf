/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point and vector state of this machine's CPUs; what guests' code asks of it is in guest/x86/common/hw_contract.h. */
#pragma once

/* Find out what there is, on the boot CPU, before the first guest and before cpuid_init(). */
void fpu_init_bsp(void);
/* Turn it on, on each CPU. */
void fpu_init_cpu(void);
