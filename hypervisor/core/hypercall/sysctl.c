/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl: what the tools ask of the whole machine. Decoding and dispatch, the log, debug keys; figures are in sysctl_info.c, CPU pools in cpupool.c, what only the
 * architecture knows in guest/<arch>. ABI: <xen/sysctl.h>. Needs no lock of its own: each figure is a moment's view.
 */
#include <base/guest_access.h>
#include <base/log.h>
#include <core/hypercall/debug_keys.h>
#include <core/hypercall/handlers.h>
#include <core/hypercall/sysctl_internal.h>

#define LOG_CHUNK      512u
#define LOG_READ_MAX   (1u << 20)
#define DEBUG_KEYS_MAX 64u

/* --- the log ------------------------------------------------------------------------------------------------------------------------------------------- */

static long read_console(struct xen_sysctl *op, bool *copyback)
{
    struct xen_sysctl_readconsole *r = &op->u.readconsole;
    uint32_t index = r->incremental ? r->index : 0;
    uint32_t max = MIN(r->count, LOG_READ_MAX);
    uint32_t done = 0;
    char buf[LOG_CHUNK];

    while (done < max) {
        uint32_t n = (uint32_t)log_ring_read(buf, MIN(max - done, LOG_CHUNK), &index);

        if (n == 0) {
            break;
        }
        if (guest_write(guest_addr(r->buffer) + done, buf, n) != 0) {
            return -XEN_EFAULT;
        }
        done += n;
    }
    if (r->clear) {
        log_ring_clear();
    }
    r->count = done;
    r->index = index;
    *copyback = true;
    return 0;
}

static long debug_keys(struct xen_sysctl *op, bool *copyback)
{
    char pressed[DEBUG_KEYS_MAX];
    uint32_t n = op->u.debug_keys.nr_keys;

    if (n > DEBUG_KEYS_MAX) {
        return -XEN_E2BIG;
    }
    if (guest_read(pressed, guest_addr(op->u.debug_keys.keys), n) != 0) {
        return -XEN_EFAULT;
    }
    for (uint32_t i = 0; i < n; i++) {
        debug_key_press(pressed[i]);
    }
    return 0;
}

/* --- scheduling ------------------------------------------------------------------------------------------------------------------------------------------- */

static long get_sched_id(struct xen_sysctl *op, bool *copyback)
{
    op->u.sched_id.sched_id = sched_id(0);
    *copyback = true;
    return 0;
}

/* Nothing counts which code ran. */
static long not_supported(struct xen_sysctl *op, bool *copyback)
{
    (void)hypercall_not_built("sysctl", op->cmd); /* for the log */
    return -XEN_EOPNOTSUPP;
}

/* --- dispatch ------------------------------------------------------------------------------------------------------------------------------------------------ */

static sysctl_fn *const operations[] = {
    [XEN_SYSCTL_readconsole] = read_console,       [XEN_SYSCTL_physinfo] = sysctl_physinfo,
    [XEN_SYSCTL_sched_id] = get_sched_id,          [XEN_SYSCTL_getdomaininfolist] = sysctl_domain_list,
    [XEN_SYSCTL_debug_keys] = debug_keys,          [XEN_SYSCTL_getcpuinfo] = sysctl_cpu_info,
    [XEN_SYSCTL_availheap] = sysctl_avail_heap,    [XEN_SYSCTL_cputopoinfo] = sysctl_cpu_topology,
    [XEN_SYSCTL_numainfo] = sysctl_numa_info,      [XEN_SYSCTL_pcitopoinfo] = sysctl_pci_topology,
    [XEN_SYSCTL_cpupool_op] = sysctl_cpupool,      [XEN_SYSCTL_scheduler_op] = sysctl_scheduler,
    [XEN_SYSCTL_cpu_hotplug] = sysctl_cpu_hotplug, [XEN_SYSCTL_coverage_op] = not_supported,
    [XEN_SYSCTL_tbuf_op] = sysctl_trace,           [XEN_SYSCTL_perfc_op] = sysctl_perfc,
};

/* Those that change what all tools share, pools, pCPUs, trace buffers, run under the tools' lock, so one at a time. */
static bool takes_lock(uint32_t cmd)
{
    return cmd == XEN_SYSCTL_cpupool_op || cmd == XEN_SYSCTL_scheduler_op || cmd == XEN_SYSCTL_cpu_hotplug ||
           cmd == XEN_SYSCTL_tbuf_op;
}

static long run_known(struct xen_sysctl *op, bool *copyback)
{
    uint32_t cmd = op->cmd;
    long rc;

    if (!takes_lock(cmd)) {
        return operations[cmd](op, copyback);
    }
    if (!domctl_try_lock()) {
        return -XEN_ERESTART;
    }
    rc = operations[cmd](op, copyback);
    domctl_unlock();
    return rc;
}

static long run(struct xen_sysctl *op, bool *copyback)
{
    uint32_t cmd = op->cmd;
    long rc;

    if (cmd < ARRAY_SIZE(operations) && operations[cmd]) {
        return run_known(op, copyback);
    }
    rc = arch_sysctl(op, copyback);
    return rc == -XEN_ENOSYS ? hypercall_not_built("sysctl", cmd) : rc;
}

long do_sysctl(struct hypercall *c)
{
    struct xen_sysctl op;
    bool copyback = false;
    long rc;

    if (!caller_is_control()) {
        return -XEN_EPERM;
    }
    if (guest_read_obj(&op, c->arg[0]) != 0) {
        return -XEN_EFAULT;
    }
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION) {
        return -XEN_EACCES;
    }
    rc = run(&op, &copyback);
    if (copyback && guest_write_obj(c->arg[0], &op) != 0) {
        return -XEN_EFAULT;
    }
    return rc;
}
