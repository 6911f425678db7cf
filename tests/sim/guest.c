/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A simulated vCPU between its entry and its exit: upcalls, NMIs, hypercalls that go on, and memory through a TLB: guest.h. */
#include <abi/sched.h>
#include <tests/sim/guest.h>
#include <lib/string.h>

#define VMMCALL_LENGTH 3u
#define HLT_LENGTH     1u
#define WRMSR_LENGTH   2u
#define NMI_RIP        0x7000u
#define GUEST_RIP      0x5000u

struct sim_domain sim_domains[SIM_DOMAINS];
bool sim_quiet;

struct sim_guest *sim_guest_new(void)
{
    return zalloc(sizeof(struct sim_guest));
}

struct sim_domain *sim_domain_of(domid_t id)
{
    for (unsigned int i = 0; i < SIM_DOMAINS; i++) {
        if (sim_domains[i].used && sim_domains[i].id == id) {
            return &sim_domains[i];
        }
    }
    return NULL;
}

void sim_domain_begin(struct sim_domain *d, domid_t id, bool hostile)
{
    memset(d, 0, sizeof(*d));
    d->used = true;
    d->id = id;
    d->hostile = hostile;
    for (unsigned int i = 0; i < SIM_OFFERS; i++) {
        d->offer[i] = DOMID_NONE;
    }
}

void sim_domain_end(struct sim_domain *d)
{
    d->used = false;
}

void sim_start_domain(struct domain *d)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct x86_vcpu *xv = d->vcpus[i] ? x86_vcpu(d->vcpus[i]) : NULL;
        struct vm_state *s;

        if (!xv) {
            continue;
        }
        s = vm_fetch(&xv->pvh->vm, VM_ALL);
        s->cr0 = 0x11;
        for (unsigned int k = 0; k < X86_SEG_COUNT; k++) {
            s->seg[k] = (struct x86_seg){.attr = k == X86_SEG_CS ? 0xa9b : 0xc93, .limit = ~0u};
        }
        xv->pvh->vm.mode = INSN_MODE_64; /* 64-bit hypercalls, though addresses are physical */
        xv->pvh->wait_sipi = false;
        xv->regs.rip = GUEST_RIP;
        xv->regs.rflags |= X86_FLAGS_IF;
        xv->v.is_initialised = true;
        vm_changed(&xv->pvh->vm, VM_ALL);
        if (i == 0) {
            __atomic_fetch_and(&xv->v.sched.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
        }
    }
    sim_check(pvh_set_callback_vector(x86_domain(d), SIM_VECTOR) == 0);
}

/* --- memory --------------------------------------------------------------------------------------------------------------------------------------- */

/* The promise of every flush: while a TLB knows a translation its frame is what it was. */
static void check_translation(const struct x86_vcpu *xv, uint64_t gfn, mfn_t mfn, unsigned int owner)
{
    uint64_t s = frame_read(mfn);

    if (frame_refs(s) == 0 || (frame_owner(s) != owner && frame_owner(s) != DOMID_NONE)) {
        sim_fail("d%uv%u uses guest frame %#lx, whose frame %#lx was let go (state %#lx, owner was %u)",
                 xv->v.domain->id, xv->v.id, (unsigned long)gfn, (unsigned long)mfn.n, (unsigned long)s,
                 owner);
    }
}

void *sim_page(struct x86_vcpu *xv, uint64_t gfn, bool write)
{
    struct sim_guest *g = sim_guest_of(xv);
    __typeof__(&g->tlb[0]) t = &g->tlb[gfn % SIM_TLB];

    if (!t->valid || t->gfn != gfn || (write && !t->write)) {
        struct p2m_leaf l = p2m_lookup(p2m_of(xv), gfn);

        if (l.type == P2M_NONE || (write && !l.write)) {
            return NULL;
        }
        t->valid = true;
        t->write = l.write;
        t->gfn = gfn;
        t->mfn = l.mfn;
        t->owner = frame_owner(frame_read(l.mfn));
    }
    check_translation(xv, gfn, t->mfn, t->owner);
    return mfn_to_virt(t->mfn);
}

void *sim_args(struct x86_vcpu *xv, uint64_t *gpa)
{
    uint64_t gfn = 1 + xv->v.id;
    void *page = sim_page(xv, gfn, true);

    *gpa = gfn << PAGE_SHIFT;
    if (page) {
        memset(page, 0, PAGE_SIZE);
    }
    return page;
}

