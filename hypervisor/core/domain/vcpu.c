/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs: creation, their event channel side (waking, upcalls, polling), virtual interrupts. */
#include <base/log.h>
#include <core/domain/arch.h>
#include <core/evtchn/arch.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/gnttab/arch.h>
#include <core/trace/trace.h>
#include <lib/string.h>

static void singleshot_fired(void *arg)
{
    struct vcpu *v = arg;

    TRACE_2(TRC_SCHED_DOM_TIMER_FN, v->domain->id, v->id);
    vcpu_send_virq(v, VIRQ_TIMER);
}

static void clear_flag_and_wake(struct vcpu *v, uint32_t flag)
{
    uint32_t before = __atomic_fetch_and(&v->sched.pause_flags, ~flag, __ATOMIC_SEQ_CST);

    if (before & flag) {
        sched_wake(&v->sched);
    }
}

void vcpu_end_poll(struct vcpu *v)
{
    __atomic_fetch_and(&v->domain->poll_mask[v->id / 64], ~(1ull << (v->id % 64)), __ATOMIC_SEQ_CST);
    clear_flag_and_wake(v, VPF_POLLING);
}

static void poll_timed_out(void *arg)
{
    vcpu_end_poll(arg);
}

void vcpu_unblock(struct vcpu *v)
{
    clear_flag_and_wake(v, VPF_BLOCKED);
}

/* Where the vCPU's info is until the guest registers another place; vCPUs beyond the shared page's array get a page nobody reads. */
static struct vcpu_info *default_info(struct domain *d, unsigned int id)
{
    static struct vcpu_info
        dummy[2]; /* written, never acted upon: such a vCPU takes no events before it registers */

    return id < XEN_LEGACY_MAX_VCPUS ? &d->shared->vcpu_info[id] : &dummy[0];
}

static void kill_timers(struct vcpu *v)
{
    timer_kill(&v->singleshot);
    timer_kill(&v->poll);
    timer_kill(&v->periodic);
}

int vcpu_create(struct domain *d, unsigned int id, struct vcpu **out)
{
    struct vcpu *v;
    int rc;

    if (id >= d->max_vcpus) {
        return -XEN_EINVAL;
    }
    if (d->vcpus[id]) {
        return -XEN_EEXIST;
    }
    v = arch_vcpu_alloc();
    if (!v) {
        return -XEN_ENOMEM;
    }
    v->domain = d;
    v->id = id;
    v->info = default_info(d, id);
    v->info_mfn = INVALID_MFN;
    v->time_mfn = INVALID_MFN;
    spin_lock_init(&v->time_lock, vcpu_time);
    v->evtchn.info = v->info;
    v->sched.trace_id = trace_id(d->id, id);
    timer_init(&v->singleshot, singleshot_fired, v, 0);
    timer_init(&v->poll, poll_timed_out, v, 0);
    timer_init(&v->periodic, vcpu_periodic_fired, v, 0);
    rc = arch_vcpu_init(v);
    if (rc == 0) {
        rc = sched_vcpu_add(&v->sched, &d->sched);
    }
    if (rc != 0) {
        kill_timers(v);
        arch_vcpu_free(v);
        return rc;
    }
    v->sched.pause_count = d->pauses;
    v->sched.pause_flags = VPF_DOWN;
    evtchn_vcpu_attach(&d->evtchn, id, &v->evtchn);
    /* pairs with the unlocked readers of vcpus[] */
    __atomic_store_n(&d->vcpus[id], v, __ATOMIC_RELEASE);
    domain_update_nodes(d);
    if (out) {
        *out = v;
    }
    return 0;
}

void vcpu_destroy(struct vcpu *v)
{
    kill_timers(v);
    sched_vcpu_remove(&v->sched);
    v->domain->vcpus[v->id] = NULL;
    arch_vcpu_free(v);
}

void vcpu_release_areas(struct vcpu *v)
{
    struct domain *d = v->domain;

    v->runstate_guest = 0;
    vcpu_set_time_area(v, INVALID_MFN, 0);
    if (!mfn_is_invalid(v->info_mfn)) {
        evtchn_vcpu_move_info(&d->evtchn, v->id, default_info(d, v->id));
        v->info = default_info(d, v->id);
        arch_put_gfn(d, v->info_mfn, true);
        v->info_mfn = INVALID_MFN;
    }
}

