/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl, sysctl: what the tools can learn of a domain and its vCPUs. Read without locks: a moment's view. */
#include <core/hypercall/domctl_internal.h>
#include <lib/string.h>

static uint32_t pause_flags(const struct vcpu *v)
{
    return __atomic_load_n(&v->sched.pause_flags, __ATOMIC_RELAXED);
}

/* Blocked means that every vCPU that is up waits. */
static void add_vcpus(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    info->flags |= XEN_DOMINF_blocked;
    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        const struct vcpu *v = __atomic_load_n(&d->vcpus[i], __ATOMIC_ACQUIRE);

        if (!v) {
            continue;
        }
        info->max_vcpu_id = i;
        info->cpu_time += sched_cpu_time_ns(&v->sched);
        if (pause_flags(v) & VPF_DOWN) {
            continue;
        }
        info->nr_online_vcpus++;
        if (!(pause_flags(v) & (VPF_BLOCKED | VPF_POLLING))) {
            info->flags &= ~XEN_DOMINF_blocked;
        }
        if (sched_runs(&v->sched)) {
            info->flags |= XEN_DOMINF_running;
        }
    }
}

static void add_state(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    spin_lock(&d->lock);
    if (d->dying == DOMAIN_DEAD) {
        info->flags |= XEN_DOMINF_dying;
    }
    if (d->is_shut_down) {
        info->flags |= XEN_DOMINF_shutdown | (uint32_t)d->shutdown_code << XEN_DOMINF_shutdownshift;
    }
    if (domain_is_paused(d)) {
        info->flags |= XEN_DOMINF_paused;
    }
    memcpy(info->handle, d->handle, sizeof(info->handle));
    spin_unlock(&d->lock);
    if (d->kind == GUEST_PVH) {
        info->flags |= XEN_DOMINF_hvm_guest;
    }
    if (d->create_flags & XEN_DOMCTL_CDF_hap) {
        info->flags |= XEN_DOMINF_hap;
    }
    if (d->is_xenstore) {
        info->flags |= XEN_DOMINF_xs_domain;
    }
}

void domctl_fill_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    info->domain = d->id;
    add_vcpus(d, info);
    add_state(d, info);
    spin_lock(&d->mem.lock);
    info->tot_pages = d->mem.tot_pages;
    info->max_pages = d->mem.max_pages;
    info->outstanding_pages = d->mem.claim;
    spin_unlock(&d->mem.lock);
    info->shared_info_frame = d->kind == GUEST_PV
                                  ? d->shared_mfn.n
                                  : ~0ull; /* else where the guest put it, which only its physmap knows */
    info->cpupool = sched_domain_pool(&d->sched);
    arch_domain_info(d, info);
}

long domctl_get_vcpu_info(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu *v;
    int rc = domctl_vcpu(d, info->vcpu, &v);

    if (rc != 0) {
        return rc;
    }
    info->online = !(pause_flags(v) & VPF_DOWN);
    info->blocked = (pause_flags(v) & VPF_BLOCKED) != 0;
    info->running = sched_runs(&v->sched);
    info->cpu_time = sched_cpu_time_ns(&v->sched);
    info->cpu = v->sched.cpu;
    *copyback = true;
    return 0;
}
