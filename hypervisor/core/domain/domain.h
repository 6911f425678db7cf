/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains and their vCPUs: composes the state machines of core into what a hypercall acts on. The guest layer embeds these structs in its own
 * (struct x86_domain, struct x86_vcpu), and allocates them.
 *
 * Life: created paused (pause_count 1), built, unpaused; then shut down or killed; then dying: domain_kill() tears down in steps that can be resumed;
 * freed when the last reference goes. References: domain_get()/domain_put(); the table of domains holds one until the domain is dead, its
 * frames together another.
 */
#pragma once
#include <abi/vcpu.h>
#include <base/lock.h>
#include <core/evtchn/evtchn.h>
#include <core/gnttab/gnttab.h>
#include <core/memory/domain_mem.h>
#include <base/softirq.h>
#include <core/sched/sched.h>
#include <lib/rangeset.h>

struct domain;

struct vcpu {
    struct domain *domain; /* constant */
    unsigned int id;       /* constant */
    struct sched_vcpu sched;
    struct evtchn_vcpu evtchn;

    /* vCPU info: in the shared page, or where registered. Changes once, under domain->lock. */
    struct vcpu_info
        *info; /* hypervisor's mapping; never NULL (a dummy page for vCPUs beyond the shared page's 32) */
    mfn_t info_mfn; /* INVALID_MFN: in the shared page */

    bool is_initialised;     /* has register state */
    bool is_initialising;    /* VCPUOP_initialise is at it; atomic */
    struct timer singleshot; /* VIRQ_TIMER once */
    struct timer poll;       /* SCHEDOP_poll's timeout */
    struct timer periodic;   /* VIRQ_TIMER at a period, while it runs */
    uint64_t periodic_ns;    /* 0: off */
    bool periodic_missed;    /* it came while the vCPU did not run */
    uint32_t poll_port;      /* the one port polled, 0: several */

    vaddr_t runstate_guest; /* registered area, 0 none; PV: guest virtual */

    struct spinlock time_lock; /* class vcpu_time: the two below, and the area while it is written */
    mfn_t time_mfn;            /* registered secondary time area, INVALID_MFN none; referenced as writable */
    uint32_t time_offset;
};

#define DOMAIN_WATCHDOGS 2u

enum domain_dying { DOMAIN_ALIVE = 0, DOMAIN_DYING = 1, DOMAIN_DEAD = 2 };

struct domain {
    /* constant after creation */
    domid_t id;
    enum guest_kind kind;
    bool is_control;  /* may use domctl, sysctl */
    bool is_hardware; /* owns the devices */
    bool is_xenstore;
    unsigned int max_vcpus; /* size of vcpus[] */
    struct vcpu **vcpus;
    uint32_t create_flags;      /* XEN_DOMCTL_CDF_* */
    xen_domain_handle_t handle; /* under lock */

    uint32_t refs;           /* atomic */
    struct spinlock lock;    /* class domain: all up to the next comment */
    uint32_t control_pauses; /* by XEN_DOMCTL_pausedomain; 1 at creation */
    uint32_t pauses;         /* in all: each vCPU's pause_count includes it */
    enum domain_dying dying; /* also read without the lock */
    bool is_shutting_down, is_shut_down;
    uint8_t shutdown_code;
    bool has_shutdown_code; /* said beforehand: domain_announce_shutdown() */
    uint32_t suspend_evtchn;
    domid_t target;     /* which domain this one is the device model of; DOMID_NONE */
    uint32_t kill_step; /* progress of domain_kill() */
    int64_t time_offset_s;
    bool has_set_nodes; /* domain_set_nodes() was told where its memory shall be */

    struct sched_domain sched;
    struct domain_mem mem;
    struct evtchn_table evtchn;
    struct gnttab gnttab;
    struct shared_info *shared;
    mfn_t shared_mfn;
    struct rangeset iomem;                   /* frames of device memory it may map */
    struct rangeset irqs;                    /* physical interrupts */
    struct timer watchdog[DOMAIN_WATCHDOGS]; /* SCHEDOP_watchdog: the domain is shut down when one ends */
    uint32_t watchdogs_used;                 /* under lock */
    uint64_t poll_mask[2];                   /* vCPUs in SCHEDOP_poll; atomic */
    struct tasklet destroy;
};

/* --- the table of domains ------------------------------------------------------------------------------------------------------ */
/* A referenced domain, or NULL. DOMID_SELF is not resolved. Any context. */
struct domain *domain_get(domid_t id);
/* The same, with DOMID_SELF meaning the current vCPU's. */
struct domain *domain_get_or_self(domid_t id);
void domain_ref(struct domain *d);
void domain_put(struct domain *d);
/* The next domain with an id >= @from, referenced; NULL at the end. */
struct domain *domain_next(domid_t from);
/* The hardware domain; NULL until it exists. */
struct domain *hardware_domain(void);

extern const struct rangeset_ops domain_rangeset_ops;

/* --- creation and life ----------------------------------------------------------------------------------------------------------- */
struct domain_config {
    domid_t id;
    enum guest_kind kind;
    bool is_control, is_hardware, is_xenstore;
    uint32_t flags; /* XEN_DOMCTL_CDF_* */
    unsigned int max_vcpus;
    uint32_t max_evtchn_port;
    uint32_t max_grant_frames, max_maptrack_frames;
    uint32_t emulation_flags; /* XEN_X86_EMU_* */
    uint32_t cpupool;
    xen_domain_handle_t handle;
};

