/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See changes.h. */
#include <stdlib.h>
#include <tests/schedsim/changes.h>

cpuset_t *change_hard;
uint64_t *change_cap_since_ns, *change_cap_ran_ns;

static uint32_t other_pool;
static bool *is_paused;

static void enter(unsigned int cpu)
{
    while (!machine_enter(cpu)) {
        machine_run(MICROSECS(1));
    }
}

/* As some pCPU that does not run @v. */
static void enter_beside(struct random *r, const struct sim_vcpu *v)
{
    unsigned int cpu;

    do {
        cpu = machine_some_cpu(r);
    } while (machine_on(cpu) == &v->s || per_cpu(sched_pcpu, cpu).curr == &v->s);
    enter(cpu);
}

/* Small numbers as often as large ones. */
static uint32_t some_weight(struct random *r)
{
    return (uint32_t)MAX(random_below(r, 1u << (1 + random_below(r, 16))), 1ull);
}

static cpuset_t some_cpus(struct random *r)
{
    cpuset_t out = CPUSET_NONE;
    unsigned int odds = 1 + (unsigned int)random_below(r, 4);

    for (unsigned int i = 0; i < machine.cpus; i++) {
        if (random_below(r, odds) == 0) {
            cpuset_add(&out, i);
        }
    }
    return out;
}

static void cap_begins(unsigned int domain)
{
    const struct sim_domain *d = &guest_domains[domain];

    change_cap_since_ns[domain] = machine_now;
    change_cap_ran_ns[domain] = 0;
    for (unsigned int i = 0; i < d->vcpus; i++) {
        change_cap_ran_ns[domain] += guest_ran(&d->first[i]);
    }
}

static void set_affinity(struct random *r, unsigned int i)
{
    cpuset_t hard = random_below(r, 3) ? some_cpus(r) : CPUSET_ALL;
    cpuset_t soft = random_below(r, 2) ? some_cpus(r) : CPUSET_ALL;

    enter(machine_some_cpu(r));
    if (sched_set_affinity(&guest_vcpus[i].s, hard, soft) == 0) {
        change_hard[i] = hard;
    }
    machine_leave();
}

static void set_params(struct random *r, unsigned int domain)
{
    uint32_t cap = random_below(r, 2) ? 1 + (uint32_t)random_below(r, 150) : 0;

    enter(machine_some_cpu(r));
    if (guest_domains[domain].s.cap != cap) {
        cap_begins(domain);
    }
    (void)sched_set_params(&guest_domains[domain].s, some_weight(r), cap);
    machine_leave();
}

static void pause_or_unpause(struct random *r, unsigned int i)
{
    struct sim_vcpu *v = &guest_vcpus[i];

    enter_beside(r, v);
    is_paused[i] = !is_paused[i];
    if (!is_paused[i]) {
        sched_unpause(&v->s);
    } else if (random_below(r, 2)) {
        sched_pause(&v->s);
    } else {
        sched_pause_nosync(&v->s);
    }
    v->woken_at_ns = 0;
    machine_leave();
}

