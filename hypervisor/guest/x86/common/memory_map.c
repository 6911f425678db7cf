/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op: a domain's own memory map (E820), the machine's for the hardware domain, and where the machine-to-physical table is. */
#include <abi/memory.h>
#include <base/guest_access.h>
#include <base/layout.h>
#include <core/hypercall/hypercall.h>
#include <core/hypercall/memory_internal.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/common/memory_map.h>

struct x86_e820_entry machine_map[MACHINE_MAP_MAX];
unsigned int machine_map_count;

/* Copy at most @map's room of @count entries; the number that there are goes back in any case. */
static long write_map(vaddr_t gva, struct xen_memory_map *map, const struct x86_e820_entry *entries,
                      unsigned int count)
{
    if (guest_addr(map->buffer) != 0) {
        unsigned int n = MIN(map->nr_entries, count);

        if (guest_write(guest_addr(map->buffer), entries, n * sizeof(*entries)) != 0) {
            return -XEN_EFAULT;
        }
        count = n;
    }
    map->nr_entries = count;
    return guest_write_obj(gva, map) == 0 ? 0 : -XEN_EFAULT;
}

static long get_map(vaddr_t gva, bool machine)
{
    struct x86_domain *xd = x86_domain(current_domain());
    struct xen_memory_map map;

    if (guest_read_obj(&map, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (machine) {
        return write_map(gva, &map, machine_map, machine_map_count);
    }
    if (xd->map_count == 0) {
        return -XEN_ENOSYS;
    }
    return write_map(gva, &map, xd->map, xd->map_count);
}

static int read_entries(const struct xen_memory_map *from, struct x86_e820_entry **out)
{
    struct x86_e820_entry *entries;

    if (from->nr_entries > X86_DOMAIN_MAP_MAX) {
        return -XEN_E2BIG;
    }
    entries = zalloc(MAX(from->nr_entries, 1u) * sizeof(*entries));
    if (!entries) {
        return -XEN_ENOMEM;
    }
    if (guest_read(entries, guest_addr(from->buffer), from->nr_entries * sizeof(*entries)) != 0) {
        zfree(entries);
        return -XEN_EFAULT;
    }
    *out = entries;
    return 0;
}

static long set_map(vaddr_t gva)
{
    struct xen_foreign_memory_map f;
    struct x86_e820_entry *entries, *old;
    struct domain *d;
    long rc;

    if (guest_read_obj(&f, gva) != 0) {
        return -XEN_EFAULT;
    }
    rc = memory_target(f.domid, &d);
    if (rc != 0) {
        return rc;
    }
    rc = d == current_domain() && !caller_is_control() ? -XEN_EPERM : read_entries(&f.map, &entries);
    if (rc == 0) {
        struct x86_domain *xd = x86_domain(d);

        spin_lock(&d->lock);
        old = xd->map;
        xd->map = entries;
        xd->map_count = f.map.nr_entries;
        spin_unlock(&d->lock);
        zfree(old);
    }
    domain_put(d);
    return rc;
}

static long m2p_location(vaddr_t gva)
{
    struct xen_machphys_mapping m = {
        .v_start = VA_M2P_RO, .v_end = MACH2PHYS_VIRT_END, .max_mfn = frame_limit - 1};

    if (!is_pv(current_domain())) {
        return -XEN_ENOSYS;
    }
    return guest_write_obj(gva, &m) == 0 ? 0 : -XEN_EFAULT;
}

/* The frames that hold the table, by 2 MiB pieces; a hole repeats the piece before it. */
static long m2p_frames(vaddr_t gva)
{
    struct xen_machphys_mfn_list list;
    xen_pfn_t last = 0;
    uint32_t n = 0;

    if (!is_pv(current_domain())) {
        return -XEN_ENOSYS;
    }
    if (guest_read_obj(&list, gva) != 0) {
        return -XEN_EFAULT;
    }
    for (uint64_t at = 0; at < frame_limit * sizeof(uint64_t) && n < list.max_extents;
         at += X86_M2P_CHUNK_BYTES, n++) {
        mfn_t mfn = x86_m2p_frame(at);

        last = mfn_is_invalid(mfn) ? last : mfn.n;
        if (guest_write_elem(guest_addr(list.extent_start), n, &last) != 0) {
            return -XEN_EFAULT;
        }
    }
    list.nr_extents = n;
    return guest_write_obj(gva, &list) == 0 ? 0 : -XEN_EFAULT;
}

/* How much memory a domain with populate on demand is to have in all; xl mem-set sets it for every domain that is not PV. */
static long pod_target(vaddr_t gva, bool set)
{
    struct xen_pod_target t;
    struct domain *d;
    long rc = 0;

    if (!caller_is_control()) {
        return -XEN_EPERM;
    }
    if (guest_read_obj(&t, gva) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get(t.domid);
    if (!d) {
        return -XEN_ESRCH;
    }
    if (is_pv(d)) {
        rc = -XEN_EINVAL;
    } else if (set) {
        rc = pvh_pod_set_target(x86_domain(d), t.target_pages);
    }
    if (rc == 0) {
        t.tot_pages = d->mem.tot_pages;
        pvh_pod_counts(x86_domain(d), &t.pod_cache_pages, &t.pod_entries);
        rc = guest_write_obj(gva, &t) == 0 ? 0 : -XEN_EFAULT;
    }
    domain_put(d);
    return rc;
}

long x86_memory_op(struct hypercall *c, uint64_t op)
{
    vaddr_t gva = c->arg[1];

    switch (op) {
    case XENMEM_memory_map:
        return get_map(gva, false);
    case XENMEM_machine_memory_map:
        return current_domain()->is_hardware || caller_is_control() ? get_map(gva, true) : -XEN_EPERM;
    case XENMEM_set_memory_map:
        return set_map(gva);
    case XENMEM_machphys_mapping:
        return m2p_location(gva);
    case XENMEM_machphys_mfn_list:
        return m2p_frames(gva);
    case XENMEM_set_pod_target:
        return pod_target(gva, true);
    case XENMEM_get_pod_target:
        return pod_target(gva, false);
    default:
        return hypercall_not_built("memory_op", op);
    }
}
