/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What belongs together: pCPUs to runqueues and pools, domains to pools, vCPUs to domains.
 *
 * A pCPU changes its pool in three steps: nobody is sent to it any more, it is waited for until it idles, and only then its runqueue changes. In
 * between it may still leave one vCPU behind, so all vCPUs of the pool are looked at once before and once after.
 */
#include <abi/sysctl.h>
#include <core/sched/sched_internal.h>
#include <core/trace/trace.h>
#include <lib/string.h>

static struct sched_pool pool0, no_pool;
static LIST_HEAD(pools);
static uint32_t ratelimit_us = SCHED_RATELIMIT_DEFAULT_NS / MICROSECS(1); /* of new pools */
static struct sched_rq runqueues[MAX_PCPUS];                              /* pool NULL: not in use */
static struct sched_rq nowhere; /* where pCPUs in no pool are: nothing runs there */
static const struct sched_policy *const policies[] = {&sched_credit2, &sched_null};

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

/* --- pools ------------------------------------------------------------------------------------------------------------------------------------- */

static void pool_init(struct sched_pool *pool, uint32_t id, const struct sched_policy *policy)
{
    *pool = (struct sched_pool){.id = id,
                                .policy = policy,
                                .lock = SPINLOCK_INIT(schedpool),
                                .ratelimit_ns = MICROSECS(ratelimit_us)};
    list_init(&pool->domains);
    waitq_init(&pool->unassigned);
}

static struct sched_pool *find_pool(uint32_t id)
{
    struct sched_pool *pool;

    list_for_each_entry(pool, &pools, entry)
    {
        if (pool->id == id) {
            return pool;
        }
    }
    return NULL;
}

static void insert_pool(struct sched_pool *pool)
{
    struct list_head *at = pools.prev;

    while (at != &pools && list_entry(at, struct sched_pool, entry)->id > pool->id) {
        at = at->prev;
    }
    list_add(&pool->entry, at);
}

static void free_runqueue_if_empty(struct sched_rq *rq)
{
    if (cpuset_is_empty(rq->cpus)) {
        BUG_ON(!waitq_is_empty(&rq->waiting));
        __atomic_fetch_sub(&rq->pool->rq_count, 1, __ATOMIC_SEQ_CST);
        rq->pool = NULL;
    }
}

int sched_init(const char *name)
{
    int rc = name && name[0] ? -XEN_ENOENT : 0;
    const struct sched_policy *policy = policies[0];

    for (unsigned int i = 0; rc != 0 && i < ARRAY_SIZE(policies); i++) {
        if (strcmp(policies[i]->name, name) == 0) {
            policy = policies[i];
            rc = 0;
        }
    }
    for (unsigned int i = 0; i < MAX_PCPUS; i++) {
        runqueues[i].pool = NULL;
    }
    list_init(&pools);
    pool_init(&pool0, 0, policy);
    insert_pool(&pool0);
    pool_init(&no_pool, SCHED_POOL_ANY, policies[0]);
    nowhere = (struct sched_rq){.lock = SPINLOCK_INIT(sched), .pool = &no_pool};
    waitq_init(&nowhere.waiting);
    sched_start();
    return rc;
}

int sched_pool_info(uint32_t from, struct sched_pool_info *out)
{
    struct sched_pool *pool;

    list_for_each_entry(pool, &pools, entry)
    {
        if (pool->id >= from) {
            *out = (struct sched_pool_info){.id = pool->id,
                                            .policy_id = pool->policy->id,
                                            .domains = pool->domain_count,
                                            .cpus = pool->cpus};
            return 0;
        }
    }
    return -XEN_ENOENT;
}

int sched_pool_create(uint32_t *id, uint32_t policy_id)
{
    const struct sched_policy *policy = NULL;
    struct sched_pool *pool;
    uint32_t number = *id == SCHED_POOL_ANY ? 0 : *id;

    for (unsigned int i = 0; i < ARRAY_SIZE(policies); i++) {
        policy = policies[i]->id == policy_id ? policies[i] : policy;
    }
    if (!policy) {
        return -XEN_EINVAL;
    }
    while (*id == SCHED_POOL_ANY && find_pool(number)) {
        number++;
    }
    if (find_pool(number)) {
        return -XEN_EEXIST;
    }
    pool = zalloc(sizeof(*pool));
    if (!pool) {
        return -XEN_ENOMEM;
    }
    pool_init(pool, number, policy);
    insert_pool(pool);
    *id = number;
    return 0;
}

int sched_pool_destroy(uint32_t id)
{
    struct sched_pool *pool = find_pool(id);

    if (!pool) {
        return -XEN_ENOENT;
    }
    if (pool == &pool0 || pool->domain_count != 0 || !cpuset_is_empty(pool->cpus)) {
        return -XEN_EBUSY;
    }
    list_del(&pool->entry);
    zfree(pool);
    return 0;
}

