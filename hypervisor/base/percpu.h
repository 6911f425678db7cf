/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-pCPU variables. DEFINE_PER_CPU(int, x); this_cpu(x) = 1; per_cpu(x, cpu). The port decides where a CPU's copy lives:
 * the machine copies the section .percpu for each CPU, the host keeps an array.
 */
#pragma once
#include <base/types.h>
#include <port/cpu.h>
#include <port/percpu.h> /* DEFINE_PER_CPU, DECLARE_PER_CPU, this_cpu, per_cpu */
