/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What honest and hostile simulated guests do: events, vCPUs, time, scheduling; grants and memory are in memory.c, the toolstack in tools.c. */
#include <abi/event_channel.h>
#include <abi/sched.h>
#include <abi/vcpu.h>
#include <lib/string.h>
#include <tests/sim/guest.h>

#define MSR_X2APIC 0x800

/* --- events ------------------------------------------------------------------------------------------------------------------------------------- */

static struct sim_port *free_port(struct sim_domain *d)
{
    for (unsigned int i = 0; i < SIM_PORTS; i++) {
        if (d->port[i].kind == SP_NONE) {
            return &d->port[i];
        }
    }
    return NULL;
}

static struct sim_port *random_port(struct sim_domain *d, uint64_t *index)
{
    *index = sim_random(SIM_PORTS);
    return d->port[*index].kind != SP_NONE ? &d->port[*index] : NULL;
}

/* note: kind, remote, offset of the port in the arguments' page */
static void got_port(struct x86_vcpu *xv, struct sim_guest *g, long rc)
{
    struct sim_domain *d = sim_domain_of(xv->v.domain->id);
    struct sim_port *p = free_port(d);
    const uint8_t *args = sim_page(xv, 1 + xv->v.id, true);

    if (rc != 0 || !p || !args) {
        return;
    }
    *p = (struct sim_port){.kind = (uint8_t)g->note[0], .remote = (domid_t)g->note[1]};
    memcpy(&p->port, args + g->note[2], sizeof(p->port));
}

static void closed_port(struct x86_vcpu *xv, struct sim_guest *g, long rc)
{
    struct sim_domain *d = sim_domain_of(xv->v.domain->id);
    struct sim_port *p = &d->port[g->note[0]];

    if (p->kind != SP_NONE && p->port == g->note[1]) {
        p->kind = SP_NONE;
    }
}

static bool alloc_unbound(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    struct sim_domain *other = &sim_domains[sim_random(SIM_DOMAINS)];
    uint64_t gpa;
    struct evtchn_alloc_unbound *a = sim_args(xv, &gpa);

    if (!a || !other->used || !free_port(d)) {
        return false;
    }
    a->dom = DOMID_SELF;
    a->remote_dom = other->id;
    sim_guest_of(xv)->note[0] = SP_UNBOUND;
    sim_guest_of(xv)->note[1] = other->id;
    sim_guest_of(xv)->note[2] = offsetof(struct evtchn_alloc_unbound, port);
    sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, gpa, 0, got_port);
    return true;
}

static bool bind_interdomain(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    struct sim_domain *other = &sim_domains[sim_random(SIM_DOMAINS)];
    uint64_t gpa;
    struct evtchn_bind_interdomain *a = sim_args(xv, &gpa);

    if (!a || !other->used || !free_port(d)) {
        return false;
    }
    for (unsigned int i = 0; i < SIM_PORTS; i++) {
        if (other->port[i].kind == SP_UNBOUND && other->port[i].remote == d->id) {
            a->remote_dom = other->id;
            a->remote_port = other->port[i].port;
            other->port[i].kind = SP_BOUND;
            sim_guest_of(xv)->note[0] = SP_BOUND;
            sim_guest_of(xv)->note[1] = other->id;
            sim_guest_of(xv)->note[2] = offsetof(struct evtchn_bind_interdomain, local_port);
            sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, gpa, 0, got_port);
            return true;
        }
    }
    return false;
}

static bool bind_own(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    struct sim_guest *g = sim_guest_of(xv);
    uint64_t gpa;
    uint8_t *args = sim_args(xv, &gpa);

    if (!args || !free_port(d)) {
        return false;
    }
    if (sim_chance(2)) {
        *(struct evtchn_bind_virq *)args = (struct evtchn_bind_virq){.virq = VIRQ_TIMER, .vcpu = xv->v.id};
        g->note[0] = SP_VIRQ;
        g->note[2] = offsetof(struct evtchn_bind_virq, port);
        sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, gpa, 0, got_port);
    } else {
        *(struct evtchn_bind_ipi *)args = (struct evtchn_bind_ipi){
            .vcpu = (uint32_t)sim_random(xv->v.domain->max_vcpus),
        };
        g->note[0] = SP_IPI;
        g->note[2] = offsetof(struct evtchn_bind_ipi, port);
        sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, gpa, 0, got_port);
    }
    g->note[1] = d->id;
    return true;
}

