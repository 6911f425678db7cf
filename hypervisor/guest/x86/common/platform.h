/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both kinds of guest share of the machine: CPUID and MSRs by policy, port access by right, blocking. */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* CPUID as @xv's domain sees it. */
void x86_cpuid(struct x86_vcpu *xv, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* 0, or -XEN_EINVAL where the CPU would raise #GP. For the current vCPU. */
int x86_msr_read(struct x86_vcpu *xv, uint32_t msr, uint64_t *value);
/* Say that a write was ignored: once for each MSR, whoever writes it. */
void x86_msr_note_ignored(struct x86_vcpu *xv, uint32_t msr, uint64_t value);
int x86_msr_write(struct x86_vcpu *xv, uint32_t msr, uint64_t value);

/* Port access by instruction: done on the hardware where the domain has the port, else all ones are read and writes go nowhere. */
uint32_t platform_port_read(struct domain *d, uint16_t port, unsigned int size);
void platform_port_write(struct domain *d, uint16_t port, unsigned int size, uint32_t value);