/* -XEN_EINVAL: it has another place already, or could be using the old one now. Domain's lock. */
static int move_info(struct vcpu *v, mfn_t mfn, uint32_t offset)
{
    struct vcpu_info *info = (struct vcpu_info *)((uint8_t *)mfn_to_virt(mfn) + offset);

    if (!mfn_is_invalid(v->info_mfn)) {
        return -XEN_EINVAL;
    }
    if (v != current_vcpu() && !(__atomic_load_n(&v->sched.pause_flags, __ATOMIC_RELAXED) & VPF_DOWN)) {
        return -XEN_EINVAL;
    }
    evtchn_vcpu_move_info(&v->domain->evtchn, v->id, info);
    v->info = info;
    v->info_mfn = mfn;
    return 0;
}

int vcpu_register_info(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
    struct domain *d = v->domain;
    mfn_t mfn;
    int rc;

    if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || offset % sizeof(uint64_t) != 0) {
        return -XEN_ENXIO;
    }
    rc = arch_get_gfn(d, gfn, true, &mfn);
    if (rc != 0) {
        return rc;
    }
    spin_lock(&d->lock);
    rc = move_info(v, mfn, offset);
    spin_unlock(&d->lock);
    if (rc != 0) {
        arch_put_gfn(d, mfn, true);
        return rc;
    }
    vcpu_update_time(v);
    return 0;
}

/* --- virtual interrupts ------------------------------------------------------------------------------------------------------------- */

void vcpu_send_virq(struct vcpu *v, unsigned int virq)
{
    evtchn_send_virq(&v->domain->evtchn, v->id, virq);
}

void domain_send_global_virq(unsigned int virq)
{
    struct domain *d = hardware_domain();

    if (d && d->vcpus[0]) {
        evtchn_send_virq(&d->evtchn, 0, virq);
    }
}

/* --- core/evtchn's upcalls ------------------------------------------------------------------------------------------------------------ */

static struct domain *domain_of_table(struct evtchn_table *t)
{
    return container_of(t, struct domain, evtchn);
}

void evtchn_notify_vcpu(struct evtchn_table *t, unsigned int id)
{
    struct vcpu *v = domain_of_table(t)->vcpus[id];

    if (!v) {
        return;
    }
    vcpu_unblock(v);
    arch_vcpu_kick(v);
}

static bool has_pollers(const struct domain *d)
{
    uint64_t any = 0;

    for (unsigned int w = 0; w < ARRAY_SIZE(d->poll_mask); w++) {
        any |= __atomic_load_n(&d->poll_mask[w], __ATOMIC_SEQ_CST);
    }
    return any != 0;
}

void evtchn_wake_pollers(struct evtchn_table *t, uint32_t port)
{
    struct domain *d = domain_of_table(t);

    if (likely(!has_pollers(d))) {
        return;
    }
    for (unsigned int w = 0; w < ARRAY_SIZE(d->poll_mask); w++) {
        uint64_t bits = __atomic_load_n(&d->poll_mask[w], __ATOMIC_SEQ_CST);

        while (bits) {
            struct vcpu *v = d->vcpus[w * 64 + (unsigned int)__builtin_ctzll(bits)];

            bits &= bits - 1;
            if (v && (v->poll_port == 0 || v->poll_port == port)) {
                vcpu_end_poll(v);
            }
        }
    }
}

/* --- core/gnttab's upcalls ------------------------------------------------------------------------------------------------------------ */

int gnttab_get_frame(struct gnttab *granter, uint64_t gfn, bool write, mfn_t *mfn)
{
    return arch_get_gfn(container_of(granter, struct domain, gnttab), GFN(gfn), write, mfn);
}

void gnttab_put_frame(mfn_t mfn, bool write)
{
    if (write) {
        frame_put_writable(mfn);
    } else {
        frame_put(mfn);
    }
}

void vcpu_block(struct vcpu *v)
{
    __atomic_fetch_or(&v->sched.pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
    /* after the flag is set: whoever sends an event now clears it again */
    if (vcpu_event_pending(v) || arch_vcpu_interrupt_pending(v)) {
        __atomic_fetch_and(&v->sched.pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
    } else {
        TRACE_2(TRC_SCHED_BLOCK, v->domain->id, v->id);
        sched_sleep(&v->sched);
    }
}
