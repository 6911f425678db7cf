/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The toolstack of the simulated dom0: makes domains, starts them, does to them what xl does, and destroys them, one step a hypercall. Each slot belongs to one
 * vCPU of dom0, so several work at once.
 */
#include <abi/domctl.h>
#include <abi/memory.h>
#include <abi/sched.h>
#include <abi/sysctl.h>
#include <core/sched/sched.h>
#include <lib/string.h>
#include <tests/sim/guest.h>

#define SLOTS (SIM_DOMAINS - 1)

enum state { T_NONE, T_MAX_VCPUS, T_MAX_MEM, T_POPULATE, T_START, T_RUNNING, T_PAUSED, T_GOING };

static struct slot {
    enum state state;
    bool busy; /* a call of it is under way */
    struct sim_domain *d;
    unsigned int vcpus;
} slots[SLOTS];

static struct xen_domctl *domctl(struct x86_vcpu *xv, struct slot *s, uint32_t cmd, uint64_t *gpa)
{
    struct xen_domctl *op = sim_args(xv, gpa);

    if (op) {
        op->cmd = cmd;
        op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        op->domain = s->d->id;
    }
    return op;
}

/* note: slot, state after success, state after failure */
static void stepped(struct x86_vcpu *xv, struct sim_guest *g, long rc)
{
    struct slot *s = &slots[g->note[0]];

    s->busy = false;
    s->state = (enum state)(rc >= 0 ? g->note[1] : g->note[2]);
    if (s->state == T_NONE && rc >= 0) {
        sim_domain_end(s->d);
    }
}

static bool call(struct x86_vcpu *xv, struct slot *s, struct vmexit *e, uint64_t gpa, enum state good,
                 enum state bad)
{
    struct sim_guest *g = sim_guest_of(xv);

    s->busy = true;
    g->note[0] = (uint64_t)(s - slots);
    g->note[1] = good;
    g->note[2] = bad;
    sim_call(xv, e, __HYPERVISOR_domctl, gpa, 0, 0, stepped);
    return true;
}

static void created(struct x86_vcpu *xv, struct sim_guest *g, long rc)
{
    struct slot *s = &slots[g->note[0]];
    const struct xen_domctl *op = sim_page(xv, 1 + xv->v.id, true);

    s->busy = false;
    if (rc == 0 && op) {
        sim_domain_begin(s->d, op->domain, sim_chance(3));
        s->state = T_MAX_VCPUS;
    }
}

static bool create(struct x86_vcpu *xv, struct slot *s, struct vmexit *e)
{
    uint64_t gpa;
    struct xen_domctl *op = domctl(xv, s, XEN_DOMCTL_createdomain, &gpa);

    if (!op) {
        return false;
    }
    s->vcpus = 1 + (unsigned int)sim_random(SIM_VCPUS);
    op->domain = 0;
    op->u.createdomain = (struct xen_domctl_createdomain){
        .flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
        .max_vcpus = s->vcpus,
        .max_evtchn_port = 1023,
        .max_grant_frames = 2,
        .max_maptrack_frames = 2,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = XEN_X86_EMU_LAPIC,
    };
    call(xv, s, e, gpa, T_MAX_VCPUS, T_NONE);
    sim_guest_of(xv)->done = created;
    return true;
}

static bool populate(struct x86_vcpu *xv, struct slot *s, struct vmexit *e)
{
    uint64_t gpa;
    uint8_t *args = sim_args(xv, &gpa);
    struct xen_memory_reservation *r = (struct xen_memory_reservation *)args;

    if (!args) {
        return false;
    }
    *r = (struct xen_memory_reservation){
        .extent_start.p = (xen_pfn_t *)(gpa + 512), .nr_extents = SIM_PAGES, .domid = s->d->id};
    for (uint64_t i = 0; i < SIM_PAGES; i++) {
        ((xen_pfn_t *)(args + 512))[i] = i;
    }
    call(xv, s, e, gpa, T_START, T_RUNNING);
    xv->regs.rax = __HYPERVISOR_memory_op;
    xv->regs.rdi = XENMEM_populate_physmap;
    xv->regs.rsi = gpa;
    return true;
}

static bool start(struct x86_vcpu *xv, struct slot *s, struct vmexit *e)
{
    struct domain *d = domain_get(s->d->id);
    uint64_t gpa;
    struct xen_domctl *op = domctl(xv, s, XEN_DOMCTL_unpausedomain, &gpa);

    sim_check(d);
    sim_start_domain(d);
    domain_put(d);
    return op && call(xv, s, e, gpa, T_RUNNING, T_RUNNING);
}

static bool set_affinity(struct x86_vcpu *xv, struct slot *s, struct vmexit *e)
{
    uint64_t gpa;
    struct xen_domctl *op = domctl(xv, s, XEN_DOMCTL_setvcpuaffinity, &gpa);
    struct xen_domctl_vcpuaffinity *a;

    if (!op) {
        return false;
    }
    a = &op->u.vcpuaffinity;
    a->vcpu = (uint32_t)sim_random(s->vcpus);
    a->flags = XEN_VCPUAFFINITY_HARD;
    a->cpumap_hard.bitmap.p = (uint8_t *)(gpa + 2048);
    a->cpumap_hard.nr_bits = 8;
    *((uint8_t *)op + 2048) = (uint8_t)sim_random(16);
    return call(xv, s, e, gpa, T_RUNNING, T_RUNNING);
}

