/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine for the scheduler alone: up to MAX_PCPUS pCPUs, a heap of events in virtual time, interrupts between pCPUs that take a while. The code of
 * core/sched, core/timer and the softirqs is the image's. One thread; everything that is left to chance comes from the seed.
 *
 * Code of a pCPU runs to its end at one moment of virtual time. With `interleave` others may run while a pCPU saves a vCPU, and while one spins.
 */
#pragma once
#include <core/sched/sched_policy.h>
#include <hypervisor/random.h>
#include <lib/heap.h>

struct event {
    struct heap_node node;
    void (*fn)(void *arg);
    void *arg;
};
void event_init(struct event *e, void (*fn)(void *arg), void *arg);
/* @fn(@arg) at @ns; an event that is set already is put off or brought forward. */
void event_at(struct event *e, uint64_t ns);
void event_cancel(struct event *e);

struct machine_config {
    unsigned int cpus, nodes, cpus_per_socket; /* nodes are of equal size; a socket is in one node */
    enum sched_grouping grouping;
    const char *policy;
    uint64_t seed;
    uint64_t kick_ns,
        kick_jitter_ns; /* how long an interrupt from another pCPU takes: the first, and up to the second more */
    bool interleave;
};

extern struct machine_config machine;
extern uint64_t machine_now;
extern struct random machine_random;
/* Branches of the hypervisor's code that were executed so far. Callbacks into the simulator do not count. */
extern uint64_t machine_steps;
/* Called with the branches that each run of the schedule softirq took; NULL: nobody counts. */
extern void (*machine_on_decision)(uint64_t steps);

/* All pCPUs idle in pool 0, time 0. May be called again after everything was torn down. */
void machine_start(const struct machine_config *c);
/* A pCPU that is online, by chance. */
unsigned int machine_some_cpu(struct random *r);
/* @cpu, which is in no pool, goes offline once it has done what is pending there. */
void machine_park(unsigned int cpu);
unsigned int machine_node(unsigned int cpu);
cpuset_t machine_node_cpus(unsigned int node);
/* What @cpu runs, as the hardware knows it. */
struct sched_vcpu *machine_on(unsigned int cpu);
/* This thread is @cpu until machine_leave(), which also runs @cpu's softirqs. False: it is in the middle of something else. */
bool machine_enter(unsigned int cpu);
void machine_leave(void);
/* The next event, which is no later than @end. False: there is none, and the time is @end. */
bool machine_step(uint64_t end);
void machine_run(uint64_t ns);

/* --- what the machine tells guests.c ------------------------------------------------------------------------------------------------------------ */
/* @v got, or lost, @cpu; @v is not an idle one. */
void guest_switched_in(struct sched_vcpu *v, unsigned int cpu);
void guest_switched_out(struct sched_vcpu *v, unsigned int cpu);

/* A failed check: what, and when; the seed tells the rest. */
_Noreturn void machine_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
