/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time from the TSC, measured once against HPET, PM timer or PIT; deadlines by the local APIC's timer. Before time_init() time stands still
 * at 0 and time_spin_ns() assumes a fast processor.
 */
#pragma once
#include <base/contract.h>

/* Measure. After apic_init_bsp(). */
void time_init(void);
/* This CPU's timer; each CPU, time_init() first. */
void time_init_cpu(void);

/*
 * ns = ((ticks << shift, or >> -shift) * mul) >> 32, for ticks since a common moment: pvclock's form, for guests' time pages.
 * False before time_init().
 */
bool tsc_scale(uint32_t *mul, int8_t *shift);
/* A TSC value of this CPU and port_now_ns() at the same instant. */
void tsc_now(uint64_t *tsc, uint64_t *now_ns);
/* port_now_ns() at which the TSC has, or will have, this value. */
uint64_t tsc_to_ns(uint64_t tsc);
uint64_t tsc_hz(void);

/* Busy wait. */
void time_spin_ns(uint64_t ns);

/* Interrupt of the timer: called by hw_interrupt(). */
void time_interrupt(void);

/* tsc at the first instruction of boot_main(), for the boot report. */
extern uint64_t boot_tsc;
