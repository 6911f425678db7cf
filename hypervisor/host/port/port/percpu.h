/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Per-CPU variables on the host: an array each. */
#pragma once
#include <port/cpu.h>

#define HOST_MAX_PCPUS              MAX_PCPUS
#define DEFINE_PER_CPU(type, name)  __typeof__(type) percpu_##name[HOST_MAX_PCPUS]
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name[HOST_MAX_PCPUS]
#define this_cpu_counters()         (&this_cpu(counters))
#define this_cpu(name)              (percpu_##name[host_pcpu])
#define per_cpu(name, cpu)          (percpu_##name[cpu])
