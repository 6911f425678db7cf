/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scheduling: who runs where. The core here keeps the run states, affinity and accounting and calls a policy (struct sched_policy, one file each)
 * for every choice. It knows struct sched_vcpu and struct sched_domain, which struct vcpu and struct domain embed, and nothing else of these.
 *
 * pCPUs are divided into pools, each with a policy; a domain is in one pool. Within a pool, pCPUs that are near each other share a runqueue.
 * Locks: a pool's (class schedpool), then a runqueue's (sched).
 *
 * A vCPU is runnable when pause_count is 0 and pause_flags is empty. Whoever changes these calls sched_wake() or sched_sleep().
 */
#pragma once
#include <abi/domctl.h>
#include <abi/vcpu.h>
#include <base/lock.h>
#include <core/sched/waitq.h>
#include <core/timer/timer.h>
#include <lib/list.h>

#define VPF_BLOCKED  (1u << 0) /* waits for an event */
#define VPF_DOWN     (1u << 1) /* not brought up, or taken down */
#define VPF_POLLING  (1u << 2) /* SCHEDOP_poll */
#define VPF_SHUTDOWN (1u << 3) /* its domain shut down */

/*
 * sched_vcpu.is_running: bit 0; from bit 1 on the number + 1 of a pCPU that wanted the vCPU meanwhile; SCHED_HELD: it waits, its pCPU idles and still has its
 * state in the registers, from where it may go on (direct policies). Whoever stops it for another reason makes the pCPU save it: sched_sleep().
 */
#define SCHED_RUNNING 1u
#define SCHED_HELD    (1u << 15)

#define SCHED_WEIGHT_DEFAULT 256u
#define SCHED_WEIGHT_MAX     65535u

struct sched_policy;
struct sched_pool;

/* The share of a domain, and which pool it is in. */
struct sched_domain {
    uint32_t weight; /* 1..65535, 256 by default */
    uint32_t cap;    /* percent of a pCPU, 0 none */

    /* under the pool's lock; the pool changes only while no vCPU of the domain can run (sched_domain_move()) */
    struct sched_pool *pool;
    struct list_head in_pool;
    struct list_head vcpus; /* of struct sched_vcpu */
    uint32_t pool_id;       /* the same, for anyone */
    void *policy_data;      /* the policy's own */
};

struct sched_vcpu {
    /* constant after sched_vcpu_add(); `policy` changes as dom->pool does */
    struct sched_domain *dom;
    const struct sched_policy *policy;
    bool is_idle;
    uint32_t trace_id; /* trace_id() of it, set before sched_vcpu_add() */

    struct list_head in_domain; /* under the pool's lock */

    /* under the runqueue's lock */
    bool is_queued;
    uint16_t cpu; /* pCPU it runs on, or ran last, or waits for */
    /* not 0: chosen on `cpu`, or its state is still being saved there. Cleared without the lock: from then on another
     * pCPU may take it, and the saving one does not touch it again. Does it run? sched_runs() */
    uint16_t is_running;
    cpuset_t hard_affinity; /* as asked for */
    cpuset_t soft_affinity;
    uint8_t runstate; /* RUNSTATE_* */
    uint64_t runstate_since_ns;
    uint64_t runstate_time_ns[4];
    uint64_t last_run_ns;     /* charged up to here */
    uint64_t policy_words[5]; /* the policy's own; a struct of its laid over */
    /*
     * cpus[WAITQ_ALLOWED]: where it may run: its hard affinity within its pool, or the whole pool when these do not meet.
     * cpus[WAITQ_PREFERRED]: its soft affinity within that, or all of that. Never empty while the pool has a pCPU.
     * cpus[WAITQ_LAST]: credit2: while queued, `cpu` alone.
     */
    struct waitq_node wait;

    /* atomic */
    uint32_t pause_count;
    uint32_t pause_flags;
};

struct sched_stats {
    uint64_t switches; /* to another vCPU, idle ones included */
    uint64_t wakes;
    uint64_t migrations; /* a vCPU ran on another pCPU than the last time */
    uint64_t pulls;      /* of them, from another runqueue */
};
void sched_get_stats(struct sched_stats *out);
/* Log every runqueue: its pCPUs, who runs there, who waits. */
void sched_show(void);

/* --- start-up ----------------------------------------------------------------------------------------------------------------------------------- */

/* Which pCPUs share a runqueue; no more than SCHED_RQ_CPUS_MAX in any case. */
enum sched_grouping { SCHED_BY_CPU, SCHED_BY_CORE, SCHED_BY_SOCKET, SCHED_BY_NODE, SCHED_ALL };
#define SCHED_RQ_CPUS_MAX 16u

/* What of the machine matters here; all 0 (one socket) unless sched_set_topology() said otherwise before sched_cpu_up(). */
struct sched_topology {
    uint16_t core, socket, node; /* numbers that are the same for pCPUs of the same core, socket, node */
};
void sched_set_topology(unsigned int cpu, const struct sched_topology *t);
/* As in the SLIT: 10 is local. Nodes from SCHED_NODES_MAX on are as far as the furthest. */
#define SCHED_NODES_MAX 8u
void sched_set_distance(unsigned int node, unsigned int other, uint8_t distance);
void sched_set_grouping(enum sched_grouping g);

/* After CPUs are known; @name from `sched=` for pool 0, NULL for the default, credit2. -XEN_ENOENT: no such policy, the default is used. */
int sched_init(const char *name);
/* Bring @cpu under the scheduler, in pool 0, with its idle vCPU. */
void sched_cpu_up(unsigned int cpu, struct sched_vcpu *idle);

/* --- domains and vCPUs --------------------------------------------------------------------------------------------------------------------------- */

