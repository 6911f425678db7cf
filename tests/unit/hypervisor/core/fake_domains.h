/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small domains for the tests and fuzzers of event channels and grants: real memory accounts, tables and hypercall handlers, with a stand-in for core/domain
 * and the guest layer. Frame numbers are machine frames, as in PV. Included once by a program; defines what arch.h of both folders asks for.
 *
 *   fake_start(count)   machine, @count domains with 2 vCPUs and some pages each; domain 0 is the control domain
 *   fake_run(d, vcpu)   this thread runs that vCPU
 *   fake_kill(d)        teardown in steps
 *   fake_end()          teardown of all, then no frame and no object may be left
 */
#pragma once
#include <stdlib.h>
#include <base/guest_access.h>
#include <base/softirq.h>
#include <core/domain/arch.h>
#include <core/evtchn/arch.h>
#include <core/evtchn/evtchn_internal.h>
#include <core/gnttab/gnttab_internal.h>
#include <core/hypercall/handlers.h>
#include <core/memory/arch.h>
#include <host/host.h>
#include <lib/string.h>

#define FAKE_DOMAINS  4
#define FAKE_VCPUS    2
#define FAKE_PAGES    16
#define FAKE_MAPPINGS 1024
#define FAKE_PIRQS    16
#define FAKE_MEMORY   (32ull << 20)

#define fake_check(e) ((e) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e), abort()))
#include <stdio.h>

/* One entered grant mapping, as a page-table entry would hold it. */
struct fake_mapping {
    uint64_t addr; /* 0: free */
    mfn_t mfn;
    domid_t owner;
    bool write;
};

struct fake_domain {
    struct domain d;
    struct vcpu v[FAKE_VCPUS];
    struct vcpu *vcpus[FAKE_VCPUS];
    mfn_t page[FAKE_PAGES];
    struct fake_mapping mapping[FAKE_MAPPINGS];
    uint32_t pirq_port[FAKE_PIRQS];
    uint32_t notified[FAKE_VCPUS];
    uint32_t polled;
    bool exists, dead;
};

static struct fake_domain fake[FAKE_DOMAINS];
static uint64_t fake_free_at_start, fake_objects_at_start;
static uint32_t fake_flushes;
static bool fake_mapping_fails;

static struct fake_domain *fake_of(const struct domain *d)
{
    return container_of(d, struct fake_domain, d);
}

static inline void fake_run(unsigned int id, unsigned int vcpu)
{
    set_current_vcpu(&fake[id].v[vcpu]);
}

/* --- core/domain ---- */
struct domain *domain_get(domid_t id)
{
    if (id >= FAKE_DOMAINS || !fake[id].exists || fake[id].dead) {
        return NULL;
    }
    domain_ref(&fake[id].d);
    return &fake[id].d;
}

struct domain *domain_get_or_self(domid_t id)
{
    return domain_get(id == DOMID_SELF ? current_domain()->id : id);
}

void domain_ref(struct domain *d)
{
    d->refs++;
}

void domain_put(struct domain *d)
{
    fake_check(d->refs > 0);
    d->refs--;
}

struct domain_mem *domain_mem_of(domid_t owner)
{
    return &fake[owner].d.mem;
}

void domain_mem_first(domid_t owner)
{
    domain_ref(&fake[owner].d);
}

void domain_mem_empty(domid_t owner)
{
    domain_put(&fake[owner].d);
}

long hypercall_not_built(const char *name, uint64_t sub_op)
{
    return -XEN_ENOSYS;
}

void evtchn_notify_vcpu(struct evtchn_table *t, unsigned int vcpu)
{
    __atomic_fetch_add(&fake[t->domid].notified[vcpu], 1, __ATOMIC_SEQ_CST);
}

void evtchn_wake_pollers(struct evtchn_table *t, uint32_t port)
{
    __atomic_fetch_add(&fake[t->domid].polled, 1, __ATOMIC_SEQ_CST);
}

