/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory nodes from SRAT and SLIT: good tables, and every kind of nonsense that must leave one node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <core/numa/numa.h>
#include <hypervisor/random.h>

#define MIB(n)  ((uint64_t)(n) << 20)
#define MIBF(n) (MIB(n) >> PAGE_SHIFT)

static struct acpi_info info;
static struct numa_report report;
static const struct numa_ram ram[] = {{MIBF(1), MIBF(3071)}, {MIBF(4096), MIBF(1024)}};

static void add_memory(uint64_t start, uint64_t size, uint32_t node)
{
    info.memory[info.memory_count++] = (struct acpi_memory){.start = start, .size = size, .node = node};
}

static void add_cpu(uint32_t apic_id, uint32_t node, bool enabled)
{
    info.cpus[info.cpu_count++] = (struct acpi_cpu){.apic_id = apic_id, .is_enabled = enabled};
    info.cpu_nodes[info.cpu_node_count++] = (struct acpi_cpu_node){apic_id, node};
}

/* Two nodes: 2 GiB each, the second on both sides of the hole; distances 10 and 21. */
static int start(void **state)
{
    memset(&info, 0, sizeof(info));
    info.has_srat = true;
    add_memory(0, MIB(2048), 0);
    add_memory(MIB(4096), MIB(1024), 1);
    add_memory(MIB(2048), MIB(1024), 1);
    for (uint32_t cpu = 0; cpu < 4; cpu++) {
        add_cpu(cpu, cpu / 2, true);
    }
    info.slit_nodes = 2;
    memcpy(info.slit, (const uint8_t[]){10, 21, 21, 10}, 4);
    return 0;
}

static void run(void)
{
    numa_init(&info, ram, ARRAY_SIZE(ram), &report);
}

static void assert_one_node(const char *why)
{
    run();
    assert_int_equal(numa_nodes, 1);
    assert_non_null(report.srat);
    assert_string_equal(report.srat, why);
    assert_int_equal(numa_frame_node(MFN(MIBF(4096))), 0);
    assert_int_equal(numa_apic_node(3), 0);
    assert_int_equal(numa_all_nodes(), 1);
    assert_false(numa_is_split(MFN(0), ~0ull >> 1));
}

static void two_nodes(void **state)
{
    unsigned int node;
    uint64_t first, end;

    run();
    assert_null(report.srat);
    assert_null(report.slit);
    assert_int_equal(numa_nodes, 2);
    assert_int_equal(numa_frame_node(MFN(0)), 0);
    assert_int_equal(numa_frame_node(MFN(MIBF(2048) - 1)), 0);
    assert_int_equal(numa_frame_node(MFN(MIBF(2048))), 1);
    assert_int_equal(numa_frame_node(MFN(MIBF(3500))), 1);
    assert_int_equal(numa_frame_node(MFN(MIBF(9000))), 1);
    assert_int_equal(numa_node_ram(0), MIBF(2047));
    assert_int_equal(numa_node_ram(1), MIBF(2048));
    assert_true(numa_is_split(MFN(MIBF(2047)), MIBF(1) + 1));
    assert_false(numa_is_split(MFN(MIBF(2047)), MIBF(1)));
    assert_int_equal(numa_apic_node(1), 0);
    assert_int_equal(numa_apic_node(2), 1);
    assert_int_equal(numa_apic_node(77), NUMA_NO_NODE);
    assert_int_equal(numa_distance(0, 1), 21);
    assert_int_equal(numa_distance(1, 1), 10);
    assert_int_equal(numa_nearest(1, 0), 1);
    assert_int_equal(numa_nearest(1, 1), 0);
    numa_set_cpu(3, 1);
    assert_int_equal(numa_cpu_node(3), 1);
    assert_int_equal(numa_nodes_of((cpuset_t){0x8}), 2);
    assert_int_equal(numa_nodes_of((cpuset_t){0x9}), 3);
    assert_true(numa_range(1, &first, &end, &node));
    assert_int_equal(first, MIBF(2048));
    assert_int_equal(end, ~0ull);
    assert_false(numa_range(2, &first, &end, &node));
}

/* Numbers with gaps, nodes without memory, nodes that are empty until something is plugged in, devices' memory. */
static void odd_nodes(void **state)
{
    for (uint32_t i = 0; i < 3; i++) {
        info.memory[i].node = info.memory[i].node ? 40 : 7;
    }
    for (uint32_t i = 0; i < 4; i++) {
        info.cpu_nodes[i].node = i == 0 ? 7 : i == 1 ? 3 : 40;
    }
    add_cpu(9, 50, false);
    add_memory(MIB(9000), MIB(100), 60);
    add_memory(MIB(2048), MIB(100), 61);
    info.memory[info.memory_count - 1].is_nonvolatile = true;
    info.slit_nodes = 0;
    run();
    assert_null(report.srat);
    assert_int_equal(numa_nodes, 3); /* 3, 7, 40 */
    assert_int_equal(numa_frame_node(MFN(0)), 1);
    assert_int_equal(numa_frame_node(MFN(MIBF(4096))), 2);
    assert_int_equal(numa_apic_node(1), 0);
    assert_int_equal(numa_apic_node(9), NUMA_NO_NODE);
    assert_int_equal(numa_node_ram(0), 0);
    assert_int_equal(numa_distance(0, 2), NUMA_DISTANCE_REMOTE);
    assert_int_equal(numa_distance(2, 2), NUMA_DISTANCE_LOCAL);
}

