/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pCPUs: where they are in the machine, which of them share a runqueue, and how they come into pools and leave them, also to go offline.
 *
 * A pCPU changes its pool in three steps: nobody is sent to it any more, it is waited for until it idles, and only then its runqueue changes. In
 * between it may still leave one vCPU behind, so all vCPUs of the pool are looked at once before and once after.
 */
#include <core/sched/sched_internal.h>
#include <core/trace/trace.h>

static struct sched_rq runqueues[MAX_PCPUS]; /* pool NULL: not in use */
static struct sched_rq nowhere;              /* where pCPUs in no pool are: nothing runs there */

static struct sched_topology topology[MAX_PCPUS];
static uint8_t distances[SCHED_NODES_MAX][SCHED_NODES_MAX];
static enum sched_grouping grouping = SCHED_BY_SOCKET;

/* --- the machine ------------------------------------------------------------------------------------------------------------------------------ */

void sched_set_topology(unsigned int cpu, const struct sched_topology *t)
{
    topology[cpu] = *t;
}

void sched_set_distance(unsigned int node, unsigned int other, uint8_t distance)
{
    if (node < SCHED_NODES_MAX && other < SCHED_NODES_MAX) {
        distances[node][other] = distance;
    }
}

void sched_set_grouping(enum sched_grouping g)
{
    grouping = g;
}

unsigned int sched_distance(unsigned int cpu, const struct sched_rq *rq)
{
    unsigned int a = MIN(topology[cpu].node, SCHED_NODES_MAX - 1),
                 b = MIN(rq->group.node, SCHED_NODES_MAX - 1);

    if (cpuset_has(rq->cpus, cpu)) {
        return 0;
    }
    return a == b ? 10 : MAX(distances[a][b], (uint8_t)11);
}

static bool is_together(const struct sched_topology *a, const struct sched_topology *b)
{
    switch (grouping) {
    case SCHED_BY_CPU:
        return false;
    case SCHED_BY_CORE:
        return a->core == b->core && a->socket == b->socket && a->node == b->node;
    case SCHED_BY_SOCKET:
        return a->socket == b->socket && a->node == b->node;
    case SCHED_BY_NODE:
        return a->node == b->node;
    default:
        return true;
    }
}

/* --- runqueues --------------------------------------------------------------------------------------------------------------------------------- */

/* The runqueue of @pool for @cpu: one that its neighbours have, or an unused one; there is always one left. */
static struct sched_rq *runqueue_for(struct sched_pool *pool, unsigned int cpu)
{
    struct sched_rq *unused = NULL;

    for (unsigned int i = 0; i < MAX_PCPUS; i++) {
        struct sched_rq *rq = &runqueues[i];

        if (!rq->pool) {
            unused = unused ? unused : rq;
        } else if (rq->pool == pool && !pool->policy->is_direct && is_together(&rq->group, &topology[cpu]) &&
                   cpuset_count(rq->cpus) < SCHED_RQ_CPUS_MAX) {
            return rq;
        }
    }
    BUG_ON(!unused);
    *unused = (struct sched_rq){.lock = SPINLOCK_INIT(sched), .group = topology[cpu], .pool = pool};
    waitq_init(&unused->waiting);
    pool->policy->rq_init(unused);
    __atomic_fetch_add(&pool->rq_count, 1, __ATOMIC_SEQ_CST);
    return unused;
}

static void free_runqueue_if_empty(struct sched_rq *rq)
{
    if (cpuset_is_empty(rq->cpus)) {
        BUG_ON(!waitq_is_empty(&rq->waiting));
        __atomic_fetch_sub(&rq->pool->rq_count, 1, __ATOMIC_SEQ_CST);
        rq->pool = NULL;
    }
}

void sched_init_cpus(struct sched_pool *no_pool)
{
    for (unsigned int i = 0; i < MAX_PCPUS; i++) {
        runqueues[i].pool = NULL;
    }
    nowhere = (struct sched_rq){.lock = SPINLOCK_INIT(sched), .pool = no_pool};
    waitq_init(&nowhere.waiting);
}

/* --- pCPUs -------------------------------------------------------------------------------------------------------------------------------------------- */

cpuset_t sched_free_cpus(void)
{
    return nowhere.cpus;
}

/* @p, which idles and will for now, has runqueue @to from now on. */
static void change_runqueue(struct sched_pcpu *p, struct sched_rq *to)
{
    struct sched_rq *from = p->rq;
    unsigned long flags = irq_save();

    spin_lock_pair(&from->lock, &to->lock);
    cpuset_remove(&from->cpus, p->cpu);
    cpuset_add(&to->cpus, p->cpu);
    __atomic_store_n(&p->rq, to, __ATOMIC_RELAXED);
    spin_unlock_pair(&from->lock, &to->lock);
    irq_restore(flags);
}

static void give_cpu(struct sched_pool *pool, struct sched_pcpu *p)
{
    unsigned long flags = spin_lock_irqsave(&pool->lock);
    bool has_domains;

    change_runqueue(p, runqueue_for(pool, p->cpu));
    cpuset_add(&pool->cpus, p->cpu);
    cpuset_add_atomic(&pool->idle, p->cpu);
    sched_resettle_all(pool);
    has_domains = pool->domain_count != 0;
    spin_unlock_irqrestore(&pool->lock, flags);
    sched_prod(has_domains ? p->cpu : SCHED_NO_CPU);
}

