/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A domain between creation and destruction: pausing, shutting down, and teardown in steps that can be interrupted and resumed. */
#include <abi/sched.h>
#include <base/log.h>
#include <core/domain/arch.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/gnttab/gnttab_ops.h>
#include <lib/printf.h>
#include <stdarg.h>

#define RELINQUISH_BUDGET 512u

#define for_each_vcpu(d, v)                              \
    for (unsigned int i_ = 0; i_ < (d)->max_vcpus; i_++) \
        if (((v) = (d)->vcpus[i_]) != NULL)

/* --- pausing ------------------------------------------------------------------------------------------------------------------------- */

static void pause_all(struct domain *d, bool sync)
{
    struct vcpu *v;

    spin_lock(&d->lock);
    d->pauses++;
    for_each_vcpu (d, v) {
        sched_pause_nosync(&v->sched);
    }
    spin_unlock(&d->lock);
    if (!sync) {
        return;
    }
    for_each_vcpu (d, v) {
        if (v != current_vcpu()) {
            sched_sleep_sync(&v->sched);
        }
    }
}

void domain_pause(struct domain *d)
{
    ASSERT(d != current_domain());
    pause_all(d, true);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    spin_lock(&d->lock);
    ASSERT(d->pauses > 0);
    d->pauses--;
    for_each_vcpu (d, v) {
        sched_unpause(&v->sched);
    }
    spin_unlock(&d->lock);
}

int domain_pause_by_control(struct domain *d)
{
    spin_lock(&d->lock);
    if (d->control_pauses == UINT32_MAX) {
        spin_unlock(&d->lock);
        return -XEN_EOVERFLOW;
    }
    d->control_pauses++;
    spin_unlock(&d->lock);
    pause_all(d, true);
    return 0;
}

int domain_unpause_by_control(struct domain *d)
{
    spin_lock(&d->lock);
    if (d->control_pauses == 0) {
        spin_unlock(&d->lock);
        return -XEN_EINVAL;
    }
    d->control_pauses--;
    spin_unlock(&d->lock);
    domain_unpause(d);
    return 0;
}

/* --- shutdown ------------------------------------------------------------------------------------------------------------------------ */

static void hardware_domain_down(uint8_t reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        log_info("The hardware domain powered off: switching the machine off.\n");
        port_power_off();
    case SHUTDOWN_reboot:
        log_info("The hardware domain rebooted: rebooting the machine.\n");
        port_reboot();
    default:
        log_error("Domain 0 crashed (it shut down with reason %u).", reason);
        port_stop();
    }
}

void domain_announce_shutdown(struct domain *d, uint8_t reason)
{
    spin_lock(&d->lock);
    if (!d->is_shut_down && !d->has_shutdown_code) {
        d->shutdown_code = reason;
        d->has_shutdown_code = true;
    }
    spin_unlock(&d->lock);
}

static uint8_t announced_or(struct domain *d, uint8_t reason)
{
    spin_lock(&d->lock);
    reason = d->has_shutdown_code ? d->shutdown_code : reason;
    spin_unlock(&d->lock);
    return reason;
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    struct vcpu *v;

    reason = announced_or(d, reason);
    if (d->is_hardware) {
        hardware_domain_down(reason);
    }
    spin_lock(&d->lock);
    if (d->is_shut_down) {
        spin_unlock(&d->lock);
        return;
    }
    d->is_shut_down = true;
    d->shutdown_code = reason;
    for_each_vcpu (d, v) {
        __atomic_fetch_or(&v->sched.pause_flags, VPF_SHUTDOWN, __ATOMIC_SEQ_CST);
        sched_sleep(&v->sched);
    }
    spin_unlock(&d->lock);
    if (reason == SHUTDOWN_suspend && d->suspend_evtchn != 0) {
        (void)evtchn_send(&d->evtchn, d->suspend_evtchn); /* the toolstack that saves it waits there */
    } else {
        domain_send_global_virq(VIRQ_DOM_EXC);
    }
}

void domain_resume(struct domain *d)
{
    struct vcpu *v;

    domain_pause(d);
    spin_lock(&d->lock);
    d->is_shut_down = false;
    d->shutdown_code = 0;
    d->has_shutdown_code = false;
    for_each_vcpu (d, v) {
        __atomic_fetch_and(&v->sched.pause_flags, ~VPF_SHUTDOWN, __ATOMIC_SEQ_CST);
    }
    spin_unlock(&d->lock);
    domain_unpause(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char why[160];
    va_list args;

    va_start(args, fmt);
    zvsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    log_error("d%u crashed: %s\n", d->id, why);
    domain_shutdown(d, SHUTDOWN_crash);
}

/* --- teardown ------------------------------------------------------------------------------------------------------------------------ */

static int step_stop(struct domain *d)
{
    struct vcpu *v;

    pause_all(d, true);
    spin_lock(&d->mem.lock);
    d->mem.dying = true;
    spin_unlock(&d->mem.lock);
    for_each_vcpu (d, v) {
        timer_kill(&v->singleshot);
        timer_kill(&v->poll);
        timer_kill(&v->periodic);
    }
    for (unsigned int i = 0; i < DOMAIN_WATCHDOGS; i++) {
        timer_kill(&d->watchdog[i]);
    }
    return domain_mem_set_claim(&d->mem, 0);
}

static int step_events(struct domain *d)
{
    return evtchn_table_close_all(&d->evtchn);
}

static int step_grants(struct domain *d)
{
    return gnttab_release_mappings(&d->gnttab);
}

static int step_areas(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        vcpu_release_areas(v);
    }
    return 0;
}

/* After the physmap is gone: it may map them. */
static int step_grant_frames(struct domain *d)
{
    gnttab_release_frames(&d->gnttab);
    return 0;
}

static int step_memory(struct domain *d)
{
    return domain_mem_relinquish(&d->mem, RELINQUISH_BUDGET, arch_drop_types(d));
}

/* In this order: nothing may run, nobody may send, mappings of others' pages go, then the domain's own. */
static int (*const kill_steps[])(struct domain *d) = {
    step_stop, step_events, step_grants, step_areas, arch_domain_relinquish, step_grant_frames, step_memory,
};

int domain_kill(struct domain *d)
{
    if (d == current_domain()) {
        return -XEN_EINVAL;
    }
    spin_lock(&d->lock);
    if (d->dying == DOMAIN_DEAD) {
        spin_unlock(&d->lock);
        return 0;
    }
    d->dying = DOMAIN_DYING;
    spin_unlock(&d->lock);
    while (d->kill_step < ARRAY_SIZE(kill_steps)) {
        int rc = kill_steps[d->kill_step](d);

        if (rc != 0) {
            return rc;
        }
        d->kill_step++;
        if (hypercall_preempt_check()) {
            return -XEN_ERESTART;
        }
    }
    d->dying = DOMAIN_DEAD;
    domain_put(d);
    domain_send_global_virq(VIRQ_DOM_EXC);
    return 0;
}
