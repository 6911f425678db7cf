/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/boot/early_trap.h>
#include <hw/x86/boot/panic.h>
#include <hw/x86/apic/irq.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/trap/trap.h>

#define GATE_INTERRUPT  0x8e00u
#define FIRST_INTERRUPT 32
#define VECTOR_NMI      2

struct gate {
    uint16_t offset_low;
    uint16_t selector;
    uint16_t flags;
    uint16_t offset_middle;
    uint32_t offset_high;
    uint32_t zero;
};

extern const char early_trap_stubs[];
void early_trap(struct panic_regs *r);

static struct gate early_idt[256] __attribute__((aligned(16)));

void early_trap(struct panic_regs *r)
{
    if (r->vector >= FIRST_INTERRUPT) {
        hw_interrupt((unsigned int)r->vector);
        return;
    }
    if (r->vector == VECTOR_NMI && panic_in_progress()) {
        halt_cpu();
    }
    panic_with_regs(r, "Exception %lu, error code %#lx, cr2 %016lx", r->vector, r->error_code, read_cr2());
}

void early_trap_init(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof(early_idt) - 1, (uint64_t)early_idt};
    uint16_t cs;

    asm("mov %%cs, %0" : "=r"(cs));
    for (unsigned int i = 0; i < ARRAY_SIZE(early_idt); i++) {
        uint64_t entry = (uint64_t)early_trap_stubs + 16 * i;

        early_idt[i] = (struct gate){
            .offset_low = (uint16_t)entry,
            .selector = cs,
            .flags = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(entry >> 16),
            .offset_high = (uint32_t)(entry >> 32),
        };
    }
    asm volatile("lidt %0" ::"m"(pointer));
}

/* Until trap/ is linked. */
__attribute__((weak)) void trap_init_bsp(void)
{
}

__attribute__((weak)) void trap_init_ap(void)
{
    early_trap_init();
}
