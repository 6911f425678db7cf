/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The counters of base/counters.def for the tools: XEN_SYSCTL_perfc_op, which xenperf uses, and the debug keys p and P. A counter has a value for each pCPU, a
 * range one for each of its numbers. Values are cut to 32 bits there.
 */
#include <base/counters.h>
#include <base/guest_access.h>
#include <base/log.h>
#include <core/hypercall/debug_keys.h>
#include <core/hypercall/sysctl_internal.h>
#include <lib/string.h>

/* --- xenperf --------------------------------------------------------------------------------------------------------------------------------------------- */

static uint32_t values_of(const struct counter_row *row)
{
    return row->is_range ? row->count : pcpu_limit();
}

static uint32_t value(const struct counter_row *row, unsigned int i)
{
    return (uint32_t)(row->is_range ? counter_sum(pcpu_limit(), row->first + i) : counter_on(i, row->first));
}

/* One row's name to the @n-th description, its values to the @at-th on. */
static long put_row(const struct xen_sysctl_perfc_op *p, unsigned int n, uint32_t at)
{
    const struct counter_row *row = &counter_rows[n];
    struct xen_sysctl_perfc_desc d = {.nr_vals = values_of(row)};

    strlcpy(d.name, row->name, sizeof(d.name));
    if (guest_addr(p->desc) != 0 && guest_write_elem(guest_addr(p->desc), n, &d) != 0) {
        return -XEN_EFAULT;
    }
    for (uint32_t i = 0; i < d.nr_vals && guest_addr(p->val) != 0; i++) {
        xen_sysctl_perfc_val_t v = value(row, i);

        if (guest_write_elem(guest_addr(p->val), at + i, &v) != 0) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

static long query(struct xen_sysctl_perfc_op *p)
{
    uint32_t values = 0;

    for (unsigned int n = 0; n < counter_row_count; n++) {
        long rc = put_row(p, n, values);

        if (rc != 0) {
            return rc;
        }
        values += values_of(&counter_rows[n]);
    }
    p->nr_counters = counter_row_count;
    p->nr_vals = values;
    return 0;
}

long sysctl_perfc(struct xen_sysctl *op, bool *copyback)
{
    switch (op->u.perfc_op.cmd) {
    case XEN_SYSCTL_PERFCOP_reset:
        counters_reset(pcpu_limit());
        return 0;
    case XEN_SYSCTL_PERFCOP_query:
        *copyback = true;
        return query(&op->u.perfc_op);
    default:
        return -XEN_EINVAL;
    }
}

/* --- debug keys ------------------------------------------------------------------------------------------------------------------------------------------- */

static void show_counter(const struct counter_row *row)
{
    for (unsigned int i = 0; i < row->count; i++) {
        uint64_t sum = counter_sum(pcpu_limit(), row->first + i);

        if (sum != 0 && row->is_range) {
            log_info("  %s [%u]: %lu\n", row->name, i, (unsigned long)sum);
        } else if (sum != 0) {
            log_info("  %s: %lu\n", row->name, (unsigned long)sum);
        }
    }
}

static void show_times(const struct domain *d)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        const struct vcpu *v = __atomic_load_n(&d->vcpus[i], __ATOMIC_ACQUIRE);
        struct vcpu_runstate_info r;

        if (v) {
            sched_runstate(&v->sched, &r);
            log_info("  d%uv%u: ran %lu ms, waited for a CPU %lu, slept %lu, was stopped %lu\n", d->id, i,
                     (unsigned long)(r.time[RUNSTATE_running] / 1000000),
                     (unsigned long)(r.time[RUNSTATE_runnable] / 1000000),
                     (unsigned long)(r.time[RUNSTATE_blocked] / 1000000),
                     (unsigned long)(r.time[RUNSTATE_offline] / 1000000));
        }
    }
}

void perfc_show(void)
{
    struct domain *d;

    for (unsigned int n = 0; n < counter_row_count; n++) {
        show_counter(&counter_rows[n]);
    }
    for (unsigned int cpu = 0; cpu < pcpu_limit(); cpu++) {
        if (cpuset_has(cpus_online, cpu)) {
            log_info("  pCPU %u: idle for %lu ms\n", cpu, (unsigned long)(sched_idle_ns(cpu) / 1000000));
        }
    }
    for (domid_t id = 0; (d = domain_next(id)) != NULL; id = d->id + 1, domain_put(d)) {
        show_times(d);
    }
}

void perfc_reset(void)
{
    counters_reset(pcpu_limit());
}