static bool is_ratelimit(uint32_t us)
{
    return us == 0 || (us >= XEN_SYSCTL_SCHED_RATELIMIT_MIN && us <= XEN_SYSCTL_SCHED_RATELIMIT_MAX);
}

int sched_pool_set_ratelimit(uint32_t id, uint32_t us)
{
    struct sched_pool *pool = find_pool(id);

    if (!pool) {
        return -XEN_ESRCH;
    }
    if (pool->policy->is_direct) {
        return -XEN_EOPNOTSUPP;
    }
    if (!is_ratelimit(us)) {
        return -XEN_EINVAL;
    }
    __atomic_store_n(&pool->ratelimit_ns, MICROSECS(us), __ATOMIC_RELAXED);
    return 0;
}

int sched_pool_get_ratelimit(uint32_t id, uint32_t *us)
{
    struct sched_pool *pool = find_pool(id);

    if (!pool) {
        return -XEN_ESRCH;
    }
    *us = (uint32_t)(pool->ratelimit_ns / MICROSECS(1));
    return 0;
}

int sched_set_ratelimit(uint32_t us)
{
    struct sched_pool *pool;

    if (!is_ratelimit(us)) {
        return -XEN_EINVAL;
    }
    ratelimit_us = us;
    list_for_each_entry(pool, &pools, entry)
    {
        __atomic_store_n(&pool->ratelimit_ns, MICROSECS(us), __ATOMIC_RELAXED);
    }
    return 0;
}

uint32_t sched_ratelimit(void)
{
    return ratelimit_us;
}

unsigned int sched_id(uint32_t id)
{
    struct sched_pool *pool = find_pool(id);

    return (pool ? pool : &pool0)->policy->id;
}

const char *sched_name(uint32_t id)
{
    struct sched_pool *pool = find_pool(id);

    return (pool ? pool : &pool0)->policy->name;
}

/* --- vCPUs ----------------------------------------------------------------------------------------------------------------------------------------- */

/* Where @v may run and would rather: its affinity within its pool. Not queued. */
static void update_sets(struct sched_vcpu *v)
{
    cpuset_t cpus = v->dom->pool->cpus;
    cpuset_t allowed = cpuset_and(v->hard_affinity, cpus), preferred;

    if (cpuset_is_empty(allowed)) {
        allowed = cpus;
    }
    preferred = cpuset_and(allowed, v->soft_affinity);
    v->wait.cpus[WAITQ_ALLOWED] = allowed;
    v->wait.cpus[WAITQ_PREFERRED] = cpuset_is_empty(preferred) ? allowed : preferred;
}

/* @v's affinity or its pool's pCPUs have changed; under the pool's lock. A queueing policy's. */
static void resettle(struct sched_vcpu *v)
{
    unsigned int cpu = SCHED_NO_CPU;
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);

    if (v->is_queued) {
        v->policy->dequeue(rq, v);
        v->is_queued = false;
    }
    update_sets(v);
    if (per_cpu(sched_pcpu, v->cpu).curr == v) {
        cpu = v->cpu; /* it may have to go, or somewhere else may be better */
    }
    spin_unlock_irqrestore(&rq->lock, flags);
    if (cpu == SCHED_NO_CPU) {
        sched_find_home(v);
    }
    sched_prod(cpu);
}

/* The same for a direct policy: it keeps its pCPU if it may and there is none that it would rather have. */
static void reassign(struct sched_vcpu *v)
{
    struct sched_pool *pool = v->dom->pool;
    bool wanted = pool->policy->unassign(pool, v);
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);

    update_sets(v);
    spin_unlock_irqrestore(&rq->lock, flags);
    if (wanted || sched_is_runnable(v)) {
        pool->policy->assign(pool, v);
    }
    pool->policy->settle(pool);
}

/* Under the pool's lock. */
static void resettle_all(struct sched_pool *pool)
{
    struct sched_domain *d;
    struct sched_vcpu *v;

    list_for_each_entry(d, &pool->domains, in_pool)
    {
        list_for_each_entry(v, &d->vcpus, in_domain)
        {
            (pool->policy->is_direct ? reassign : resettle)(v);
        }
    }
}

int sched_set_affinity(struct sched_vcpu *v, cpuset_t hard, cpuset_t soft)
{
    struct sched_pool *pool = v->dom->pool;
    unsigned long flags = spin_lock_irqsave(&pool->lock);
    int rc = 0;

    if (!cpuset_meets(hard, pool->cpus)) {
        rc = -XEN_EINVAL;
    } else {
        v->hard_affinity = hard;
        v->soft_affinity = soft;
        (pool->policy->is_direct ? reassign : resettle)(v);
    }
    spin_unlock_irqrestore(&pool->lock, flags);
    return rc;
}

