/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must hold whenever the simulated machine is at rest (every pCPU halted, nothing pending): nobody who could run waits, no event waits unseen, no timer is
 * overdue, no lock is held, and every reference to every frame is one that somebody has.
 */
#include <core/evtchn/evtchn_internal.h>
#include <core/gnttab/gnttab_internal.h>
#include <core/memory/heap.h>
#include <core/sched/sched.h>
#include <tests/sim/check.h>
#include <tests/sim/guest.h>

struct tally {
    uint32_t refs, type_refs;
};

static struct tally *tallies;

/* --- vCPUs, events, timers ------------------------------------------------------------------------------------------------------------------------ */

static bool takes_events(const struct vcpu *v)
{
    const struct domain *d = v->domain;

    return d->dying == DOMAIN_ALIVE && d->pauses == 0 && !d->is_shut_down &&
           !(v->sched.pause_flags & (VPF_DOWN | VPF_POLLING));
}

static void check_vcpu(struct vcpu *v)
{
    if (sched_is_runnable(&v->sched)) {
        sim_fail("d%uv%u could run, and every pCPU is idle", v->domain->id, v->id);
    }
    if (sched_runs(&v->sched)) {
        sim_fail("d%uv%u runs on an idle pCPU", v->domain->id, v->id);
    }
    if (takes_events(v) && vcpu_event_pending(v)) {
        sim_fail("d%uv%u sleeps though its upcall is pending", v->domain->id, v->id);
    }
}

/* Honest guests take every event that is not masked: none may be left over. */
static void check_events(struct domain *d)
{
    for (uint32_t port = 1; port < d->evtchn.valid_ports; port++) {
        const struct evtchn *e = evtchn_lookup_used(&d->evtchn, port);
        const struct vcpu *v = e ? d->vcpus[e->notify_vcpu] : NULL;

        if (!v || !takes_events(v) || !word_test(d->evtchn.pending_words, port) ||
            word_test(d->evtchn.mask_words, port)) {
            continue;
        }
        sim_fail("d%u: port %u is pending, and v%u sleeps", d->id, port, v->id);
    }
}

static void check_timer(const struct domain *d, const struct timer *t, const char *what)
{
    unsigned int cpu = cpuset_has(cpus_online, t->cpu) ? t->cpu : 0; /* which looks after it */

    if (timer_is_armed(t) && t->deadline_ns < port_now_ns()) {
        sim_fail("d%u: its %s timer is overdue since %lu", d->id, what, (unsigned long)t->deadline_ns);
    }
    if (timer_is_armed(t) && sim_deadline_ns(cpu) > MAX(t->deadline_ns, 1ull)) {
        sim_fail("d%u: its %s timer is for %lu, and pCPU %u will not look before %lu", d->id, what,
                 (unsigned long)t->deadline_ns, cpu, (unsigned long)sim_deadline_ns(cpu));
    }
}

static void check_locks(const struct domain *d)
{
    sim_check(!spin_is_locked(&d->lock));
    sim_check(!spin_is_locked(&d->evtchn.lock));
    sim_check(!spin_is_locked(&d->evtchn.fifo_lock));
    sim_check(!spin_is_locked(&d->gnttab.lock));
    sim_check(!spin_is_locked(&d->mem.lock));
}

/* --- references ------------------------------------------------------------------------------------------------------------------------------------ */

static void count(mfn_t mfn, bool typed)
{
    sim_check(mfn.n < frame_limit);
    tallies[mfn.n].refs++;
    tallies[mfn.n].type_refs += typed;
}

static void count_table(const struct domain *d, const uint64_t *table, unsigned int level, uint64_t *pages)
{
    ++*pages;
    for (unsigned int i = 0; i < 512; i++) {
        uint64_t e = table[i];
        unsigned int type = (unsigned int)(e >> 9 & 7);
        mfn_t mfn = MFN((e & PTE_ADDR) >> PAGE_SHIFT);

        if (!(e & PTE_P)) {
            continue;
        }
        if (level > 1 && !(e & PTE_PS)) {
            count_table(d, mfn_to_virt(mfn), level - 1, pages);
        } else if (type == P2M_GRANT_RO || type == P2M_GRANT_RW) {
            count(mfn, type == P2M_GRANT_RW);
        } else if (type == P2M_RAM) {
            for (uint64_t k = 0; k < 1ull << (9 * (level - 1)); k++) {
                uint64_t s = frame_read(mfn_add(mfn, k));

                if (frame_owner(s) != d->id || frame_refs(s) == 0) {
                    sim_fail("d%u has frame %#lx mapped, which is not its (state %#lx)", d->id,
                             (unsigned long)(mfn.n + k), (unsigned long)s);
                }
            }
        }
    }
}

