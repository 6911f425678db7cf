/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Barriers against speculation across domains: guest/x86/common/hw_contract.h, hw_forget_branches(). */
#pragma once

/* Look what the processor has; boot CPU, before the first guest. */
void speculation_init(void);