/* A first pCPU for a vCPU: one after the other. */
static unsigned int first_cpu(cpuset_t allowed)
{
    static unsigned int last;
    unsigned int cpu = cpuset_next_wrap(allowed, (__atomic_load_n(&last, __ATOMIC_RELAXED) + 1) % MAX_PCPUS);

    __atomic_store_n(&last, cpu, __ATOMIC_RELAXED);
    return cpu;
}

int sched_vcpu_add(struct sched_vcpu *v, struct sched_domain *d)
{
    struct sched_pool *pool = d->pool;
    unsigned long flags;

    *v = (struct sched_vcpu){.dom = d,
                             .trace_id = v->trace_id,
                             .policy = pool->policy,
                             .hard_affinity = CPUSET_ALL,
                             .soft_affinity = CPUSET_ALL,
                             .pause_count = 1,
                             .pause_flags = VPF_DOWN,
                             .runstate = RUNSTATE_offline,
                             .runstate_since_ns = port_now_ns()};
    flags = spin_lock_irqsave(&pool->lock);
    update_sets(v);
    v->cpu = (uint16_t)first_cpu(pool->cpus);
    list_add_tail(&v->in_domain, &d->vcpus);
    pool->policy->vcpu_init(sched_rq_of_cpu(v->cpu), v);
    spin_unlock_irqrestore(&pool->lock, flags);
    return 0;
}

