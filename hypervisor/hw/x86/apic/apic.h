/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC of this CPU: xAPIC (registers in memory) or x2APIC (MSRs); its timer; interrupts to other CPUs. */
#pragma once
#include <lib/bits.h>

/* Boot CPU, after the platform tables are read: choose the mode, mask the 8259s, enable. Other CPUs: enable in the same mode. */
void apic_init_bsp(void);
void apic_init_ap(void);
bool apic_is_x2(void);
/* This CPU's APIC id. */
uint32_t apic_id(void);
/* APIC id of a pCPU; set in smp/ before it starts. */
extern uint32_t apic_id_of_cpu[];

void apic_eoi(void);
/* Log what the error register says. */
void apic_report_error(void);
/* Is an interrupt of @vector being served on this CPU (set in the in-service register)? */
bool apic_in_service(unsigned int vector);
/* Fixed interrupt with @vector to one CPU. Any context. */
void apic_send(unsigned int cpu, unsigned int vector);
/* NMI to one CPU. Any context, NMI included. */
void apic_send_nmi(unsigned int cpu);
/* Fixed interrupt with @vector to this CPU. Any context, NMI included. */
void apic_send_self(unsigned int vector);
void apic_send_init(uint32_t id);
void apic_send_startup(uint32_t id, unsigned int page);
/* Panic: stop every other CPU; safe before apic_init_bsp(). */
void apic_stop_others(void);

/* Unmask this CPU's timer: one shot by ticks, or by the deadline MSR. */
void apic_timer_set_mode(bool tsc_deadline);
/* One shot on this CPU's timer, or off with 0 ticks; ticks per second are measured by time_init(). */
void apic_timer_start(uint32_t ticks);
uint32_t apic_timer_remaining(void);
