/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See numa.h. The tables are firmware's, so they are checked as a whole first: either all of the SRAT is used, or none. ACPI 6.4, 5.2.16 and 5.2.17. */
#include <core/numa/numa.h>
#include <lib/string.h>

#define RANGES_MAX   ACPI_MEMORY_MAX
#define STRAY_FRAMES 256u /* so much RAM, a MiB, may be in no node: parts that the firmware keeps */

struct range {
    uint64_t first, end; /* frames */
    uint32_t domain;     /* proximity domain; a node's number in the end */
};

static struct {
    const struct acpi_info *info;
    struct range ranges[RANGES_MAX]; /* sorted */
    unsigned int range_count;
    uint32_t domains[NUMA_NODES_MAX]; /* by node, sorted */
    uint64_t ram[NUMA_NODES_MAX];
    uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX];
    uint8_t nearest[NUMA_NODES_MAX][NUMA_NODES_MAX];
    uint8_t cpu_node[MAX_PCPUS];
} numa;

unsigned int numa_nodes = 1;

/* --- nodes ---------------------------------------------------------------------------------------------------------------------------------- */

static unsigned int find_domain(uint32_t domain)
{
    for (unsigned int i = 0; i < numa_nodes; i++) {
        if (numa.domains[i] == domain) {
            return i;
        }
    }
    return NUMA_NO_NODE;
}

/* False: there are too many. */
static bool add_domain(uint32_t domain)
{
    unsigned int at = numa_nodes;

    if (find_domain(domain) != NUMA_NO_NODE) {
        return true;
    }
    if (numa_nodes == NUMA_NODES_MAX) {
        return false;
    }
    for (; at > 0 && numa.domains[at - 1] > domain; at--) {
        numa.domains[at] = numa.domains[at - 1];
    }
    numa.domains[at] = domain;
    numa_nodes++;
    return true;
}

static bool is_usable_cpu(const struct acpi_info *info, uint32_t apic_id)
{
    for (uint32_t i = 0; i < info->cpu_count; i++) {
        if (info->cpus[i].apic_id == apic_id) {
            return info->cpus[i].is_enabled;
        }
    }
    return false;
}

/* Nodes with RAM, and nodes that have nothing but CPUs; those that are empty until something is plugged in are none. */
static const char *find_nodes(const struct acpi_info *info)
{
    bool fits = true;

    numa_nodes = 0;
    for (unsigned int i = 0; i < numa.range_count; i++) {
        fits &= add_domain(numa.ranges[i].domain);
    }
    for (uint32_t i = 0; i < info->cpu_node_count && fits; i++) {
        const struct acpi_cpu_node *c = &info->cpu_nodes[i];

        if (find_domain(c->node) == NUMA_NO_NODE && is_usable_cpu(info, c->apic_id)) {
            fits &= add_domain(c->node);
        }
    }
    return fits ? NULL : "it has too many nodes";
}

/* --- ranges of memory ------------------------------------------------------------------------------------------------------------------------- */

static uint64_t overlap(const struct range *r, const struct numa_ram *ram)
{
    uint64_t first = MAX(r->first, ram->first), end = MIN(r->end, ram->first + ram->count);

    return first < end ? end - first : 0;
}

static uint64_t ram_in(const struct range *r, const struct numa_ram *ram, unsigned int ram_count)
{
    uint64_t frames = 0;

    for (unsigned int i = 0; i < ram_count; i++) {
        frames += overlap(r, &ram[i]);
    }
    return frames;
}

/* Enter a range where it belongs. False: it overlaps one of another node. Those of one node may overlap. */
static bool insert_range(struct range r)
{
    unsigned int at = numa.range_count;

    for (unsigned int i = 0; i < numa.range_count; i++) {
        const struct range *o = &numa.ranges[i];

        if (o->first < r.end && r.first < o->end && o->domain != r.domain) {
            return false;
        }
    }
    for (; at > 0 && numa.ranges[at - 1].first > r.first; at--) {
        numa.ranges[at] = numa.ranges[at - 1];
    }
    numa.ranges[at] = r;
    numa.range_count++;
    return true;
}

