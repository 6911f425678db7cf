/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl: what the tools do to domains. Decoding, the lock, and the operations of a line or two; the others are in domctl_*.c, those that only the
 * architecture knows in guest/<arch>. ABI: <xen/domctl.h>.
 *
 * One operation at a time, in the whole machine: a busy lock sends the caller round again, so that nobody waits for it with a vCPU. The struct is read
 * once; all work is on the copy.
 */
#include <base/guest_access.h>
#include <core/domain/arch.h>
#include <core/hypercall/domctl_internal.h>
#include <core/hypercall/handlers.h>
#include <lib/string.h>

#define KIB_SHIFT       (PAGE_SHIFT - 10)
#define MAX_PAGES_LIMIT 0x7ffffffeull

static struct spinlock domctl_lock = SPINLOCK_INIT(domctl);

bool domctl_try_lock(void)
{
    return spin_trylock(&domctl_lock);
}

void domctl_unlock(void)
{
    spin_unlock(&domctl_lock);
}

int domctl_vcpu(struct domain *d, uint32_t id, struct vcpu **v)
{
    if (id >= d->max_vcpus) {
        return -XEN_EINVAL;
    }
    *v = d->vcpus[id];
    return *v ? 0 : -XEN_ESRCH;
}

/* --- operations ------------------------------------------------------------------------------------------------------------------------------ */

static long destroy(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    return domain_kill(d);
}

static long pause(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    return domain_pause_by_control(d);
}

static long unpause(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    return domain_unpause_by_control(d);
}

static long resume(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    domain_resume(d);
    return 0;
}

static long max_mem(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    uint64_t pages = MIN(op->u.max_mem.max_memkb >> KIB_SHIFT, MAX_PAGES_LIMIT);

    spin_lock(&d->mem.lock);
    d->mem.max_pages = pages;
    spin_unlock(&d->mem.lock);
    return 0;
}

static long set_handle(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    spin_lock(&d->lock);
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    spin_unlock(&d->lock);
    return 0;
}

static long set_time_offset(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    d->time_offset_s = op->u.settimeoffset.time_offset_seconds;
    domain_update_wallclock(d);
    return 0;
}

/* The port is the domain's own; the lifecycle code sends through it when the domain suspends. */
static long subscribe(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    spin_lock(&d->lock);
    d->suspend_evtchn = op->u.subscribe.port;
    spin_unlock(&d->lock);
    return 0;
}

static long no_device(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    return -XEN_ENODEV; /* no IOMMU is driven, so no device can be given away */
}

static long no_vnuma(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    return -XEN_EOPNOTSUPP;
}

/* --- dispatch ----------------------------------------------------------------------------------------------------------------------------------- */

static const struct {
    domctl_fn *fn;
    bool not_self; /* -XEN_EINVAL on the caller's own domain */
} operations[] = {
    [XEN_DOMCTL_destroydomain] = {destroy, true},
    [XEN_DOMCTL_pausedomain] = {pause, true},
    [XEN_DOMCTL_unpausedomain] = {unpause, false},
    [XEN_DOMCTL_resumedomain] = {resume, true},
    [XEN_DOMCTL_max_mem] = {max_mem, false},
    [XEN_DOMCTL_max_vcpus] = {domctl_max_vcpus, true},
    [XEN_DOMCTL_getvcpuinfo] = {domctl_get_vcpu_info, false},
    [XEN_DOMCTL_setvcpuaffinity] = {domctl_set_vcpu_affinity, false},
    [XEN_DOMCTL_getvcpuaffinity] = {domctl_get_vcpu_affinity, false},
    [XEN_DOMCTL_setnodeaffinity] = {domctl_set_node_affinity, false},
    [XEN_DOMCTL_getnodeaffinity] = {domctl_get_node_affinity, false},
    [XEN_DOMCTL_scheduler_op] = {domctl_scheduler_op, false},
    [XEN_DOMCTL_setdomainhandle] = {set_handle, false},
    [XEN_DOMCTL_settimeoffset] = {set_time_offset, false},
    [XEN_DOMCTL_subscribe] = {subscribe, false},
    [XEN_DOMCTL_iomem_permission] = {domctl_iomem_permission, true},
    [XEN_DOMCTL_irq_permission] = {domctl_irq_permission, true},
    [XEN_DOMCTL_set_target] = {domctl_set_target, true},
    [XEN_DOMCTL_assign_device] = {no_device, false},
    [XEN_DOMCTL_deassign_device] = {no_device, false},
    [XEN_DOMCTL_get_device_group] = {no_device, false},
    [XEN_DOMCTL_setvnumainfo] = {no_vnuma, false},
};

static long on_domain(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    uint32_t cmd = op->cmd;
    long rc;

    if (cmd < ARRAY_SIZE(operations) && operations[cmd].fn) {
        if (operations[cmd].not_self && d == current_domain()) {
            return -XEN_EINVAL;
        }
        return operations[cmd].fn(d, op, copyback);
    }
    rc = arch_domctl(d, op, copyback);
    return rc == -XEN_ENOSYS ? hypercall_not_built("domctl", cmd) : rc;
}

/* The first domain with this id or a higher one: tools walk the list so. */
static long get_info(struct xen_domctl *op, bool *copyback)
{
    struct domain *d = domain_next(op->domain);

    if (!d) {
        return -XEN_ESRCH;
    }
    domctl_fill_info(d, &op->u.getdomaininfo);
    op->domain = d->id;
    domain_put(d);
    *copyback = true;
    return 0;
}

static long run(struct xen_domctl *op, bool *copyback)
{
    struct domain *d;
    long rc;

    switch (op->cmd) {
    case XEN_DOMCTL_createdomain:
        return domctl_create(op, copyback);
    case XEN_DOMCTL_getdomaininfo:
        return get_info(op, copyback);
    case XEN_DOMCTL_test_assign_device: /* also asked about no domain at all */
        return -XEN_ENODEV;
    default:
        break;
    }
    d = domain_get(op->domain);
    if (!d) {
        return -XEN_ESRCH;
    }
    rc = on_domain(d, op, copyback);
    domain_put(d);
    return rc;
}

long do_domctl(struct hypercall *c)
{
    struct xen_domctl op;
    bool copyback = false;
    long rc;

    if (!caller_is_control()) {
        return -XEN_EPERM;
    }
    if (guest_read_obj(&op, c->arg[0]) != 0) {
        return -XEN_EFAULT;
    }
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION) {
        return -XEN_EACCES;
    }
    if (!domctl_try_lock()) {
        return -XEN_ERESTART;
    }
    rc = run(&op, &copyback);
    domctl_unlock();
    if (copyback && guest_write_obj(c->arg[0], &op) != 0) {
        return -XEN_EFAULT;
    }
    return rc;
}