int evtchn_pirq_bind(struct evtchn_table *t, uint32_t pirq, uint32_t flags, uint32_t port)
{
    if (pirq >= FAKE_PIRQS || fake[t->domid].pirq_port[pirq] != 0) {
        return pirq >= FAKE_PIRQS ? -XEN_EINVAL : -XEN_EEXIST;
    }
    fake[t->domid].pirq_port[pirq] = port;
    return 0;
}

void evtchn_pirq_unbound(struct evtchn_table *t, uint32_t pirq)
{
    fake_check(fake[t->domid].pirq_port[pirq] != 0);
    fake[t->domid].pirq_port[pirq] = 0;
}

void evtchn_pirq_unmasked(struct evtchn_table *t, uint32_t pirq)
{
}

/* --- the guest layer ---- */
int arch_get_gfn(struct domain *d, gfn_t gfn, bool write, mfn_t *mfn)
{
    *mfn = MFN(gfn.n);
    if (!frame_is_ram(*mfn)) {
        return -XEN_EINVAL;
    }
    return (write ? frame_get_writable(*mfn, d->id) : frame_get(*mfn, d->id)) ? 0 : -XEN_EINVAL;
}

void arch_put_gfn(struct domain *d, mfn_t mfn, bool write)
{
    if (write) {
        frame_put_writable(mfn);
    } else {
        frame_put(mfn);
    }
}

int gnttab_get_frame(struct gnttab *granter, uint64_t gfn, bool write, mfn_t *mfn)
{
    return arch_get_gfn(container_of(granter, struct domain, gnttab), GFN(gfn), write, mfn);
}

void gnttab_put_frame(mfn_t mfn, bool write)
{
    arch_put_gfn(NULL, mfn, write);
}

int gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    struct fake_mapping *free = NULL, *all = fake_of(current_domain())->mapping;
    bool write = !(flags & GNTMAP_readonly);
    domid_t owner = frame_owner(frame_read(mfn));

    for (unsigned int i = 0; i < FAKE_MAPPINGS; i++) {
        if (all[i].addr == addr) {
            return GNTST_bad_virt_addr; /* addr 0 too, while an entry is free */
        }
        free = all[i].addr == 0 ? &all[i] : free;
    }
    if (fake_mapping_fails || !free || !(write ? frame_get_writable(mfn, owner) : frame_get(mfn, owner))) {
        return GNTST_general_error;
    }
    *free = (struct fake_mapping){addr, mfn, owner, write};
    return GNTST_okay;
}

int gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr)
{
    struct fake_mapping *all = fake_of(current_domain())->mapping;

    for (unsigned int i = 0; i < FAKE_MAPPINGS; i++) {
        if (all[i].addr == addr && mfn_eq(all[i].mfn, mfn) && all[i].write == !(flags & GNTMAP_readonly)) {
            all[i].addr = 0;
            arch_put_gfn(NULL, mfn, all[i].write);
            return GNTST_okay;
        }
    }
    return GNTST_bad_virt_addr;
}

void gnttab_flush_removed(void)
{
    fake_flushes++;
}

int guest_read(void *dst, vaddr_t gva, size_t size)
{
    return host_guest_read(dst, gva, size);
}

int guest_write(vaddr_t gva, const void *src, size_t size)
{
    return host_guest_write(gva, src, size);
}

int guest_clear(vaddr_t gva, size_t size)
{
    return host_guest_clear(gva, size);
}