/* Into pool @pool. -XEN_ENOENT: there is no such pool. -XEN_ENODEV: it has no pCPU. -XEN_ENOMEM. */
int sched_domain_init(struct sched_domain *d, uint32_t pool);
/* After its last vCPU; a zeroed one may be destroyed. */
void sched_domain_destroy(struct sched_domain *d);
/* A new vCPU: paused once and VPF_DOWN, may run anywhere. Chooses its first pCPU. */
int sched_vcpu_add(struct sched_vcpu *v, struct sched_domain *d);
/* It is not runnable any more, and does not run (sched_sleep_sync()). Nothing may wake it. */
void sched_vcpu_remove(struct sched_vcpu *v);

bool sched_is_runnable(const struct sched_vcpu *v);
/* It is on a pCPU, or its state is being saved there. Any context; a moment's view. */
static inline bool sched_runs(const struct sched_vcpu *v)
{
    return (__atomic_load_n(&v->is_running, __ATOMIC_SEQ_CST) & (SCHED_RUNNING | SCHED_HELD)) ==
           SCHED_RUNNING;
}
/* vwfi=native: instructions that wait for an interrupt are left to vCPUs that own their pCPU. Set before the first domain. */
extern bool sched_halt_native;
/* May @v halt its pCPU itself? The answer changes only while it does not run. */
bool sched_may_halt(const struct sched_vcpu *v);
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
/* -XEN_EINVAL: no pCPU of its pool in @hard. @soft may be anything; what meets nothing expresses no preference. */
int sched_set_affinity(struct sched_vcpu *v, cpuset_t hard, cpuset_t soft);
/* -XEN_EINVAL: weight out of range. -XEN_EOPNOTSUPP: a cap under a policy that has none. -XEN_ENOMEM. */
int sched_set_params(struct sched_domain *d, uint32_t weight, uint32_t cap);
/* Run state times up to now. Any context. */
void sched_runstate(const struct sched_vcpu *v, struct vcpu_runstate_info *out);
uint64_t sched_cpu_time_ns(const struct sched_vcpu *v);
uint64_t sched_idle_ns(unsigned int cpu);
/* Has pCPU @cpu nothing to run at this moment? Any context. */
bool sched_cpu_is_idle(unsigned int cpu);

/* --- pools ------------------------------------------------------------------------------------------------------------------------------------------- */
/* All calls below come from one pCPU at a time (the tools' lock), in process context. */

struct sched_pool_info {
    uint32_t id;
    uint32_t policy_id; /* XEN_SCHEDULER_* */
    uint32_t domains;
    cpuset_t cpus;
};
/* The first pool with a number of @from or more. -XEN_ENOENT: there is none. */
int sched_pool_info(uint32_t from, struct sched_pool_info *out);
/* Online pCPUs in no pool. */
cpuset_t sched_free_cpus(void);
/*
 * A pool without pCPUs; *@id: the number wanted, SCHED_POOL_ANY for a free one, out: what it got. -XEN_EEXIST: there is one of this number.
 * -XEN_EINVAL: no such policy. -XEN_ENOMEM.
 */
#define SCHED_POOL_ANY 0xffffffffu
int sched_pool_create(uint32_t *id, uint32_t policy_id);
/* -XEN_ENOENT: no such pool. -XEN_EBUSY: it has domains or pCPUs, or is pool 0. */
int sched_pool_destroy(uint32_t id);
/* -XEN_ENOENT: no such pool. -XEN_EINVAL: @cpu is not online. -XEN_ENODEV: it is in a pool. */
int sched_pool_add_cpu(uint32_t id, unsigned int cpu);
/*
 * Take @cpu out; its vCPUs move to the pool's others. -XEN_ENOENT: no such pool. -XEN_EINVAL: it is not online. -XEN_ENODEV: it is not in this pool. -XEN_EBUSY: it is
 * the last one of a pool with domains. -XEN_ERESTART: the caller itself runs there; it was told to leave, call again then.
 */
int sched_pool_remove_cpu(uint32_t id, unsigned int cpu);
/* The pool that @cpu is in; SCHED_POOL_ANY: none. */
uint32_t sched_cpu_pool(unsigned int cpu);
/* @cpu, online and in no pool, is about to be parked: nobody can add it to one. And it came back: into pool 0. */
void sched_cpu_leave(unsigned int cpu);
void sched_cpu_return(unsigned int cpu);
/* The caller has paused @d and waited until no vCPU of it runs. Errors as sched_domain_init(); then nothing has changed. */
int sched_domain_move(struct sched_domain *d, uint32_t pool);
uint32_t sched_domain_pool(const struct sched_domain *d);
/* A choice stands for @us at least; 0: no limit. -XEN_ESRCH: no such pool. -XEN_EINVAL: not 0 and not 100 to 500000. -XEN_EOPNOTSUPP: its policy has none. */
int sched_pool_set_ratelimit(uint32_t pool, uint32_t us);
int sched_pool_get_ratelimit(uint32_t pool, uint32_t *us);
/* The same for all pools, and those made from now on. Also before sched_init(). -XEN_EINVAL. */
int sched_set_ratelimit(uint32_t us);
/* What sched_set_ratelimit() was told last. */
uint32_t sched_ratelimit(void);
/* Options of credit2: sched_credit2_migrate_resist=, atomic; credit2_cap_period_ms=, before the first cap is set only. */
extern uint64_t credit2_resist_us, credit2_cap_period_ms;
/* XEN_SCHEDULER_* and the name of a pool's policy; pool 0's when there is no such pool. */
unsigned int sched_id(uint32_t pool);
const char *sched_name(uint32_t pool);