/* What may be asked of a domain at any time. */
static bool question(struct x86_vcpu *xv, struct slot *s, struct vmexit *e)
{
    static const uint32_t commands[] = {XEN_DOMCTL_getdomaininfo, XEN_DOMCTL_getvcpuinfo,
                                        XEN_DOMCTL_gettscinfo, XEN_DOMCTL_sendtrigger, XEN_DOMCTL_max_mem};
    uint32_t cmd = commands[sim_random(sizeof(commands) / sizeof(commands[0]))];
    uint64_t gpa;
    struct xen_domctl *op = domctl(xv, s, cmd, &gpa);

    if (!op) {
        return false;
    }
    if (cmd == XEN_DOMCTL_getvcpuinfo) {
        op->u.getvcpuinfo.vcpu = (uint32_t)sim_random(s->vcpus);
    } else if (cmd == XEN_DOMCTL_sendtrigger) {
        op->u.sendtrigger.vcpu = (uint32_t)sim_random(s->vcpus);
    } else if (cmd == XEN_DOMCTL_max_mem) {
        op->u.max_mem.max_memkb = 4 * (SIM_PAGES - 8 + sim_random(16));
    }
    return call(xv, s, e, gpa, s->state, s->state);
}

static bool weight(struct x86_vcpu *xv, struct slot *s, struct vmexit *e)
{
    uint64_t gpa;
    struct xen_domctl *op = domctl(xv, s, XEN_DOMCTL_scheduler_op, &gpa);

    if (!op) {
        return false;
    }
    op->u.scheduler_op.sched_id = sched_id(0);
    op->u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op->u.scheduler_op.u.credit2.weight = (uint16_t)(1 + sim_random(65535));
    return call(xv, s, e, gpa, s->state, s->state);
}

/* A pCPU goes offline or comes back; pCPU 0, and those that are as they shall be, are refused. */
static bool hotplug(struct x86_vcpu *xv, struct slot *s, struct vmexit *e)
{
    uint64_t gpa;
    struct xen_sysctl *op = sim_args(xv, &gpa);

    if (!op) {
        return false;
    }
    op->cmd = XEN_SYSCTL_cpu_hotplug;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    op->u.cpu_hotplug.cpu = (uint32_t)sim_random(SIM_MAX_CPUS);
    op->u.cpu_hotplug.op = sim_chance(2) ? XEN_SYSCTL_CPU_HOTPLUG_ONLINE : XEN_SYSCTL_CPU_HOTPLUG_OFFLINE;
    call(xv, s, e, gpa, s->state, s->state);
    xv->regs.rax = __HYPERVISOR_sysctl;
    return true;
}

static bool simple(struct x86_vcpu *xv, struct slot *s, struct vmexit *e, uint32_t cmd, enum state good,
                   enum state bad)
{
    uint64_t gpa;

    return domctl(xv, s, cmd, &gpa) && call(xv, s, e, gpa, good, bad);
}

static bool with_running(struct x86_vcpu *xv, struct slot *s, struct vmexit *e)
{
    switch (sim_random(15)) {
    case 0:
        return simple(xv, s, e, XEN_DOMCTL_destroydomain, T_NONE, T_GOING);
    case 1:
    case 2:
        return simple(xv, s, e, XEN_DOMCTL_pausedomain, T_PAUSED, T_RUNNING);
    case 3:
    case 4:
        return set_affinity(xv, s, e);
    case 5:
        return weight(xv, s, e);
    case 6:
        return simple(xv, s, e, XEN_DOMCTL_resumedomain, T_RUNNING, T_RUNNING);
    case 7:
        return hotplug(xv, s, e);
    default:
        return question(xv, s, e);
    }
}

bool sim_tools_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    struct slot *s = &slots[sim_random(SLOTS)];
    uint64_t gpa;
    struct xen_domctl *op;

    if (s->busy || (s - slots) % (int)xv->v.domain->max_vcpus != (int)xv->v.id) {
        return false;
    }
    s->d = &sim_domains[1 + (s - slots)];
    switch (s->state) {
    case T_NONE:
        return create(xv, s, e);
    case T_MAX_VCPUS:
        op = domctl(xv, s, XEN_DOMCTL_max_vcpus, &gpa);
        if (!op) {
            return false;
        }
        op->u.max_vcpus.max = s->vcpus;
        return call(xv, s, e, gpa, T_MAX_MEM, T_GOING);
    case T_MAX_MEM:
        op = domctl(xv, s, XEN_DOMCTL_max_mem, &gpa);
        if (!op) {
            return false;
        }
        op->u.max_mem.max_memkb = 4 * (SIM_PAGES + 4);
        return call(xv, s, e, gpa, T_POPULATE, T_GOING);
    case T_POPULATE:
        return populate(xv, s, e);
    case T_START:
        return start(xv, s, e);
    case T_RUNNING:
        return with_running(xv, s, e);
    case T_PAUSED:
        return sim_chance(4) ? simple(xv, s, e, XEN_DOMCTL_destroydomain, T_NONE, T_GOING)
                             : simple(xv, s, e, XEN_DOMCTL_unpausedomain, T_RUNNING, T_PAUSED);
    default:
        return simple(xv, s, e, XEN_DOMCTL_destroydomain, T_NONE, T_GOING);
    }
}