static void bad_srat(void **state)
{
    info.memory[0].size += PAGE_SIZE;
    assert_one_node("ranges of different nodes overlap");
    start(NULL);
    info.memory[0].size -= MIB(2);
    assert_one_node("it leaves memory out");
    start(NULL);
    info.memory[0].size -= MIB(1); /* a little may be missing: it counts to the range below */
    run();
    assert_null(report.srat);
    assert_int_equal(numa_frame_node(MFN(MIBF(2048) - 1)), 0);
    start(NULL);
    info.memory_count = 0;
    assert_one_node("it leaves memory out");
    start(NULL);
    info.memory_count = ACPI_MEMORY_MAX;
    assert_one_node("it has too many ranges of memory");
    start(NULL);
    for (uint32_t i = 0; i < NUMA_NODES_MAX; i++) {
        add_cpu(100 + i, 100 + i, true);
    }
    assert_one_node("it has too many nodes");
    start(NULL);
    info.has_srat = false;
    run();
    assert_null(report.srat);
    assert_int_equal(numa_nodes, 1);
}

/* A range within another one of its node does not count twice, and hides nothing of the other node's. */
static void overlaps_within_a_node(void **state)
{
    add_memory(MIB(1), MIB(2047), 0);
    run();
    assert_null(report.srat);
    assert_int_equal(numa_node_ram(0), MIBF(2047));
    start(NULL);
    info.memory[0].size -= MIB(3);
    add_memory(MIB(1), MIB(3), 0);
    assert_one_node("it leaves memory out");
    start(NULL);
    add_memory(MIB(1), MIB(2048), 0);
    assert_one_node("ranges of different nodes overlap");
}

static void bad_slit(void **state)
{
    info.slit[0] = 11;
    run();
    assert_string_equal(report.slit, "it has distances that cannot be");
    assert_int_equal(numa_nodes, 2);
    assert_int_equal(numa_distance(0, 1), NUMA_DISTANCE_REMOTE);
    start(NULL);
    info.slit[1] = 10;
    run();
    assert_non_null(report.slit);
    start(NULL);
    info.slit_nodes = 1;
    run();
    assert_string_equal(report.slit, "it does not name all nodes");
}

static void by_distance(void **state)
{
    static const struct numa_ram all[] = {{0, MIBF(400)}};
    static const uint8_t slit[] = {10, 30, 20, 20, 30, 10, 40, 15, 20, 40, 10, 90, 20, 15, 90, 10};
    static const uint8_t want[4][4] = {{0, 2, 3, 1}, {1, 3, 0, 2}, {2, 0, 1, 3}, {3, 1, 0, 2}};

    info.memory_count = 0;
    for (uint32_t n = 0; n < 4; n++) {
        add_memory(MIB(100 * n), MIB(100), n);
    }
    info.slit_nodes = 4;
    memcpy(info.slit, slit, sizeof(slit));
    numa_init(&info, all, 1, &report);
    assert_int_equal(numa_nodes, 4);
    for (unsigned int n = 0; n < 4; n++) {
        for (unsigned int i = 0; i < 4; i++) {
            assert_int_equal(numa_nearest(n, i), want[n][i]);
        }
    }
}

/* Whatever the tables say, every frame has one node that there is, and ranges agree with it. */
static void random_tables(void **state)
{
    struct random r = random_seed(11);

    for (unsigned int round = 0; round < 3000; round++) {
        uint64_t first, end = 0, last = 0;
        unsigned int node;

        memset(&info, 0, sizeof(info));
        info.has_srat = true;
        for (unsigned int n = random_below(&r, 10), i = 0; i < n; i++) {
            add_memory(random_below(&r, 80) << 26, random_below(&r, 40) << 26, (uint32_t)random_below(&r, 5));
            add_cpu((uint32_t)random_below(&r, 6), (uint32_t)random_below(&r, 70), random_below(&r, 2));
        }
        info.slit_nodes = (uint32_t)random_below(&r, 8);
        for (unsigned int i = 0; i < 64; i++) {
            info.slit[i] = (uint8_t)(random_below(&r, 3) ? i % 9 == 0 ? 10 : 20 : random_below(&r, 256));
        }
        run();
        assert_in_range(numa_nodes, 1, NUMA_NODES_MAX);
        for (unsigned int i = 0; numa_range(i, &first, &end, &node); i++, last = end) {
            assert_int_equal(first, last);
            assert_true(end > first);
            assert_in_range(node, 0, numa_nodes - 1);
            assert_int_equal(numa_frame_node(MFN(first)), node);
            assert_int_equal(numa_frame_node(MFN(end - 1)), node);
        }
        assert_int_equal(end, ~0ull);
        for (unsigned int a = 0; a < numa_nodes; a++) {
            assert_int_equal(numa_distance(a, a), NUMA_DISTANCE_LOCAL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(two_nodes, start), cmocka_unit_test_setup(odd_nodes, start),
        cmocka_unit_test_setup(bad_srat, start),  cmocka_unit_test_setup(overlaps_within_a_node, start),
        cmocka_unit_test_setup(bad_slit, start),  cmocka_unit_test_setup(by_distance, start),
        cmocka_unit_test(random_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
