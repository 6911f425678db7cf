/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts of PVH vCPUs: what others post, local APIC effects (IPIs, timer), event upcalls, and the choice of what an entry delivers. In order: what the
 * last exit interrupted, NMI, the domain's event callback vector, the APIC. AMD APM volume 2, 15.20 and 15.21; <xen/hvm/params.h>, HVM_PARAM_CALLBACK_IRQ.
 */
#include <base/counters.h>
#include <base/log.h>
#include <core/trace/trace.h>
#include <guest/x86/common/tsc.h>
#include <guest/x86/pvh/pvh_internal.h>

#define X86_VEC_NMI 2

/* --- posting: any context -------------------------------------------------------------------------------------------------------------------------- */

void pvh_post(struct x86_vcpu *xv, uint32_t what)
{
    const struct sched_vcpu *s = &xv->v.sched;

    __atomic_fetch_or(&xv->pvh->posted, what, __ATOMIC_SEQ_CST);
    vcpu_unblock(&xv->v);
    /* a running vCPU looks before it enters the guest again; on this pCPU it is on that way already */
    if (sched_runs(s) && s->cpu != pcpu_id()) {
        port_kick_cpu(s->cpu);
    }
}

void pvh_post_irq(struct x86_vcpu *xv, uint8_t vector)
{
    __atomic_fetch_or(&xv->pvh->posted_irq[vector / 64], BIT(vector % 64), __ATOMIC_SEQ_CST);
    pvh_post(xv, POST_IRQ);
}

void pvh_timer_rang(void *arg)
{
    pvh_post(arg, POST_TIMER);
}

void pvh_upcall_pending(struct x86_vcpu *xv)
{
    /* the caller wakes and kicks */
    __atomic_fetch_or(&xv->pvh->posted, POST_UPCALL, __ATOMIC_SEQ_CST);
}

long pvh_send_nmi(struct x86_vcpu *xv)
{
    pvh_post(xv, POST_NMI);
    return 0;
}

static void wake_from_down(struct x86_vcpu *xv)
{
    if (__atomic_fetch_and(&xv->v.sched.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN) {
        sched_wake(&xv->v.sched);
    }
}

/* A start-up interrupt concerns only who waits for one, or is about to. */
static void post_sipi(struct x86_vcpu *xv, uint8_t page)
{
    struct pvh_vcpu *p = xv->pvh;
    bool waits = __atomic_load_n(&p->wait_sipi, __ATOMIC_SEQ_CST) ||
                 (__atomic_load_n(&p->posted, __ATOMIC_SEQ_CST) & POST_INIT);

    if (!waits) {
        return;
    }
    __atomic_store_n(&p->sipi_page, page, __ATOMIC_SEQ_CST);
    __atomic_fetch_or(&p->posted, POST_SIPI, __ATOMIC_SEQ_CST);
    wake_from_down(xv);
}

/* --- IPIs ------------------------------------------------------------------------------------------------------------------------------------------- */

static void deliver_one(struct x86_vcpu *to, const struct vlapic_ipi *ipi)
{
    switch (ipi->mode) {
    case VLAPIC_FIXED:
    case VLAPIC_LOWEST:
        pvh_post_irq(to, ipi->vector);
        break;
    case VLAPIC_NMI:
        pvh_post(to, POST_NMI);
        break;
    case VLAPIC_INIT:
        pvh_post(to, POST_INIT);
        break;
    case VLAPIC_STARTUP:
        post_sipi(to, ipi->vector);
        break;
    default:
        log_once(log_guest_debug, "d%u: interprocessor interrupt of kind %u is ignored\n", to->v.domain->id,
                 ipi->mode);
        break;
    }
}

static void send_ipi(struct x86_vcpu *from, const struct vlapic_ipi *ipi)
{
    struct domain *d = from->v.domain;
    struct x86_vcpu *lowest = NULL;

    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = __atomic_load_n(&d->vcpus[i], __ATOMIC_ACQUIRE);
        struct x86_vcpu *to;

        if (!v) {
            continue;
        }
        to = x86_vcpu(v);
        if (!vlapic_ipi_targets(&to->pvh->vlapic, ipi)) {
            continue;
        }
        if (ipi->mode != VLAPIC_LOWEST) {
            deliver_one(to, ipi);
        } else if (!lowest || vlapic_ppr(&to->pvh->vlapic) < vlapic_ppr(&lowest->pvh->vlapic)) {
            lowest = to;
        }
    }
    if (lowest) {
        deliver_one(lowest, ipi);
    }
}

/* --- the APIC of the current vCPU --------------------------------------------------------------------------------------------------------------------- */

struct vlapic_clock pvh_apic_clock(const struct x86_vcpu *xv)
{
    return (struct vlapic_clock){
        .now_ns = port_now_ns(),
        .tsc = xv->pvh->vlapic.tsc_deadline ? pvh_guest_tsc(xv) : 0,
        .tsc_khz = xv->pvh->vlapic.tsc_deadline ? tsc_khz_of_domain(x86_domain(xv->v.domain)) : 0,
    };
}

