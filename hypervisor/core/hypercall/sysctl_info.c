/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl: figures about the machine and the list of domains. */
#include <base/guest_access.h>
#include <core/hypercall/build_info.h>
#include <core/hypercall/sysctl_internal.h>
#include <core/memory/heap.h>
#include <core/numa/numa.h>
#include <lib/string.h>

#define PREEMPT_EVERY 64u

long sysctl_physinfo(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_physinfo *info = &op->u.physinfo;

    memset(info, 0, sizeof(*info));
    info->nr_cpus = (uint32_t)__builtin_popcountll(cpus_online.bits);
    info->max_cpu_id = pcpu_limit() - 1;
    info->nr_nodes = numa_nodes;
    info->max_node_id = numa_nodes - 1;
    info->capabilities = XEN_SYSCTL_PHYSCAP_gnttab_v1;
    if (build_has_hvm) {
        info->capabilities |= XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
    }
    info->total_pages = heap_total_frames();
    info->free_pages = heap_free_frames();
    info->outstanding_pages = heap_claimed_frames();
    info->max_mfn = frame_limit - 1;
    arch_physinfo(info);
    *copyback = true;
    return 0;
}

long sysctl_domain_list(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
    struct xen_domctl_getdomaininfo info;
    domid_t from = l->first_domain;
    uint32_t n = 0;

    while (n < l->max_domains) {
        struct domain *d = domain_next(from);

        if (!d) {
            break;
        }
        domctl_fill_info(d, &info);
        from = d->id + 1;
        domain_put(d);
        if (guest_write_elem(guest_addr(l->buffer), n, &info) != 0) {
            return -XEN_EFAULT;
        }
        n++;
    }
    l->num_domains = n;
    *copyback = true;
    return 0;
}

long sysctl_cpu_info(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_getcpuinfo *g = &op->u.getcpuinfo;
    uint32_t n = MIN(g->max_cpus, pcpu_limit());

    for (uint32_t cpu = 0; cpu < n; cpu++) {
        struct xen_sysctl_cpuinfo info = {.idletime = cpuset_has(cpus_online, cpu) ? sched_idle_ns(cpu) : 0};

        if (guest_write_elem(guest_addr(g->info), cpu, &info) != 0) {
            return -XEN_EFAULT;
        }
    }
    g->nr_cpus = n;
    *copyback = true;
    return 0;
}

long sysctl_avail_heap(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_availheap *a = &op->u.availheap;

    if (a->node < -1 || a->node >= (int32_t)numa_nodes) {
        return -XEN_EINVAL;
    }
    if (a->min_bitwidth != 0 || a->max_bitwidth != 0) {
        return -XEN_EOPNOTSUPP; /* the heap does not count by address */
    }
    a->avail_bytes = (a->node < 0 ? heap_free_frames() : heap_node_free_frames((unsigned int)a->node))
                     << PAGE_SHIFT;
    *copyback = true;
    return 0;
}

long sysctl_cpu_topology(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_cputopoinfo *t = &op->u.cputopoinfo;
    uint32_t n = guest_addr(t->cputopo) != 0 ? MIN(t->num_cpus, pcpu_limit()) : 0;

    for (uint32_t cpu = 0; cpu < n; cpu++) {
        struct xen_sysctl_cputopo topo = {XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID, XEN_INVALID_NODE_ID};

        if (cpuset_has(cpus_online, cpu)) {
            topo.node = numa_cpu_node(cpu);
            arch_cpu_topology(cpu, &topo);
        }
        if (guest_write_elem(guest_addr(t->cputopo), cpu, &topo) != 0) {
            return -XEN_EFAULT;
        }
    }
    t->num_cpus = pcpu_limit();
    *copyback = true;
    return 0;
}

static int write_node(const struct xen_sysctl_numainfo *n, unsigned int node, uint32_t count)
{
    struct xen_sysctl_meminfo m = {heap_node_total_frames(node) << PAGE_SHIFT, heap_node_free_frames(node)
                                                                                   << PAGE_SHIFT};

    if (guest_addr(n->meminfo) != 0 && guest_write_elem(guest_addr(n->meminfo), node, &m) != 0) {
        return -XEN_EFAULT;
    }
    for (uint32_t other = 0; other < count && guest_addr(n->distance) != 0; other++) {
        uint32_t distance = numa_distance(node, other);

        if (guest_write_elem(guest_addr(n->distance), (uint64_t)node * count + other, &distance) != 0) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

long sysctl_numa_info(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_numainfo *n = &op->u.numainfo;
    bool is_question = guest_addr(n->meminfo) == 0 && guest_addr(n->distance) == 0;
    uint32_t count = is_question ? 0 : MIN(n->num_nodes, numa_nodes);

    for (unsigned int node = 0; node < count; node++) {
        int rc = write_node(n, node, count);

        if (rc != 0) {
            return rc;
        }
    }
    n->num_nodes = numa_nodes;
    *copyback = true;
    return 0;
}

/* Where devices are is not looked at. Stops early when it takes long: the tools go on from there. */
long sysctl_pci_topology(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_pcitopoinfo *p = &op->u.pcitopoinfo;
    uint32_t node = XEN_INVALID_NODE_ID;
    uint32_t i;

    if (guest_addr(p->devs) == 0 || guest_addr(p->nodes) == 0) {
        return -XEN_EINVAL;
    }
    for (i = 0; i < p->num_devs; i++) {
        if (i != 0 && i % PREEMPT_EVERY == 0 && hypercall_preempt_check()) {
            break;
        }
        if (guest_write_elem(guest_addr(p->nodes), i, &node) != 0) {
            return -XEN_EFAULT;
        }
    }
    p->num_devs = i;
    *copyback = true;
    return 0;
}
