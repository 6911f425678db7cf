/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HYPERVISOR_update_va_mapping and its _otherdomain: <xen/xen.h>. The entry that maps an address in the current tables. */
#include <base/guest_access.h>
#include <guest/x86/pv/mm/mm_internal.h>

/* UVMF_MULTI with a bitmap, UVMF_LOCAL, UVMF_ALL: on which pCPUs. */
static int flush_cpus(struct domain *d, uint64_t where, cpuset_t *cpus)
{
    if (where == UVMF_ALL) {
        *cpus = mm_dirty_cpus(d);
        return 0;
    }
    return mm_read_vcpumask(where, cpus);
}

static int flush_as_asked(struct mm_call *m, vaddr_t va, uint64_t flags)
{
    uint64_t where = flags & ~UVMF_FLUSHTYPE_MASK;
    cpuset_t cpus;
    int rc;

    switch (flags & UVMF_FLUSHTYPE_MASK) {
    case UVMF_NONE:
        return 0;
    case UVMF_TLB_FLUSH:
        if (where == UVMF_LOCAL) {
            hw_flush_local();
            return 0;
        }
        rc = flush_cpus(m->xv->v.domain, where, &cpus);
        if (rc == 0) {
            port_flush_tlb(cpus);
        }
        return rc;
    case UVMF_INVLPG:
        if (where == UVMF_LOCAL) {
            hw_invlpg_local(va);
            return 0;
        }
        rc = flush_cpus(m->xv->v.domain, where, &cpus);
        if (rc == 0) {
            port_flush_tlb_page(cpus, va);
        }
        return rc;
    default:
        return -XEN_EINVAL;
    }
}

static long update(struct mm_call *m, vaddr_t va, uint64_t val, uint64_t flags)
{
    mfn_t l1;
    uint64_t *pte;
    int rc = mm_finish(m->xv);

    if (unlikely(rc != 0)) {
        return rc;
    }
    pte = mm_walk(m->xv->pv->guest_table, m->ctx.domain, va, &l1);
    if (unlikely(!pte)) {
        return -XEN_EINVAL;
    }
    rc = pgtype_update_l1(&m->ctx, pte, val, 0);
    pgtype_put_current(&m->ctx, l1);
    if (likely(rc == 0)) {
        rc = flush_as_asked(m, va, flags);
    }
    return rc;
}

long do_update_va_mapping(struct hypercall *c)
{
    struct mm_call m;

    mm_call_self(&m);
    return update(&m, c->arg[0], c->arg[1], c->arg[2]);
}

long do_update_va_mapping_otherdomain(struct hypercall *c)
{
    struct mm_call m;
    long rc = mm_call_begin(&m, (domid_t)DOMID_SELF, (domid_t)c->arg[3]);

    if (rc != 0) {
        return rc;
    }
    if (m.data && !is_pv(m.data)) {
        rc = -XEN_EOPNOTSUPP; /* mmu_update translates */
    } else {
        rc = update(&m, c->arg[0], c->arg[1], c->arg[2]);
    }
    mm_call_end(&m);
    return rc;
}
