/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-pCPU descriptor tables. The GDT is seen through the pCPU's window: 14 pages of the running PV guest's, then one page of ours whose selectors
 * the ABI fixes (selectors.h). Intel SDM volume 3, 3.4.5 and 7.7.
 */
#include <hw/x86/trap/trap.h>
#include <hw/x86/trap/internal.h>
#include <hw/x86/trap/smap.h>
#include <guest/x86/common/selectors.h>
#include <base/percpu.h>
#include <core/memory/heap.h>
#include <hw/x86/boot/image.h>
#include <hw/x86/cpu/fpu.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/speculation.h>
#include <hw/x86/mmu/mmu.h>
#include <lib/string.h>

#define CPUID_EBX_INTEL   0x756e6547 /* "Genu", of leaf 0 */
#define IST_DOUBLE_FAULT  1
#define IST_NMI           2
#define IST_MACHINE_CHECK 3
#define IST_DEBUG         4

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t iomap;
} __attribute__((packed, aligned(16)));

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_mid;
    uint32_t offset_high;
    uint32_t reserved;
};

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const uint8_t trap_stubs[], syscall_stubs[], syscall32_stubs[], sysenter_stubs[];
struct syscall_slot syscall_slots[MAX_PCPUS] __attribute__((aligned(64)));

static struct gate idt[256] __attribute__((aligned(16)));
static DEFINE_PER_CPU(struct tss, tss);
static DEFINE_PER_CPU(uint64_t *, gdt_page);

static void set_gate(unsigned int vector, unsigned int dpl, unsigned int ist)
{
    uint64_t to = (uint64_t)(uintptr_t)trap_stubs + 16 * vector;

    idt[vector] = (struct gate){
        .offset_low = (uint16_t)to,
        .selector = SEL_KERNEL_CS,
        .ist = (uint8_t)ist,
        .type = (uint8_t)(0x8e | dpl << 5), /* present interrupt gate */
        .offset_mid = (uint16_t)(to >> 16),
        .offset_high = (uint32_t)(to >> 32),
    };
}

static void fill_idt(void)
{
    for (unsigned int v = 0; v < 256; v++) {
        set_gate(v, 0, 0);
    }
    set_gate(3, 3, 0); /* INT3, INTO and the 32-bit system call: a guest's user mode raises them itself */
    set_gate(4, 3, 0);
    set_gate(0x80, 3, 0);
    set_gate(1, 0, IST_DEBUG);
    set_gate(2, 0, IST_NMI);
    set_gate(8, 0, IST_DOUBLE_FAULT);
    set_gate(18, 0, IST_MACHINE_CHECK);
}

uint64_t *gdt_entry(uint16_t selector)
{
    return this_cpu(gdt_page) + (selector - GDT_OUR_PAGE * PAGE_SIZE) / sizeof(uint64_t);
}

/* A 16-byte system descriptor: available TSS (9) or LDT (2). */
void gdt_set_system(uint16_t selector, uint64_t base, uint32_t limit, unsigned int type)
{
    uint64_t *e = gdt_entry(selector);

    e[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(0x80 | type) << 40 |
           (uint64_t)(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
    e[1] = base >> 32;
}

static void fill_gdt(void)
{
    *gdt_entry(SEL_KERNEL_CS) = 0x00af9a000000ffff;
    *gdt_entry(SEL_KERNEL_DS) = 0x00cf92000000ffff;
    *gdt_entry(SEL_RING3_CS32) = 0x00cffa000000ffff;
    *gdt_entry(SEL_RING3_SS) = 0x00cff2000000ffff;
    *gdt_entry(SEL_RING3_CS64) = 0x00affa000000ffff;
    gdt_set_system(SEL_TSS, (uintptr_t)&this_cpu(tss), sizeof(struct tss) - 1, 9);
}

uint64_t gdt_empty_page(void)
{
    static uint8_t no_descriptors[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

    return image_pa(no_descriptors) | PTE_HYPERVISOR_RO;
}

static void load_tables(void)
{
    struct table_pointer gdtr = {15 * PAGE_SIZE - 1,
                                 VA_DESC_WINDOWS + (uint64_t)pcpu_id() * DESC_WINDOW_PAGES * PAGE_SIZE};
    struct table_pointer idtr = {sizeof(idt) - 1, (uintptr_t)idt};

    asm volatile("lgdt %0" ::"m"(gdtr));
    asm volatile("lidt %0" ::"m"(idtr));
    asm volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" ::"i"(SEL_KERNEL_CS)
                 : "rax", "memory");
    asm volatile("mov %0, %%ss; mov %1, %%ds; mov %1, %%es; mov %1, %%fs; mov %1, %%gs" ::"r"(SEL_KERNEL_DS),
                 "r"(0));
    asm volatile("ltr %w0" ::"r"(SEL_TSS));
    asm volatile("lldt %w0" ::"r"(0));
}

/* Interrupt-stack-table stacks: the lowest pages of the pCPU's stack block. */
static void fill_tss(void)
{
    struct tss *t = &this_cpu(tss);
    uint64_t block = (uintptr_t)cpu_info() & ~(uint64_t)(STACK_SIZE - 1);

    memset(t, 0, sizeof(*t));
    t->iomap = sizeof(*t);
    for (unsigned int i = 0; i < 4; i++) {
        t->ist[i] = block + (i + 1) * PAGE_SIZE - 64;
    }
}

static void init_this_cpu(void)
{
    unsigned int cpu = pcpu_id();

    this_cpu(gdt_page) = heap_alloc_page();
    BUG_ON(!this_cpu(gdt_page));
    for (unsigned int page = 0; page < GDT_OUR_PAGE; page++) {
        *mmu_desc_window_pte(cpu, page) = gdt_empty_page();
    }
    *mmu_desc_window_pte(cpu, GDT_OUR_PAGE) =
        mfn_to_paddr(virt_to_mfn(this_cpu(gdt_page))) | PTE_HYPERVISOR_RW;
    fill_tss();
    fill_gdt();
    load_tables();
    wrmsr(MSR_STAR, (uint64_t)SEL_RING3_CS32 << 48 | (uint64_t)SEL_KERNEL_CS << 32);
    wrmsr(MSR_LSTAR, (uintptr_t)syscall_stubs + 32 * cpu);
    wrmsr(MSR_CSTAR, (uintptr_t)syscall32_stubs + 32 * cpu);
    wrmsr(MSR_SYSCALL_MASK,
          0x257fd5); /* all but the fixed bit: TF, IF, DF, NT, AC, IOPL, VM, RF ... are clear inside */
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
    if (cpuid(0, 0).ebx == CPUID_EBX_INTEL) { /* an undefined instruction elsewhere, in 64-bit mode */
        wrmsr(MSR_SYSENTER_CS, SEL_KERNEL_CS);
        wrmsr(MSR_SYSENTER_EIP, (uintptr_t)sysenter_stubs + 16 * cpu);
    }
}

void trap_init_bsp(void)
{
    fill_idt();
    init_this_cpu();
    fpu_init_bsp();
    fpu_init_cpu();
    smap_init_bsp();
    speculation_init();
    smap_init_cpu();
}

void trap_init_ap(void)
{
    init_this_cpu();
    fpu_init_cpu();
    smap_init_cpu();
}

void trap_set_entry_frame(void *regs_end)
{
    this_cpu(tss).rsp[0] = (uintptr_t)regs_end;
    syscall_slots[pcpu_id()].regs_end = (uintptr_t)regs_end;
}
