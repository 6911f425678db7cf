/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See guests.h. */
#include <stdlib.h>
#include <tests/schedsim/guests.h>

#define RETRY_NS MICROSECS(1) /* the vCPU's pCPU is in the middle of hypervisor code */

struct sim_vcpu *guest_vcpus;
struct sim_domain *guest_domains;
unsigned int guest_vcpu_count, guest_domain_count;
struct guest_stats guest_stats;

static void happens(void *arg);

void guests_forget(void)
{
    if (!guest_vcpus) {
        guest_vcpus = calloc(GUEST_VCPUS_MAX, sizeof(*guest_vcpus));
        guest_domains = calloc(GUEST_DOMAINS_MAX, sizeof(*guest_domains));
        if (!guest_vcpus || !guest_domains) {
            machine_fail("no memory");
        }
    }
    guest_vcpu_count = 0;
    guest_domain_count = 0;
}

static void add_vcpu(struct sim_domain *d, const struct guest_load *load)
{
    struct sim_vcpu *v = &guest_vcpus[guest_vcpu_count++];

    *v = (struct sim_vcpu){.dom = d, .load = *load};
    if (sched_vcpu_add(&v->s, &d->s) != 0) {
        machine_fail("no vCPU");
    }
    event_init(&v->event, happens, v);
    v->home = machine_node(v->s.cpu);
}

struct sim_domain *guest_domain(uint32_t pool, uint32_t weight, uint32_t cap, unsigned int vcpus,
                                const struct guest_load *load)
{
    struct sim_domain *d = &guest_domains[guest_domain_count++];

    if (guest_domain_count > GUEST_DOMAINS_MAX || guest_vcpu_count + vcpus > GUEST_VCPUS_MAX ||
        sched_domain_init(&d->s, pool) != 0) {
        machine_fail("no domain");
    }
    if ((weight != SCHED_WEIGHT_DEFAULT || cap != 0) && sched_set_params(&d->s, weight, cap) != 0) {
        machine_fail("weight %u, cap %u are refused", weight, cap);
    }
    d->first = &guest_vcpus[guest_vcpu_count];
    d->vcpus = vcpus;
    for (unsigned int i = 0; i < vcpus; i++) {
        add_vcpu(d, load);
    }
    return d;
}

uint64_t guest_ran(const struct sim_vcpu *v)
{
    return v->ran_ns + (v->is_on ? machine_now - v->since_ns : 0);
}

void guests_mark(void)
{
    guest_stats = (struct guest_stats){0};
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        guest_vcpus[i].mark_ns = guest_ran(&guest_vcpus[i]);
    }
}

/* --- behaviour ------------------------------------------------------------------------------------------------------------------------------------ */

/* I/O comes in all sizes: from a quarter to four times @ns, each doubling as likely. */
static uint64_t vary(const struct sim_vcpu *v, uint64_t ns)
{
    uint64_t base;

    if (v->load.kind != LOAD_IO) {
        return ns;
    }
    base = (ns / 4) << random_below(&machine_random, 4);
    return base + random_below(&machine_random, base + 1);
}

static void begin_burst(struct sim_vcpu *v)
{
    v->left_ns = v->load.kind == LOAD_HOG ? UINT64_MAX : MAX(vary(v, v->load.run_ns), 1ull);
}

void guest_switched_out(struct sched_vcpu *s, unsigned int cpu)
{
    struct sim_vcpu *v = container_of(s, struct sim_vcpu, s);
    uint64_t ran = machine_now - v->since_ns;

    if (!v->is_on || v->cpu != cpu) {
        machine_fail("pCPU %u: a vCPU leaves that is not there", cpu);
    }
    v->is_on = false;
    v->ran_ns += ran;
    guest_stats.ran_ns += ran;
    if (machine_node(cpu) != v->home) {
        v->ran_away_ns += ran;
        guest_stats.away_ns += ran;
    }
    if (v->left_ns != UINT64_MAX) {
        v->left_ns -= MIN(ran, v->left_ns);
    }
    if (!v->is_asleep) {
        event_cancel(&v->event);
    }
}