static void count_p2m(struct domain *d)
{
    const struct p2m *p = &x86_domain(d)->pvh->p2m;
    mfn_t root = mfn_is_invalid(p->root) ? p->old_root : p->root;
    uint64_t pages = 0;

    if (!mfn_is_invalid(root)) {
        count_table(d, mfn_to_virt(root), 4, &pages);
        sim_check(d->dying != DOMAIN_ALIVE || pages == p->table_pages);
    }
}

static void count_grants(struct domain *d)
{
    const struct gnttab *t = &d->gnttab;
    uint32_t live = 0;

    for (uint32_t ref = 0; ref < t->frame_count * GNTTAB_ENTRIES_PER_FRAME; ref++) {
        const struct gnttab_active *a = gnttab_active(t, ref);

        if (a->pins_read) {
            count(MFN(a->mfn), false);
        }
        if (a->pins_write) {
            count(MFN(a->mfn), true);
        }
    }
    for (uint32_t h = 0; h < t->maptrack_frames * MAPTRACK_PER_PAGE; h++) {
        live += t->maptrack[h / MAPTRACK_PER_PAGE][h % MAPTRACK_PER_PAGE].state != MT_FREE;
    }
    sim_check(live == t->maptrack_used);
}

static void count_areas(struct domain *d)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpus[i];

        if (v && !mfn_is_invalid(v->info_mfn)) {
            count(v->info_mfn, true);
        }
        if (v && !mfn_is_invalid(v->time_mfn)) {
            count(v->time_mfn, true);
        }
    }
    if (d->evtchn.fifo) {
        for (uint32_t i = 0; i < d->evtchn.fifo->page_count; i++) {
            count(virt_to_mfn((void *)((uintptr_t)d->evtchn.fifo->pages[i] & PAGE_MASK)), true);
        }
        for (const struct evtchn_fifo_vcpu *v = d->evtchn.fifo->vcpus; v; v = v->next) {
            count(v->mfn, true);
        }
    }
}

static void check_frames(struct domain *d)
{
    uint64_t owned = 0;

    for (mfn_t m = pageset_next(&d->mem.owned, MFN(0)); !mfn_is_invalid(m);
         m = pageset_next(&d->mem.owned, mfn_add(m, 1))) {
        sim_check(frame_owner(frame_read(m)) == d->id);
        owned++;
    }
    sim_check(owned == d->mem.tot_pages);
}

static void check_references(void)
{
    for (uint64_t i = 0; i < frame_limit; i++) {
        uint64_t s = frame_read(MFN(i));
        bool own =
            (s & FRAME_ALLOCATED) || (frame_owner(s) != DOMID_NONE && frame_refs(s) > 0 &&
                                      !(s & FRAME_ALLOCATED) && sim_is_shared_page(MFN(i), frame_owner(s)));

        if (frame_refs(s) != tallies[i].refs + own || frame_type_refs(s) != tallies[i].type_refs) {
            sim_fail("frame %#lx: state %#lx says %u references, %u of them as its type; there are %u and %u",
                     (unsigned long)i, (unsigned long)s, frame_refs(s), frame_type_refs(s),
                     tallies[i].refs + own, tallies[i].type_refs);
        }
    }
}

/* The hypervisor's own reference is on the shared info page and the grant table's frames. */
bool sim_is_shared_page(mfn_t mfn, unsigned int owner)
{
    struct domain *d = domain_get((domid_t)owner);
    bool found = false;

    if (!d) {
        return false;
    }
    found = mfn_eq(d->shared_mfn, mfn);
    for (uint32_t i = 0; i < d->gnttab.frame_count; i++) {
        found |= d->gnttab.frames[i] && mfn_eq(virt_to_mfn(d->gnttab.frames[i]), mfn);
    }
    domain_put(d);
    return found;
}

void sim_check_rest(void)
{
    struct domain *d;

    tallies = calloc(frame_limit, sizeof(*tallies));
    for (domid_t id = 0; (d = domain_next(id)) != NULL; id = d->id + 1, domain_put(d)) {
        const struct sim_domain *sd = sim_domain_of(d->id);

        check_locks(d);
        for (unsigned int i = 0; i < d->max_vcpus; i++) {
            struct vcpu *v = d->vcpus[i];

            if (v) {
                check_vcpu(v);
                check_timer(d, &v->singleshot, "one-shot");
                check_timer(d, &v->poll, "poll");
                check_timer(d, &v->periodic, "periodic");
                check_timer(d, &x86_vcpu(v)->pvh->timer, "APIC");
            }
        }
        if (sd && !sd->hostile) {
            check_events(d);
        }
        count_p2m(d);
        count_grants(d);
        count_areas(d);
        check_frames(d);
    }
    check_references();
    heap_check();
    free(tallies);
    sim_check(lock_held_count() == 0);
}
