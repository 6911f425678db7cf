/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work that one pCPU asks of others: calls and TLB flushes (the contract's port_call_on, port_flush_tlb*). Who waits serves what others ask of
 * it meanwhile, so that two CPUs that ask each other with interrupts off do not wait for ever.
 */
#pragma once
#include <base/contract.h>

/* Interrupt handlers. */
void ipi_flush_interrupt(void);
void ipi_call_interrupt(void);

/* Flush this pCPU's non-global translations, counted in the TLB clock. Any context. */
void tlb_flush_local(void);
/* The same, as the caller loads another page table: right before the write of CR3 and right after it, interrupts off between. */
uint64_t tlb_flush_begin(void);
void tlb_flush_end(uint64_t when);
/* Global translations too. */
void tlb_flush_local_all(void);
