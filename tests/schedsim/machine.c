/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The contract with the machine for the scheduler's simulator: see machine.h. */
#include <base/log.h>
#include <base/softirq.h>
#include <core/sched/arch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tests/schedsim/machine.h>

#define EVENTS_FIRST 1024u

struct cpu {
    struct sched_vcpu idle;
    struct sched_vcpu *on;
    struct sched_vcpu *held; /* its state is still in this pCPU's registers, which idles */
    struct event timer, kick;
    bool is_busy; /* runs hypervisor code: its interrupts wait */
};

_Thread_local unsigned int host_pcpu;
_Thread_local bool host_irqs_on = true;
struct vcpu *host_current[MAX_PCPUS];
cpuset_t cpus_online;
void (*host_on_relax)(void);

struct machine_config machine;
uint64_t machine_now, machine_steps;
struct random machine_random;
void (*machine_on_decision)(uint64_t steps);

static struct cpu cpus[MAX_PCPUS];
static struct heap events;
static unsigned int entered_from;
static void (*schedule_handler)(void);

/* --- events -------------------------------------------------------------------------------------------------------------------------------------- */

void event_init(struct event *e, void (*fn)(void *arg), void *arg)
{
    heap_node_init(&e->node);
    e->fn = fn;
    e->arg = arg;
}

static void grow_events(void)
{
    uint32_t more = events.capacity ? events.capacity * 2 : EVENTS_FIRST;
    struct heap_node **slots = calloc(more, sizeof(struct heap_node *));

    if (!slots) {
        machine_fail("no memory");
    }
    free(heap_grow(&events, slots, more));
}

void event_at(struct event *e, uint64_t ns)
{
    uint64_t steps = machine_steps;

    if (heap_is_queued(&e->node)) {
        heap_update(&events, &e->node, ns);
    } else {
        if (heap_is_full(&events)) {
            grow_events();
        }
        (void)heap_insert(&events, &e->node, ns);
    }
    machine_steps = steps;
}

void event_cancel(struct event *e)
{
    uint64_t steps = machine_steps;

    if (heap_is_queued(&e->node)) {
        heap_remove(&events, &e->node);
    }
    machine_steps = steps;
}

bool machine_step(uint64_t end)
{
    struct heap_node *n = heap_peek(&events);
    struct event *e;

    if (!n || n->key > end) {
        machine_now = MAX(machine_now, end);
        return false;
    }
    heap_remove(&events, n);
    e = heap_entry(n, struct event, node);
    machine_now = MAX(machine_now, n->key);
    e->fn(e->arg);
    return true;
}

void machine_run(uint64_t ns)
{
    uint64_t end = machine_now + ns;

    while (machine_step(end)) {
    }
}

/* --- pCPUs ------------------------------------------------------------------------------------------------------------------------------------------ */

/* @cpu's pending softirqs, unless it is in the middle of something. The thread is what it was afterwards. */
static void run_softirqs(unsigned int cpu)
{
    unsigned int me = host_pcpu;
    bool irqs = host_irqs_on;

    if (cpus[cpu].is_busy) {
        return;
    }
    cpus[cpu].is_busy = true;
    host_pcpu = cpu;
    host_irqs_on = true;
    softirq_run();
    cpus[cpu].is_busy = false;
    host_pcpu = me;
    host_irqs_on = irqs;
}

static void timer_fired(void *arg)
{
    unsigned int cpu = (unsigned int)((struct cpu *)arg - cpus);

    __atomic_fetch_or(&per_cpu(softirq_bits, cpu), 1u << SOFTIRQ_TIMER, __ATOMIC_RELAXED);
    run_softirqs(cpu);
}

static void kicked(void *arg)
{
    run_softirqs((unsigned int)((struct cpu *)arg - cpus));
}

bool machine_enter(unsigned int cpu)
{
    if (cpus[cpu].is_busy) {
        return false;
    }
    entered_from = host_pcpu;
    cpus[cpu].is_busy = true;
    host_pcpu = cpu;
    return true;
}

void machine_leave(void)
{
    unsigned int cpu = host_pcpu;

    cpus[cpu].is_busy = false;
    host_pcpu = entered_from;
    run_softirqs(cpu);
}

unsigned int machine_some_cpu(struct random *r)
{
    return cpuset_next_wrap(cpus_online, (unsigned int)random_below(r, machine.cpus));
}

void machine_park(unsigned int cpu)
{
    while (cpus[cpu].is_busy || __atomic_load_n(&per_cpu(softirq_bits, cpu), __ATOMIC_RELAXED)) {
        machine_run(MICROSECS(1));
    }
    cpuset_remove(&cpus_online, cpu);
}

unsigned int machine_node(unsigned int cpu)
{
    return cpu * machine.nodes / machine.cpus;
}

cpuset_t machine_node_cpus(unsigned int node)
{
    cpuset_t out = CPUSET_NONE;

    for (unsigned int cpu = 0; cpu < machine.cpus; cpu++) {
        if (machine_node(cpu) == node) {
            cpuset_add(&out, cpu);
        }
    }
    return out;
}

struct sched_vcpu *machine_on(unsigned int cpu)
{
    return cpus[cpu].on;
}

/* This pCPU spins: the world goes on. */
static void relax(void)
{
    uint64_t steps = machine_steps;
    bool irqs = host_irqs_on;
    unsigned int me = host_pcpu, from = entered_from;

    if (!machine_step(machine_now + SECONDS(10))) {
        machine_fail("pCPU %u spins for ever", me);
    }
    host_pcpu = me;
    host_irqs_on = irqs;
    entered_from = from;
    machine_steps = steps;
}

