/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUID and MSR policies: the machine's, what each kind of guest can have of it, and each domain's own. */
#pragma once
#include <guest/x86/common/x86_domain.h>
#include <model/x86/cpuid/cpu_policy.h>

/* Compute the machine's policies from its CPUID; before the first domain. */
void cpuid_init(void);
/* What the machine says of itself. */
const struct cpu_policy *cpuid_host_policy(void);
/* What guests may have, or get unasked. */
const struct cpu_policy *cpuid_guest_policy(enum cpu_policy_kind kind);
/* The most that a domain of @d's kind can have. */
const struct cpu_policy *cpuid_max_policy(const struct domain *d);
/* Frequency of the time stamp counter, from the scale that guests get. */
uint32_t cpuid_tsc_khz(void);

/* Give the domain the default policy of its kind. -XEN_ENOMEM. */
int cpuid_domain_init(struct x86_domain *xd);
void cpuid_domain_free(struct x86_domain *xd);
