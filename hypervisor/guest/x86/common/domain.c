/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The architecture's part of creating and freeing domains and vCPUs: core/domain/arch.h, dispatched by kind of guest. */
#include <abi/x86_32.h>
#include <base/guest_access.h>
#include <base/log.h>
#include <core/domain/arch.h>
#include <core/memory/heap.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/common/tsc.h>
#include <lib/string.h>

#define IOPORT_RANGES_MAX 1024

struct domain *arch_domain_alloc(void)
{
    struct x86_domain *xd = zalloc(sizeof(*xd));

    return xd ? &xd->d : NULL;
}

struct vcpu *arch_vcpu_alloc(void)
{
    struct x86_vcpu *xv = zalloc(sizeof(*xv));

    if (!xv) {
        return NULL;
    }
    ASSERT(((uintptr_t)xv & 15) == 0);
    return &xv->v;
}

int arch_domain_init(struct domain *d, const struct domain_config *c)
{
    struct x86_domain *xd = x86_domain(d);
    int rc;

    rangeset_init(&xd->ioports, &domain_rangeset_ops, NULL, IOPORT_RANGES_MAX);
    xd->emulation_flags = c->emulation_flags;
    rc = cpuid_domain_init(xd);
    if (rc != 0) {
        return rc;
    }
    return is_pv(d) ? pv_domain_init(xd) : pvh_domain_init(xd);
}

int arch_vcpu_init(struct vcpu *v)
{
    struct x86_vcpu *xv = x86_vcpu(v);
    int rc = fpu_init(xv);

    xv->cr3 = INVALID_MFN;
    if (rc == 0) {
        rc = is_pv(v->domain) ? pv_vcpu_init(xv) : pvh_vcpu_init(xv);
    }
    return rc;
}

void arch_vcpu_free(struct vcpu *v)
{
    struct x86_vcpu *xv = x86_vcpu(v);

    if (xv->pv) {
        pv_vcpu_free(xv);
    }
    if (xv->pvh) {
        pvh_vcpu_free(xv);
    }
    fpu_free(xv);
    zfree(xv);
}

void arch_domain_free(struct domain *d)
{
    struct x86_domain *xd = x86_domain(d);

    if (xd->pvh) {
        pvh_domain_free(xd);
    }
    rangeset_destroy(&xd->ioports);
    zfree(xd->map);
    cpuid_domain_free(xd);
    zfree(xd);
}

int arch_domain_relinquish(struct domain *d)
{
    return is_pv(d) ? pv_relinquish(x86_domain(d)) : pvh_relinquish(x86_domain(d));
}

int (*arch_drop_types(const struct domain *d))(mfn_t mfn)
{
    return is_pv(d) ? pv_drop_types : NULL;
}

void arch_vcpu_kick(struct vcpu *v)
{
    if (!is_pv(v->domain)) {
        pvh_upcall_pending(x86_vcpu(v));
    }
    /* A running vCPU looks at its pending events on the way back from any interrupt; on this pCPU it is on that way already. */
    if (sched_runs(&v->sched) && v->sched.cpu != pcpu_id()) {
        port_kick_cpu(v->sched.cpu);
    }
}

int arch_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    return is_pv(d) ? pv_get_gfn(d, gfn, write, mfn) : pvh_get_gfn(d, gfn, write, mfn);
}

void arch_put_gfn(struct domain *d, mfn_t mfn, bool write)
{
    if (write) {
        frame_put_writable(mfn);
    } else {
        frame_put(mfn);
    }
}

int arch_get_gva(struct vcpu *v, vaddr_t gva, bool write, mfn_t *mfn, uint32_t *offset)
{
    *offset = (uint32_t)(gva & ~PAGE_MASK);
    return is_pv(v->domain) ? pv_get_gva(x86_vcpu(v), gva, write, mfn)
                            : pvh_get_gva(x86_vcpu(v), gva, write, mfn);
}

int arch_p2m_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return is_pv(d) ? -XEN_EOPNOTSUPP : pvh_p2m_add(x86_domain(d), gfn, mfn, order);
}

int arch_p2m_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return is_pv(d) ? -XEN_EOPNOTSUPP : pvh_p2m_remove(x86_domain(d), gfn, mfn, order);
}

int arch_pod_promise(struct domain *d, gfn_t gfn, unsigned int order)
{
    return is_pv(d) ? -XEN_EOPNOTSUPP : pvh_pod_promise(x86_domain(d), gfn, order);
}

int arch_pod_release(struct domain *d, gfn_t gfn)
{
    return is_pv(d) ? -XEN_EINVAL : pvh_pod_release(x86_domain(d), gfn);
}

bool arch_pod_reclaim(struct domain *d, mfn_t mfn)
{
    return !is_pv(d) && pvh_pod_reclaim(x86_domain(d), mfn);
}

bool arch_pod_has_promises(const struct domain *d)
{
    uint64_t cached, promised = 0;

    if (!is_pv(d)) {
        pvh_pod_counts(container_of(d, const struct x86_domain, d), &cached, &promised);
    }
    return promised != 0;
}

uint64_t arch_max_gfn(struct domain *d)
{
    return is_pv(d) ? pv_max_gfn(d) : pvh_max_gfn(x86_domain(d));
}

void arch_fill_time(struct vcpu *v, struct vcpu_time_info *time)
{
    const struct x86_domain *xd = x86_domain(v->domain);
    uint64_t tsc, now_ns;

    hw_time_now(&tsc, &now_ns);
    if (xd->tsc_khz) {
        tsc = tsc_ticks(xd, now_ns);
    }
    time->tsc_timestamp = tsc + (is_pv(v->domain) ? xd->tsc_offset : pvh_tsc_offset(x86_vcpu(v)));
    time->system_time = now_ns;
    tsc_scale_of_domain(xd, &time->tsc_to_system_mul, &time->tsc_shift);
    time->flags = XEN_PVCLOCK_TSC_STABLE_BIT;
}

int arch_write_runstate(const struct domain *d, vaddr_t gva, const struct vcpu_runstate_info *info)
{
    struct x32_vcpu_runstate_info narrow;

    if (likely(!d->evtchn.is_32bit)) {
        return guest_write_obj(gva, info);
    }
    narrow.state = info->state;
    narrow.state_entry_time = info->state_entry_time;
    memcpy(narrow.time, info->time, sizeof(narrow.time));
    return guest_write_obj(gva, &narrow);
}
