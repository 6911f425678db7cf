/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guests are told about time: vcpu_time_info, the wallclock, their timers. Protocol of the version fields: <xen/xen.h>. */
#include <abi/x86_32.h>
#include <core/domain/arch.h>
#include <core/evtchn/evtchn_ops.h>

/* Words from wc_version in both layouts of the shared page. */
#define WC_SEC  1
#define WC_NSEC 2

static void time_begin(volatile uint32_t *version)
{
    *version |= 1;
    __atomic_thread_fence(
        __ATOMIC_RELEASE); /* pairs with the guest's read barrier: odd before the fields change */
}

static void time_end(volatile uint32_t *version)
{
    __atomic_thread_fence(__ATOMIC_RELEASE); /* fields before the even version */
    *version += 1;
}

static void fill(struct vcpu_time_info *to, const struct vcpu_time_info *from)
{
    to->version = (to->version + 1) | 1; /* the guest can write anything here: only the parity matters */
    time_begin(&to->version);
    to->tsc_timestamp = from->tsc_timestamp;
    to->system_time = from->system_time;
    to->tsc_to_system_mul = from->tsc_to_system_mul;
    to->tsc_shift = from->tsc_shift;
    to->flags = from->flags;
    time_end(&to->version);
}

/* The vCPU may run on one pCPU while another vCPU gives it another area. */
static void fill_area(struct vcpu *v, const struct vcpu_time_info *t)
{
    unsigned long flags = spin_lock_irqsave(&v->time_lock);

    if (!mfn_is_invalid(v->time_mfn)) {
        fill((struct vcpu_time_info *)((uint8_t *)mfn_to_virt(v->time_mfn) + v->time_offset), t);
    }
    spin_unlock_irqrestore(&v->time_lock, flags);
}

void vcpu_update_time(struct vcpu *v)
{
    struct vcpu_time_info t = {0};

    arch_fill_time(v, &t);
    fill(&v->info->time, &t);
    if (!mfn_is_invalid(v->time_mfn)) {
        fill_area(v, &t);
    }
}

void vcpu_set_time_area(struct vcpu *v, mfn_t mfn, uint32_t offset)
{
    struct vcpu_time_info t = {0};
    unsigned long flags = spin_lock_irqsave(&v->time_lock);
    mfn_t old = v->time_mfn;

    v->time_mfn = mfn;
    v->time_offset = offset;
    spin_unlock_irqrestore(&v->time_lock, flags);
    if (!mfn_is_invalid(old)) {
        arch_put_gfn(v->domain, old, true);
    }
    if (!mfn_is_invalid(mfn)) {
        arch_fill_time(v, &t);
        fill_area(v, &t);
    }
}

/* UTC at port_now_ns() == 0; 0 until the hardware domain sets it, then the machine's clock is not asked any more. */
static uint64_t wallclock_base_ns;

void wallclock_set_base(uint64_t base_ns)
{
    struct domain *d;

    __atomic_store_n(&wallclock_base_ns, base_ns, __ATOMIC_RELAXED);
    for (domid_t id = 0; (d = domain_next(id)) != NULL; id = d->id + 1, domain_put(d)) {
        domain_update_wallclock(d);
    }
}

static uint64_t wallclock_base(void)
{
    uint64_t set = __atomic_load_n(&wallclock_base_ns, __ATOMIC_RELAXED);

    return set ? set : port_wallclock_base_ns();
}

void domain_update_wallclock(struct domain *d)
{
    uint64_t ns = wallclock_base() + (uint64_t)d->time_offset_s * 1000000000ull;
    uint64_t sec = ns / 1000000000ull;
    struct shared_info *s = d->shared;
    struct x32_shared_info *s32 = (struct x32_shared_info *)s;
    bool is_32bit = d->evtchn.is_32bit;
    volatile uint32_t *version = is_32bit ? &s32->wc_version : &s->wc_version;

    time_begin(version);
    version[WC_SEC] = (uint32_t)sec;
    version[WC_NSEC] = (uint32_t)(ns % 1000000000ull);
    *(is_32bit ? &s32->arch.wc_sec_hi : &s->wc_sec_hi) = (uint32_t)(sec >> 32);
    time_end(version);
}

void domain_set_info_width(struct domain *d, bool is_32bit)
{
    spin_lock(&d->lock);
    if (d->evtchn.is_32bit != is_32bit) {
        evtchn_set_layout(&d->evtchn, is_32bit);
        domain_update_wallclock(d);
    }
    spin_unlock(&d->lock);
}

#define PERIOD_MIN_NS MILLISECS(1)
#define PERIOD_MAX_NS (1ull << 57)

/* A period that ends while the vCPU waits does not wake it: a guest that blocks wants to sleep until its one-shot timer. */
void vcpu_periodic_fired(void *arg)
{
    struct vcpu *v = arg;
    uint64_t period = __atomic_load_n(&v->periodic_ns, __ATOMIC_SEQ_CST);

    if (period == 0) {
        return; /* stopped while this was on its way */
    }
    if (!sched_runs(&v->sched)) {
        __atomic_store_n(&v->periodic_missed, true, __ATOMIC_RELEASE);
        return;
    }
    vcpu_send_virq(v, VIRQ_TIMER);
    (void)timer_set(&v->periodic, port_now_ns() + period);
    /* pairs with vcpu_set_periodic(): one of the two sees the other's */
    if (__atomic_load_n(&v->periodic_ns, __ATOMIC_SEQ_CST) == 0) {
        timer_stop(&v->periodic);
    }
}

void vcpu_periodic_resume(struct vcpu *v)
{
    if (v->periodic_ns != 0 && __atomic_exchange_n(&v->periodic_missed, false, __ATOMIC_ACQUIRE)) {
        (void)timer_set(&v->periodic, port_now_ns());
    }
}

int vcpu_set_periodic(struct vcpu *v, uint64_t period_ns)
{
    if (period_ns != 0 && (period_ns < PERIOD_MIN_NS || period_ns > PERIOD_MAX_NS)) {
        return -XEN_EINVAL;
    }
    __atomic_store_n(&v->periodic_ns, period_ns, __ATOMIC_SEQ_CST);
    timer_stop(&v->periodic);
    v->periodic_missed = false;
    return period_ns == 0 ? 0 : timer_set(&v->periodic, port_now_ns() + period_ns);
}

int vcpu_set_singleshot(struct vcpu *v, uint64_t timeout_abs_ns, uint32_t flags)
{
    if ((flags & VCPU_SSHOTTMR_future) && timeout_abs_ns < port_now_ns()) {
        return -XEN_ETIME;
    }
    timer_migrate(&v->singleshot, pcpu_id());
    return timer_set(&v->singleshot, timeout_abs_ns);
}