/* Is so much RAM in some node as there should be? */
static bool covers(const struct numa_ram *ram, unsigned int ram_count)
{
    uint64_t covered = 0, all = 0, from = 0;

    for (unsigned int i = 0; i < numa.range_count; i++) {
        struct range r = numa.ranges[i];

        r.first = MAX(r.first, from);
        from = MAX(r.end, from);
        covered += ram_in(&r, ram, ram_count);
    }
    for (unsigned int i = 0; i < ram_count; i++) {
        all += ram[i].count;
    }
    return covered + STRAY_FRAMES >= all;
}

/* The SRAT's ranges that have RAM in them now. */
static const char *find_ranges(const struct acpi_info *info, const struct numa_ram *ram,
                               unsigned int ram_count)
{
    if (info->memory_count == ACPI_MEMORY_MAX) {
        return "it has too many ranges of memory";
    }
    for (uint32_t i = 0; i < info->memory_count; i++) {
        const struct acpi_memory *m = &info->memory[i];
        struct range r = {m->start >> PAGE_SHIFT, (m->start + m->size) >> PAGE_SHIFT, m->node};

        if (m->is_nonvolatile || ram_in(&r, ram, ram_count) == 0) {
            continue;
        }
        if (!insert_range(r)) {
            return "ranges of different nodes overlap";
        }
    }
    return covers(ram, ram_count) ? NULL : "it leaves memory out";
}

/* Domains become nodes; neighbours of one node are joined, and gaps go to the range below. */
static void close_ranges(void)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < numa.range_count; i++) {
        struct range r = numa.ranges[i];

        r.domain = find_domain(r.domain);
        if (n > 0 && numa.ranges[n - 1].domain == r.domain) {
            continue;
        }
        if (n > 0) {
            numa.ranges[n - 1].end = r.first;
        }
        numa.ranges[n++] = r;
    }
    numa.range_count = n;
    numa.ranges[0].first = 0;
    numa.ranges[n - 1].end = ~0ull;
}

static void count_ram(const struct numa_ram *ram, unsigned int ram_count)
{
    for (unsigned int i = 0; i < numa.range_count; i++) {
        numa.ram[numa.ranges[i].domain] += ram_in(&numa.ranges[i], ram, ram_count);
    }
}

/* --- distances ------------------------------------------------------------------------------------------------------------------------------- */

static uint8_t slit_entry(const struct acpi_info *info, unsigned int a, unsigned int b)
{
    return info->slit[numa.domains[a] * info->slit_nodes + numa.domains[b]];
}

static const char *check_slit(const struct acpi_info *info)
{
    if (info->slit_nodes == 0) {
        return NULL;
    }
    if (numa.domains[numa_nodes - 1] >= info->slit_nodes) {
        return "it does not name all nodes";
    }
    for (unsigned int a = 0; a < numa_nodes; a++) {
        for (unsigned int b = 0; b < numa_nodes; b++) {
            uint8_t d = slit_entry(info, a, b);

            if (a == b ? d != NUMA_DISTANCE_LOCAL : d <= NUMA_DISTANCE_LOCAL) {
                return "it has distances that cannot be";
            }
        }
    }
    return NULL;
}

static void fill_distances(const struct acpi_info *info, bool has_slit)
{
    for (unsigned int a = 0; a < numa_nodes; a++) {
        for (unsigned int b = 0; b < numa_nodes; b++) {
            uint8_t otherwise = a == b ? NUMA_DISTANCE_LOCAL : NUMA_DISTANCE_REMOTE;

            numa.distance[a][b] = has_slit ? slit_entry(info, a, b) : otherwise;
        }
    }
}

