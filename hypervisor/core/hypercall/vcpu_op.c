/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcpu_op: bring vCPUs of the own domain up and down, their timers, and the areas that they share. */
#include <abi/sched.h>
#include <abi/vcpu.h>
#include <base/guest_access.h>
#include <core/domain/arch.h>
#include <core/hypercall/handlers.h>

static bool is_down(const struct vcpu *v)
{
    return (__atomic_load_n(&v->sched.pause_flags, __ATOMIC_SEQ_CST) & VPF_DOWN) != 0;
}

/* By one vCPU at a time: the page tables of the first must not be taken back for those of the second, under which it runs by then. */
static long initialise(struct vcpu *v, vaddr_t gva)
{
    long rc;

    if (__atomic_exchange_n(&v->is_initialising, true, __ATOMIC_ACQUIRE)) {
        return -XEN_EBUSY;
    }
    rc = arch_vcpu_initialise(v, gva);
    __atomic_store_n(&v->is_initialising, false, __ATOMIC_RELEASE);
    return rc;
}

static long bring_up(struct vcpu *v)
{
    if (!v->is_initialised) {
        return -XEN_EINVAL;
    }
    if (__atomic_fetch_and(&v->sched.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN) {
        sched_wake(&v->sched);
    }
    return 0;
}

void vcpu_take_down(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool any_up = false;

    if (__atomic_fetch_or(&v->sched.pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN) {
        return;
    }
    sched_sleep(&v->sched);
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        any_up |= d->vcpus[i] && !is_down(d->vcpus[i]);
    }
    if (!any_up) {
        domain_shutdown(d, SHUTDOWN_poweroff); /* nobody is left to do it */
    }
}

static long runstate_info(struct vcpu *v, vaddr_t gva)
{
    struct vcpu_runstate_info info;

    sched_runstate(&v->sched, &info);
    return guest_write_obj(gva, &info) == 0 ? 0 : -XEN_EFAULT;
}

static long register_runstate(struct vcpu *v, vaddr_t gva)
{
    struct vcpu_register_runstate_memory_area area;
    struct vcpu_runstate_info info;

    if (guest_read_obj(&area, gva) != 0) {
        return -XEN_EFAULT;
    }
    sched_runstate(&v->sched, &info);
    if (guest_addr(area.addr.h) != 0 && arch_write_runstate(v->domain, guest_addr(area.addr.h), &info) != 0) {
        return -XEN_EFAULT;
    }
    v->runstate_guest = guest_addr(area.addr.h);
    return 0;
}

static long register_time(struct vcpu *v, vaddr_t gva)
{
    struct vcpu_register_time_memory_area area;
    uint32_t offset;
    mfn_t mfn;
    int rc;

    if (guest_read_obj(&area, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (guest_addr(area.addr.h) == 0) {
        vcpu_set_time_area(v, INVALID_MFN, 0);
        return 0;
    }
    rc = arch_get_gva(v, guest_addr(area.addr.h), true, &mfn, &offset);
    if (rc != 0) {
        return rc;
    }
    if (offset > PAGE_SIZE - sizeof(struct vcpu_time_info) || offset % 8 != 0) {
        arch_put_gfn(v->domain, mfn, true);
        return -XEN_EINVAL;
    }
    vcpu_set_time_area(v, mfn, offset);
    return 0;
}

static long register_info(struct vcpu *v, vaddr_t gva)
{
    struct vcpu_register_vcpu_info info;

    if (guest_read_obj(&info, gva) != 0) {
        return -XEN_EFAULT;
    }
    return vcpu_register_info(v, GFN(info.mfn), info.offset);
}

static long set_periodic(struct vcpu *v, vaddr_t gva)
{
    struct vcpu_set_periodic_timer t;

    if (guest_read_obj(&t, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (t.period_ns == 0) {
        return -XEN_EINVAL; /* there is an operation to stop it */
    }
    return vcpu_set_periodic(v, t.period_ns);
}

static long set_singleshot(struct vcpu *v, vaddr_t gva)
{
    struct vcpu_set_singleshot_timer t;

    if (v != current_vcpu()) {
        return -XEN_EINVAL;
    }
    if (guest_read_obj(&t, gva) != 0) {
        return -XEN_EFAULT;
    }
    return vcpu_set_singleshot(v, t.timeout_abs_ns, t.flags);
}

long do_vcpu_op(struct hypercall *c)
{
    struct domain *d = current_domain();
    struct vcpu *v = c->arg[1] < d->max_vcpus ? d->vcpus[c->arg[1]] : NULL;
    vaddr_t gva = c->arg[2];

    if (!v) {
        return -XEN_ENOENT;
    }
    switch (c->arg[0]) {
    case VCPUOP_initialise:
        return initialise(v, gva);
    case VCPUOP_up:
        return bring_up(v);
    case VCPUOP_down:
        vcpu_take_down(v);
        return 0;
    case VCPUOP_is_up:
        return !is_down(v);
    case VCPUOP_get_runstate_info:
        return runstate_info(v, gva);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(v, gva);
    case VCPUOP_stop_periodic_timer:
        return vcpu_set_periodic(v, 0);
    case VCPUOP_set_periodic_timer:
        return set_periodic(v, gva);
    case VCPUOP_set_singleshot_timer:
        return set_singleshot(v, gva);
    case VCPUOP_stop_singleshot_timer:
        if (v != current_vcpu()) {
            return -XEN_EINVAL;
        }
        timer_stop(&v->singleshot);
        return 0;
    case VCPUOP_register_vcpu_info:
        return register_info(v, gva);
    case VCPUOP_register_vcpu_time_memory_area:
        return register_time(v, gva);
    case VCPUOP_send_nmi:
        return gva == 0 ? arch_vcpu_send_nmi(v) : -XEN_EINVAL; /* it takes no argument */
    default:
        return hypercall_not_built("vcpu_op", c->arg[0]);
    }
}