static bool use_port(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    struct sim_guest *g = sim_guest_of(xv);
    uint64_t gpa, index;
    uint32_t *args = sim_args(xv, &gpa);
    struct sim_port *p = random_port(d, &index);

    if (!args || !p) {
        return false;
    }
    args[0] = p->port;
    switch (sim_random(12)) {
    case 0:
        g->note[0] = index;
        g->note[1] = p->port;
        sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_close, gpa, 0, closed_port);
        return true;
    case 1:
        args[0] = DOMID_SELF;
        args[1] = p->port;
        sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_status, gpa, 0, NULL);
        return true;
    case 2:
        args[1] = (uint32_t)sim_random(xv->v.domain->max_vcpus);
        sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, gpa, 0, NULL);
        return true;
    case 3: /* an event while it is masked must come when it is not any more */
        __atomic_fetch_or(&xv->v.domain->shared->evtchn_mask[p->port / 64], 1ull << (p->port % 64),
                          __ATOMIC_SEQ_CST);
        return false;
    case 4:
        sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_unmask, gpa, 0, NULL);
        return true;
    default:
        sim_call(xv, e, __HYPERVISOR_event_channel_op, EVTCHNOP_send, gpa, 0, NULL);
        return true;
    }
}

/* --- time and scheduling --------------------------------------------------------------------------------------------------------------------------- */

static bool use_timer(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    uint64_t gpa, when = port_now_ns() + sim_random(MILLISECS(3));
    uint64_t *args = sim_args(xv, &gpa);

    if (!args) {
        return false;
    }
    switch (sim_random(4)) {
    case 0:
        sim_call(xv, e, __HYPERVISOR_set_timer_op, when, 0, 0, NULL);
        return true;
    case 1:
        args[0] = when;
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, xv->v.id, gpa, NULL);
        return true;
    case 2:
        args[0] = MILLISECS(1 + sim_random(5));
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, sim_random(xv->v.domain->max_vcpus),
                 gpa, NULL);
        return true;
    default:
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, sim_random(xv->v.domain->max_vcpus),
                 0, NULL);
        return true;
    }
}

static bool poll(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    uint64_t gpa, index;
    uint8_t *args = sim_args(xv, &gpa);
    struct sim_port *p = random_port(d, &index);
    struct sched_poll *s = (struct sched_poll *)args;

    if (!args || !p) {
        return false;
    }
    s->nr_ports = 1 + sim_chance(3);
    s->timeout = port_now_ns() + sim_random(MILLISECS(2)); /* always one: nobody need ever send */
    s->ports.p = (evtchn_port_t *)(gpa + 256);
    ((evtchn_port_t *)(args + 256))[0] = p->port;
    ((evtchn_port_t *)(args + 256))[1] = p->port;
    sim_call(xv, e, __HYPERVISOR_sched_op, SCHEDOP_poll, gpa, 0, NULL);
    return true;
}

static bool schedule(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    uint64_t gpa;
    uint32_t *args;

    switch (sim_random(10)) {
    case 0:
    case 1:
        sim_call(xv, e, __HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, NULL);
        return true;
    case 2:
        if (!sim_may_sleep(xv)) {
            return false;
        }
        sim_call(xv, e, __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, NULL);
        return true;
    case 3:
    case 4:
        return poll(xv, d, e);
    case 5:
        if (xv->v.domain->is_hardware || !sim_chance(40)) {
            return false;
        }
        args = sim_args(xv, &gpa);
        if (!args) {
            return false;
        }
        args[0] = (uint32_t)sim_random(4); /* power-off, reboot, suspend, crash */
        sim_call(xv, e, __HYPERVISOR_sched_op, SCHEDOP_shutdown, gpa, 0, NULL);
        return true;
    default:
        return false; /* halt */
    }
}

static bool use_vcpu(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    uint64_t gpa, other = sim_random(xv->v.domain->max_vcpus);
    uint64_t *args = sim_args(xv, &gpa);

    if (!args) {
        return false;
    }
    switch (sim_random(8)) {
    case 0:
        if (other == 0) {
            return false; /* one stays up, or the domain ends */
        }
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_down, other, 0, NULL);
        return true;
    case 1:
        args[0] =
            gpa +
            2048; /* the area is in the arguments' page: later arguments overwrite it, to nobody's harm */
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, xv->v.id, gpa, NULL);
        return true;
    case 2:
        args[0] = ((SIM_DATA + sim_random(SIM_RAM_PAGES)) << PAGE_SHIFT) + 64 * sim_random(32);
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, other, gpa, NULL);
        return true;
    case 3:
        args[0] = SIM_INFO_GFN + other;
        args[1] = 1024;
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, other, gpa, NULL);
        return true;
    case 4:
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, other, gpa, NULL);
        return true;
    case 5:
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_send_nmi, other, 0, NULL);
        return true;
    default:
        sim_call(xv, e, __HYPERVISOR_vcpu_op, VCPUOP_up, other, 0, NULL);
        return true;
    }
}

