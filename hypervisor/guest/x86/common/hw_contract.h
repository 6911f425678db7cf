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
/* The same, counted in the TLB clock (port_tlb_clock()): for the way to another address space. Between the two halves of one, at each system call of a
 * guest's user mode, the clock's cache line would be the machine's bottleneck. */
void hw_switch_cr3(mfn_t l4);
/* Flush this pCPU's non-global translations, counted. */
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

/* --- for the switch between vCPUs ---------------------------------------------------------------------------------------------------- */
/* Traps from ring 3 push into @xv's regs from now on. */
void hw_set_entry_vcpu(struct x86_vcpu *xv);
/* The hypervisor's own page tables, without any guest's. */
void hw_load_idle_tables(void);
/* This pCPU's window shows @p's frames of GDT and LDT, and no other vCPU's. */
void hw_show_guest_descriptors(const struct pv_vcpu *p);
/* Nothing of a guest's GDT or LDT stays mapped in this pCPU's window. */
void hw_hide_guest_descriptors(void);
void hw_save_segments(struct pv_vcpu *p, bool kernel_mode);
void hw_load_segments(const struct pv_vcpu *p, bool kernel_mode);
/*
 * Floating-point and vector registers from and to an image, by FXSAVE (512 bytes) when @components are x87 and SSE, else by XSAVE, which leaves XCR0 as
 * @components. 64-byte aligned; CR0.TS clear.
 */
void hw_fpu_save(void *image, uint64_t components);
void hw_fpu_load(const void *image, uint64_t components);
/* Those of @components, all of which XCR0 has, into their initial state. CR0.TS clear. */
void hw_fpu_clear(uint64_t components);
/* XSAVE components that can be switched on this machine (model/x86/xstate); 0: no XSAVE. Constant after start-up, any context. */
uint64_t hw_xstate_components(void);
/* XCR0; without XSAVE only 1. */
void hw_set_xcr0(uint64_t value);
/* What is in it, which a PVH guest may have changed by itself. */
uint64_t hw_read_xcr0(void);
/* The bits that MXCSR may have; 0: the processor does not say. */
uint32_t hw_mxcsr_mask(void);
/* What the processor learnt of indirect branches is forgotten (IBPB), where it can be told to. */
void hw_forget_branches(void);
/* The two bits of CR4 that are as the PV vCPU of this pCPU wants them: TSD and FSGSBASE, which the processor must have. */
void hw_set_guest_cr4(uint64_t bits);
/* TSC_AUX; only processors with RDTSCP or RDPID are asked for another value than 0. */
void hw_set_tsc_aux(uint64_t value);
void hw_set_ts(bool on);
/* Load DR0 to DR3, and DR7; write one of the four. */
void hw_load_breakpoints(const uint64_t dr[4], uint64_t dr7);
void hw_write_dr(unsigned int n, uint64_t value);
void hw_clear_dr7(void);
/*
 * In a debug exception: the events that DR6 tells of, as bits of it. They are gone from there: outside of such an exception DR6 is X86_DR6_RESET, so that what
 * the processor adds is the current vCPU's alone.
 */
uint64_t hw_take_dr6(void);
/* Exchange the active and the hidden GS base: the guest's kernel and user mode have one each. */
void hw_swap_gs(void);
void hw_load_gs_user_selector(uint32_t sel);
void hw_set_fs_base(uint64_t base);
void hw_set_gs_base(uint64_t base);
void hw_set_hidden_gs_base(uint64_t base);

/* --- copies through the current page tables, and MSRs, that may fault ------------------------------------------------------------------ */
/* 0, or -XEN_EFAULT: a part is copied or cleared. */
int hw_copy_fallible(void *dst, const void *src, size_t n);
int hw_clear_fallible(void *dst, size_t n);
/* 0, or -1 when the CPU refused. */
int hw_rdmsr_fallible(uint32_t msr, uint64_t *value);
int hw_wrmsr_fallible(uint32_t msr, uint64_t value);

/* The time stamp counter now, and how guests turn it into nanoseconds: ns = ((tsc << shift) * mul) >> 32 (shift may be negative). */
uint64_t hw_read_tsc(void);
void hw_tsc_scale(uint32_t *mul, int8_t *shift);
/* A TSC value and port_now_ns() of the same instant. */
void hw_time_now(uint64_t *tsc, uint64_t *now_ns);
/* Port access on behalf of a guest that may; @size 1, 2 or 4. */
uint32_t hw_port_in(uint16_t port, unsigned int size);
void hw_port_out(uint16_t port, unsigned int size, uint32_t value);
/* CPUID of this CPU. */
void hw_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* Processors that firmware announced and we use, and the names others have for them. */
unsigned int hw_cpu_count(void);
void hw_cpu_ids(unsigned int cpu, uint32_t *apic_id, uint32_t *acpi_id);
/* Function number @n of the hypervisor, by ascending address; false: there are no more. Any context. */
bool hw_symbol(uint32_t n, const char **name, uint64_t *addr);
