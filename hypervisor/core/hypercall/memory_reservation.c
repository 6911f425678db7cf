/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing how much memory a domain has: extents of 2^order pages. The result is the number of extents done, also when one of them failed. */
#include <abi/memory.h>
#include <base/guest_access.h>
#include <base/softirq.h>
#include <core/trace/trace.h>
#include <core/domain/arch.h>
#include <core/hypercall/memory_internal.h>
#include <core/numa/numa.h>

#define GUEST_MAX_ORDER    9u
#define CONTROL_MAX_ORDER  18u
#define EXCHANGE_MAX_ORDER 11u

/* Which memory to take: below an address, of a memory node. There are no virtual nodes, so nobody can mean one. */
static unsigned int heap_flags(uint32_t mem_flags)
{
    unsigned int bits = XENMEMF_get_address_bits(mem_flags);
    unsigned int flags = bits != 0 && bits <= 32 ? HEAP_BELOW_4G : 0;

    if (unlikely(mem_flags >> 8) && !(mem_flags & XENMEMF_vnode)) {
        flags |= HEAP_NODE(XENMEMF_get_node(mem_flags));
        flags |= mem_flags & XENMEMF_exact_node_request ? HEAP_EXACT_NODE : 0;
    }
    return flags;
}

/* Memory of exactly a node that there is not? */
static bool asks_for_no_node(uint32_t mem_flags)
{
    unsigned int node = XENMEMF_get_node(mem_flags);

    return (mem_flags & (XENMEMF_exact_node_request | XENMEMF_vnode)) == XENMEMF_exact_node_request &&
           node != NUMA_NO_NODE && node >= numa_nodes;
}

static bool order_ok(unsigned int order)
{
    return order <= (caller_is_control() ? CONTROL_MAX_ORDER : GUEST_MAX_ORDER);
}

/* Frames that were just allocated get their place: machine-to-physical entries, and the physmap of an auto-translated domain. */
static int place(struct domain *d, mfn_t mfn, uint64_t gfn, unsigned int order)
{
    if (d->kind != GUEST_PV) {
        return arch_p2m_add(d, GFN(gfn), mfn, order);
    }
    for (uint64_t i = 0; i < 1ull << order; i++) {
        m2p_set(mfn_add(mfn, i), gfn + i);
    }
    return 0;
}

static void give_back_all(struct domain *d, mfn_t mfn, unsigned int order)
{
    for (uint64_t i = 0; i < 1ull << order; i++) {
        (void)domain_mem_give_back(&d->mem, mfn_add(mfn, i));
    }
}

static int populate_one(struct domain *d, const struct xen_memory_reservation *r, uint64_t i, bool has_gfn)
{
    xen_pfn_t gfn = 0, out;
    mfn_t mfn;
    int rc;

    if (has_gfn && guest_read_elem(&gfn, guest_addr(r->extent_start), i) != 0) {
        return -XEN_EFAULT;
    }
    if (r->mem_flags & XENMEMF_populate_on_demand) {
        return d != current_domain() && has_gfn ? arch_pod_promise(d, GFN(gfn), r->extent_order)
                                                : -XEN_EINVAL;
    }
    rc = domain_mem_alloc(&d->mem, r->extent_order, heap_flags(r->mem_flags), &mfn);
    if (rc != 0) {
        return rc;
    }
    if (has_gfn) {
        rc = place(d, mfn, gfn, r->extent_order);
        if (rc != 0) {
            give_back_all(d, mfn, r->extent_order);
            return rc;
        }
    }
    out = mfn.n;
    if (d->kind == GUEST_PV && guest_addr(r->extent_start) != 0 &&
        guest_write_elem(guest_addr(r->extent_start), i, &out) != 0) {
        return -XEN_EFAULT;
    }
    return 0;
}

/* A page of the domain: out of its physmap, then back to the heap once nobody maps it. */
static int release_page(struct domain *d, uint64_t gfn)
{
    mfn_t mfn;
    int rc;

    if (arch_pod_release(d, GFN(gfn)) == 0) {
        return 0;
    }
    rc = arch_get_gfn(d, GFN(gfn), false, &mfn);
    if (rc != 0) {
        return rc;
    }
    if (d->kind != GUEST_PV) {
        rc = arch_p2m_remove(d, GFN(gfn), mfn, 0);
    }
    if (rc == 0 && !arch_pod_reclaim(d, mfn)) {
        rc = domain_mem_give_back(&d->mem, mfn);
    }
    arch_put_gfn(d, mfn, false);
    return rc;
}