static void wait_until_saved(const struct sched_vcpu *v)
{
    while (__atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
}

void sched_vcpu_remove(struct sched_vcpu *v)
{
    struct sched_pool *pool;
    unsigned long flags, inner;
    struct sched_rq *rq;

    if (!v->dom) {
        return; /* never added */
    }
    pool = v->dom->pool;
    flags = spin_lock_irqsave(&pool->lock);
    if (pool->policy->is_direct && pool->policy->unassign(pool, v)) {
        pool->policy->settle(pool);
    }
    list_del(&v->in_domain);
    rq = sched_lock_rq(v, &inner);
    BUG_ON(v->is_queued || per_cpu(sched_pcpu, v->cpu).curr == v);
    spin_unlock_irqrestore(&rq->lock, inner);
    spin_unlock_irqrestore(&pool->lock, flags);
    wait_until_saved(v);
    v->dom = NULL;
}

/* --- domains ----------------------------------------------------------------------------------------------------------------------------------------- */

static void link_domain(struct sched_domain *d, struct sched_pool *pool)
{
    unsigned long flags = spin_lock_irqsave(&pool->lock);

    d->pool = pool;
    __atomic_store_n(&d->pool_id, pool->id, __ATOMIC_RELAXED);
    list_add_tail(&d->in_pool, &pool->domains);
    pool->domain_count++;
    spin_unlock_irqrestore(&pool->lock, flags);
}

static void unlink_domain(struct sched_domain *d)
{
    unsigned long flags = spin_lock_irqsave(&d->pool->lock);

    list_del(&d->in_pool);
    d->pool->domain_count--;
    spin_unlock_irqrestore(&d->pool->lock, flags);
}

/* A pool in which vCPUs can run. -XEN_ENOENT, -XEN_ENODEV: it has no pCPU. */
static int usable_pool(uint32_t id, struct sched_pool **pool)
{
    *pool = find_pool(id);
    if (!*pool) {
        return -XEN_ENOENT;
    }
    return cpuset_is_empty((*pool)->cpus) ? -XEN_ENODEV : 0;
}

int sched_domain_init(struct sched_domain *d, uint32_t id)
{
    struct sched_pool *pool;
    int rc = usable_pool(id, &pool);

    *d = (struct sched_domain){.weight = SCHED_WEIGHT_DEFAULT};
    list_init(&d->vcpus);
    if (rc != 0) {
        return rc;
    }
    d->pool = pool;
    rc = pool->policy->domain_init(d);
    if (rc != 0) {
        d->pool = NULL;
        return rc;
    }
    link_domain(d, pool);
    return 0;
}

void sched_domain_destroy(struct sched_domain *d)
{
    if (!d->pool) {
        return;
    }
    BUG_ON(!list_is_empty(&d->vcpus));
    d->pool->policy->domain_destroy(d);
    unlink_domain(d);
    d->pool = NULL;
}

uint32_t sched_domain_pool(const struct sched_domain *d)
{
    return __atomic_load_n(&d->pool_id, __ATOMIC_RELAXED);
}

int sched_set_params(struct sched_domain *d, uint32_t weight, uint32_t cap)
{
    if (weight < 1 || weight > SCHED_WEIGHT_MAX) {
        return -XEN_EINVAL;
    }
    return d->pool->policy->domain_params(d, weight, cap);
}

/* @v, which does not run and is not queued, goes over to the pool that its domain is in now. Under that pool's lock. */
static void adopt(struct sched_vcpu *v)
{
    struct sched_pool *pool = v->dom->pool;
    unsigned long flags;
    struct sched_rq *rq = sched_lock_rq(v, &flags);

    BUG_ON(v->is_queued || v->is_running);
    v->policy = pool->policy;
    update_sets(v);
    memset(v->policy_words, 0, sizeof(v->policy_words));
    __atomic_store_n(&v->cpu, (uint16_t)first_cpu(v->wait.cpus[WAITQ_PREFERRED]), __ATOMIC_RELAXED);
    pool->policy->vcpu_init(sched_rq_of_cpu(v->cpu), v);
    spin_unlock_irqrestore(&rq->lock, flags);
}

static void unassign_all(struct sched_domain *d)
{
    unsigned long flags = spin_lock_irqsave(&d->pool->lock);
    struct sched_vcpu *v;

    list_for_each_entry(v, &d->vcpus, in_domain)
    {
        if (d->pool->policy->is_direct && d->pool->policy->unassign(d->pool, v)) {
            d->pool->policy->settle(d->pool);
        }
    }
    spin_unlock_irqrestore(&d->pool->lock, flags);
}

int sched_domain_move(struct sched_domain *d, uint32_t id)
{
    struct sched_pool *from = d->pool, *to;
    void *old_data = d->policy_data, *new_data;
    struct sched_vcpu *v;
    unsigned long flags;
    int rc = usable_pool(id, &to);

    if (rc != 0 || to == from) {
        return rc;
    }
    rc = to->policy->domain_init(d);
    new_data = d->policy_data;
    d->policy_data = old_data;
    if (rc != 0) {
        return rc;
    }
    unassign_all(d);
    from->policy->domain_destroy(d);
    unlink_domain(d);
    d->policy_data = new_data;
    link_domain(d, to);
    flags = spin_lock_irqsave(&to->lock);
    list_for_each_entry(v, &d->vcpus, in_domain)
    {
        adopt(v);
    }
    spin_unlock_irqrestore(&to->lock, flags);
    if (to->policy->domain_params(d, d->weight, d->cap) != 0) {
        d->cap = 0;
    }
    return 0;
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
    resettle_all(pool);
    has_domains = pool->domain_count != 0;
    spin_unlock_irqrestore(&pool->lock, flags);
    sched_prod(has_domains ? p->cpu : SCHED_NO_CPU);
}

void sched_cpu_up(unsigned int cpu, struct sched_vcpu *idle)
{
    struct sched_pcpu *p = &per_cpu(sched_pcpu, cpu);
    unsigned long flags;

    *idle = (struct sched_vcpu){
        .is_idle = true, .cpu = (uint16_t)cpu, .is_running = SCHED_RUNNING, .hard_affinity = cpuset_of(cpu)};
    idle->soft_affinity = CPUSET_ALL;
    idle->trace_id = trace_id(DOMID_NONE, cpu);
    idle->policy = pool0.policy;
    idle->runstate = RUNSTATE_running;
    idle->runstate_since_ns = port_now_ns();
    flags = spin_lock_irqsave(&nowhere.lock);
    *p = (struct sched_pcpu){.rq = &nowhere, .cpu = cpu, .idle = idle, .curr = idle};
    cpuset_add(&nowhere.cpus, cpu);
    spin_unlock_irqrestore(&nowhere.lock, flags);
    sched_init_slice_timer(p);
    give_cpu(&pool0, p);
}

int sched_pool_add_cpu(uint32_t id, unsigned int cpu)
{
    struct sched_pool *pool = find_pool(id);

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
    resettle_all(pool);
    spin_unlock_irqrestore(&pool->lock, flags);
    sched_prod(p->cpu);
}

/* @p idles, and nobody is sent to it. */
static void finish_leaving(struct sched_pool *pool, struct sched_pcpu *p)
{
    unsigned long flags = spin_lock_irqsave(&pool->lock);
    struct sched_rq *rq = p->rq;

    resettle_all(pool); /* who ran there until just now */
    cpuset_remove_atomic(&pool->idle, p->cpu);
    cpuset_remove_atomic(&pool->tickled, p->cpu);
    change_runqueue(p, &nowhere);
    free_runqueue_if_empty(rq);
    spin_unlock_irqrestore(&pool->lock, flags);
}

int sched_pool_remove_cpu(uint32_t id, unsigned int cpu)
{
    struct sched_pool *pool = find_pool(id);
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
    give_cpu(&pool0, p);
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
