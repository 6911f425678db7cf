/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_event_channel_op: decode, check who may, hand to core/evtchn. Every structure has the same layout for 32-bit callers. A port that
 * could not be told to the caller is closed again.
 */
#include <base/guest_access.h>
#include <core/domain/arch.h>
#include <core/evtchn/arch.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/hypercall/handlers.h>

/* A VIRQ that is about the whole machine, or about other domains. */
static bool may_bind_virq(const struct domain *d, uint32_t virq)
{
    if (virq >= NR_VIRQS || !evtchn_virq_is_global(virq) || virq == VIRQ_ARGO || d->is_control ||
        d->is_hardware) {
        return true; /* a number out of range is refused by core/evtchn */
    }
    return d->is_xenstore && virq == VIRQ_DOM_EXC;
}

/*
 * The domain that an operation names, referenced: the caller's own, or for the control domain any. NULL: *@rc says why (-XEN_EPERM, and
 * -XEN_ESRCH only to those who may know).
 */
static struct domain *target_get(domid_t id, long *rc)
{
    struct domain *d = domain_get_or_self(id);

    if (!d) {
        *rc = -XEN_ESRCH;
        return NULL;
    }
    if (d != current_domain() && !caller_is_control()) {
        domain_put(d);
        *rc = -XEN_EPERM;
        return NULL;
    }
    *rc = 0;
    return d;
}

static domid_t resolve(domid_t id)
{
    return id == DOMID_SELF ? current_domain()->id : id;
}

/* Tell the caller @port at @gva, or close it. */
static long answer_port(struct domain *d, long rc, vaddr_t gva, uint32_t port)
{
    if (rc == 0 && guest_write(gva, &port, sizeof(port)) != 0) {
        evtchn_close(&d->evtchn, port);
        rc = -XEN_EFAULT;
    }
    return rc;
}

static long op_alloc_unbound(vaddr_t gva)
{
    struct evtchn_alloc_unbound op;
    struct domain *d;
    long rc;

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(op.dom, &rc);
    if (!d) {
        return rc;
    }
    rc = evtchn_alloc_unbound(&d->evtchn, resolve(op.remote_dom), &op.port);
    rc = answer_port(d, rc, gva + offsetof(struct evtchn_alloc_unbound, port), op.port);
    domain_put(d);
    return rc;
}

static long op_bind_interdomain(vaddr_t gva)
{
    struct evtchn_bind_interdomain op;
    struct domain *d = current_domain(), *remote;
    long rc;

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    remote = domain_get_or_self(op.remote_dom);
    if (!remote) {
        return -XEN_ESRCH;
    }
    rc = evtchn_bind_interdomain(&d->evtchn, &remote->evtchn, op.remote_port, &op.local_port);
    domain_put(remote);
    return answer_port(d, rc, gva + offsetof(struct evtchn_bind_interdomain, local_port), op.local_port);
}

static long op_bind_virq(vaddr_t gva)
{
    struct evtchn_bind_virq op;
    struct domain *d = current_domain();
    long rc;

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (!may_bind_virq(d, op.virq)) {
        return -XEN_EPERM;
    }
    rc = evtchn_bind_virq(&d->evtchn, op.virq, op.vcpu, &op.port);
    return answer_port(d, rc, gva + offsetof(struct evtchn_bind_virq, port), op.port);
}

static long op_bind_ipi(vaddr_t gva)
{
    struct evtchn_bind_ipi op;
    struct domain *d = current_domain();
    long rc;

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    rc = evtchn_bind_ipi(&d->evtchn, op.vcpu, &op.port);
    return answer_port(d, rc, gva + offsetof(struct evtchn_bind_ipi, port), op.port);
}

static long op_bind_pirq(vaddr_t gva)
{
    struct evtchn_bind_pirq op;
    struct domain *d = current_domain();
    long rc;

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (op.flags & ~BIND_PIRQ__WILL_SHARE) {
        return -XEN_EINVAL;
    }
    rc = evtchn_bind_pirq(&d->evtchn, op.pirq, op.flags, &op.port);
    return answer_port(d, rc, gva + offsetof(struct evtchn_bind_pirq, port), op.port);
}