/* Look again at what the TLB has: others may have taken it meanwhile, and then must have waited for this. */
static void touch_all(struct x86_vcpu *xv)
{
    struct sim_guest *g = sim_guest_of(xv);

    for (unsigned int i = 0; i < SIM_TLB; i++) {
        if (g->tlb[i].valid) {
            check_translation(xv, g->tlb[i].gfn, g->tlb[i].mfn, g->tlb[i].owner);
        }
    }
}

/* --- events ----------------------------------------------------------------------------------------------------------------------------------------- */

static void receive(struct sim_domain *d, struct sim_guest *g, uint32_t port)
{
    d->received++;
    for (unsigned int i = 0; i < SIM_PORTS; i++) {
        if (d->port[i].kind == SP_NONE || d->port[i].port != port) {
            continue;
        }
        d->last_received[i]++;
        if (d->port[i].kind == SP_VIRQ && g->timer_due_ns != 0 && port_now_ns() >= g->timer_due_ns) {
            g->timer_due_ns = 0;
        }
    }
}

/* What an operating system does in its upcall, 2-level layout. */
static void take_upcall(struct x86_vcpu *xv, struct sim_domain *d)
{
    struct shared_info *s = xv->v.domain->shared;
    struct vcpu_info *info = xv->v.info;
    uint64_t sel;

    __atomic_store_n(&info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
    sel = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
    for (; sel; sel &= sel - 1) {
        unsigned int w = (unsigned int)__builtin_ctzll(sel);
        uint64_t bits = s->evtchn_pending[w] & ~s->evtchn_mask[w];

        __atomic_fetch_and(&s->evtchn_pending[w], ~bits, __ATOMIC_SEQ_CST);
        for (; bits; bits &= bits - 1) {
            receive(d, sim_guest_of(xv), w * 64 + (unsigned int)__builtin_ctzll(bits));
        }
    }
}

/* --- the entry ---------------------------------------------------------------------------------------------------------------------------------------- */

void sim_call(struct x86_vcpu *xv, struct vmexit *e, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
              void (*done)(struct x86_vcpu *xv, struct sim_guest *g, long rc))
{
    struct sim_guest *g = sim_guest_of(xv);

    xv->regs.rax = nr;
    xv->regs.rdi = a0;
    xv->regs.rsi = a1;
    xv->regs.rdx = a2;
    g->in_call = true;
    g->call_rip = xv->regs.rip;
    g->done = done;
    g->hypercalls++;
    if (sim.trace) {
        fprintf(stderr, "%8lu d%uv%u on %u: hypercall %lu (%#lx, %#lx, %#lx)\n", sim.switches,
                xv->v.domain->id, xv->v.id, pcpu_id(), (unsigned long)nr, (unsigned long)a0,
                (unsigned long)a1, (unsigned long)a2);
    }
    *e = (struct vmexit){.reason = VMEXIT_HYPERCALL, .next_rip = xv->regs.rip + VMMCALL_LENGTH};
}

/* The last hypercall: made again when the hypervisor wants it, or over. True: made again. */
static bool go_on(struct x86_vcpu *xv, struct sim_guest *g, struct vmexit *e)
{
    long rc = (long)xv->regs.rax;

    if (!g->in_call) {
        xv->regs.rip = GUEST_RIP; /* past a halt, or a write to an MSR */
        return false;
    }
    if (xv->regs.rip == g->call_rip) {
        *e = (struct vmexit){.reason = VMEXIT_HYPERCALL, .next_rip = xv->regs.rip + VMMCALL_LENGTH};
        return true;
    }
    sim_check(xv->regs.rip == g->call_rip + VMMCALL_LENGTH);
    xv->regs.rip = GUEST_RIP;
    g->in_call = false;
    sim_note((uint64_t)rc);
    if (sim.trace) {
        fprintf(stderr, "%8lu d%uv%u: = %ld\n", sim.switches, xv->v.domain->id, xv->v.id, rc);
    }
    if (g->done) {
        g->done(xv, g, rc);
    }
    return false;
}

/* What the entry delivers. True: @e is an exit that it leads to. */
static bool take_injected(struct x86_vcpu *xv, struct vm_vcpu *vm, struct sim_domain *d, struct vmexit *e)
{
    struct sim_guest *g = sim_guest_of(xv);
    struct vm_event event = vm->inject;

    vm->inject.valid = false;
    if (g->in_nmi) { /* past its IRET */
        g->in_nmi = false;
        xv->regs.rip = g->nmi_rip;
    }
    if (!event.valid) {
        return false;
    }
    switch (event.type) {
    case VM_EVENT_NMI:
        g->in_nmi = true;
        g->nmi_rip = xv->regs.rip;
        xv->regs.rip = NMI_RIP;
        *e = (struct vmexit){.reason = VMEXIT_IRET};
        return true;
    case VM_EVENT_INTERRUPT:
        if (event.vector == SIM_VECTOR) {
            take_upcall(xv, d);
        } else {
            g->wants_eoi = true; /* of the APIC; or a hostile guest chose another vector for its upcalls */
        }
        return false;
    default:
        xv->regs.rip = GUEST_RIP; /* the handler skips the instruction */
        g->in_call = false;
        return false;
    }
}

void sim_write_msr(struct x86_vcpu *xv, uint32_t msr, uint64_t value, struct vmexit *e)
{
    xv->regs.rcx = msr;
    xv->regs.rax = (uint32_t)value;
    xv->regs.rdx = value >> 32;
    *e = (struct vmexit){.reason = VMEXIT_MSR, .is_write = true, .next_rip = xv->regs.rip + WRMSR_LENGTH};
}

bool sim_may_sleep(const struct x86_vcpu *xv)
{
    bool has_timer = xv->v.evtchn.virq_port[VIRQ_TIMER] != 0 &&
                     (timer_is_armed(&xv->v.singleshot) || timer_is_armed(&xv->v.periodic));

    return has_timer || !xv->v.domain->is_hardware;
}

/* Halt; while the guests are active sometimes a poll, which ends by its timeout, so that dom0 at least goes on. */
static void wait_for_event(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    uint64_t gpa;
    struct sched_poll *p;

    if (d->hostile && vcpu_event_pending(&xv->v)) {
        take_upcall(xv,
                    d); /* it may have switched its upcalls off: with an event pending it would not sleep */
    }

    if (!sim_quiet && !(sim_may_sleep(xv) && sim_chance(2)) && (p = sim_args(xv, &gpa)) != NULL) {
        p->timeout = port_now_ns() + sim_random(MICROSECS(500));
        sim_call(xv, e, __HYPERVISOR_sched_op, SCHEDOP_poll, gpa, 0, NULL);
        return;
    }
    *e = (struct vmexit){.reason = VMEXIT_HLT, .next_rip = xv->regs.rip + HLT_LENGTH};
}

/* A while in the guest; it ends when the processor is interrupted. */
static bool compute(struct x86_vcpu *xv)
{
    for (uint64_t n = sim_random(20); n > 0; n--) {
        if (sim_interrupt_pending()) {
            return false;
        }
        touch_all(xv);
        sim_yield();
    }
    touch_all(xv);
    return !sim_interrupt_pending();
}

void sim_guest_run(struct x86_vcpu *xv, struct vm_vcpu *vm, struct vmexit *e)
{
    struct sim_domain *d = sim_domain_of(xv->v.domain->id);
    struct sim_guest *g = sim_guest_of(xv);

    sim_check(d);
    g->entries++;
    if (vm->flush) {
        vm->flush = false;
        memset(g->tlb, 0, sizeof(g->tlb));
    }
    vm->valid = VM_ALL;
    vm->dirty = 0;
    if (sim_interrupt_pending()) { /* before the first instruction: what was to be delivered waits */
        *e = (struct vmexit){.reason = VMEXIT_INTERRUPT};
        return;
    }
    if (take_injected(xv, vm, d, e) || go_on(xv, g, e)) {
        return;
    }
    if (vm->want_window) {
        *e = (struct vmexit){.reason = VMEXIT_WINDOW};
        return;
    }
    if (g->wants_eoi) {
        g->wants_eoi = false;
        sim_write_msr(xv, 0x80b, 0, e);
        return;
    }
    if (!compute(xv)) {
        *e = (struct vmexit){.reason = VMEXIT_INTERRUPT};
        return;
    }
    if (sim_quiet || !(d->hostile ? sim_hostile_program(xv, d, e) : sim_program(xv, d, e))) {
        wait_for_event(xv, d, e);
    }
}
