/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pools, by their numbers: each has a policy. Which pCPUs are in them is in cpu.c, which domains and vCPUs in members.c.
 *
 * Only one pCPU at a time makes, ends or looks for pools (the tools' lock); what is in them is under each pool's lock.
 */
#include <abi/sysctl.h>
#include <core/sched/sched_internal.h>
#include <lib/string.h>

static struct sched_pool pool0;
static struct sched_pool no_pool; /* of pCPUs in no pool */
static LIST_HEAD(pools);
static uint32_t ratelimit_us = SCHED_RATELIMIT_DEFAULT_NS / MICROSECS(1); /* of new pools */
static const struct sched_policy *const policies[] = {&sched_credit2, &sched_null};

static void pool_init(struct sched_pool *pool, uint32_t id, const struct sched_policy *policy)
{
    *pool = (struct sched_pool){.id = id,
                                .policy = policy,
                                .lock = SPINLOCK_INIT(schedpool),
                                .ratelimit_ns = MICROSECS(ratelimit_us)};
    list_init(&pool->domains);
    waitq_init(&pool->unassigned);
}

struct sched_pool *sched_find_pool(uint32_t id)
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
    list_init(&pools);
    pool_init(&pool0, 0, policy);
    insert_pool(&pool0);
    pool_init(&no_pool, SCHED_POOL_ANY, policies[0]);
    sched_init_cpus(&no_pool);
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
    while (*id == SCHED_POOL_ANY && sched_find_pool(number)) {
        number++;
    }
    if (sched_find_pool(number)) {
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
    struct sched_pool *pool = sched_find_pool(id);

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
    struct sched_pool *pool = sched_find_pool(id);

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
    struct sched_pool *pool = sched_find_pool(id);

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
    struct sched_pool *pool = sched_find_pool(id);

    return (pool ? pool : &pool0)->policy->id;
}

const char *sched_name(uint32_t id)
{
    struct sched_pool *pool = sched_find_pool(id);

    return (pool ? pool : &pool0)->policy->name;
}