void guest_switched_in(struct sched_vcpu *s, unsigned int cpu)
{
    struct sim_vcpu *v = container_of(s, struct sim_vcpu, s);

    if (v->is_on) {
        machine_fail("a vCPU is on pCPUs %u and %u", v->cpu, cpu);
    }
    if (!cpuset_has(s->wait.cpus[WAITQ_ALLOWED], cpu)) {
        machine_fail("a vCPU runs on pCPU %u, which it may not use", cpu);
    }
    if (v->was_on && v->cpu != cpu) {
        guest_stats.migrations++;
        guest_stats.far_migrations += machine_node(v->cpu) != machine_node(cpu);
    }
    if (v->woken_at_ns != 0) {
        histogram_add(&guest_stats.latency_ns, machine_now - v->woken_at_ns);
        v->woken_at_ns = 0;
    }
    guest_stats.switches++;
    v->is_on = v->was_on = true;
    v->cpu = cpu;
    v->since_ns = machine_now;
    if (v->left_ns != UINT64_MAX) {
        event_at(&v->event, machine_now + v->left_ns);
    }
}

static void wake(struct sim_vcpu *v)
{
    unsigned int waker = v->load.kind == LOAD_IO ? machine_some_cpu(&machine_random) : v->s.cpu;
    uint64_t before = machine_steps;

    if (!machine_enter(waker)) {
        event_at(&v->event, machine_now + RETRY_NS);
        return;
    }
    v->is_asleep = false;
    begin_burst(v);
    __atomic_fetch_and(&v->s.pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
    v->woken_at_ns = sched_is_runnable(&v->s) ? machine_now : 0;
    sched_wake(&v->s);
    histogram_add(&guest_stats.wake_steps, machine_steps - before);
    machine_leave();
}

static void burst_over(struct sim_vcpu *v)
{
    if (!machine_enter(v->cpu)) {
        event_at(&v->event, machine_now + RETRY_NS);
        return;
    }
    if (v->load.kind == LOAD_YIELDER) {
        v->left_ns = v->load.run_ns + (machine_now - v->since_ns); /* what it ran is still to be taken off */
        sched_yield_current();
        event_at(&v->event, machine_now + v->load.run_ns);
    } else {
        __atomic_fetch_or(&v->s.pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
        v->is_asleep = true;
        sched_sleep(&v->s);
        event_at(&v->event, machine_now + MAX(vary(v, v->load.sleep_ns), 1ull));
    }
    machine_leave();
}

static void happens(void *arg)
{
    struct sim_vcpu *v = arg;

    (v->is_asleep ? wake : burst_over)(v);
}

/* --- start and end ----------------------------------------------------------------------------------------------------------------------------------- */

void guest_start(struct sim_vcpu *v)
{
    begin_burst(v);
    __atomic_fetch_and(&v->s.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
    sched_unpause(&v->s);
}

void guests_start_all(void)
{
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        if (!machine_enter(i % machine.cpus)) {
            machine_fail("a pCPU is busy");
        }
        guest_start(&guest_vcpus[i]);
        machine_leave();
        /* not all at once */
        machine_run(MICROSECS(1) + random_below(&machine_random, MICROSECS(4)));
    }
}

void guests_end(void)
{
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        struct sim_vcpu *v = &guest_vcpus[i];

        if (!machine_enter(v->s.cpu ? 0 : machine.cpus - 1)) {
            machine_fail("a pCPU is busy");
        }
        sched_pause_nosync(&v->s);
        machine_leave();
        event_cancel(&v->event);
    }
    machine_run(MILLISECS(20));
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        event_cancel(&guest_vcpus[i].event);
        sched_vcpu_remove(&guest_vcpus[i].s);
    }
    for (unsigned int i = 0; i < guest_domain_count; i++) {
        sched_domain_destroy(&guest_domains[i].s);
    }
    guests_forget();
}
