/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event channels: allocation, binding, sending, masks, closing, status, priorities, FIFO. */
#include "guest.h"

static long alloc_unbound(domid_t dom, domid_t remote)
{
    struct evtchn_alloc_unbound a = {.dom = dom, .remote_dom = remote};
    long rc = evtchn_op(EVTCHNOP_alloc_unbound, &a);
    if (rc) {
        return rc;
    }
    port_mask(a.port, true);
    port_clear(a.port);
    return a.port;
}
static long status_of(u32 port, struct evtchn_status *s)
{
    memset(s, 0, sizeof(*s));
    s->dom = DOMID_SELF;
    s->port = port;
    return evtchn_op(EVTCHNOP_status, s);
}
/* The caller's own domain number: needed as the remote of self-connected channels. */
static domid_t self_id(void)
{
    struct evtchn_status s;
    long a = alloc_unbound(DOMID_SELF, DOMID_SELF);
    if (a < 0 || status_of(a, &s)) {
        return DOMID_SELF;
    }
    port_close(a);
    return s.u.unbound.dom;
}

TEST(alloc_unbound)
{
    struct evtchn_status s;
    long p = alloc_unbound(DOMID_SELF, 5);
    CHECK(p > 0);
    CHECK_EQ(status_of(p, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_unbound);
    CHECK_EQ(s.u.unbound.dom, 5);
    CHECK_EQ(port_close(p), 0);
    CHECK_EQ(status_of(p, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_closed);
}
TEST(ports_lowest_first)
{
    long a = alloc_unbound(DOMID_SELF, 0), b = alloc_unbound(DOMID_SELF, 0);
    CHECK(a > 0 && b > 0 && a != b);
    CHECK_EQ(port_close(a), 0);
    long c = alloc_unbound(DOMID_SELF, 0);
    CHECK_EQ(c, a);
    CHECK_EQ(port_close(b), 0);
    CHECK_EQ(port_close(c), 0);
}
TEST(close_errors)
{
    CHECK_EQ(port_close(0), -XEN_EINVAL);
    CHECK_EQ(port_close(3000), -XEN_EINVAL);
    CHECK_EQ(port_close(0x7fffffff), -XEN_EINVAL);
    long p = alloc_unbound(DOMID_SELF, 0);
    CHECK_EQ(port_close(p), 0);
    CHECK_EQ(port_close(p), -XEN_EINVAL);
}
TEST(send_errors)
{
    CHECK_EQ(port_send(0), -XEN_EINVAL);
    CHECK_EQ(port_send(3000), -XEN_EINVAL);
    CHECK_EQ(port_send(0xffffffff), -XEN_EINVAL);
    long p = alloc_unbound(DOMID_SELF, 0);
    CHECK_EQ(port_send(p), 0); /* unbound: silently dropped */
    CHECK(!port_pending(p));
    CHECK_EQ(port_close(p), 0);
    CHECK_EQ(port_send(p), -XEN_EINVAL);
}
TEST(ipi_pending_when_masked)
{
    long p = bind_ipi(0);
    CHECK(p > 0);
    CHECK_EQ(port_send(p), 0);
    CHECK(port_pending(p));
    struct evtchn_status s;
    CHECK_EQ(status_of(p, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_ipi);
    CHECK_EQ(s.vcpu, 0);
    CHECK_EQ(port_close(p), 0);
    CHECK(!port_pending(p)); /* closing clears it */
}
TEST(ipi_upcall)
{
    long p = bind_ipi(0);
    CHECK(p > 0);
    port_mask(p, false);
    events_on();
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(port_send(p), 0);
    }
    events_off();
    CHECK_EQ(evt_count[p], 10);
    CHECK_EQ(port_close(p), 0);
}
TEST(events_off_holds)
{
    long p = bind_ipi(0);
    port_mask(p, false);
    events_off();
    CHECK_EQ(port_send(p), 0);
    xen_version(XENVER_version, 0);
    CHECK_EQ(evt_count[p], 0);
    CHECK(vcpu_info(0)->evtchn_upcall_pending);
    events_on();
    CHECK(wait_count(&evt_count[p], 1, 1000000000UL));
    events_off();
    CHECK_EQ(evt_count[p], 1);
    CHECK_EQ(port_close(p), 0);
}
TEST(unmask_delivers)
{
    long p = bind_ipi(0);
    events_on();
    CHECK_EQ(port_send(p), 0);
    CHECK_EQ(evt_count[p], 0);
    port_mask(p, false);
    CHECK(wait_count(&evt_count[p], 1, 1000000000UL));
    events_off();
    CHECK_EQ(evt_count[p], 1);
    CHECK(!port_pending(p));
    CHECK_EQ(port_close(p), 0);
}
TEST(pending_sent_once)
{ /* a pending port that is sent again stays one event */
    long p = bind_ipi(0);
    port_mask(p, false);
    events_off();
    CHECK_EQ(port_send(p), 0);
    CHECK_EQ(port_send(p), 0);
    events_on();
    CHECK(wait_count(&evt_count[p], 1, 1000000000UL));
    xen_version(XENVER_version, 0);
    events_off();
    CHECK_EQ(evt_count[p], 1);
    CHECK_EQ(port_close(p), 0);
}
TEST(unmask_errors)
{
    struct evtchn_unmask u = {.port = 0x7fffffff};
    CHECK_EQ(evtchn_op(EVTCHNOP_unmask, &u), -XEN_EINVAL);
}
TEST(interdomain_self)
{
    domid_t me = self_id();
    long a = alloc_unbound(DOMID_SELF, me);
    CHECK(a > 0);
    struct evtchn_bind_interdomain b = {.remote_dom = me, .remote_port = a};
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
    port_mask(b.local_port, true);
    CHECK(b.local_port != a);
    struct evtchn_status s;
    CHECK_EQ(status_of(a, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_interdomain);
    CHECK_EQ(s.u.interdomain.port, b.local_port);
    CHECK_EQ(s.u.interdomain.dom, me);
    CHECK(port_pending(b.local_port)); /* binding raises the local end */
    port_clear(b.local_port);
    port_clear(a);
    CHECK_EQ(port_send(a), 0);
    CHECK(port_pending(b.local_port));
    CHECK(!port_pending(a));
    CHECK_EQ(port_send(b.local_port), 0);
    CHECK(port_pending(a));
    CHECK_EQ(port_close(a), 0);
    CHECK_EQ(status_of(b.local_port, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_unbound);
    CHECK_EQ(port_close(b.local_port), 0);
}
TEST(interdomain_errors)
{
    struct evtchn_bind_interdomain b = {.remote_dom = DOMID_SELF, .remote_port = 3000};
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);
    b.remote_dom = 31000;
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_ESRCH);
    long a = alloc_unbound(DOMID_SELF, 31000); /* reserved for another: not for us */
    b.remote_dom = DOMID_SELF;
    b.remote_port = a;
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);
    CHECK_EQ(port_close(a), 0);
}
TEST(virq_bind)
{
    long p = bind_virq(VIRQ_TIMER, 0);
    CHECK(p > 0);
    struct evtchn_status s;
    CHECK_EQ(status_of(p, &s), 0);
    CHECK_EQ(s.status, EVTCHNSTAT_virq);
    CHECK_EQ(s.u.virq, VIRQ_TIMER);
    CHECK_EQ(bind_virq(VIRQ_TIMER, 0), -XEN_EEXIST);
    CHECK_EQ(port_send(p), -XEN_EINVAL); /* not sendable */
    CHECK_EQ(port_close(p), 0);
    p = bind_virq(VIRQ_TIMER, 0);
    CHECK(p > 0);
    CHECK_EQ(port_close(p), 0);
}
TEST(virq_errors)
{
    CHECK_EQ(bind_virq(24, 0), -XEN_EINVAL);
    CHECK_EQ(bind_virq(0xffffffff, 0), -XEN_EINVAL);
    CHECK_EQ(bind_virq(VIRQ_TIMER, 500), -XEN_ENOENT);
    CHECK_EQ(bind_ipi(500), -XEN_ENOENT);
    CHECK_EQ(bind_ipi(0xffffffff), -XEN_ENOENT);
}
TEST(bind_vcpu)
{
    if (g.vcpus < 2) {
        SKIP("one vCPU");
    }
    domid_t me = self_id();
    long a = alloc_unbound(DOMID_SELF, me);
    struct evtchn_bind_vcpu b = {.port = a, .vcpu = 1};
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &b), 0);
    struct evtchn_status s;
    CHECK_EQ(status_of(a, &s), 0);
    CHECK_EQ(s.vcpu, 1);
    b.vcpu = 500;
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &b), -XEN_ENOENT);
    CHECK_EQ(port_close(a), 0);
    long p = bind_ipi(0);
    b.port = p;
    b.vcpu = 1;
    CHECK_EQ(evtchn_op(EVTCHNOP_bind_vcpu, &b), -XEN_EINVAL); /* an IPI stays where it is */
    CHECK_EQ(port_close(p), 0);
}
TEST(status_errors)
{
    struct evtchn_status s = {.dom = DOMID_SELF, .port = 0x7fffffff};
    CHECK_EQ(evtchn_op(EVTCHNOP_status, &s), -XEN_EINVAL);
    s.dom = 31000;
    s.port = 1;
    CHECK_EQ(evtchn_op(EVTCHNOP_status, &s), -XEN_ESRCH);
}
TEST(many_ports)
{
    static u16 ports[700];
    int n = 0;
    for (; n < 700; n++) {
        long p = alloc_unbound(DOMID_SELF, 0);
        if (p < 0) {
            break;
        }
        ports[n] = p;
    }
    CHECK_EQ(n, 700);
    for (int i = 0; i < n; i++) {
        CHECK_EQ(port_close(ports[i]), 0);
    }
}
TEST(limit_two_level)
{ /* 4096 ports at most (a domU may have a lower limit), then -ENOSPC; all can be closed */
    int n = 0;
    long p;
    u32 highest = 0;
    while ((p = alloc_unbound(DOMID_SELF, 0)) > 0) {
        n++;
        highest = p > highest ? p : highest;
    }
    CHECK(p == -XEN_ENOSPC);
    CHECK(n > 900 && highest < 4096);
    for (u32 q = 1; q <= highest; q++) {
        struct evtchn_status s;
        CHECK_EQ(status_of(q, &s), 0);
        if (s.status == EVTCHNSTAT_unbound && s.u.unbound.dom == 0) {
            if (!g.dom0 && n-- <= 0) {
                break;
            }
            CHECK_EQ(port_close(q), 0);
        }
    }
}
TEST(init_control_errors)
{
    struct evtchn_init_control ic = {.control_gfn = ~0UL >> 12, .offset = 0, .vcpu = 0};
    CHECK(evtchn_op(EVTCHNOP_init_control, &ic) < 0);
    void *page = page_alloc();
    ic.control_gfn = va_mfn(page);
    ic.offset = PAGE_SIZE - 8;
    CHECK_EQ(evtchn_op(EVTCHNOP_init_control, &ic), -XEN_EINVAL);
    ic.offset = 4;
    CHECK_EQ(evtchn_op(EVTCHNOP_init_control, &ic), -XEN_EINVAL);
    ic.offset = 0;
    ic.vcpu = 500;
    CHECK_EQ(evtchn_op(EVTCHNOP_init_control, &ic), -XEN_ENOENT);
}
TEST(expand_array_without_control)
{
    struct evtchn_expand_array ea = {.array_gfn = va_mfn(page_alloc())};
    CHECK(evtchn_op(EVTCHNOP_expand_array, &ea) < 0);
}
TEST(set_priority_without_fifo)
{
    struct evtchn_set_priority sp = {.port = 1, .priority = 0};
    CHECK(evtchn_op(EVTCHNOP_set_priority, &sp) < 0);
}
