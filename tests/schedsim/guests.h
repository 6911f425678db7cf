/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs on the simulated machine: domains, their vCPUs and how these behave. A vCPU is a hog, or works and sleeps in turn; a sleeper's times are
 * fixed and its own timer wakes it, I/O-like ones' vary and the interrupt comes in anywhere.
 */
#pragma once
#include <tests/schedsim/machine.h>
#include <tests/schedsim/stats.h>

#define GUEST_VCPUS_MAX   10240u
#define GUEST_DOMAINS_MAX 10240u

enum guest_kind_of_load { LOAD_HOG, LOAD_SLEEPER, LOAD_IO, LOAD_YIELDER };

struct guest_load {
    enum guest_kind_of_load kind;
    uint64_t run_ns, sleep_ns;
};

struct sim_domain {
    struct sched_domain s;
    struct sim_vcpu *first;
    unsigned int vcpus;
    unsigned int load; /* for its maker's use */
};

struct sim_vcpu {
    struct sched_vcpu s;
    struct sim_domain *dom;
    struct guest_load load;
    struct event event;           /* on a pCPU: its burst ends; asleep: it wakes */
    uint64_t left_ns;             /* of its burst */
    uint64_t since_ns;            /* on a pCPU since then */
    uint64_t woken_at_ns;         /* 0: not waiting for its first turn since it woke */
    uint64_t ran_ns, ran_away_ns; /* before since_ns; of it, outside the node of its soft affinity */
    uint64_t mark_ns;             /* ran_ns when measuring began */
    unsigned int cpu;             /* where it ran last */
    unsigned int home;            /* its node */
    bool is_on, is_asleep, was_on;
    bool is_full; /* its fair share is a whole pCPU */
};

struct guest_stats {
    struct histogram latency_ns; /* from the wake-up to the first instruction */
    struct histogram wake_steps, decision_steps;
    uint64_t switches;                   /* to a vCPU */
    uint64_t migrations, far_migrations; /* to another pCPU; to another node */
    uint64_t ran_ns, away_ns;
};

extern struct sim_vcpu *guest_vcpus;
extern struct sim_domain *guest_domains;
extern unsigned int guest_vcpu_count, guest_domain_count;
extern struct guest_stats guest_stats;

/* None is left; before machine_start(). */
void guests_forget(void);
/* A domain in @pool of @vcpus vCPUs that behave as @load says, none up yet. */
struct sim_domain *guest_domain(uint32_t pool, uint32_t weight, uint32_t cap, unsigned int vcpus,
                                const struct guest_load *load);
void guest_start(struct sim_vcpu *v);
/* All of them, here and there. */
void guests_start_all(void);
/* Take everything down; the machine may then start again. */
void guests_end(void);
uint64_t guest_ran(const struct sim_vcpu *v);
/* Measuring begins now. */
void guests_mark(void);
