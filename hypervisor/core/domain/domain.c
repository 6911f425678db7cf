/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of domains, their references, creation and the final destruction. What happens between (pausing, shutdown, teardown) is in
 * lifecycle.c; vCPUs are in vcpu.c.
 *
 * A domain stays in the table until its last reference goes, so that the toolstack sees a dying domain for as long as someone maps its memory.
 */
#include <abi/sched.h>
#include <base/log.h>
#include <core/domain/arch.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/gnttab/gnttab_ops.h>
#include <core/memory/arch.h>
#include <core/trace/trace.h>
#include <lib/string.h>

#define DOMID_BUCKET     512u
#define DOMID_BUCKETS    (DOMID_FIRST_RESERVED / DOMID_BUCKET + 1)
#define IOMEM_RANGES_MAX 4096u

static struct spinlock table_lock = SPINLOCK_INIT(domlist);
static struct domain **table[DOMID_BUCKETS]; /* under table_lock */
static domid_t next_id_hint = 1;
static struct domain *hwdom;

static void *range_alloc(void *opaque, size_t size)
{
    return zalloc(size);
}

static void range_free(void *opaque, void *memory, size_t size)
{
    zfree(memory);
}

const struct rangeset_ops domain_rangeset_ops = {range_alloc, range_free};

static struct domain *lookup(domid_t id)
{
    struct domain **bucket;

    if (id >= DOMID_FIRST_RESERVED) {
        return NULL;
    }
    bucket = table[id / DOMID_BUCKET];
    return bucket ? bucket[id % DOMID_BUCKET] : NULL;
}

