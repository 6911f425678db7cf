/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <init/memory_nodes.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/mmu/mmu.h>
#include <base/log.h>
#include <core/memory/heap.h>
#include <core/numa/numa.h>
#include <core/param/options.h>
#include <core/sched/sched.h>

#define RAM_MAX 64u

static void report(const struct numa_report *r)
{
    if (r->srat) {
        log_warning("Memory is taken as one node, for the SRAT is not usable: %s", r->srat);
    }
    if (r->slit) {
        log_warning("Memory nodes are taken as equally far, for the SLIT is not usable: %s", r->slit);
    }
    for (unsigned int node = 0; numa_nodes > 1 && node < numa_nodes; node++) {
        log_info("Memory node %u: %lu MiB, %lu free", node, numa_node_ram(node) >> 8,
                 heap_node_free_frames(node) >> 8);
    }
}

void start_memory_nodes(void)
{
    struct numa_ram ram[RAM_MAX];
    struct numa_report r = {0};
    unsigned int n = MIN(ram_range_count, RAM_MAX);

    for (unsigned int i = 0; i < n; i++) {
        ram[i] = (struct numa_ram){ram_ranges[i].start.n, ram_ranges[i].count};
    }
    numa_init_one();
    if (platform.has_acpi && opt_numa) {
        numa_init(&platform.acpi, ram, n, &r);
    }
    heap_split_by_node();
    for (unsigned int a = 0; a < numa_nodes; a++) {
        for (unsigned int b = 0; b < numa_nodes; b++) {
            sched_set_distance(a, b, (uint8_t)numa_distance(a, b));
        }
    }
    report(&r);
}

unsigned int node_of_this_cpu(void)
{
    unsigned int node = numa_apic_node(apic_id_of_cpu[pcpu_id()]);

    if (node >= numa_nodes) {
        log_warning("CPU %u is in no memory node that the SRAT names; taken as in node 0", pcpu_id());
        node = 0;
    }
    numa_set_cpu(pcpu_id(), node);
    return node;
}