/* The guest takes the vCPU down, and another one brings it up again. */
static void down_and_up(struct random *r, unsigned int i)
{
    struct sim_vcpu *v = &guest_vcpus[i];

    enter(v->is_on ? v->cpu : machine_some_cpu(r));
    __atomic_fetch_or(&v->s.pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
    sched_sleep(&v->s);
    machine_leave();
    machine_run(random_below(r, MICROSECS(200)));
    enter(machine_some_cpu(r));
    __atomic_fetch_and(&v->s.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
    sched_wake(&v->s);
    machine_leave();
}

/* 0: @cpu is in no pool; else it stays where it is. */
static int take_cpu(struct random *r, uint32_t pool, unsigned int cpu)
{
    int rc;

    do {
        enter(machine_some_cpu(r));
        rc = sched_cpu_pool(cpu) == SCHED_POOL_ANY ? 0 : sched_pool_remove_cpu(pool, cpu);
        machine_leave();
        machine_run(MICROSECS(1));
    } while (rc == -XEN_ERESTART);
    return rc;
}

static void give_cpu(struct random *r, uint32_t pool)
{
    unsigned int from = machine_some_cpu(r);
    unsigned int cpu = cpuset_next_wrap(sched_free_cpus(), from);

    if (cpu != MAX_PCPUS) {
        enter(from);
        (void)sched_pool_add_cpu(pool, cpu);
        machine_leave();
    }
}

static void move_domain(struct random *r, unsigned int domain, uint32_t pool)
{
    struct sim_domain *d = &guest_domains[domain];

    enter(machine_some_cpu(r));
    for (unsigned int i = 0; i < d->vcpus; i++) {
        sched_pause_nosync(&d->first[i].s);
    }
    machine_leave();
    machine_run(MICROSECS(100)); /* the toolstack waits until they are off */
    enter_beside(r, d->first);
    for (unsigned int i = 0; i < d->vcpus; i++) {
        sched_sleep_sync(&d->first[i].s);
    }
    if (sched_domain_pool(&d->s) != pool && sched_domain_move(&d->s, pool) == 0) {
        cap_begins(domain);
    }
    for (unsigned int i = 0; i < d->vcpus; i++) {
        d->first[i].woken_at_ns = 0;
        sched_unpause(&d->first[i].s);
    }
    machine_leave();
}

/* As core/hypercall does it; two stay, so that there is always one beside. */
static void go_offline(struct random *r)
{
    unsigned int cpu = machine_some_cpu(r);

    if (cpu == 0 || cpuset_count(cpus_online) <= 2 || take_cpu(r, 0, cpu) != 0) {
        return;
    }
    enter(0);
    sched_cpu_leave(cpu);
    machine_leave();
    machine_park(cpu);
    enter(0);
    timer_cpu_leave(cpu);
    machine_leave();
}

static void come_online(unsigned int cpu)
{
    if (cpuset_has(cpus_online, cpu)) {
        return;
    }
    cpuset_add(&cpus_online, cpu);
    enter(0);
    timer_cpu_return(cpu);
    sched_cpu_return(cpu);
    machine_leave();
}

static void set_ratelimit(struct random *r)
{
    enter(0);
    (void)sched_pool_set_ratelimit(0, random_below(r, 3) ? 100 + (uint32_t)random_below(r, 4000) : 0);
    machine_leave();
}

void change_something(struct random *r)
{
    unsigned int i = (unsigned int)random_below(r, guest_vcpu_count);
    unsigned int domain = (unsigned int)random_below(r, guest_domain_count);
    uint32_t pool = random_below(r, 2) ? other_pool : 0;

    switch (random_below(r, 20)) {
    case 0:
    case 1:
    case 2:
        set_affinity(r, i);
        break;
    case 3:
    case 4:
    case 5:
        set_params(r, domain);
        break;
    case 6:
    case 7:
        (void)take_cpu(r, pool, machine_some_cpu(r));
        break;
    case 8:
    case 9:
    case 10:
        give_cpu(r, pool);
        break;
    case 11:
        move_domain(r, domain, pool);
        break;
    case 12:
        down_and_up(r, i);
        break;
    case 13:
        set_ratelimit(r);
        break;
    case 14:
        go_offline(r);
        break;
    case 15:
    case 16:
        come_online((unsigned int)random_below(r, machine.cpus));
        break;
    default:
        pause_or_unpause(r, i);
        break;
    }
}

static void *zeroed(size_t count, size_t size)
{
    void *p = calloc(count, size);

    if (!p) {
        machine_fail("no memory");
    }
    return p;
}

void changes_begin(struct random *r)
{
    static const struct guest_load loads[] = {{LOAD_HOG, 0, 0},
                                              {LOAD_SLEEPER, MICROSECS(50), MICROSECS(200)},
                                              {LOAD_SLEEPER, MILLISECS(3), MILLISECS(1)},
                                              {LOAD_IO, MICROSECS(100), MICROSECS(700)},
                                              {LOAD_IO, MICROSECS(400), MILLISECS(8)},
                                              {LOAD_YIELDER, MICROSECS(150), 0}};
    unsigned int vcpus = 1 + (unsigned int)random_below(r, MIN(3 * machine.cpus, 60u));

    other_pool = SCHED_POOL_ANY;
    if (sched_pool_create(&other_pool, random_below(r, 2) ? XEN_SCHEDULER_NULL : XEN_SCHEDULER_CREDIT2) !=
        0) {
        machine_fail("no pool");
    }
    while (guest_vcpu_count < vcpus) {
        guest_domain(0, some_weight(r), 0, 1 + (unsigned int)random_below(r, 4),
                     &loads[random_below(r, ARRAY_SIZE(loads))]);
    }
    change_hard = zeroed(guest_vcpu_count, sizeof(*change_hard));
    is_paused = zeroed(guest_vcpu_count, sizeof(*is_paused));
    change_cap_since_ns = zeroed(guest_domain_count, sizeof(*change_cap_since_ns));
    change_cap_ran_ns = zeroed(guest_domain_count, sizeof(*change_cap_ran_ns));
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        change_hard[i] = CPUSET_ALL;
    }
    guests_start_all();
}

void changes_end(void)
{
    for (unsigned int cpu = 0; cpu < machine.cpus; cpu++) {
        come_online(cpu);
    }
    guests_end();
    free(change_hard);
    free(is_paused);
    free(change_cap_since_ns);
    free(change_cap_ran_ns);
}