/* A reference unless the domain is already on its way out. */
static bool try_ref(struct domain *d)
{
    uint32_t refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

    while (refs != 0) {
        if (__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

struct domain *domain_get(domid_t id)
{
    unsigned long flags = spin_lock_irqsave(&table_lock);
    struct domain *d = lookup(id);

    if (d && !try_ref(d)) {
        d = NULL;
    }
    spin_unlock_irqrestore(&table_lock, flags);
    return d;
}

struct domain *domain_get_or_self(domid_t id)
{
    if (id == DOMID_SELF) {
        domain_ref(current_domain());
        return current_domain();
    }
    return domain_get(id);
}

void domain_ref(struct domain *d)
{
    uint32_t before = __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);

    ASSERT(before != 0);
    (void)before;
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        tasklet_schedule(&d->destroy);
    }
}

struct domain *domain_next(domid_t from)
{
    unsigned long flags = spin_lock_irqsave(&table_lock);
    struct domain *d = NULL;

    for (unsigned int id = from; id < DOMID_FIRST_RESERVED; id++) {
        if (!table[id / DOMID_BUCKET]) {
            id |= DOMID_BUCKET - 1;
            continue;
        }
        d = lookup(id);
        if (d && try_ref(d)) {
            break;
        }
        d = NULL;
    }
    spin_unlock_irqrestore(&table_lock, flags);
    return d;
}

struct domain *hardware_domain(void)
{
    return hwdom;
}

domid_t domain_free_id(void)
{
    unsigned long flags = spin_lock_irqsave(&table_lock);
    domid_t found = DOMID_NONE;

    for (unsigned int i = 0; i < DOMID_FIRST_RESERVED - 1u; i++) {
        domid_t id = 1 + (next_id_hint - 1 + i) % (DOMID_FIRST_RESERVED - 1u);

        if (!lookup(id)) {
            found = id;
            next_id_hint = id + 1;
            break;
        }
    }
    spin_unlock_irqrestore(&table_lock, flags);
    return found;
}

/* Enter a new domain. -XEN_EEXIST, -XEN_ENOMEM. */
static int table_insert(struct domain *d)
{
    struct domain **spare = zalloc(DOMID_BUCKET * sizeof(*spare));
    unsigned long flags;
    int rc = 0;

    if (!spare) {
        return -XEN_ENOMEM;
    }
    flags = spin_lock_irqsave(&table_lock);
    if (!table[d->id / DOMID_BUCKET]) {
        table[d->id / DOMID_BUCKET] = spare;
        spare = NULL;
    }
    if (lookup(d->id)) {
        rc = -XEN_EEXIST;
    } else {
        table[d->id / DOMID_BUCKET][d->id % DOMID_BUCKET] = d;
    }
    spin_unlock_irqrestore(&table_lock, flags);
    zfree(spare);
    return rc;
}

static void table_remove(struct domain *d)
{
    unsigned long flags = spin_lock_irqsave(&table_lock);

    if (lookup(d->id) == d) {
        table[d->id / DOMID_BUCKET][d->id % DOMID_BUCKET] = NULL;
    }
    spin_unlock_irqrestore(&table_lock, flags);
}

/* Everything that creation made, in reverse; works on a half-made domain. */
static void domain_free(struct domain *d)
{
    for (unsigned int i = 0; d->vcpus && i < d->max_vcpus; i++) {
        if (d->vcpus[i]) {
            vcpu_destroy(d->vcpus[i]);
        }
    }
    for (unsigned int i = 0; i < DOMAIN_WATCHDOGS; i++) {
        timer_kill(&d->watchdog[i]);
    }
    gnttab_destroy(&d->gnttab);
    evtchn_table_destroy(&d->evtchn);
    if (d->shared) {
        domain_mem_unshare(&d->mem, d->shared_mfn);
    }
    sched_domain_destroy(&d->sched);
    rangeset_destroy(&d->iomem);
    rangeset_destroy(&d->irqs);
    domain_mem_destroy(&d->mem);
    zfree(d->vcpus);
    arch_domain_free(d);
}

static void destroy_work(void *arg)
{
    struct domain *d = arg;

    TRACE_1(TRC_SCHED_DOM_REM, d->id);
    TRACE_1(TRC_DOM0_DOM_REM, d->id);
    table_remove(d);
    if (d == hwdom) {
        hwdom = NULL;
    }
    domain_free(d);
    domain_send_global_virq(VIRQ_DOM_EXC);
}

static void watchdog_expired(void *arg)
{
    struct domain *d = arg;

    log_warning("d%u: its watchdog was not fed in time", d->id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

static void set_identity(struct domain *d, const struct domain_config *c)
{
    d->id = c->id;
    d->kind = c->kind;
    d->is_control = c->is_control;
    d->is_hardware = c->is_hardware;
    d->is_xenstore = c->is_xenstore;
    d->create_flags = c->flags;
    d->max_vcpus = c->max_vcpus;
    d->target = DOMID_NONE;
    d->control_pauses = 1;
    d->pauses = 1;
    d->refs = 1;
    memcpy(d->handle, c->handle, sizeof(d->handle));
    spin_lock_init(&d->lock, domain);
    tasklet_init(&d->destroy, destroy_work, d);
    for (unsigned int i = 0; i < DOMAIN_WATCHDOGS; i++) {
        timer_init(&d->watchdog[i], watchdog_expired, d, 0);
    }
    rangeset_init(&d->iomem, &domain_rangeset_ops, NULL, IOMEM_RANGES_MAX);
    rangeset_init(&d->irqs, &domain_rangeset_ops, NULL, IOMEM_RANGES_MAX);
}

static int alloc_shared_page(struct domain *d)
{
    void *page = heap_alloc_page();

    if (!page) {
        return -XEN_ENOMEM;
    }
    d->shared_mfn = virt_to_mfn(page);
    d->shared = page;
    domain_mem_share(&d->mem, d->shared_mfn);
    return 0;
}

static int init_parts(struct domain *d, const struct domain_config *c)
{
    int rc = domain_mem_init(&d->mem, d->id);

    if (rc == 0) {
        rc = alloc_shared_page(d);
    }
    if (rc == 0) {
        rc = evtchn_table_init(&d->evtchn, d->id, d->shared, c->max_vcpus, c->max_evtchn_port);
    }
    if (rc == 0) {
        rc = gnttab_init(&d->gnttab, d->id, &d->mem, c->max_grant_frames, c->max_maptrack_frames);
    }
    if (rc == 0) {
        rc = sched_domain_init(&d->sched, c->cpupool);
    }
    if (rc == 0) {
        rc = arch_domain_init(d, c);
    }
    return rc;
}

int domain_create(const struct domain_config *c, struct domain **out)
{
    struct domain *d;
    int rc;

    if (c->max_vcpus == 0 || c->id >= DOMID_FIRST_RESERVED) {
        return -XEN_EINVAL;
    }
    d = arch_domain_alloc();
    if (!d) {
        return -XEN_ENOMEM;
    }
    set_identity(d, c);
    d->vcpus = zalloc(c->max_vcpus * sizeof(*d->vcpus));
    rc = d->vcpus ? init_parts(d, c) : -XEN_ENOMEM;
    if (rc == 0) {
        rc = table_insert(d);
    }
    if (rc != 0) {
        domain_free(d);
        return rc;
    }
    if (d->is_hardware) {
        hwdom = d;
    }
    TRACE_1(TRC_DOM0_DOM_ADD, d->id);
    TRACE_1(TRC_SCHED_DOM_ADD, d->id);
    domain_update_wallclock(d);
    domain_update_nodes(d);
    *out = d;
    return 0;
}

/* --- core/memory's upcalls ---------------------------------------------------------------------------------------------------------- */

struct domain_mem *domain_mem_of(domid_t owner)
{
    /* The frame that brought the caller here keeps the domain: no reference needed. */
    struct domain *d = lookup(owner);

    BUG_ON(!d);
    return &d->mem;
}

void domain_mem_first(domid_t owner)
{
    domain_ref(lookup(owner));
}

void domain_mem_empty(domid_t owner)
{
    domain_put(lookup(owner));
}
