/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scheduling: who runs where. The core here keeps the run states, affinity and accounting and calls a policy (struct sched_policy, one file each)
 * for every choice. It knows struct sched_vcpu, which struct vcpu embeds, and nothing of domains.
 *
 * A vCPU is runnable when pause_count is 0 and pause_flags is empty. Whoever changes these calls sched_wake() or sched_sleep().
 */
#pragma once
#include <abi/domctl.h>
#include <abi/vcpu.h>
#include <base/lock.h>
#include <core/timer/timer.h>
#include <lib/list.h>

#define VPF_BLOCKED  (1u << 0) /* waits for an event */
#define VPF_DOWN     (1u << 1) /* not brought up, or taken down */
#define VPF_POLLING  (1u << 2) /* SCHEDOP_poll */
#define VPF_SHUTDOWN (1u << 3) /* its domain shut down */

#define SCHED_RUNNING      1u
#define SCHED_SAVE_AWAITED 2u

/* Scheduling parameters shared by a domain's vCPUs. */
struct sched_domain {
    uint32_t weight;         /* 1..65535, 256 by default */
    uint32_t cap;            /* percent of a pCPU, 0 none */
    uint64_t policy_data[2]; /* the policy's own */
};

struct sched_vcpu {
    /* constant after sched_vcpu_add() */
    struct sched_domain *dom;
    bool is_idle;

    /* under the runqueue's lock */
    uint16_t cpu; /* pCPU it runs on, or ran last */
    /* not 0: chosen on `cpu`, or its state is still being saved there. Cleared without the lock: from then on another
     * pCPU may take it, and the saving one does not touch it again. SCHED_SAVE_AWAITED: one wanted it meanwhile. */
    uint8_t is_running;
    cpuset_t hard_affinity;
    cpuset_t soft_affinity;
    uint8_t runstate; /* RUNSTATE_* */
    uint64_t runstate_since_ns;
    uint64_t runstate_time_ns[4];
    uint64_t last_run_ns;   /* charged up to here */
    uint64_t policy[8];     /* the policy's own; a struct of its laid over */
    struct list_head queue; /* the policy's runqueue link; linked to itself while not queued */

    /* atomic */
    uint32_t pause_count;
    uint32_t pause_flags;
};

struct sched_stats {
    uint64_t switches; /* to another vCPU, idle ones included */
    uint64_t wakes;
    uint64_t migrations; /* a vCPU ran on another pCPU than the last time */
};
void sched_get_stats(struct sched_stats *out);

/* After CPUs are known; @name from `sched=`, NULL for the default, credit2. -XEN_ENOENT: no such policy, the default is used. */
int sched_init(const char *name);
/* Bring @cpu under the scheduler with its idle vCPU. */
void sched_cpu_up(unsigned int cpu, struct sched_vcpu *idle);
int sched_domain_init(struct sched_domain *d);
void sched_domain_destroy(struct sched_domain *d);
/* A new vCPU: paused once and VPF_DOWN, may run anywhere. Chooses its first pCPU. */
int sched_vcpu_add(struct sched_vcpu *v, struct sched_domain *d);
/* It is not runnable any more, and does not run (sched_sleep_sync()). Nothing may wake it. */
void sched_vcpu_remove(struct sched_vcpu *v);

bool sched_is_runnable(const struct sched_vcpu *v);
/* Something about @v changed: if it is runnable now and was not, queue it and prod a pCPU. Any context. */
void sched_wake(struct sched_vcpu *v);
/* It may have stopped being runnable: take it off its pCPU soon; _sync waits until it is off (never call that on the current vCPU). */
void sched_sleep(struct sched_vcpu *v);
void sched_sleep_sync(struct sched_vcpu *v);
void sched_pause(struct sched_vcpu *v); /* pause_count++, sleep_sync unless current */
void sched_pause_nosync(struct sched_vcpu *v);
void sched_unpause(struct sched_vcpu *v);
/* The vCPU that runs here gives way, once, to others that wait. Nothing happens when none does. */
void sched_yield_current(void);
/* -XEN_EINVAL: no online pCPU in @hard. */
int sched_set_affinity(struct sched_vcpu *v, cpuset_t hard, cpuset_t soft);
/* -XEN_EINVAL: weight out of range. -XEN_EOPNOTSUPP: a cap, which is not built yet. */
int sched_set_params(struct sched_domain *d, uint32_t weight, uint32_t cap);
/* Run state times up to now. Any context. */
void sched_runstate(const struct sched_vcpu *v, struct vcpu_runstate_info *out);
uint64_t sched_cpu_time_ns(const struct sched_vcpu *v);
uint64_t sched_idle_ns(unsigned int cpu);
unsigned int sched_id(void); /* XEN_SCHEDULER_* */
const char *sched_name(void);
