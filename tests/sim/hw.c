/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor as the guest layers see it (hw_contract.h, vm.h, irq_contract.h): PVH guests run as programs in vm_enter() (guest.c). What only PV guests and
 * devices need is not here: the program is linked without it, and a call would be one of address 0, which the sanitizer reports with its caller.
 */
#include <tests/sim/guest.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/memory_map.h>
#include <guest/x86/pv/pv.h>
#include <lib/string.h>

/* --- what every machine has ------------------------------------------------------------------------------------------------------------------------ */

void hw_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof(*out));
    switch (leaf) {
    case 0:
        out[0] = 7, out[1] = 0x68747541, out[2] = 0x444d4163, out[3] = 0x69746e65;
        break;
    case 1:
        out[0] = 0x800f12, out[1] = 0x00040800, out[2] = 0xfffa3203, out[3] = 0x178bfbff;
        break;
    case 0x80000000:
        out[0] = 0x80000008;
        break;
    case 0x80000001:
        out[2] = 0x004003f3, out[3] = 0x2fd3fbff;
        break;
    case 0x80000008:
        out[0] = 0x3028;
        break;
    default:
        break;
    }
}

void hw_tsc_scale(uint32_t *mul, int8_t *shift)
{
    *mul = 0x80000000u; /* 2 GHz */
    *shift = 0;
}

uint64_t hw_read_tsc(void)
{
    return 2 * port_now_ns();
}

void hw_time_now(uint64_t *tsc, uint64_t *now_ns)
{
    *now_ns = port_now_ns();
    *tsc = 2 * *now_ns;
}

unsigned int hw_cpu_count(void)
{
    return sim.cpus;
}

void hw_cpu_ids(unsigned int cpu, uint32_t *apic_id, uint32_t *acpi_id)
{
    *apic_id = *acpi_id = cpu;
}

bool hw_symbol(uint32_t n, const char **name, uint64_t *addr)
{
    return false;
}

uint32_t hw_mxcsr_mask(void)
{
    return 0xffff;
}

int hw_rdmsr_fallible(uint32_t msr, uint64_t *value)
{
    *value = 0;
    return -1;
}

uint32_t hw_port_in(uint16_t port, unsigned int size)
{
    return ~0u;
}

void hw_port_out(uint16_t port, unsigned int size, uint32_t value)
{
}

/* --- the switch between vCPUs: nothing of a vCPU is in the processor ---------------------------------------------------------------------------------- */

void hw_set_entry_vcpu(struct x86_vcpu *xv)
{
}

void hw_load_idle_tables(void)
{
}

void hw_hide_guest_descriptors(void)
{
}

void hw_fpu_save(void *image, uint64_t components)
{
}

void hw_fpu_load(const void *image, uint64_t components)
{
}

void hw_set_ts(bool on)
{
}

void hw_fpu_clear(uint64_t components)
{
}

void hw_forget_branches(void)
{
}

uint64_t hw_xstate_components(void)
{
    return 0;
}

void hw_set_xcr0(uint64_t value)
{
}

uint64_t hw_read_xcr0(void)
{
    return 0;
}

void hw_set_tsc_aux(uint64_t value)
{
}

/* --- PVH ------------------------------------------------------------------------------------------------------------------------------------------------ */

bool vm_available(void)
{
    return true;
}

bool vm_has_1g_pages(void)
{
    return false;
}

int vm_vcpu_init(struct vm_vcpu *vm)
{
    vm->hw = sim_guest_new();
    return vm->hw ? 0 : -XEN_ENOMEM;
}

void vm_vcpu_free(struct vm_vcpu *vm)
{
    zfree(vm->hw);
}

void vm_fetch_slow(struct vm_vcpu *vm, uint32_t groups)
{
    vm->valid |= groups;
}

void vm_enter(struct vm_vcpu *vm, struct x86_regs *regs, struct vmexit *e)
{
    sim_check(!irqs_enabled() && lock_held_count() == 0);
    sim_check(((struct sim_guest *)vm->hw)->on_cpu == pcpu_id() + 1);
    sim_guest_run(container_of(regs, struct x86_vcpu, regs), vm, e);
    sim_check(!irqs_enabled());
}

void vm_take_interrupts(void)
{
    sim_take_interrupts();
}

/* Loading and saving take a while, in which nobody else may have the vCPU. */
void vm_switch_from(struct vm_vcpu *vm)
{
    struct sim_guest *g = vm->hw;

    sim_check(g->on_cpu == pcpu_id() + 1);
    sim_yield();
    sim_check(g->on_cpu == pcpu_id() + 1);
    g->on_cpu = 0;
    sim_yield();
}

void vm_switch_to(struct vm_vcpu *vm)
{
    struct sim_guest *g = vm->hw;

    sim_check(g->on_cpu == 0);
    g->on_cpu = pcpu_id() + 1;
}

void vm_load_debug(struct vm_vcpu *vm)
{
}

void vm_save_debug(struct vm_vcpu *vm)
{
}

/* --- devices: there are none ------------------------------------------------------------------------------------------------------------------------------ */

unsigned int hw_gsi_count(void)
{
    return 0;
}

bool hw_ioapic_read(paddr_t pa, uint32_t reg, uint32_t *value)
{
    return false;
}

bool hw_gsi_isa_mode(unsigned int gsi, bool *level, bool *low)
{
    return false;
}

int hw_bind_gsi(unsigned int gsi, bool level, bool low, void (*fn)(void *), void *arg, struct irq_desc **desc)
{
    return -XEN_EINVAL;
}

int hw_bind_msi(void (*fn)(void *), void *arg, struct irq_desc **desc, uint64_t *address, uint32_t *data)
{
    return -XEN_ENOSPC;
}

uint32_t hw_pci_read(uint32_t sbdf, unsigned int offset, unsigned int size)
{
    return ~0u;
}

void hw_pci_write(uint32_t sbdf, unsigned int offset, unsigned int size, uint32_t value)
{
}

uint32_t hw_pci_raw_read(uint32_t address, unsigned int lane, unsigned int size)
{
    return ~0u;
}

void hw_pci_raw_write(uint32_t address, unsigned int lane, unsigned int size, uint32_t value)
{
}

void *hw_map_device(paddr_t pa, uint64_t size_bytes)
{
    return NULL;
}

mfn_t x86_m2p_frame(uint64_t offset)
{
    return INVALID_MFN;
}