static long op_status(vaddr_t gva)
{
    struct evtchn_status op;
    struct domain *d;
    long rc;

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(op.dom, &rc);
    if (!d) {
        return rc;
    }
    rc = evtchn_status(&d->evtchn, op.port, &op);
    domain_put(d);
    if (rc == 0 && guest_write_obj(gva, &op) != 0) {
        rc = -XEN_EFAULT;
    }
    return rc;
}

static long op_reset(vaddr_t gva)
{
    struct evtchn_reset op;
    struct domain *d;
    long rc;

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(op.dom, &rc);
    if (!d) {
        return rc;
    }
    /* another's vCPUs must not be using what goes */
    rc = d != current_domain() && !domain_is_paused(d) ? -XEN_EINVAL : evtchn_reset(&d->evtchn);
    domain_put(d);
    return rc;
}

static long op_init_control(vaddr_t gva)
{
    struct evtchn_init_control op;
    long rc;

    if (guest_read_obj(&op, gva) != 0) {
        return -XEN_EFAULT;
    }
    rc = evtchn_fifo_init_control(&current_domain()->evtchn, op.control_gfn, op.offset, op.vcpu,
                                  &op.link_bits);
    if (rc == 0 && guest_write_obj(gva, &op) != 0) {
        rc = -XEN_EFAULT; /* the layout has changed: there is no way back but a reset */
    }
    return rc;
}

/* The operations that answer with their result alone. */
static long op_simple(struct evtchn_table *t, uint32_t cmd, vaddr_t gva)
{
    union {
        struct evtchn_close close;
        struct evtchn_unmask unmask;
        struct evtchn_bind_vcpu bind_vcpu;
        struct evtchn_expand_array expand_array;
        struct evtchn_set_priority set_priority;
    } op;

    switch (cmd) {
    case EVTCHNOP_close:
        return guest_read_obj(&op.close, gva) != 0 ? -XEN_EFAULT : evtchn_close(t, op.close.port);
    case EVTCHNOP_unmask:
        return guest_read_obj(&op.unmask, gva) != 0 ? -XEN_EFAULT : evtchn_unmask(t, op.unmask.port);
    case EVTCHNOP_bind_vcpu:
        return guest_read_obj(&op.bind_vcpu, gva) != 0
                   ? -XEN_EFAULT
                   : evtchn_bind_vcpu(t, op.bind_vcpu.port, op.bind_vcpu.vcpu);
    case EVTCHNOP_expand_array:
        return guest_read_obj(&op.expand_array, gva) != 0
                   ? -XEN_EFAULT
                   : evtchn_fifo_expand_array(t, op.expand_array.array_gfn);
    case EVTCHNOP_set_priority:
        return guest_read_obj(&op.set_priority, gva) != 0
                   ? -XEN_EFAULT
                   : evtchn_set_priority(t, op.set_priority.port, op.set_priority.priority);
    default:
        return -XEN_ENOSYS;
    }
}

long do_event_channel_op(struct hypercall *c)
{
    struct evtchn_table *t = &current_domain()->evtchn;
    uint32_t cmd = c->arg[0];
    vaddr_t gva = c->arg[1];
    struct evtchn_send send;

    if (likely(cmd == EVTCHNOP_send)) {
        return guest_read_obj(&send, gva) != 0 ? -XEN_EFAULT : evtchn_send(t, send.port);
    }
    switch (cmd) {
    case EVTCHNOP_bind_interdomain:
        return op_bind_interdomain(gva);
    case EVTCHNOP_bind_virq:
        return op_bind_virq(gva);
    case EVTCHNOP_bind_pirq:
        return op_bind_pirq(gva);
    case EVTCHNOP_status:
        return op_status(gva);
    case EVTCHNOP_alloc_unbound:
        return op_alloc_unbound(gva);
    case EVTCHNOP_bind_ipi:
        return op_bind_ipi(gva);
    case EVTCHNOP_reset:
        return op_reset(gva);
    case EVTCHNOP_init_control:
        return op_init_control(gva);
    default:
        return op_simple(t, cmd, gva);
    }
}

/* --- core/evtchn's upcalls ------------------------------------------------------------------------------------------------------------ */

int evtchn_get_page(struct evtchn_table *t, uint64_t gfn, mfn_t *mfn)
{
    return arch_get_gfn(container_of(t, struct domain, evtchn), GFN(gfn), true, mfn);
}

void evtchn_put_page(struct evtchn_table *t, mfn_t mfn)
{
    arch_put_gfn(container_of(t, struct domain, evtchn), mfn, true);
}
