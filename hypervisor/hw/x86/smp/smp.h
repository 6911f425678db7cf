/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Per-CPU areas, and bringing up the other processors. */
#pragma once
#include <base/types.h>

/* Keep what .percpu holds now, to start the other CPUs' copies from. First thing on the boot CPU. */
void percpu_init(void);
/* Start every CPU of platform.cpu_apic_id[] but the first; those that do not answer are left out with a warning. Boot CPU, interrupts on. */
void smp_init(void);
/* CPUs can be parked (park.c). smp_init() calls it. */
void park_init(void);

/* init/: set up the core's state of this CPU, before it counts as online. Interrupts off. */
void ap_prepare(void);
/* init/: a CPU that is up, with interrupts off, its own stack, traps, APIC and timer; never returns. */
_Noreturn void ap_main(void);
