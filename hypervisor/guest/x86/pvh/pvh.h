/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PVH guests as seen by the main loop. */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* Enter the guest once and handle what brings it back. Interrupts off at entry and return. */
void pvh_run(struct x86_vcpu *xv);
