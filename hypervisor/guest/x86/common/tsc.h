/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time stamp counter of guests. It is the processor's plus an offset, or (tsc_mode "always_emulate") made from the hypervisor's time: RDTSC then comes to
 * the hypervisor, which costs, and the counter's frequency is what the tools said, whatever machine it is. struct x86_domain.tsc_khz is that frequency; 0: the
 * processor's own counter. It changes only while the domain is paused.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* Ticks of an emulated counter (tsc_khz is not 0) in @ns nanoseconds. */
uint64_t tsc_ticks(const struct x86_domain *xd, uint64_t ns);
/* The domain's counter now, before what a PVH guest's own writes added. */
uint64_t tsc_of_domain(const struct x86_domain *xd);
/* Its frequency. */
uint32_t tsc_khz_of_domain(const struct x86_domain *xd);
/* How its guests turn ticks into nanoseconds: ((ticks << shift) * mul) >> 32; a negative shift goes right. */
void tsc_scale_of_domain(const struct x86_domain *xd, uint32_t *mul, int8_t *shift);
