/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine of two memory nodes as the tools see it, and where domains' memory comes from. pCPUs 0 and 2 are of node 0, 1 and 3 of node 1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <hypervisor/two_nodes.h>
#include <abi/domctl.h>
#include <abi/memory.h>
#include <abi/sysctl.h>
#include <core/hypercall/debug_keys.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))
#define ID       3
#define EXTENTS  8u

static uint8_t *area;
static struct domain *d;

static int boot(void **state)
{
    fake_x86_start();
    make_nodes(FAKE_MEMORY >> 13, 0);
    fake_x86_end();
    return 0;
}

static int start(void **state)
{
    struct domain_config c = {.id = ID,
                              .kind = GUEST_PV,
                              .max_vcpus = 2,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};

    fake_x86_start();
    area = fake_window + 4096;
    assert_int_equal(domain_create(&c, &d), 0);
    assert_int_equal(vcpu_create(d, 0, NULL), 0);
    assert_int_equal(vcpu_create(d, 1, NULL), 0);
    d->mem.max_pages = 10000;
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static long sysctl(struct xen_sysctl *op, uint32_t cmd)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return fake_call(do_sysctl, GUEST(op), 0);
}

static long domctl(struct xen_domctl *op, uint32_t cmd)
{
    op->cmd = cmd;
    op->domain = ID;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return fake_call(do_domctl, GUEST(op), 0);
}

static void figures(void **state)
{
    struct xen_sysctl *op = (struct xen_sysctl *)fake_window;
    xen_sysctl_meminfo_t *m = (xen_sysctl_meminfo_t *)area;
    uint32_t *distance = (uint32_t *)(area + 256);
    xen_sysctl_cputopo_t *topo = (xen_sysctl_cputopo_t *)(area + 512);

    memset(op, 0, sizeof(*op));
    assert_int_equal(sysctl(op, XEN_SYSCTL_numainfo), 0);
    assert_int_equal(op->u.numainfo.num_nodes, 2);
    set_xen_guest_handle(op->u.numainfo.meminfo, m);
    set_xen_guest_handle(op->u.numainfo.distance, distance);
    op->u.numainfo.num_nodes = 64;
    assert_int_equal(sysctl(op, XEN_SYSCTL_numainfo), 0);
    assert_int_equal(op->u.numainfo.num_nodes, 2);
    for (unsigned int node = 0; node < 2; node++) {
        assert_int_equal(m[node].memfree, heap_node_free_frames(node) << PAGE_SHIFT);
        assert_int_equal(m[node].memsize, numa_node_ram(node) << PAGE_SHIFT);
    }
    assert_int_equal(distance[0], 10);
    assert_int_equal(distance[1], 20);
    assert_int_equal(distance[2], 20);
    assert_int_equal(distance[3], 10);
    distance[1] = 99;
    op->u.numainfo.num_nodes = 1; /* partly */
    assert_int_equal(sysctl(op, XEN_SYSCTL_numainfo), 0);
    assert_int_equal(op->u.numainfo.num_nodes, 2);
    assert_int_equal(distance[1], 99);
    set_xen_guest_handle(op->u.numainfo.distance, (uint32_t *)8);
    assert_int_equal(sysctl(op, XEN_SYSCTL_numainfo), -XEN_EFAULT);
    memset(op, 0, sizeof(*op));
    for (int node = -1; node < 2; node++) {
        op->u.availheap.node = node;
        assert_int_equal(sysctl(op, XEN_SYSCTL_availheap), 0);
        assert_int_equal(op->u.availheap.avail_bytes,
                         (node < 0 ? heap_free_frames() : heap_node_free_frames((unsigned int)node))
                             << PAGE_SHIFT);
    }
    op->u.availheap.node = 2;
    assert_int_equal(sysctl(op, XEN_SYSCTL_availheap), -XEN_EINVAL);
    assert_int_equal(sysctl(op, XEN_SYSCTL_physinfo), 0);
    assert_int_equal(op->u.physinfo.nr_nodes, 2);
    assert_int_equal(op->u.physinfo.max_node_id, 1);
    memset(op, 0, sizeof(*op));
    op->u.cputopoinfo.num_cpus = FAKE_CPUS;
    set_xen_guest_handle(op->u.cputopoinfo.cputopo, topo);
    assert_int_equal(sysctl(op, XEN_SYSCTL_cputopoinfo), 0);
    assert_int_equal(topo[2].node, 0);
    assert_int_equal(topo[3].node, 1);
}

