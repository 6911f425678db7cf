/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest/x86/common/hw_contract.h in terms of this folder's neighbours. */
#include <hw/x86/trap/internal.h>
#include <guest/x86/common/memory_map.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/time.h>
#include <hw/x86/mmu/mmu.h>

uint64_t hw_read_tsc(void)
{
    return rdtsc();
}

void hw_tsc_scale(uint32_t *mul, int8_t *shift)
{
    (void)tsc_scale(mul, shift);
}

void hw_time_now(uint64_t *tsc, uint64_t *now_ns)
{
    tsc_now(tsc, now_ns);
}

uint32_t hw_port_in(uint16_t port, unsigned int size)
{
    return size == 1 ? in8(port) : size == 2 ? in16(port) : in32(port);
}

void hw_port_out(uint16_t port, unsigned int size, uint32_t value)
{
    if (size == 1) {
        out8(port, (uint8_t)value);
    } else if (size == 2) {
        out16(port, (uint16_t)value);
    } else {
        out32(port, value);
    }
}

void hw_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    struct cpuid_result r = cpuid(leaf, subleaf);

    out[0] = r.eax;
    out[1] = r.ebx;
    out[2] = r.ecx;
    out[3] = r.edx;
}

unsigned int hw_cpu_count(void)
{
    return platform.cpu_count;
}

void hw_cpu_ids(unsigned int cpu, uint32_t *apic_id, uint32_t *acpi_id)
{
    *apic_id = platform.cpu_apic_id[cpu];
    *acpi_id = cpu;
    for (unsigned int i = 0; i < platform.acpi.cpu_count; i++) {
        if (platform.acpi.cpus[i].apic_id == *apic_id) {
            *acpi_id = platform.acpi.cpus[i].uid;
        }
    }
}

mfn_t x86_m2p_frame(uint64_t offset)
{
    return mmu_translate(VA_M2P_RW + offset);
}
