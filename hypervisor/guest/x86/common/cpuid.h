/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPUID and MSR policy of domains. */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* Compute the machine's policies from its CPUID; before the first domain. */
void cpuid_init(void);
/* Give the domain the default policy of its kind. -XEN_ENOMEM. */
int cpuid_domain_init(struct x86_domain *xd);
void cpuid_domain_free(struct x86_domain *xd);