/* The local APIC in x2APIC mode: interprocessor interrupts and its timer. */
static bool use_apic(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    static const uint32_t timer_modes[] = {0x40, 0x20040};
    uint64_t value;
    uint32_t msr;

    switch (sim_random(6)) {
    case 0:
        msr = MSR_APIC_BASE;
        value = 0xfee00c00 | (xv->v.id == 0 ? 0x100 : 0);
        break;
    case 1:
        msr = MSR_X2APIC + 0xf;
        value = 0x1ff;
        break;
    case 2:
        msr = MSR_X2APIC + 0x32;
        value = timer_modes[sim_random(2)];
        break;
    case 3:
        msr = MSR_X2APIC + 0x38;
        value = sim_chance(2) ? 0 : 1000000 + sim_random(10000000); /* a nanosecond each */
        break;
    default:
        msr = MSR_X2APIC + 0x30;
        value = (2 * sim_random(xv->v.domain->max_vcpus)) << 32 | (sim_chance(5) ? 0x400 : 0x50);
        break;
    }
    sim_write_msr(xv, msr, value, e);
    return true;
}

/* A list of calls that take long together: it is interrupted and goes on. */
static bool multicall(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    uint64_t gpa, count = 1 + sim_random(20);
    uint8_t *args = sim_args(xv, &gpa);
    struct multicall_entry *list = (struct multicall_entry *)(args + 1024);

    if (!args) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        list[i].op = sim_chance(2) ? __HYPERVISOR_sched_op : __HYPERVISOR_event_channel_op;
        list[i].args[0] = list[i].op == __HYPERVISOR_sched_op ? SCHEDOP_yield : EVTCHNOP_send;
        list[i].args[1] = gpa;
        ((uint32_t *)args)[0] = d->port[sim_random(SIM_PORTS)].port;
    }
    sim_call(xv, e, __HYPERVISOR_multicall, gpa + 1024, count, 0, NULL);
    return true;
}

bool sim_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    static bool (*const families[])(struct x86_vcpu * xv, struct sim_domain * d, struct vmexit * e) = {
        alloc_unbound,     bind_interdomain,  bind_own,           use_port,  use_port,
        use_port,          use_port,          use_port,           use_port,  use_port,
        use_timer,         schedule,          schedule,           use_vcpu,  use_apic,
        sim_grant_program, sim_grant_program, sim_memory_program, multicall,
    };

    if (xv->v.domain->is_control && sim_chance(3) && sim_tools_program(xv, d, e)) {
        return true;
    }
    return families[sim_random(sizeof(families) / sizeof(families[0]))](xv, d, e);
}

/* --- the hostile ------------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t odd_number(void)
{
    static const uint64_t some[] = {0,      1,      2,        3,   7,          0x7ff0, 0x7ff1,
                                    0x7ff4, 0xffff, 1u << 31, ~0u, 1ull << 63, ~0ull};

    switch (sim_random(4)) {
    case 0:
        return some[sim_random(sizeof(some) / sizeof(some[0]))];
    case 1:
        return sim_random(64);
    case 2:
        return (1 + sim_random(SIM_PAGES)) << PAGE_SHIFT;
    default:
        return random_u64(&sim.rng) >> sim_random(64);
    }
}

/* The calls that take an address in their second argument, with small commands; else anything. */
bool sim_hostile_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    static const uint8_t numbers[] = {__HYPERVISOR_memory_op,        __HYPERVISOR_multicall,
                                      __HYPERVISOR_grant_table_op,   __HYPERVISOR_vcpu_op,
                                      __HYPERVISOR_event_channel_op, __HYPERVISOR_sched_op,
                                      __HYPERVISOR_hvm_op,           __HYPERVISOR_physdev_op};
    uint64_t gpa, *args = sim_args(xv, &gpa);
    uint64_t nr = sim_chance(10) ? sim_random(64) : numbers[sim_random(sizeof(numbers))];

    if (!args || sim_chance(4)) {
        return sim_program(xv, d, e);
    }
    for (unsigned int i = 0; i < 64; i++) {
        args[i] = sim_chance(2) ? odd_number() : odd_number() | odd_number() << 32;
    }
    if (nr == __HYPERVISOR_multicall) {
        sim_call(xv, e, nr, gpa, sim_random(16), 0, NULL);
    } else if (nr == __HYPERVISOR_grant_table_op) {
        sim_call(xv, e, nr, sim_random(12), gpa, odd_number(), NULL);
    } else if (nr == __HYPERVISOR_vcpu_op) {
        sim_call(xv, e, nr, sim_random(14), sim_random(4), gpa, NULL);
    } else {
        sim_call(xv, e, nr, sim_random(32), sim_chance(8) ? odd_number() : gpa, odd_number(), NULL);
    }
    return true;
}