/* How many of @n pages that the domain gets are in node 1. */
static unsigned int take(unsigned int n, uint32_t mem_flags)
{
    struct xen_memory_reservation *r = (struct xen_memory_reservation *)fake_window;
    xen_pfn_t *list = (xen_pfn_t *)area;
    unsigned int in_1 = 0;

    memset(r, 0, sizeof(*r));
    set_xen_guest_handle(r->extent_start, list);
    r->nr_extents = n;
    r->mem_flags = mem_flags;
    r->domid = ID;
    for (unsigned int i = 0; i < n; i++) {
        list[i] = i;
    }
    if (fake_call(do_memory_op, XENMEM_populate_physmap, GUEST(r)) != (long)n) {
        return ~0u;
    }
    for (unsigned int i = 0; i < n; i++) {
        in_1 += numa_frame_node(MFN(list[i]));
    }
    return in_1;
}

static uint64_t get_nodes(void)
{
    struct xen_domctl *op = (struct xen_domctl *)fake_window;

    memset(op, 0, sizeof(*op));
    set_xen_guest_handle(op->u.nodeaffinity.nodemap.bitmap, area);
    op->u.nodeaffinity.nodemap.nr_bits = 64;
    assert_int_equal(domctl(op, XEN_DOMCTL_getnodeaffinity), 0);
    return *(uint64_t *)area;
}

static long set_nodes(uint64_t nodes)
{
    struct xen_domctl *op = (struct xen_domctl *)fake_window;

    memset(op, 0, sizeof(*op));
    set_xen_guest_handle(op->u.nodeaffinity.nodemap.bitmap, area);
    op->u.nodeaffinity.nodemap.nr_bits = 64;
    *(uint64_t *)area = nodes;
    return domctl(op, XEN_DOMCTL_setnodeaffinity);
}

static void set_affinity(uint32_t vcpu, uint8_t hard, uint8_t soft)
{
    struct xen_domctl *op = (struct xen_domctl *)fake_window;
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;

    memset(op, 0, sizeof(*op));
    a->vcpu = vcpu;
    a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    set_xen_guest_handle(a->cpumap_hard.bitmap, area);
    set_xen_guest_handle(a->cpumap_soft.bitmap, area + 8);
    a->cpumap_hard.nr_bits = a->cpumap_soft.nr_bits = 8;
    area[0] = hard;
    area[8] = soft;
    assert_int_equal(domctl(op, XEN_DOMCTL_setvcpuaffinity), 0);
}

static void memory_follows_affinity(void **state)
{
    assert_int_equal(get_nodes(), 3);
    assert_int_equal(take(EXTENTS, 0), EXTENTS / 2); /* from both in turn */
    set_affinity(0, 0xff, 0x2);
    assert_int_equal(get_nodes(), 3); /* the other vCPU may be anywhere */
    set_affinity(1, 0xff, 0x8);
    assert_int_equal(get_nodes(), 2);
    assert_int_equal(take(EXTENTS, 0), EXTENTS);
    set_affinity(0, 0x5, 0xff);
    set_affinity(1, 0x4, 0xff);
    assert_int_equal(get_nodes(), 1);
    assert_int_equal(take(EXTENTS, 0), 0);
}