/* A new domain without memory or vCPUs, paused by control. Errors: -XEN_EEXIST, -XEN_ENOMEM, -XEN_EINVAL, -XEN_ENOENT: no such CPU pool, -XEN_ENODEV: no pCPU in it. One reference is the table's. */
int domain_create(const struct domain_config *c, struct domain **out);
/* An id that no domain has; DOMID_NONE when there is none. */
domid_t domain_free_id(void);
/* vCPU @id, down. -XEN_EEXIST, -XEN_ENOMEM, -XEN_EINVAL. */
int vcpu_create(struct domain *d, unsigned int id, struct vcpu **out);
/* Release a vCPU that does not run and whose domain is going. */
void vcpu_destroy(struct vcpu *v);
/* Drop the areas that the guest registered. */
void vcpu_release_areas(struct vcpu *v);
/*
 * Move the vCPU's info to a page of the guest (VCPUOP_register_vcpu_info), pending events included. Once only; for another vCPU only while that is
 * down. -XEN_EINVAL: the place is not the domain's, not writable, misaligned or crosses a page.
 */
int vcpu_register_info(struct vcpu *v, gfn_t gfn, uint32_t offset);
/* An event arrived: it need not wait any longer. Any context. */
void vcpu_unblock(struct vcpu *v);
void vcpu_end_poll(struct vcpu *v);
/* Wait for an event, unless one is pending (SCHEDOP_block, HLT). The current vCPU. */
void vcpu_block(struct vcpu *v);
/* VCPUOP_down: the last one down shuts the domain down. */
void vcpu_take_down(struct vcpu *v);
void domain_pause(struct domain *d); /* waits until no vCPU runs; not on the current domain */
void domain_unpause(struct domain *d);
/* Toolstack pauses: counted apart, so that they cannot undo the hypervisor's. -XEN_EINVAL: not paused so. */
int domain_pause_by_control(struct domain *d);
int domain_unpause_by_control(struct domain *d);
/* The guest says it is down, or crashed (SHUTDOWN_*): all vCPUs stop, VIRQ_DOM_EXC to the control domain. */
void domain_shutdown(struct domain *d, uint8_t reason);
/* The guest says why it will shut down, before it does; the first reason stays (SCHEDOP_shutdown_code). */
void domain_announce_shutdown(struct domain *d, uint8_t reason);
/* The current domain did what it must not: log why and shut it down as crashed. */
void domain_crash(struct domain *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Undo a shutdown for a resumed (not migrated) domain. */
void domain_resume(struct domain *d);
/* Tear down: 0 when done, -XEN_ERESTART to be called again. */
int domain_kill(struct domain *d);

/* Deliver virtual interrupt @virq: to the vCPU for per-vCPU ones, to the hardware domain for global ones. Any context. */
void vcpu_send_virq(struct vcpu *v, unsigned int virq);
void domain_send_global_virq(unsigned int virq);

/* --- memory nodes ------------------------------------------------------------------------------------------------------------------- */
/* Whatever decides where its vCPUs run has changed: its memory comes from the nodes of the pCPUs that they prefer, unless nodes were set. */
void domain_update_nodes(struct domain *d);
/* The same for all domains: a CPU pool has other pCPUs now. */
void domain_update_all_nodes(void);
/* Its memory shall come from @nodes from now on; all bits set: from where its vCPUs are again. -XEN_EINVAL: there is none of these. Both under the tools' lock. */
int domain_set_nodes(struct domain *d, uint64_t nodes);
/* From where its memory comes; never empty. */
uint64_t domain_nodes(const struct domain *d);

/* --- time --------------------------------------------------------------------------------------------------------------------------- */
/* Refresh the vCPU's struct vcpu_time_info from the pCPU's calibration. */
void vcpu_update_time(struct vcpu *v);
/*
 * The time is written at @offset of @mfn too from now on, whose reference is taken over; INVALID_MFN: nowhere else. The place before is not used any more when
 * this returns, and let go. Any vCPU of the domain may call it for any other.
 */
void vcpu_set_time_area(struct vcpu *v, mfn_t mfn, uint32_t offset);
void domain_update_wallclock(struct domain *d);
/* The guest reads the shared page and its other areas as 32-bit or as 64-bit code from now on. Takes the domain's lock. */
void domain_set_info_width(struct domain *d, bool is_32bit);
/* The hardware domain knows the time better: UTC in nanoseconds at port_now_ns() == 0. Tells every domain. */
void wallclock_set_base(uint64_t base_ns);
/* VIRQ_TIMER every @period_ns, 0 for never. -XEN_EINVAL: shorter than a millisecond, or absurdly long. */
int vcpu_set_periodic(struct vcpu *v, uint64_t period_ns);
/* The timer's callback. */
void vcpu_periodic_fired(void *v);
/* The vCPU runs again: a period that ended meanwhile counts now. */
void vcpu_periodic_resume(struct vcpu *v);
int vcpu_set_singleshot(struct vcpu *v, uint64_t timeout_abs_ns, uint32_t flags);

/* --- events as seen by a vCPU ---------------------------------------------------------------------------------------------------- */
static inline bool vcpu_event_pending(const struct vcpu *v)
{
    return *(volatile uint8_t *)&v->info->evtchn_upcall_pending &&
           !*(volatile uint8_t *)&v->info->evtchn_upcall_mask;
}

static inline struct vcpu *vcpu_of_sched(struct sched_vcpu *s)
{
    return container_of(s, struct vcpu, sched);
}

static inline struct domain *current_domain(void)
{
    return current_vcpu()->domain;
}

static inline bool domain_is_paused(const struct domain *d)
{
    return d->control_pauses != 0;
}
