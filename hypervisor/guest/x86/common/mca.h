/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine-check errors that the machine survived, on their way to the log and to the hardware domain (VIRQ_MCA, hypercall mca). */
#pragma once
#include <model/x86/mca/mca.h>

/* An error that bank @b of pCPU @cpu had. Softirq context. The oldest are kept when the domain does not fetch them: later ones are only logged. */
void mca_report(unsigned int cpu, uint64_t mcg_status, const struct mca_bank *b);
