/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory nodes: which node a frame and a pCPU belong to, and how far nodes are from each other, from the firmware's SRAT and SLIT. Pure; built once at
 * start-up, constant afterwards, so that nobody needs a lock.
 *
 * Nodes are numbered from 0 in the order of the firmware's proximity domains. Every frame number belongs to exactly one node: a gap between
 * the SRAT's ranges counts to the range below it. A machine whose tables say nothing, or nonsense, is one node.
 */
#pragma once
#include <base/assert.h>
#include <base/contract.h>
#include <lib/acpi.h>

#define NUMA_NODES_MAX       64u
#define NUMA_NO_NODE         0xffu
#define NUMA_DISTANCE_LOCAL  10u /* as the SLIT counts */
#define NUMA_DISTANCE_REMOTE 20u /* where there is no SLIT */

/* RAM of the machine, in frames. */
struct numa_ram {
    uint64_t first, count;
};

/* What was wrong with the tables; NULL: nothing, or there is none. */
struct numa_report {
    const char *srat; /* the machine is taken as one node */
    const char *slit; /* all other nodes are taken as equally far */
};

/* How many nodes there are, 1 at least. Constant after numa_init(). */
extern unsigned int numa_nodes;

/* Read the tables; @info stays where it is. Boot CPU, once, before anybody asks; host programs may start over with numa_init_one(). */
void numa_init(const struct acpi_info *info, const struct numa_ram *ram, unsigned int ram_count,
               struct numa_report *report);
/* One node has everything. */
void numa_init_one(void);

/* The node of the CPU with this APIC id; NUMA_NO_NODE when the SRAT does not name it. */
unsigned int numa_apic_node(uint32_t apic_id);
/* Note where pCPU @cpu is; before the scheduler gets it. */
void numa_set_cpu(unsigned int cpu, unsigned int node);
unsigned int numa_cpu_node(unsigned int cpu);
/* The nodes of these pCPUs, a bit each; and all nodes. */
uint64_t numa_nodes_of(cpuset_t cpus);
uint64_t numa_all_nodes(void);

unsigned int numa_frame_node(mfn_t mfn);
/* Do these frames belong to more than one node? */
bool numa_is_split(mfn_t first, uint64_t count);
/* The ranges of frames, sorted; range @i is [*@first, *@end). False: there are fewer. */
bool numa_range(unsigned int i, uint64_t *first, uint64_t *end, unsigned int *node);
/* Frames of RAM in the node; 0 for all when there is one node only: nobody counted then. */
uint64_t numa_node_ram(unsigned int node);

/* As in the SLIT; both below numa_nodes. */
unsigned int numa_distance(unsigned int node, unsigned int other);
/* The node that is @i-th nearest to @node, itself for 0; both below numa_nodes. */
unsigned int numa_nearest(unsigned int node, unsigned int i);
