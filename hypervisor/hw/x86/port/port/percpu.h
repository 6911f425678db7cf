/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Per-CPU variables on the machine: the section .percpu holds CPU 0's copy; the others' copies are at a constant distance each. */
#pragma once
#include <port/cpu.h>

extern uint64_t percpu_offsets[];

#define DEFINE_PER_CPU(type, name)  __attribute__((section(".percpu"))) __typeof__(type) percpu_##name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) percpu_##name
#define PERCPU_AT(name, off)        (*(__typeof__(&percpu_##name))((uintptr_t)&percpu_##name + (off)))
#define this_cpu_counters()         (cpu_info()->counters) /* &this_cpu(counters), sooner */
#define this_cpu(name)              PERCPU_AT(name, cpu_info()->percpu_offset)
#define per_cpu(name, cpu)          PERCPU_AT(name, percpu_offsets[cpu])
