/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What differs between two vCPUs in the CPU's registers. General registers live in the vCPU, so a switch moves only: where traps push, page-table
 * base, descriptor windows, data segments and their bases, debug registers; FPU: cpu/fpu.c.
 */
#include <hw/x86/trap/internal.h>
#include <guest/x86/common/selectors.h>
#include <hw/x86/trap/trap.h>
#include <base/percpu.h>
#include <guest/x86/common/hw_contract.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/mmu/mmu.h>
#include <hw/x86/smp/ipi.h>
#include <lib/string.h>

static DEFINE_PER_CPU(uint32_t, gdt_pages_shown); /* window pages 0..13 that show a guest's frame */
static DEFINE_PER_CPU(uint32_t, ldt_pages_shown);

/* Without a frame a page of the GDT has no descriptors; one of the LDT comes when it is used. */
static uint64_t window_entry(unsigned int page, mfn_t mfn)
{
    if (mfn_is_invalid(mfn)) {
        return page < GDT_OUR_PAGE ? gdt_empty_page() : 0;
    }
    return mfn_to_paddr(mfn) | PTE_HYPERVISOR_RW;
}

static void set_window_page(unsigned int page, mfn_t mfn)
{
    unsigned int cpu = pcpu_id();
    uint64_t *pte = mmu_desc_window_pte(cpu, page);
    uint64_t want = window_entry(page, mfn);

    if (*pte == want) {
        return;
    }
    *pte = want;
    invlpg(VA_DESC_WINDOWS + ((uint64_t)cpu * DESC_WINDOW_PAGES + page) * PAGE_SIZE);
}

void hw_set_gdt_page(unsigned int page, mfn_t mfn)
{
    set_window_page(page, mfn);
    if (mfn_is_invalid(mfn)) {
        this_cpu(gdt_pages_shown) &= ~(1u << page);
    } else {
        this_cpu(gdt_pages_shown) |= 1u << page;
    }
}

void hw_set_ldt_page(unsigned int page, mfn_t mfn)
{
    set_window_page(16 + page, mfn);
    if (mfn_is_invalid(mfn)) {
        this_cpu(ldt_pages_shown) &= ~(1u << page);
    } else {
        this_cpu(ldt_pages_shown) |= 1u << page;
    }
}

void hw_load_ldt(unsigned int ents)
{
    if (ents == 0) {
        asm volatile("lldt %w0" ::"r"(0));
        return;
    }
    gdt_set_system(SEL_LDT, VA_DESC_WINDOWS + ((uint64_t)pcpu_id() * DESC_WINDOW_PAGES + 16) * PAGE_SIZE,
                   ents * 8 - 1, 2);
    asm volatile("lldt %w0" ::"r"(SEL_LDT));
}

void hw_load_cr3(mfn_t l4)
{
    write_cr3(mfn_to_paddr(l4));
}

static void load_counted(paddr_t l4)
{
    unsigned long flags = irq_save();
    uint64_t when = tlb_flush_begin();

    write_cr3(l4);
    tlb_flush_end(when);
    irq_restore(flags);
}

void hw_switch_cr3(mfn_t l4)
{
    load_counted(mfn_to_paddr(l4));
}

void hw_flush_local(void)
{
    tlb_flush_local();
}

void hw_invlpg_local(vaddr_t va)
{
    invlpg(va);
}

void hw_flush_caches(void)
{
    asm volatile("wbinvd" ::: "memory");
}

void hw_fill_l4(uint64_t *l4)
{
    mmu_copy_hypervisor_slots(l4);
}

void hw_load_idle_tables(void)
{
    load_counted(mmu_master_l4());
}

/* Window pages from @first on: those in @used show @frames, those shown until now and not used are unmapped. */
static void change_shown(unsigned int first, uint32_t *shown, const mfn_t *frames, uint32_t used)
{
    for (uint32_t pages = *shown | used; pages; pages &= pages - 1) {
        unsigned int page = (unsigned int)__builtin_ctz(pages);

        set_window_page(first + page, used >> page & 1 ? frames[page] : INVALID_MFN);
    }
    *shown = used;
}

void hw_show_guest_descriptors(const struct pv_vcpu *p)
{
    change_shown(0, &this_cpu(gdt_pages_shown), p->gdt_frames, (1u << DIV_ROUND_UP(p->gdt_ents, 512u)) - 1);
    change_shown(16, &this_cpu(ldt_pages_shown), p->ldt_frames, (uint32_t)p->ldt_shadow_map);
}

