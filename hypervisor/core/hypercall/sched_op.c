/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched_op and set_timer_op: what a vCPU says about its own running, and shutting down. */
#include <abi/sched.h>
#include <base/guest_access.h>
#include <base/log.h>
#include <core/domain/arch.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/hypercall/handlers.h>
#include <core/trace/trace.h>

#define POLL_PORTS_MAX 128u

static void begin_poll(struct vcpu *v)
{
    __atomic_fetch_or(&v->domain->poll_mask[v->id / 64], 1ull << (v->id % 64), __ATOMIC_SEQ_CST);
    __atomic_fetch_or(&v->sched.pause_flags, VPF_POLLING, __ATOMIC_SEQ_CST);
}

/* Registered as a poller first, looked at the ports second: a sender does it the other way round, so one of the two sees the other. */
static long poll(struct vcpu *v, const struct sched_poll *p)
{
    long rc = 0;

    if (p->nr_ports > POLL_PORTS_MAX) {
        return -XEN_EINVAL;
    }
    v->poll_port = 0;
    begin_poll(v);
    if (vcpu_event_pending(v)) {
        goto out;
    }
    for (uint32_t i = 0; i < p->nr_ports; i++) {
        evtchn_port_t port;

        rc = guest_read_elem(&port, guest_addr(p->ports), i);
        if (rc == 0 && !evtchn_is_valid(&v->domain->evtchn, port)) {
            rc = -XEN_EINVAL;
        }
        if (rc != 0 || evtchn_is_pending(&v->domain->evtchn, port)) {
            goto out;
        }
        if (p->nr_ports == 1) {
            v->poll_port = port;
        }
    }
    if (p->timeout != 0) {
        timer_migrate(&v->poll, pcpu_id());
        rc = timer_set(&v->poll, p->timeout);
        if (rc != 0) {
            goto out;
        }
    }
    TRACE_2(TRC_SCHED_BLOCK, v->domain->id, v->id);
    sched_sleep(&v->sched);
    return 0;
out:
    vcpu_end_poll(v);
    return rc;
}

static long remote_shutdown(vaddr_t gva)
{
    struct sched_remote_shutdown r;
    struct domain *d;
    long rc = -XEN_EPERM;

    if (guest_read_obj(&r, gva) != 0) {
        return -XEN_EFAULT;
    }
    d = domain_get(r.domain_id);
    if (!d) {
        return -XEN_ESRCH;
    }
    if (caller_is_control() && d != current_domain()) {
        domain_shutdown(d, (uint8_t)r.reason);
        rc = 0;
    }
    domain_put(d);
    return rc;
}

/* Timers in seconds that shut the domain down unless they are set again. Id 0 takes a new one and returns its id. */
static long watchdog(vaddr_t gva)
{
    struct domain *d = current_domain();
    struct sched_watchdog w;
    long rc = 0;

    if (guest_read_obj(&w, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (w.id > DOMAIN_WATCHDOGS || (w.id == 0 && w.timeout == 0)) {
        return -XEN_EINVAL;
    }
    spin_lock(&d->lock);
    if (w.id == 0) {
        while (w.id < DOMAIN_WATCHDOGS && (d->watchdogs_used & (1u << w.id))) {
            w.id++;
        }
        w.id++;
        rc = w.id > DOMAIN_WATCHDOGS ? -XEN_ENOSPC : (long)w.id;
    } else if (!(d->watchdogs_used & (1u << (w.id - 1)))) {
        rc = -XEN_EINVAL;
    }
    if (rc >= 0 && w.timeout == 0) {
        d->watchdogs_used &= ~(1u << (w.id - 1));
        timer_stop(&d->watchdog[w.id - 1]);
    } else if (rc >= 0) {
        d->watchdogs_used |= 1u << (w.id - 1);
        (void)timer_set(&d->watchdog[w.id - 1], port_now_ns() + SECONDS(w.timeout));
    }
    spin_unlock(&d->lock);
    return rc;
}

static long shut_down(uint32_t event, vaddr_t gva, void (*how)(struct domain *d, uint8_t reason))
{
    struct sched_shutdown s;

    if (guest_read_obj(&s, gva) != 0) {
        return -XEN_EFAULT;
    }
    TRACE_3(event, current_domain()->id, current_vcpu()->id, s.reason);
    how(current_domain(), (uint8_t)s.reason);
    return 0;
}

long do_sched_op(struct hypercall *c)
{
    struct vcpu *v = current_vcpu();
    struct sched_poll p;

    switch (c->arg[0]) {
    case SCHEDOP_yield:
        sched_yield_current();
        return 0;
    case SCHEDOP_block:
        v->info->evtchn_upcall_mask = 0;
        vcpu_block(v);
        return 0;
    case SCHEDOP_shutdown:
        return shut_down(TRC_SCHED_SHUTDOWN, c->arg[1], domain_shutdown);
    case SCHEDOP_shutdown_code:
        return shut_down(TRC_SCHED_SHUTDOWN_CODE, c->arg[1], domain_announce_shutdown);
    case SCHEDOP_pin_override: /* for firmware calls of a few laptops that want the first CPU */
        return caller_is_hardware() ? hypercall_not_built("sched_op", SCHEDOP_pin_override) : -XEN_EPERM;
    case SCHEDOP_poll:
        if (guest_read_obj(&p, c->arg[1]) != 0) {
            return -XEN_EFAULT;
        }
        return poll(v, &p);
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(c->arg[1]);
    case SCHEDOP_watchdog:
        return watchdog(c->arg[1]);
    default:
        return hypercall_not_built("sched_op", c->arg[0]);
    }
}

long do_set_timer_op(struct hypercall *c)
{
    struct vcpu *v = current_vcpu();

    if (c->arg[0] == 0) {
        timer_stop(&v->singleshot);
        return 0;
    }
    return vcpu_set_singleshot(v, c->arg[0], 0);
}
