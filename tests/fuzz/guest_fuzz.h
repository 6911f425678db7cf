/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzing of the hypercalls that every guest makes, on top of tools_fuzz.h: the records' domain id says who calls. Domain 1 is PV, domain 2 is PVH,
 * both with two vCPUs and 16 pages of memory; domain 0 is the control and hardware domain, which may get no memory (it outlives an input).
 */
#pragma once
#include "tools_fuzz.h"
#include <abi/sched.h>

#define GUEST_PAGES 16u

static void make_guest(domid_t id, enum guest_kind kind)
{
    struct domain_config c = {.id = id,
                              .kind = kind,
                              .max_vcpus = 2,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};
    struct domain *d;
    struct vcpu *v;
    mfn_t mfn;

    fake_check(domain_create(&c, &d) == 0);
    d->mem.max_pages = 2 * GUEST_PAGES;
    for (unsigned int i = 0; i < GUEST_PAGES; i++) {
        fake_check(domain_mem_alloc(&d->mem, 0, 0, &mfn) == 0);
    }
    for (unsigned int i = 0; i < c.max_vcpus; i++) {
        fake_check(vcpu_create(d, i, &v) == 0);
    }
    v->is_initialised = true;
}

static void prepare(void)
{
    fake_dom0->mem.max_pages = 0;
    make_guest(1, GUEST_PV);
    make_guest(2, GUEST_PVH);
}

/* Call @fn as a vCPU of the domain that @who names, as @fn's arguments say. */
static inline long call_as(uint16_t who, hypercall_fn *fn, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct vcpu *before = current_vcpu();
    struct domain *d = domain_get(who % 3);
    unsigned int tries = 0;
    struct hypercall c = {.arg = {a0, a1, a2}};
    long rc;

    fake_check(d != NULL);
    set_current_vcpu(d->vcpus[d->max_vcpus > 1 ? who >> 8 & 1 : 0]);
    do {
        host_run_softirqs();
        rc = fn(&c);
        fake_check(++tries < 100000);
        fake_check(lock_held_count() == 0 && irqs_enabled());
    } while (rc == -XEN_ERESTART);
    set_current_vcpu(before);
    domain_put(d);
    return rc;
}