void pvh_arm_timer(struct x86_vcpu *xv)
{
    struct pvh_vcpu *p = xv->pvh;

    if (p->vlapic.deadline_ns == 0) {
        TRACE_0(TRC_HVM_EMUL_LAPIC_STOP_TIMER);
        timer_stop(&p->timer);
        return;
    }
    TRACE_MANY(TRC_HVM_EMUL_LAPIC_START_TIMER, TRACE_PAIR(p->vlapic.deadline_ns - port_now_ns()), 0, 0, 0);
    if (xv == current_x86()) {
        timer_migrate(&p->timer, pcpu_id());
    }
    if (timer_set(&p->timer, p->vlapic.deadline_ns) != 0) {
        domain_crash(xv->v.domain, "v%u: no memory for its timer", xv->v.id);
    }
}

/* An upcall by the vCPU's own vector. A disabled APIC drops it; pvh_apply_effect() asks again when it is enabled. */
static void upcall_by_apic(struct x86_vcpu *xv)
{
    struct pvh_vcpu *p = xv->pvh;

    if (p->upcall_vector != 0 && vcpu_event_pending(&xv->v)) {
        vlapic_set_irq(&p->vlapic, p->upcall_vector, false);
    }
}

void pvh_apply_effect(struct x86_vcpu *xv, const struct vlapic_effect *fx)
{
    xv->pvh->look = true;
    if (fx->enabled) {
        upcall_by_apic(xv);
    }
    if (fx->timer_changed) {
        pvh_arm_timer(xv);
    }
    if (fx->ipi_pending) {
        send_ipi(xv, &fx->ipi);
    }
}

static void take_irqs(struct pvh_vcpu *p)
{
    for (unsigned int w = 0; w < ARRAY_SIZE(p->posted_irq); w++) {
        uint64_t bits;

        if (__atomic_load_n(&p->posted_irq[w], __ATOMIC_RELAXED) == 0) {
            continue;
        }
        bits = __atomic_exchange_n(&p->posted_irq[w], 0, __ATOMIC_SEQ_CST);
        while (bits) {
            vlapic_set_irq(&p->vlapic, (uint8_t)(w * 64 + (unsigned int)__builtin_ctzll(bits)), false);
            bits &= bits - 1;
        }
    }
}

static void take_init_sipi(struct x86_vcpu *xv, uint32_t posted)
{
    struct pvh_vcpu *p = xv->pvh;

    if (posted & POST_INIT) {
        vlapic_reset(&p->vlapic);
        pvh_arm_timer(xv);
        pvh_reset(xv);
        __atomic_store_n(&p->wait_sipi, true, __ATOMIC_SEQ_CST);
    }
    if ((posted & POST_SIPI) && p->wait_sipi) {
        __atomic_store_n(&p->wait_sipi, false, __ATOMIC_SEQ_CST);
        pvh_reset(xv);
        pvh_start_at(xv, __atomic_load_n(&p->sipi_page, __ATOMIC_SEQ_CST));
    }
}

static void take_posted(struct x86_vcpu *xv)
{
    struct pvh_vcpu *p = xv->pvh;
    uint32_t posted = __atomic_exchange_n(&p->posted, 0, __ATOMIC_SEQ_CST);

    if (posted & POST_IRQ) {
        take_irqs(p);
    }
    if (posted & POST_TIMER) {
        TRACE_0(TRC_HVM_EMUL_LAPIC_TIMER_CB);
        vlapic_timer_fire(&p->vlapic, port_now_ns());
        if (p->vlapic.deadline_ns != 0) {
            pvh_arm_timer(xv);
        }
    }
    if (posted & POST_UPCALL) {
        upcall_by_apic(xv);
    }
    if (posted & POST_NMI) {
        p->nmi_pending = true;
    }
    if (posted & (POST_INIT | POST_SIPI)) {
        take_init_sipi(xv, posted);
    }
    if (posted != POST_UPCALL || p->upcall_vector != 0) { /* else it goes past the APIC */
        p->look = true;
    }
}

static inline bool callback_pending(const struct x86_vcpu *xv)
{
    return vcpu_event_pending(&xv->v) && xv->pvh->upcall_vector == 0 &&
           pvh_domain_of(xv)->callback_vector != 0;
}

bool pvh_interrupt_pending(struct x86_vcpu *xv)
{
    struct pvh_vcpu *p = xv->pvh;
    uint8_t vector;

    if (xv != current_x86()) {
        return __atomic_load_n(&p->posted, __ATOMIC_SEQ_CST) != 0;
    }
    if (__atomic_load_n(&p->posted, __ATOMIC_SEQ_CST) != 0) {
        unsigned long flags = irq_save();

        take_posted(xv);
        irq_restore(flags);
    }
    return p->wait_sipi || (p->nmi_pending && !p->nmi_masked) || callback_pending(xv) ||
           vlapic_next_vector(&p->vlapic, &vector);
}

/* --- the entry ---------------------------------------------------------------------------------------------------------------------------------------- */

