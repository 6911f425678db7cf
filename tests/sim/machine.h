/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine of several simulated pCPUs in one thread: each is a coroutine that runs the hypervisor's own code until the schedule takes the processor away from
 * it, which can happen at every branch of that code (it is compiled with trace points). One seed decides every choice, so a run can be repeated exactly.
 *
 * Interrupts (kicks, calls, timers, the device) arrive where the schedule resumes a pCPU that has them enabled. Time is virtual: it moves with every
 * switch, and jumps to the next deadline when every pCPU is halted.
 */
#pragma once
#include <base/contract.h>
#include <guest/x86/common/x86_domain.h>
#include <stdio.h>
#include <stdlib.h>
#include <tests/unit/hypervisor/random.h>

#define SIM_MAX_CPUS 4u

/* An invariant of the simulation: its violation ends the run with the seed. */
#define sim_check(e) ((e) ? (void)0 : sim_fail("%s:%d: %s", __FILE__, __LINE__, #e))
_Noreturn void sim_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct sim_machine {
    struct random rng;
    unsigned int cpus;
    uint64_t switches;   /* of the simulated processor between pCPUs */
    uint64_t hash;       /* over every choice and every result: equal runs have equal ones */
    uint64_t mean_steps; /* trace points between two switches */
    uint64_t mean_ns;    /* virtual time of one switch */
    bool trace;          /* print what guests do */
};
extern struct sim_machine sim;

static inline uint64_t sim_random(uint64_t below)
{
    return random_below(&sim.rng, below);
}

/* One time in @n. */
static inline bool sim_chance(unsigned int n)
{
    return sim_random(n) == 0;
}

static inline void sim_note(uint64_t what)
{
    sim.hash = (sim.hash ^ what) * 0x100000001b3ull + (sim.hash >> 29);
}

/* A machine with @memory_bytes, drawn from @seed: scheduler and timers are up, pCPU 0 is current and in no coroutine. */
void sim_machine_start(uint64_t seed, uint64_t memory_bytes);
/*
 * Run until @switches more were made, or, when @to_rest, until every pCPU is halted and nothing is pending. False: that did not come within @switches.
 * Returns with every pCPU between two trace points of its code (halted ones: with interrupts on).
 */
bool sim_machine_run(uint64_t switches, bool to_rest);
/* Every pCPU is halted, with nothing to take up. */
bool sim_machine_at_rest(void);
/* Interrupt a random pCPU soon; its handler calls @fn(@arg). */
void sim_device_interrupt(void (*fn)(void *arg), void *arg);
/* The running pCPU has an interrupt to take, whether it can now or not. */
bool sim_interrupt_pending(void);
/* Take pending interrupts: interrupts off at entry and return. */
void sim_take_interrupts(void);
/* Let the schedule choose another pCPU now. In coroutines only. */
void sim_yield(void);
/* Run @fn(@arg) on pCPU 0 while it is idle, again until it returns true; it is preempted like everything else. */
void sim_do(bool (*fn)(void *arg), void *arg);
/* When the timer of @cpu interrupts next; UINT64_MAX: never. */
uint64_t sim_deadline_ns(unsigned int cpu);