void machine_start(const struct machine_config *c)
{
    machine = *c;
    machine_now = 0;
    machine_random = random_seed(c->seed);
    events.count = 0;
    host_pcpu = 0;
    host_irqs_on = true;
    host_on_relax = relax;
    cpus_online = CPUSET_NONE;
    for (unsigned int i = 0; i < SCHED_NODES_MAX; i++) {
        for (unsigned int k = 0; k < SCHED_NODES_MAX; k++) {
            /* two halves, as on machines of eight nodes */
            sched_set_distance(i, k, i == k ? 10 : i / 4 == k / 4 ? 16 : 24);
        }
    }
    sched_set_grouping(c->grouping);
    for (unsigned int i = 0; i < c->cpus; i++) {
        struct sched_topology t = {(uint16_t)(i / 2), (uint16_t)(i / c->cpus_per_socket),
                                   (uint16_t)machine_node(i)};

        cpuset_add(&cpus_online, i);
        per_cpu(softirq_bits, i) = 0;
        timer_init_cpu(i);
        sched_set_topology(i, &t);
        event_init(&cpus[i].timer, timer_fired, &cpus[i]);
        event_init(&cpus[i].kick, kicked, &cpus[i]);
        cpus[i].is_busy = false;
        cpus[i].on = &cpus[i].idle;
        cpus[i].held = NULL;
    }
    timer_init_all();
    if (sched_init(c->policy) != 0) {
        machine_fail("there is no policy '%s'", c->policy);
    }
    for (unsigned int i = 0; i < c->cpus; i++) {
        sched_cpu_up(i, &cpus[i].idle);
    }
    machine_run(MILLISECS(1));
}

/* --- what the hypervisor calls ---------------------------------------------------------------------------------------------------------------------- */

void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next)
{
    uint64_t steps = machine_steps;
    unsigned int cpu = pcpu_id();

    if (irqs_enabled() || lock_held_count() != 0 || cpus[cpu].on != prev || prev == next || cpus[cpu].held) {
        machine_fail("pCPU %u: a wrong switch", cpu);
    }
    if (!prev->is_idle) {
        guest_switched_out(prev, cpu);
    }
    if (machine.interleave && random_below(&machine_random, 4) == 0) {
        run_softirqs((unsigned int)random_below(&machine_random, machine.cpus));
    }
    cpus[cpu].on = next;
    if (!next->is_idle) {
        guest_switched_in(next, cpu);
    }
    machine_steps = steps;
}

void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *idle)
{
    unsigned int cpu = pcpu_id();

    if (irqs_enabled() || cpus[cpu].on != prev || prev->is_idle || cpus[cpu].held) {
        machine_fail("pCPU %u: holds what it may not", cpu);
    }
    guest_switched_out(prev, cpu);
    cpus[cpu].held = prev;
    cpus[cpu].on = idle;
}

void arch_resume(struct sched_vcpu *held)
{
    unsigned int cpu = pcpu_id();

    if (irqs_enabled() || cpus[cpu].held != held || cpus[cpu].on != &cpus[cpu].idle) {
        machine_fail("pCPU %u: goes on with what it does not hold", cpu);
    }
    cpus[cpu].held = NULL;
    cpus[cpu].on = held;
    guest_switched_in(held, cpu);
}

void arch_release(struct sched_vcpu *held, struct sched_vcpu *idle)
{
    unsigned int cpu = pcpu_id();

    if (irqs_enabled() || cpus[cpu].held != held || cpus[cpu].on != idle) {
        machine_fail("pCPU %u: lets go what it does not hold", cpu);
    }
    cpus[cpu].held = NULL;
}

void arch_runstate_changed(struct sched_vcpu *v)
{
}

uint64_t port_now_ns(void)
{
    return machine_now;
}

void port_timer_arm(uint64_t deadline_ns)
{
    if (deadline_ns == 0) {
        event_cancel(&cpus[host_pcpu].timer);
    } else {
        event_at(&cpus[host_pcpu].timer, MAX(deadline_ns, machine_now));
    }
}

void port_kick_cpu(unsigned int cpu)
{
    uint64_t late = machine.kick_jitter_ns ? random_below(&machine_random, machine.kick_jitter_ns) : 0;

    if (!heap_is_queued(&cpus[cpu].kick.node)) {
        event_at(&cpus[cpu].kick, machine_now + machine.kick_ns + late);
    }
}

void *zalloc(size_t size)
{
    return calloc(1, size);
}

void zfree(void *ptr)
{
    free(ptr);
}

void machine_fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fprintf(stderr, "seed %llu, at %llu ns: ", (unsigned long long)machine.seed,
            (unsigned long long)machine_now);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

void port_assert_failed(const char *expr, const char *file, int line)
{
    machine_fail("assertion failed: %s at %s:%d", expr, file, line);
}

void port_panic(const char *fmt, ...)
{
    machine_fail("panic: %s", fmt);
}

/* For sched_show(), from a debugger. */
void log_at(enum log_level level, bool guest, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
}

/* --- counting --------------------------------------------------------------------------------------------------------------------------------------- */

/* The compiler puts a call at each branch of the hypervisor's code (-fsanitize-coverage=trace-pc). */
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    machine_steps++;
}

static void counted_schedule(void)
{
    uint64_t before = machine_steps;

    schedule_handler();
    if (machine_on_decision) {
        machine_on_decision(machine_steps - before);
    }
}

/* The linker sends the calls of softirq_set_handler() here (--wrap). */
void __real_softirq_set_handler(enum softirq nr, void (*fn)(void));
void __wrap_softirq_set_handler(enum softirq nr, void (*fn)(void));
void __wrap_softirq_set_handler(enum softirq nr, void (*fn)(void))
{
    if (nr == SOFTIRQ_SCHEDULE) {
        schedule_handler = fn;
        fn = counted_schedule;
    }
    __real_softirq_set_handler(nr, fn);
}