/* For each node all of them by distance, equally far ones by number. */
static void sort_by_distance(void)
{
    for (unsigned int a = 0; a < numa_nodes; a++) {
        for (unsigned int b = 0; b < numa_nodes; b++) {
            unsigned int at = b;

            for (; at > 0 && numa.distance[a][numa.nearest[a][at - 1]] > numa.distance[a][b]; at--) {
                numa.nearest[a][at] = numa.nearest[a][at - 1];
            }
            numa.nearest[a][at] = (uint8_t)b;
        }
    }
}

/* --- start-up ---------------------------------------------------------------------------------------------------------------------------------- */

void numa_init_one(void)
{
    memset(&numa, 0, sizeof(numa));
    numa_nodes = 1;
    numa.range_count = 1;
    numa.ranges[0].end = ~0ull;
    fill_distances(NULL, false);
}

void numa_init(const struct acpi_info *info, const struct numa_ram *ram, unsigned int ram_count,
               struct numa_report *report)
{
    *report = (struct numa_report){0};
    numa_init_one();
    if (!info->has_srat) {
        return;
    }
    numa.range_count = 0;
    report->srat = find_ranges(info, ram, ram_count);
    if (!report->srat) {
        report->srat = numa.range_count ? find_nodes(info) : "it names no memory";
    }
    if (report->srat || numa_nodes <= 1) {
        numa_init_one();
        return;
    }
    numa.info = info;
    close_ranges();
    count_ram(ram, ram_count);
    report->slit = check_slit(info);
    fill_distances(info, info->slit_nodes != 0 && !report->slit);
    sort_by_distance();
}

/* --- questions ---------------------------------------------------------------------------------------------------------------------------------- */

unsigned int numa_apic_node(uint32_t apic_id)
{
    if (!numa.info) {
        return 0;
    }
    for (uint32_t i = 0; i < numa.info->cpu_node_count; i++) {
        if (numa.info->cpu_nodes[i].apic_id == apic_id) {
            return find_domain(numa.info->cpu_nodes[i].node);
        }
    }
    return NUMA_NO_NODE;
}

void numa_set_cpu(unsigned int cpu, unsigned int node)
{
    BUG_ON(cpu >= MAX_PCPUS || node >= numa_nodes);
    numa.cpu_node[cpu] = (uint8_t)node;
}

unsigned int numa_cpu_node(unsigned int cpu)
{
    return numa.cpu_node[cpu];
}

uint64_t numa_nodes_of(cpuset_t cpus)
{
    uint64_t nodes = 0;

    for_each_cpu (cpu, cpus) {
        nodes |= BIT(numa.cpu_node[cpu]);
    }
    return nodes;
}

uint64_t numa_all_nodes(void)
{
    return ~0ull >> (64 - numa_nodes);
}

/* The range that frame @n is in. */
static unsigned int range_of(uint64_t n)
{
    unsigned int low = 0, high = numa.range_count;

    while (high - low > 1) {
        unsigned int middle = (low + high) / 2;

        if (numa.ranges[middle].first <= n) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

unsigned int numa_frame_node(mfn_t mfn)
{
    return numa_nodes > 1 ? numa.ranges[range_of(mfn.n)].domain : 0;
}

bool numa_is_split(mfn_t first, uint64_t count)
{
    return numa_nodes > 1 && numa.ranges[range_of(first.n)].end < first.n + count;
}

bool numa_range(unsigned int i, uint64_t *first, uint64_t *end, unsigned int *node)
{
    if (i >= numa.range_count) {
        return false;
    }
    *first = numa.ranges[i].first;
    *end = numa.ranges[i].end;
    *node = numa.ranges[i].domain;
    return true;
}

uint64_t numa_node_ram(unsigned int node)
{
    return numa.ram[node];
}

unsigned int numa_distance(unsigned int node, unsigned int other)
{
    return numa_nodes > 1 ? numa.distance[node][other] : NUMA_DISTANCE_LOCAL;
}

unsigned int numa_nearest(unsigned int node, unsigned int i)
{
    return numa.nearest[node][i];
}