/* The pool loses a CPU, and a node with it. */
static void memory_follows_the_pool(void **state)
{
    struct xen_sysctl *op = (struct xen_sysctl *)fake_window;

    memset(op, 0, sizeof(*op));
    op->u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_RMCPU;
    for (op->u.cpupool_op.cpu = 1; op->u.cpupool_op.cpu < 4; op->u.cpupool_op.cpu += 2) {
        assert_int_equal(sysctl(op, XEN_SYSCTL_cpupool_op), 0);
    }
    assert_int_equal(get_nodes(), 1);
    memset(op, 0, sizeof(*op));
    op->u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_ADDCPU;
    for (op->u.cpupool_op.cpu = 1; op->u.cpupool_op.cpu < 4; op->u.cpupool_op.cpu += 2) {
        assert_int_equal(sysctl(op, XEN_SYSCTL_cpupool_op), 0);
    }
    assert_int_equal(get_nodes(), 3);
}

static void memory_follows_the_tools(void **state)
{
    assert_int_equal(set_nodes(2), 0);
    set_affinity(0, 0x1, 0xff);
    set_affinity(1, 0x1, 0xff);
    assert_int_equal(get_nodes(), 2);
    assert_int_equal(take(EXTENTS, 0), EXTENTS);
    assert_int_equal(set_nodes(~3ull), -XEN_EINVAL);
    assert_int_equal(set_nodes(0), -XEN_EINVAL);
    assert_int_equal(get_nodes(), 2);
    assert_int_equal(set_nodes(~0ull), 0); /* as before it was set */
    assert_int_equal(get_nodes(), 1);
    assert_int_equal(set_nodes(6), 0);
    assert_int_equal(get_nodes(), 2);
}

static void node_of_a_call(void **state)
{
    set_affinity(0, 0x1, 0xff);
    set_affinity(1, 0x1, 0xff);
    assert_int_equal(take(EXTENTS, XENMEMF_node(1)), EXTENTS);
    assert_int_equal(take(EXTENTS, XENMEMF_exact_node(1)), EXTENTS);
    assert_int_equal(take(EXTENTS, XENMEMF_node(0)), 0);
    assert_int_equal(take(EXTENTS, XENMEMF_node(2)), 0); /* there is none: as without */
    assert_int_equal(take(EXTENTS, XENMEMF_exact_node(2)), ~0u);
    assert_int_equal(take(EXTENTS, XENMEMF_exact_node_request), 0);      /* exactly none in particular */
    assert_int_equal(take(EXTENTS, XENMEMF_node(1) | XENMEMF_vnode), 0); /* nor are there virtual nodes */
}

/* What its nodes do not have comes from others; what must be of a node does not. */
static void a_node_that_is_full(void **state)
{
    static mfn_t held[FAKE_MEMORY >> PAGE_SHIFT];
    unsigned int n = 0;
    mfn_t far;

    assert_int_equal(set_nodes(2), 0);
    while (heap_node_free_frames(1) > 0) {
        held[n++] = heap_alloc(0, HEAP_NODE(1) | HEAP_EXACT_NODE);
    }
    assert_int_equal(take(EXTENTS, XENMEMF_exact_node(1)), ~0u);
    assert_int_equal(take(EXTENTS, 0), 0);
    assert_int_equal(domain_mem_alloc(&d->mem, 10, 0, &far), -XEN_ENOMEM); /* not so large a one */
    assert_int_equal(domain_mem_alloc(&d->mem, 9, 0, &far), 0);
    while (n > 0) {
        heap_free(held[--n], 0);
    }
}

static void shown(void **state)
{
    set_affinity(0, 0x2, 0xff);
    set_affinity(1, 0x2, 0xff);
    assert_int_equal(take(EXTENTS, 0), EXTENTS);
    host_console_clear();
    debug_key_press('u');
    assert_non_null(strstr(host_console(), "Node 1: "));
    assert_non_null(strstr(host_console(), "CPUs 0xa\n"));
    assert_non_null(strstr(host_console(), "d3: 32 of 40000 KiB, wanted from nodes 0x2\n"));
    assert_non_null(strstr(host_console(), "node 0: 0 KiB\n"));
    assert_non_null(strstr(host_console(), "node 1: 32 KiB\n"));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(figures),
        T(memory_follows_affinity),
        T(memory_follows_the_pool),
        T(memory_follows_the_tools),
        T(node_of_a_call),
        T(a_node_that_is_full),
        T(shown),
    };

    return cmocka_run_group_tests(tests, boot, NULL);
}