void hw_hide_guest_descriptors(void)
{
    for (uint32_t shown = this_cpu(gdt_pages_shown); shown; shown &= shown - 1) {
        set_window_page((unsigned int)__builtin_ctz(shown), INVALID_MFN);
    }
    this_cpu(gdt_pages_shown) = 0;
    if (this_cpu(ldt_pages_shown)) {
        asm volatile("lldt %w0" ::"r"(0));
        for (uint32_t shown = this_cpu(ldt_pages_shown); shown; shown &= shown - 1) {
            set_window_page(16 + (unsigned int)__builtin_ctz(shown), INVALID_MFN);
        }
        this_cpu(ldt_pages_shown) = 0;
    }
}

void hw_set_entry_vcpu(struct x86_vcpu *xv)
{
    xv->pcpu_stack = (uint8_t *)cpu_info() - 16;
    trap_set_entry_frame((uint8_t *)xv + XV_REGS_END);
}

void hw_save_segments(struct pv_vcpu *p, bool kernel_mode)
{
    uint64_t active, hidden;

    asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
                 : "=rm"(p->ds), "=rm"(p->es), "=rm"(p->fs), "=rm"(p->gs));
    p->fs_base = rdmsr(MSR_FS_BASE);
    active = rdmsr(MSR_GS_BASE);
    hidden = rdmsr(MSR_KERNEL_GS_BASE);
    p->gs_base_kernel = kernel_mode ? active : hidden;
    p->gs_base_user = kernel_mode ? hidden : active;
}

void hw_load_segments(const struct pv_vcpu *p, bool kernel_mode)
{
    hw_load_ds(p->ds);
    hw_load_es(p->es);
    hw_load_fs(p->fs);
    hw_load_gs(p->gs);
    wrmsr(MSR_FS_BASE, p->fs_base);
    wrmsr(MSR_GS_BASE, kernel_mode ? p->gs_base_kernel : p->gs_base_user);
    wrmsr(MSR_KERNEL_GS_BASE, kernel_mode ? p->gs_base_user : p->gs_base_kernel);
}

void hw_swap_gs(void)
{
    asm volatile("swapgs" ::: "memory");
}

void hw_load_gs_user_selector(uint32_t sel)
{
    asm volatile("swapgs");
    hw_load_gs(sel);
    asm volatile("swapgs");
}

void hw_set_fs_base(uint64_t base)
{
    wrmsr(MSR_FS_BASE, base);
}

void hw_set_gs_base(uint64_t base)
{
    wrmsr(MSR_GS_BASE, base);
}

void hw_set_hidden_gs_base(uint64_t base)
{
    wrmsr(MSR_KERNEL_GS_BASE, base);
}

static DEFINE_PER_CPU(uint64_t, guest_cr4); /* what of it is on */

void hw_set_guest_cr4(uint64_t bits)
{
    if (unlikely(this_cpu(guest_cr4) != bits)) {
        this_cpu(guest_cr4) = bits;
        write_cr4((read_cr4() & ~(CR4_TSD | CR4_FSGSBASE)) | bits);
    }
}

/* It stays as the last vCPU that has it left it. */
static DEFINE_PER_CPU(uint64_t, loaded_tsc_aux);

void hw_set_tsc_aux(uint64_t value)
{
    if (this_cpu(loaded_tsc_aux) != value) {
        this_cpu(loaded_tsc_aux) = value;
        wrmsr(MSR_TSC_AUX, value);
    }
}

void hw_set_ts(bool on)
{
    if (on) {
        write_cr0(read_cr0() | CR0_TS);
    } else {
        asm volatile("clts");
    }
}

void hw_load_breakpoints(const uint64_t dr[4], uint64_t dr7)
{
    asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3" ::"r"(dr[0]), "r"(dr[1]),
                 "r"(dr[2]), "r"(dr[3]));
    asm volatile("mov %0, %%dr7" ::"r"(dr7));
}

void hw_clear_dr7(void)
{
    asm volatile("mov %0, %%dr7" ::"r"(X86_DR7_RESET));
}

#define DR6_EVENTS 0xe00full

uint64_t hw_take_dr6(void)
{
    uint64_t v;

    asm volatile("mov %%dr6, %0" : "=r"(v));
    write_dr6(X86_DR6_RESET);
    return v & DR6_EVENTS;
}

void hw_write_dr(unsigned int n, uint64_t value)
{
    switch (n) {
    case 0:
        asm volatile("mov %0, %%dr0" ::"r"(value));
        break;
    case 1:
        asm volatile("mov %0, %%dr1" ::"r"(value));
        break;
    case 2:
        asm volatile("mov %0, %%dr2" ::"r"(value));
        break;
    case 3:
        asm volatile("mov %0, %%dr3" ::"r"(value));
        break;
    default:
        break;
    }
}
