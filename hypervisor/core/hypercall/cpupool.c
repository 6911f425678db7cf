/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl cpupool_op and scheduler_op: CPU pools and what their policies can be told. ABI and errors: <xen/sysctl.h>, above XEN_SYSCTL_CPUPOOL_PAR_ANY.
 * All of it runs under the lock of domctl: pools do not change while a domain is created or moved.
 */
#include <core/hypercall/sysctl_internal.h>
#include <core/trace/trace.h>

/* --- pools ------------------------------------------------------------------------------------------------------------------------------------- */

static long create(struct xen_sysctl_cpupool_op *p)
{
    return sched_pool_create(&p->cpupool_id, p->sched_id);
}

static long info(struct xen_sysctl_cpupool_op *p)
{
    struct sched_pool_info found;
    int rc = sched_pool_info(p->cpupool_id, &found);

    if (rc != 0) {
        return rc;
    }
    p->cpupool_id = found.id;
    p->sched_id = found.policy_id;
    p->n_dom = found.domains;
    return xenctl_bitmap_write(&p->cpumap, found.cpus.bits);
}

static long add_cpu(struct xen_sysctl_cpupool_op *p)
{
    uint32_t cpu = p->cpu;

    if (cpu == XEN_SYSCTL_CPUPOOL_PAR_ANY) {
        cpu = cpuset_first(sched_free_cpus());
        if (cpu == MAX_PCPUS) {
            return -XEN_ENODEV;
        }
    }
    return sched_pool_add_cpu(p->cpupool_id, cpu);
}

/* The last one of the pool: it is the likeliest not to be the caller's. */
static long remove_cpu(struct xen_sysctl_cpupool_op *p)
{
    struct sched_pool_info found;
    uint32_t cpu = p->cpu;

    if (cpu == XEN_SYSCTL_CPUPOOL_PAR_ANY) {
        if (sched_pool_info(p->cpupool_id, &found) != 0 || found.id != p->cpupool_id) {
            return -XEN_ENOENT;
        }
        if (cpuset_is_empty(found.cpus)) {
            return -XEN_ENODEV;
        }
        cpu = fls64(found.cpus.bits) - 1;
    }
    return sched_pool_remove_cpu(p->cpupool_id, cpu);
}

static long move_domain(struct xen_sysctl_cpupool_op *p)
{
    struct domain *d = p->domid < DOMID_FIRST_RESERVED ? domain_get((domid_t)p->domid) : NULL;
    int rc;

    if (!d) {
        return -XEN_EINVAL;
    }
    if (sched_domain_pool(&d->sched) == p->cpupool_id) {
        domain_put(d);
        return 0;
    }
    if (d == current_domain() || d->dying != DOMAIN_ALIVE) {
        domain_put(d);
        return -XEN_EINVAL; /* dom0 stays where it is */
    }
    domain_pause(d);
    rc = sched_domain_move(&d->sched, p->cpupool_id);
    domain_update_nodes(d);
    domain_unpause(d);
    domain_put(d);
    return rc;
}

static long run(struct xen_sysctl_cpupool_op *p)
{
    switch (p->op) {
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
        return create(p);
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
        return sched_pool_destroy(p->cpupool_id);
    case XEN_SYSCTL_CPUPOOL_OP_INFO: /* the first pool from this number on */
        return info(p);
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
        return add_cpu(p);
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return remove_cpu(p);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return move_domain(p);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        return xenctl_bitmap_write(&p->cpumap, sched_free_cpus().bits);
    default:
        return -XEN_ENOSYS;
    }
}

static bool changes_cpus(uint32_t op)
{
    return op == XEN_SYSCTL_CPUPOOL_OP_ADDCPU || op == XEN_SYSCTL_CPUPOOL_OP_RMCPU;
}

long sysctl_cpupool(struct xen_sysctl *op, bool *copyback)
{
    long rc = run(&op->u.cpupool_op);

    if (rc == 0 && changes_cpus(op->u.cpupool_op.op)) {
        domain_update_all_nodes();
    }
    *copyback = rc == 0;
    return rc;
}

/* --- policies -------------------------------------------------------------------------------------------------------------------------------------- */

long sysctl_scheduler(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_scheduler_op *s = &op->u.scheduler_op;
    struct sched_pool_info found;
    int rc;

    TRACE_0(TRC_SCHED_CTL);
    if (sched_pool_info(s->cpupool_id, &found) != 0 || found.id != s->cpupool_id) {
        return -XEN_ESRCH;
    }
    if (s->sched_id != found.policy_id || s->cmd > XEN_SYSCTL_SCHEDOP_getinfo) {
        return -XEN_EINVAL;
    }
    if (s->sched_id != XEN_SCHEDULER_CREDIT2) {
        return -XEN_EOPNOTSUPP; /* the others have no parameters */
    }
    if (s->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
        return sched_pool_set_ratelimit(found.id, s->u.sched_credit2.ratelimit_us);
    }
    rc = sched_pool_get_ratelimit(found.id, &s->u.sched_credit2.ratelimit_us);
    *copyback = rc == 0;
    return rc;
}
