/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine of two or three memory nodes for unit tests; after host_init() or fake_x86_start(), before anything was given back. */
#pragma once
#include <core/memory/heap.h>
#include <core/numa/numa.h>
#include <string.h>

/*
 * Node 0 up to frame @first, node 1 from there on; with @second not 0, node 2 up to that, and node 1 again after it. pCPUs go to nodes 0 and 1 in turn.
 * Distances: 0-1 20, 0-2 30, 1-2 15.
 */
static inline void make_nodes(uint64_t first, uint64_t second)
{
    static const uint8_t slit[] = {10, 20, 30, 20, 10, 15, 30, 15, 10};
    static struct acpi_info info;
    struct numa_ram ram = {1, frame_limit - 1};
    struct numa_report report;
    uint64_t ends[] = {first, second ? second : first, frame_limit};
    static const uint32_t owners[] = {0, 2, 1};

    memset(&info, 0, sizeof(info));
    info.has_srat = true;
    for (unsigned int i = 0; i < 3; i++) {
        uint64_t from = i ? ends[i - 1] : 0;

        if (ends[i] > from) {
            info.memory[info.memory_count++] =
                (struct acpi_memory){from << PAGE_SHIFT, (ends[i] - from) << PAGE_SHIFT, owners[i], 0, 0};
        }
    }
    info.slit_nodes = 3;
    memcpy(info.slit, slit, sizeof(slit));
    numa_init(&info, &ram, 1, &report);
    BUG_ON(report.srat || report.slit);
    for (unsigned int cpu = 0; cpu < 4; cpu++) {
        numa_set_cpu(cpu, cpu % 2);
    }
    heap_split_by_node();
}
