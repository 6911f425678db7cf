/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the firmware's tables say about the machine. Filled by platform_init(), constant afterwards. */
#pragma once
#include <base/types.h>
#include <lib/acpi.h>

struct platform_info {
    bool has_acpi;
    struct acpi_info acpi;
    paddr_t rsdp_address; /* 0: not known (the loader gave a copy only) */
    /* usable CPUs, the boot CPU first: pCPU number -> APIC id */
    unsigned int cpu_count;
    uint32_t cpu_apic_id[MAX_PCPUS];
    unsigned int cpus_ignored; /* beyond MAX_PCPUS or maxcpus= */
};

extern struct platform_info platform;

/* Read the tables. Boot CPU, after mmu_give_heap(). */
void platform_init(void);
