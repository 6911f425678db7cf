/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Switching a pCPU between vCPUs: core/sched/arch.h. General registers stay where they are; see docs/architecture.md. */
#include <base/guest_access.h>
#include <base/percpu.h>
#include <core/domain/arch.h>
#include <core/sched/arch.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>

static DEFINE_PER_CPU(const struct domain *, last_domain); /* compared, never followed: it may be gone */

/* Branches that one domain trained must not steer another's kernel. */
static void change_domain(const struct domain *d)
{
    if (this_cpu(last_domain) != d) {
        this_cpu(last_domain) = d;
        hw_forget_branches();
    }
}

static void switch_from(struct x86_vcpu *xv)
{
    hw_set_ts(false);
    if (!is_pv(xv->v.domain)) {
        fpu_follow_xcr0(xv);
    }
    hw_fpu_save(xv->fpu, xv->xcr0_used);
    if (is_pv(xv->v.domain)) {
        pv_switch_from(xv);
    } else {
        pvh_switch_from(xv);
    }
}

static void mark_dirty(struct x86_domain *xd, unsigned int cpu)
{
    __atomic_fetch_or(&xd->dirty_cpus.bits, 1ull << cpu, __ATOMIC_SEQ_CST);
}

static void mark_clean(struct x86_domain *xd, unsigned int cpu)
{
    __atomic_fetch_and(&xd->dirty_cpus.bits, ~(1ull << cpu), __ATOMIC_SEQ_CST);
}

static void switch_to(struct x86_vcpu *xv)
{
    hw_fpu_load(xv->fpu, xv->xcr0_used);
    hw_set_xcr0(xv->xcr0);
    if (is_pv(xv->v.domain)) {
        pv_switch_to(xv);
    } else {
        pvh_switch_to(xv);
    }
    vcpu_update_time(&xv->v);
    vcpu_periodic_resume(&xv->v);
}

void arch_context_switch(struct sched_vcpu *prev_s, struct sched_vcpu *next_s)
{
    struct vcpu *prev = vcpu_of_sched(prev_s);
    struct vcpu *next = vcpu_of_sched(next_s);
    unsigned int cpu = pcpu_id();

    if (!prev_s->is_idle) {
        switch_from(x86_vcpu(prev));
    }
    set_current_vcpu(next);
    if (next_s->is_idle) {
        hw_load_idle_tables();
        hw_hide_guest_descriptors();
    } else {
        mark_dirty(x86_domain(next->domain), cpu); /* before its page tables are loaded */
        change_domain(next->domain);
        switch_to(x86_vcpu(next));
    }
    if (!prev_s->is_idle && (next_s->is_idle || prev->domain != next->domain)) {
        mark_clean(x86_domain(prev->domain), cpu); /* the new page-table base flushed its translations */
    }
}

void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *idle)
{
    set_current_vcpu(vcpu_of_sched(idle));
}

void arch_resume(struct sched_vcpu *held)
{
    struct vcpu *v = vcpu_of_sched(held);

    set_current_vcpu(v);
    vcpu_periodic_resume(v);
}

void arch_release(struct sched_vcpu *held, struct sched_vcpu *idle)
{
    struct vcpu *v = vcpu_of_sched(held);

    switch_from(x86_vcpu(v));
    hw_load_idle_tables();
    hw_hide_guest_descriptors();
    mark_clean(x86_domain(v->domain), pcpu_id());
}

void arch_runstate_changed(struct sched_vcpu *s)
{
    struct vcpu *v = vcpu_of_sched(s);
    struct vcpu_runstate_info info;

    if (s->is_idle || v->runstate_guest == 0 || v != current_vcpu()) {
        return;
    }
    sched_runstate(s, &info);
    if (arch_write_runstate(v->domain, v->runstate_guest, &info) != 0) {
        v->runstate_guest = 0; /* the guest unmapped it: it has no use for it */
    }
}
