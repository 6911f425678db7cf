/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the x86 guest layer asks of the machine beyond base/contract.h: privileged registers of this pCPU. Defined by hw/x86; the host port has
 * recording versions. Interrupts off unless said otherwise.
 */
#pragma once
#include <base/contract.h>
#include <guest/x86/common/x86_domain.h>

/* Load the page-table base: flushes this pCPU's non-global translations. Any interrupt state. */
void hw_load_cr3(mfn_t l4);
/* Flush this pCPU's non-global translations. */
void hw_flush_local(void);
void hw_invlpg_local(vaddr_t va);
/* Write-back and invalidate this pCPU's caches. */
void hw_flush_caches(void);
/* Page @page (0..13) of this pCPU's GDT window shows @mfn; INVALID_MFN unmaps. Flushes that page. */
void hw_set_gdt_page(unsigned int page, mfn_t mfn);
/* Page @page (0..15) of this pCPU's LDT window, the same. */
void hw_set_ldt_page(unsigned int page, mfn_t mfn);
/* LDTR: @ents descriptors in the LDT window, 0 for none. */
void hw_load_ldt(unsigned int ents);
/* Fill the 16 hypervisor slots of an L4 table that is mapped at @l4. */
void hw_fill_l4(uint64_t *l4);