/* A whole extent whose pages are contiguous in the machine too; a large page is not split then. -XEN_EINVAL: it is not like that, nothing is done. */
static int release_extent(struct domain *d, uint64_t gfn, unsigned int order)
{
    mfn_t mfn;
    int rc = arch_get_gfn(d, GFN(gfn), false, &mfn);

    if (rc != 0) {
        return rc;
    }
    rc = arch_p2m_remove(d, GFN(gfn), mfn, order);
    if (rc == 0) {
        give_back_all(d, mfn, order);
    }
    arch_put_gfn(d, mfn, false);
    return rc;
}

static int decrease_one(struct domain *d, const struct xen_memory_reservation *r, uint64_t i)
{
    xen_pfn_t gfn;

    if (guest_read_elem(&gfn, guest_addr(r->extent_start), i) != 0) {
        return -XEN_EFAULT;
    }
    TRACE_3(TRC_MEM_DECREASE_RESERVATION, TRACE_PAIR(gfn), d->id | r->extent_order << 16);
    if (d->kind != GUEST_PV && r->extent_order > 0 && !arch_pod_has_promises(d) &&
        release_extent(d, gfn, r->extent_order) == 0) {
        return 0;
    }
    for (uint64_t j = 0; j < 1ull << r->extent_order; j++) {
        int rc = release_page(d, gfn + j);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static long run(struct hypercall *c, uint64_t op, uint64_t start, const struct xen_memory_reservation *r,
                struct domain *d)
{
    for (uint64_t i = start; i < r->nr_extents; i++) {
        int rc;

        if (i != start && hypercall_preempt_check()) {
            return memory_resume_at(c, i);
        }
        if (op == XENMEM_decrease_reservation) {
            rc = decrease_one(d, r, i);
        } else {
            rc = populate_one(d, r, i, op == XENMEM_populate_physmap);
        }
        if (rc != 0) {
            return (long)i;
        }
    }
    return (long)r->nr_extents;
}

long memory_reservation(struct hypercall *c, uint64_t op, uint64_t start)
{
    struct xen_memory_reservation r;
    struct domain *d;
    long rc;

    if (guest_read_obj(&r, c->arg[1]) != 0) {
        return (long)start;
    }
    if (r.nr_extents > memory_extent_limit(c) || asks_for_no_node(r.mem_flags) || start > r.nr_extents ||
        !order_ok(r.extent_order)) {
        return (long)start;
    }
    rc = memory_target(r.domid, &d);
    if (rc != 0) {
        return start ? (long)start : rc;
    }
    rc = run(c, op, start, &r, d);
    domain_put(d);
    return rc;
}

/* --- exchange: pages for others that are contiguous, or lie lower ----------------------------------------------------------------------------- */

struct exchange {
    struct domain *d;
    struct xen_memory_exchange x;
    unsigned int chunk_order; /* the larger of the two orders: what is exchanged at once */
};

static int exchange_check(const struct xen_memory_exchange *x)
{
    if (x->in.domid != x->out.domid || x->in.extent_order > EXCHANGE_MAX_ORDER ||
        x->out.extent_order > EXCHANGE_MAX_ORDER || !order_ok(x->in.extent_order) ||
        !order_ok(x->out.extent_order)) {
        return -XEN_EINVAL;
    }
    if (x->in.nr_extents > (~0ull >> 16) || x->out.nr_extents > (~0ull >> 16) ||
        x->in.nr_extents << x->in.extent_order != x->out.nr_extents << x->out.extent_order ||
        x->nr_exchanged > x->in.nr_extents) {
        return -XEN_EINVAL;
    }
    return 0;
}

/* Frames of input page @n of the chunk that starts at input extent @first. */
static int input_page(const struct exchange *e, uint64_t first, uint64_t n, mfn_t *mfn)
{
    unsigned int order = e->x.in.extent_order;
    xen_pfn_t gfn;

    if (guest_read_elem(&gfn, guest_addr(e->x.in.extent_start), first + (n >> order)) != 0) {
        return -XEN_EFAULT;
    }
    *mfn = MFN(gfn + (n & ((1ull << order) - 1)));
    return 0;
}

/* Every input page must be the domain's and mapped by nobody, or giving it back would not free it. */
static int check_inputs(const struct exchange *e, uint64_t first)
{
    for (uint64_t n = 0; n < 1ull << e->chunk_order; n++) {
        uint64_t state;
        mfn_t mfn;
        int rc = input_page(e, first, n, &mfn);

        if (rc != 0) {
            return rc;
        }
        if (!frame_is_ram(mfn)) {
            return -XEN_EINVAL;
        }
        state = frame_read(mfn);
        if (frame_owner(state) != e->d->id || !(state & FRAME_ALLOCATED) || frame_refs(state) != 1) {
            return -XEN_EINVAL;
        }
    }
    return 0;
}

/* Where page @mfn goes is what the guest wrote to its list, and is told there. */
static int exchange_output(const struct exchange *e, uint64_t n, mfn_t mfn)
{
    xen_pfn_t gfn, out = mfn.n;

    if (guest_read_elem(&gfn, guest_addr(e->x.out.extent_start), n) != 0) {
        return -XEN_EFAULT;
    }
    for (uint64_t j = 0; j < 1ull << e->x.out.extent_order; j++) {
        m2p_set(mfn_add(mfn, j), gfn + j);
    }
    return guest_write_elem(guest_addr(e->x.out.extent_start), n, &out) != 0 ? -XEN_EFAULT : 0;
}

/* What was given back cannot be had again: so after an error too, each new block is either the domain's or the heap's. */
static int exchange_outputs(const struct exchange *e, uint64_t in_first, const mfn_t *fresh,
                            unsigned int count)
{
    unsigned int order = e->x.out.extent_order;
    uint64_t first = (in_first << e->x.in.extent_order) >> order;
    int rc = 0;

    for (unsigned int k = 0; k < count; k++) {
        if (domain_mem_assign(&e->d->mem, fresh[k], order) != 0) {
            heap_free(fresh[k], order);
            rc = -XEN_ENOMEM;
        } else if (rc == 0) {
            rc = exchange_output(e, first + k, fresh[k]);
        }
    }
    return rc;
}

/* Without a wish of its own the domain gets memory of the nodes that it has. */
static unsigned int exchange_flags(const struct domain *d, uint32_t mem_flags)
{
    uint64_t nodes = __atomic_load_n(&d->mem.nodes, __ATOMIC_RELAXED);
    unsigned int flags = heap_flags(mem_flags);

    return nodes != 0 && HEAP_GET_NODE(flags) == NUMA_NO_NODE ? flags | HEAP_NODE(ffs64(nodes) - 1) : flags;
}

static int exchange_chunk(const struct exchange *e, uint64_t first, mfn_t *fresh)
{
    unsigned int order = e->x.out.extent_order, count = 1u << (e->chunk_order - order);
    int rc = check_inputs(e, first);

    if (rc != 0) {
        return rc;
    }
    for (unsigned int k = 0; k < count; k++) {
        fresh[k] = heap_alloc(order, exchange_flags(e->d, e->x.out.mem_flags) | HEAP_ZERO);
        if (mfn_is_invalid(fresh[k])) {
            while (k-- > 0) {
                heap_free(fresh[k], order);
            }
            return -XEN_ENOMEM;
        }
    }
    for (uint64_t n = 0; n < 1ull << e->chunk_order; n++) {
        mfn_t mfn;

        if (input_page(e, first, n, &mfn) == 0) {
            (void)domain_mem_give_back(&e->d->mem, mfn);
        }
    }
    return exchange_outputs(e, first, fresh, count);
}

static long exchange_all(struct hypercall *c, struct exchange *e)
{
    uint64_t step = 1ull << (e->chunk_order - e->x.in.extent_order);
    vaddr_t progress = c->arg[1] + offsetof(struct xen_memory_exchange, nr_exchanged);
    mfn_t *fresh = zalloc((sizeof(*fresh)) << (e->chunk_order - e->x.out.extent_order));
    long rc = fresh ? 0 : -XEN_ENOMEM;

    while (rc == 0 && e->x.nr_exchanged + step <= e->x.in.nr_extents) {
        rc = exchange_chunk(e, e->x.nr_exchanged, fresh);
        if (rc != 0) {
            break;
        }
        e->x.nr_exchanged += step;
        if (guest_write_obj(progress, &e->x.nr_exchanged) != 0) {
            rc = -XEN_EFAULT;
        } else if (e->x.nr_exchanged < e->x.in.nr_extents && hypercall_preempt_check()) {
            rc = -XEN_ERESTART;
        }
    }
    zfree(fresh);
    return rc;
}

long memory_exchange(struct hypercall *c)
{
    struct exchange e;
    long rc;

    if (guest_read_obj(&e.x, c->arg[1]) != 0) {
        return -XEN_EFAULT;
    }
    rc = exchange_check(&e.x);
    if (rc == 0) {
        rc = memory_target(e.x.in.domid, &e.d);
    }
    if (rc != 0) {
        return rc;
    }
    if (e.d->kind == GUEST_PV && e.d == current_domain()) {
        e.chunk_order = MAX(e.x.in.extent_order, e.x.out.extent_order);
        rc = exchange_all(c, &e);
    } else {
        rc = -XEN_EOPNOTSUPP;
    }
    domain_put(e.d);
    return rc;
}