/* --- life ---- */
static void fake_create(unsigned int id, uint32_t max_port)
{
    struct fake_domain *f = &fake[id];
    struct domain *d = &f->d;
    void *shared;

    memset(f, 0, sizeof(*f));
    f->exists = true;
    d->id = id;
    d->kind = GUEST_PV;
    d->is_control = d->is_hardware = id == 0;
    d->max_vcpus = FAKE_VCPUS;
    d->vcpus = f->vcpus;
    d->refs = 1;
    spin_lock_init(&d->lock, domain);
    fake_check(domain_mem_init(&d->mem, id) == 0);
    d->mem.max_pages = FAKE_PAGES;
    shared = heap_alloc_page();
    fake_check(shared);
    d->shared = shared;
    d->shared_mfn = virt_to_mfn(shared);
    domain_mem_share(&d->mem, d->shared_mfn);
    fake_check(evtchn_table_init(&d->evtchn, id, d->shared, FAKE_VCPUS, max_port) == 0);
    fake_check(gnttab_init(&d->gnttab, id, &d->mem, 4, 2) == 0);
    for (unsigned int i = 0; i < FAKE_VCPUS; i++) {
        f->v[i].domain = d;
        f->v[i].id = i;
        f->v[i].info = &d->shared->vcpu_info[i];
        f->v[i].evtchn.info = f->v[i].info;
        f->vcpus[i] = &f->v[i];
        evtchn_vcpu_attach(&d->evtchn, i, &f->v[i].evtchn);
    }
    for (unsigned int i = 0; i < FAKE_PAGES; i++) {
        fake_check(domain_mem_alloc(&d->mem, 0, HEAP_ZERO, &f->page[i]) == 0);
    }
}

static inline void fake_start(unsigned int count, uint32_t max_port)
{
    host_init(1, FAKE_MEMORY);
    fake_free_at_start = heap_free_frames();
    fake_objects_at_start = host_alloc_count();
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        memset(&fake[i], 0, sizeof(fake[i]));
        if (i < count) {
            fake_create(i, max_port);
        }
    }
    fake_run(0, 0);
}

/* Everything but the struct: what other domains hold of it stays. */
static inline void fake_kill(unsigned int id)
{
    struct fake_domain *f = &fake[id];
    int rc;

    f->d.mem.dying = true;
    while ((rc = evtchn_table_close_all(&f->d.evtchn)) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    fake_check(rc == 0 && f->d.evtchn.used_ports == 0 && !f->d.evtchn.fifo);
    while ((rc = gnttab_release_mappings(&f->d.gnttab)) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    fake_check(rc == 0 && f->d.gnttab.maptrack_used == 0);
    for (unsigned int i = 0; i < FAKE_MAPPINGS; i++) { /* the page tables go */
        if (f->mapping[i].addr != 0) {
            arch_put_gfn(NULL, f->mapping[i].mfn, f->mapping[i].write);
        }
    }
    gnttab_release_frames(&f->d.gnttab);
    while ((rc = domain_mem_relinquish(&f->d.mem, 64, NULL)) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    fake_check(rc == 0);
    f->dead = true;
}

static inline void fake_end(void)
{
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        if (fake[i].exists && !fake[i].dead) {
            fake_kill(i);
        }
    }
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++) {
        struct domain *d = &fake[i].d;

        if (!fake[i].exists) {
            continue;
        }
        fake_check(d->refs == 1 && d->mem.tot_pages == 0);
        for (uint32_t ref = 0; ref < d->gnttab.frame_count * GNTTAB_ENTRIES_PER_FRAME; ref++) {
            fake_check(!gnttab_active(&d->gnttab, ref)->pins_read &&
                       !gnttab_active(&d->gnttab, ref)->pins_write);
        }
        gnttab_destroy(&d->gnttab);
        evtchn_table_destroy(&d->evtchn);
        domain_mem_unshare(&d->mem, d->shared_mfn);
        domain_mem_destroy(&d->mem);
        fake[i].exists = false;
    }
    fake_check(heap_free_frames() == fake_free_at_start);
    fake_check(host_alloc_count() == fake_objects_at_start);
}

/* A hypercall by the running vCPU, gone on with until it is done, as the guest layer does. */
static inline long fake_call(hypercall_fn *fn, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct hypercall c = {.arg = {a0, a1, a2}};
    long rc;

    while ((rc = fn(&c)) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    fake_check(lock_held_count() == 0 && irqs_enabled());
    return rc;
}
