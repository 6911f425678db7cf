/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl tbuf_op: the trace buffers, as the tools set them up and switch them. ABI: <xen/sysctl.h>, above XEN_SYSCTL_TBUFOP_get_info. Runs under the tools'
 * lock, so one at a time.
 */
#include <base/log.h>
#include <base/softirq.h>
#include <core/hypercall/sysctl_internal.h>
#include <core/hypercall/tbuf_op.h>
#include <core/trace/trace.h>

static void tell_reader(void)
{
    domain_send_global_virq(VIRQ_TBUF);
}

static uint32_t current_id(void)
{
    return trace_id(current_domain()->id, current_vcpu()->id);
}

int tbuf_set_size(uint32_t pages)
{
    int rc;

    trace_current_id = current_id;
    softirq_set_handler(SOFTIRQ_TRACE, tell_reader);
    rc = trace_set_size(pages);
    if (rc == -XEN_EINVAL) {
        log_info("Trace buffers cannot have %u pages: 0 is none, and a size that was set stays until reboot",
                 pages);
    } else if (rc != 0) {
        log_warning("No memory for trace buffers of %u pages for each CPU", pages);
    }
    return rc;
}

static long set_cpus(const struct xen_sysctl_tbuf_op *t)
{
    cpuset_t cpus = CPUSET_NONE;
    int rc = xenctl_bitmap_read(&t->cpu_mask, &cpus.bits);

    if (rc == 0) {
        trace_set_cpus(cpus);
    }
    return rc;
}

static long get_info(struct xen_sysctl_tbuf_op *t)
{
    mfn_t first;

    trace_get_info(&first, &t->size);
    t->buffer_mfn = first.n;
    t->evt_mask = trace_control.event_mask;
    return 0;
}

static long run(struct xen_sysctl_tbuf_op *t)
{
    switch (t->cmd) {
    case XEN_SYSCTL_TBUFOP_get_info:
        return get_info(t);
    case XEN_SYSCTL_TBUFOP_set_cpu_mask:
        return set_cpus(t);
    case XEN_SYSCTL_TBUFOP_set_evt_mask:
        trace_set_events(t->evt_mask);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_size:
        return tbuf_set_size(t->size);
    case XEN_SYSCTL_TBUFOP_enable:
        return trace_enable();
    case XEN_SYSCTL_TBUFOP_disable:
        trace_disable();
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

long sysctl_trace(struct xen_sysctl *op, bool *copyback)
{
    long rc = run(&op->u.tbuf_op);

    *copyback = rc == 0;
    return rc;
}

void tbuf_start(uint64_t pages, uint64_t event_mask)
{
    if (pages == 0 || tbuf_set_size((uint32_t)MIN_T(uint64_t, pages, UINT32_MAX)) != 0 || event_mask == 0) {
        return;
    }
    log_info("Tracing from the start, events 0x%lx", (unsigned long)event_mask);
    trace_set_events((uint32_t)event_mask);
    (void)trace_enable(); /* there are buffers */
}