void sched_cpu_up(unsigned int cpu, struct sched_vcpu *idle)
{
    struct sched_pool *pool = sched_find_pool(0);
    struct sched_pcpu *p = &per_cpu(sched_pcpu, cpu);
    unsigned long flags;

    *idle = (struct sched_vcpu){
        .is_idle = true, .cpu = (uint16_t)cpu, .is_running = SCHED_RUNNING, .hard_affinity = cpuset_of(cpu)};
    idle->soft_affinity = CPUSET_ALL;
    idle->trace_id = trace_id(DOMID_NONE, cpu);
    idle->policy = pool->policy;
    idle->runstate = RUNSTATE_running;
    idle->runstate_since_ns = port_now_ns();
    flags = spin_lock_irqsave(&nowhere.lock);
    *p = (struct sched_pcpu){.rq = &nowhere, .cpu = cpu, .idle = idle, .curr = idle};
    cpuset_add(&nowhere.cpus, cpu);
    spin_unlock_irqrestore(&nowhere.lock, flags);
    sched_init_slice_timer(p);
    give_cpu(pool, p);
}

int sched_pool_add_cpu(uint32_t id, unsigned int cpu)
{
    struct sched_pool *pool = sched_find_pool(id);

    if (!pool) {
        return -XEN_ENOENT;
    }
    if (cpu >= MAX_PCPUS || !cpuset_has(cpus_online, cpu)) {
        return -XEN_EINVAL;
    }
    if (!cpuset_has(nowhere.cpus, cpu)) {
        return -XEN_ENODEV;
    }
    give_cpu(pool, &per_cpu(sched_pcpu, cpu));
    return 0;
}

/* Nobody is sent to @p from now on, and who is there leaves soon. */
static void start_leaving(struct sched_pool *pool, struct sched_pcpu *p)
{
    unsigned long flags = spin_lock_irqsave(&pool->lock);

    cpuset_remove(&pool->cpus, p->cpu);
    spin_lock(&p->rq->lock);
    cpuset_remove(&p->rq->cpus, p->cpu);
    spin_unlock(&p->rq->lock);
    if (pool->policy->is_direct) {
        cpuset_remove_atomic(&pool->idle, p->cpu);
    }
    sched_resettle_all(pool);
    spin_unlock_irqrestore(&pool->lock, flags);
    sched_prod(p->cpu);
}

/* @p idles, and nobody is sent to it. */
static void finish_leaving(struct sched_pool *pool, struct sched_pcpu *p)
{
    unsigned long flags = spin_lock_irqsave(&pool->lock);
    struct sched_rq *rq = p->rq;

    sched_resettle_all(pool); /* who ran there until just now */
    cpuset_remove_atomic(&pool->idle, p->cpu);
    cpuset_remove_atomic(&pool->tickled, p->cpu);
    change_runqueue(p, &nowhere);
    free_runqueue_if_empty(rq);
    spin_unlock_irqrestore(&pool->lock, flags);
}

int sched_pool_remove_cpu(uint32_t id, unsigned int cpu)
{
    struct sched_pool *pool = sched_find_pool(id);
    struct sched_pcpu *p;

    if (!pool) {
        return -XEN_ENOENT;
    }
    if (cpu >= MAX_PCPUS || !cpuset_has(cpus_online, cpu)) {
        return -XEN_EINVAL;
    }
    if (per_cpu(sched_pcpu, cpu).rq->pool != pool) {
        return -XEN_ENODEV;
    }
    p = &per_cpu(sched_pcpu, cpu);
    if (cpuset_has(pool->cpus, cpu)) {
        if (pool->domain_count != 0 && cpuset_count(pool->cpus) == 1) {
            return -XEN_EBUSY;
        }
        start_leaving(pool, p);
    }
    while (__atomic_load_n(&p->curr, __ATOMIC_ACQUIRE) != p->idle ||
           __atomic_load_n(&p->held, __ATOMIC_ACQUIRE)) {
        if (cpu == pcpu_id()) {
            return -XEN_ERESTART;
        }
        cpu_relax();
    }
    finish_leaving(pool, p);
    return 0;
}

uint32_t sched_cpu_pool(unsigned int cpu)
{
    return per_cpu(sched_pcpu, cpu).rq->pool->id;
}

void sched_cpu_leave(unsigned int cpu)
{
    struct sched_pcpu *p = &per_cpu(sched_pcpu, cpu);
    unsigned long flags = spin_lock_irqsave(&nowhere.lock);

    BUG_ON(p->rq != &nowhere || p->curr != p->idle);
    cpuset_remove(&nowhere.cpus, cpu);
    spin_unlock_irqrestore(&nowhere.lock, flags);
    timer_stop(&p->timer);
}

void sched_cpu_return(unsigned int cpu)
{
    struct sched_pcpu *p = &per_cpu(sched_pcpu, cpu);
    unsigned long flags = spin_lock_irqsave(&nowhere.lock);

    cpuset_add(&nowhere.cpus, cpu);
    p->timer_at_ns = 0;
    spin_unlock_irqrestore(&nowhere.lock, flags);
    give_cpu(sched_find_pool(0), p);
}

void sched_get_stats(struct sched_stats *out)
{
    *out = (struct sched_stats){0};
    for (unsigned int i = 0; i < MAX_PCPUS; i++) {
        unsigned long flags;

        if (!runqueues[i].pool) {
            continue;
        }
        flags = spin_lock_irqsave(&runqueues[i].lock);
        out->switches += runqueues[i].stats.switches;
        out->wakes += runqueues[i].stats.wakes;
        out->migrations += runqueues[i].stats.migrations;
        out->pulls += runqueues[i].stats.pulls;
        spin_unlock_irqrestore(&runqueues[i].lock, flags);
    }
}