/* After INIT: nothing until a start-up interrupt. */
static void go_down(struct x86_vcpu *xv)
{
    __atomic_fetch_or(&xv->v.sched.pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&xv->pvh->posted, __ATOMIC_SEQ_CST) & POST_SIPI) {
        wake_from_down(xv); /* it came before the flag was set */
    } else {
        sched_sleep(&xv->v.sched);
    }
}

static void deliver(struct vm_vcpu *vm, uint8_t type, uint8_t vector)
{
    TRACE_2(TRC_HVM_INJ_VIRQ, vector, 0);
    count(COUNTER_pvh_interrupts);
    vm->inject = (struct vm_event){.valid = true, .type = type, .vector = vector};
}

static void deliver_nmi(struct pvh_vcpu *p)
{
    p->nmi_pending = false;
    p->nmi_masked = true;
    p->iret_rip = 0;
    p->vm.want_iret = true;
    deliver(&p->vm, VM_EVENT_NMI, X86_VEC_NMI);
}

static bool nmi_deliverable(struct x86_vcpu *xv)
{
    struct pvh_vcpu *p = xv->pvh;

    if (p->nmi_masked && p->iret_rip != 0 && p->iret_rip != xv->regs.rip) {
        p->nmi_masked = false; /* past the IRET of its handler */
    }
    return p->nmi_pending && !p->nmi_masked;
}

/*
 * Does something wait that the event which goes in, or is to come again, neither is itself nor tells of? An interrupt of the APIC ends with an access that
 * exits; the callback is pending until its handler has looked.
 */
static bool waits_for_window(const struct x86_vcpu *xv, bool callback, bool apic)
{
    const struct vm_event *e = &xv->pvh->vm.inject;

    if (e->type != VM_EVENT_INTERRUPT) {
        return callback || apic;
    }
    if (xv->pvh->upcall_vector == 0 && e->vector == pvh_domain_of(xv)->callback_vector) {
        return apic;
    }
    return callback;
}

static void choose(struct x86_vcpu *xv)
{
    struct pvh_vcpu *p = xv->pvh;
    struct vm_vcpu *vm = &p->vm;
    bool callback = callback_pending(xv), waits, apic;
    uint8_t vector = 0;

    waits = p->look && vlapic_highest_irr(&p->vlapic, &vector);
    apic = waits && (vector & 0xf0) > (vlapic_ppr(&p->vlapic) & 0xf0);
    /* when the task priority keeps it back, hear of writes to CR8 */
    vm->want_cr8 = waits && !apic && (vector >> 4) <= vlapic_cr8(&p->vlapic);
    vm->want_window = false;
    p->look = apic || vm->want_cr8;
    if (vm->inject.valid) {
        vm->want_window = waits_for_window(xv, callback, apic);
        p->look = true;
        return;
    }
    if (nmi_deliverable(xv)) {
        deliver_nmi(p);
        vm->want_window = callback || apic;
        return;
    }
    if (!callback && !apic) {
        return;
    }
    if (!(xv->regs.rflags & X86_FLAGS_IF) || vm->shadow) {
        vm->want_window = true;
        return;
    }
    if (callback) {
        deliver(vm, VM_EVENT_INTERRUPT, pvh_domain_of(xv)->callback_vector);
        vm->want_window = apic;
        return;
    }
    vlapic_ack(&p->vlapic, vector);
    deliver(vm, VM_EVENT_INTERRUPT, vector);
    p->look = false; /* it was the highest: until its end, an access of the APIC, nothing else goes in */
}

bool pvh_prepare_entry(struct x86_vcpu *xv)
{
    struct pvh_vcpu *p = xv->pvh;
    uint32_t flushes;

    if (unlikely(__atomic_load_n(&p->posted, __ATOMIC_SEQ_CST) != 0)) {
        take_posted(xv);
    }
    if (unlikely(p->wait_sipi)) {
        go_down(xv);
        return false;
    }
    flushes = __atomic_load_n(&p2m_of(xv)->flushes, __ATOMIC_SEQ_CST);
    if (unlikely(p->flushed != flushes)) {
        p->flushed = flushes;
        p->vm.flush = true;
    }
    if (p->look || p->nmi_pending || p->vm.inject.valid || callback_pending(xv)) {
        choose(xv);
    } else {
        p->vm.want_window = p->vm.want_cr8 = false;
    }
    p->vm.cr8 = vlapic_cr8(&p->vlapic);
    return true;
}

void pvh_inject(struct x86_vcpu *xv, uint8_t vector, uint32_t error)
{
    bool has_error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;

    TRACE_2(TRC_HVM_INJ_EXC, vector, has_error ? error : 0);
    xv->pvh->vm.inject = (struct vm_event){
        .valid = true,
        .type = VM_EVENT_EXCEPTION,
        .vector = vector,
        .has_error = has_error,
        .error = has_error ? error : 0,
    };
}

void pvh_inject_gp(struct x86_vcpu *xv)
{
    pvh_inject(xv, X86_VEC_GP, 0);
}

void pvh_inject_ud(struct x86_vcpu *xv)
{
    pvh_inject(xv, X86_VEC_UD, 0);
}
