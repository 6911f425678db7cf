/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Binding ports to what they report, and asking about them. */
#include <core/evtchn/evtchn_internal.h>
#include <core/evtchn/evtchn_ports.h>
#include <lib/string.h>

int evtchn_alloc_unbound(struct evtchn_table *t, domid_t remote, uint32_t *port)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    int rc = evtchn_port_alloc(t, EC_UNBOUND, port);

    if (rc == 0) {
        evtchn_lookup(t, *port)->u.unbound_remote = remote;
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return rc;
}

/* Both tables' locks held. */
static int bind_interdomain(struct evtchn_table *local, struct evtchn_table *remote, uint32_t remote_port,
                            uint32_t *port)
{
    struct evtchn *there = evtchn_lookup(remote, remote_port), *here;
    int rc;

    if (remote->dying || !there || there->kind != EC_UNBOUND || there->u.unbound_remote != local->domid) {
        return -XEN_EINVAL;
    }
    rc = evtchn_port_alloc(local, EC_INTERDOMAIN, port);
    if (rc != 0) {
        return rc;
    }
    here = evtchn_lookup(local, *port);
    here->u.remote.table = remote;
    here->u.remote.port = remote_port;
    there->kind = EC_INTERDOMAIN;
    there->u.remote.table = local;
    there->u.remote.port = *port;
    /* The other end may have sent before it was bound. */
    evtchn_deliver(local, here, *port);
    return 0;
}

int evtchn_bind_interdomain(struct evtchn_table *local, struct evtchn_table *remote, uint32_t remote_port,
                            uint32_t *port)
{
    unsigned long flags = irq_save();
    int rc;

    spin_lock_pair(&local->lock, &remote->lock);
    rc = bind_interdomain(local, remote, remote_port, port);
    spin_unlock_pair(&local->lock, &remote->lock);
    irq_restore(flags);
    return rc;
}

int evtchn_bind_virq(struct evtchn_table *t, uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    unsigned long flags;
    struct evtchn_vcpu *v;
    struct evtchn *e;
    int rc;

    if (virq >= NR_VIRQS || (evtchn_virq_is_global(virq) && vcpu != 0)) {
        return -XEN_EINVAL;
    }
    flags = spin_lock_irqsave(&t->lock);
    v = evtchn_vcpu_of(t, vcpu);
    if (!v) {
        rc = -XEN_ENOENT;
    } else if (v->virq_port[virq] != 0) {
        rc = -XEN_EEXIST;
    } else {
        rc = evtchn_port_alloc(t, EC_VIRQ, port);
    }
    if (rc == 0) {
        e = evtchn_lookup(t, *port);
        e->u.virq = virq;
        e->notify_vcpu = vcpu;
        v->virq_port[virq] = *port;
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return rc;
}

int evtchn_bind_ipi(struct evtchn_table *t, uint32_t vcpu, uint32_t *port)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    int rc = evtchn_vcpu_of(t, vcpu) ? evtchn_port_alloc(t, EC_IPI, port) : -XEN_ENOENT;

    if (rc == 0) {
        evtchn_lookup(t, *port)->notify_vcpu = vcpu;
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return rc;
}

int evtchn_bind_pirq(struct evtchn_table *t, uint32_t pirq, uint32_t flags, uint32_t *port)
{
    unsigned long irq_flags = spin_lock_irqsave(&t->lock);
    int rc = evtchn_port_alloc(t, EC_PIRQ, port);

    if (rc == 0) {
        struct evtchn *e = evtchn_lookup(t, *port);

        e->u.pirq = pirq;
        rc = evtchn_pirq_bind(t, pirq, flags, *port);
        if (rc != 0) {
            evtchn_port_free(t, e, *port);
        }
    }
    spin_unlock_irqrestore(&t->lock, irq_flags);
    return rc;
}

int evtchn_xen_alloc(struct evtchn_table *t, unsigned int vcpu, domid_t remote, uint32_t *port)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    int rc = evtchn_port_alloc(t, EC_UNBOUND, port);

    if (rc == 0) {
        struct evtchn *e = evtchn_lookup(t, *port);

        e->u.unbound_remote = remote;
        e->notify_vcpu = vcpu;
        e->is_consumer_xen = true;
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return rc;
}

void evtchn_xen_close(struct evtchn_table *t, uint32_t port)
{
    evtchn_port_close(t, port, false);
}

int evtchn_bind_vcpu(struct evtchn_table *t, uint32_t port, uint32_t vcpu)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn *e = evtchn_lookup_used(t, port);
    int rc = 0;

    if (!evtchn_vcpu_of(t, vcpu)) {
        rc = -XEN_ENOENT;
    } else if (!e || e->is_consumer_xen || e->kind == EC_IPI ||
               (e->kind == EC_VIRQ && !evtchn_virq_is_global(e->u.virq))) {
        rc = -XEN_EINVAL;
    } else {
        /* a sender that read the old one tells the old vCPU: the guest cannot tell which came first */
        __atomic_store_n(&e->notify_vcpu, vcpu, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return rc;
}

static void fill_status(const struct evtchn *e, struct evtchn_status *s)
{
    s->vcpu = e->notify_vcpu;
    switch (e->kind) {
    case EC_UNBOUND:
        s->status = EVTCHNSTAT_unbound;
        s->u.unbound.dom = e->u.unbound_remote;
        break;
    case EC_INTERDOMAIN:
        s->status = EVTCHNSTAT_interdomain;
        s->u.interdomain.dom = e->u.remote.table->domid;
        s->u.interdomain.port = e->u.remote.port;
        break;
    case EC_PIRQ:
        s->status = EVTCHNSTAT_pirq;
        s->u.pirq = e->u.pirq;
        break;
    case EC_VIRQ:
        s->status = EVTCHNSTAT_virq;
        s->u.virq = e->u.virq;
        break;
    case EC_IPI:
        s->status = EVTCHNSTAT_ipi;
        break;
    default:
        s->status = EVTCHNSTAT_closed;
        break;
    }
}

int evtchn_status(struct evtchn_table *t, uint32_t port, struct evtchn_status *status)
{
    unsigned long flags = spin_lock_irqsave(&t->lock);
    struct evtchn *e = evtchn_lookup(t, port);

    if (e) {
        memset(&status->u, 0, sizeof(status->u));
        fill_status(e, status);
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return e ? 0 : -XEN_EINVAL;
}

int evtchn_set_priority(struct evtchn_table *t, uint32_t port, uint32_t priority)
{
    unsigned long flags;
    struct evtchn *e;
    int rc = 0;

    if (priority > EVTCHN_FIFO_PRIORITY_MIN) {
        return -XEN_EINVAL;
    }
    flags = spin_lock_irqsave(&t->lock);
    e = evtchn_lookup_used(t, port);
    if (!t->fifo) {
        rc = -XEN_ENOSYS;
    } else if (!e) {
        rc = -XEN_EINVAL;
    } else {
        /* read by senders; takes effect when it is next put on a queue */
        __atomic_store_n(&e->priority, priority, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&t->lock, flags);
    return rc;
}
