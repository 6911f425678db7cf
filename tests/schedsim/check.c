/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See check.h. The changes are in changes.c. */
#include <base/softirq.h>
#include <core/sched/credit2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <tests/schedsim/changes.h>
#include <tests/schedsim/check.h>
#include <time.h>
#include <unistd.h>

/*
 * How long a pCPU may idle beside a vCPU that could run there. An interrupt takes KICK_MAX_NS. Of several that were just announced each pCPU takes the first,
 * and then tells the next for whom it finds room; a vCPU that is being saved is announced again by its saver; a pCPU may be in a call of the tools that waits
 * for another. SETTLE_KICKS is the longest such chain: told, passed on, saved, passed on, two such calls.
 */
#define KICK_MAX_NS  MICROSECS(20)
#define SETTLE_KICKS 6u
#define SETTLE_NS    (SETTLE_KICKS * KICK_MAX_NS)
/* A budget is overrun by what an interrupt is late, once for each vCPU; it is paid back. */
#define OVERRUN_NS (2 * KICK_MAX_NS)
/* credit2's rule: 200 ms and 25 ms for each that waits, then the starving ones go one after the other, a slice of 10 ms each. */
#define STARVING_NS      MILLISECS(200)
#define STARVING_EACH_NS MILLISECS(25 + 10)
#define CALM_NS          SECONDS(2)

struct watch {
    uint64_t idle_beside_ns; /* waits since then although a pCPU that it may use idles; 0: does not */
    uint64_t outside_ns;     /* runs since then where it may not; 0: does not */
};

static struct watch *watches;
static uint64_t calm_since_ns; /* 0: changes go on */

/* Where @v may run, from what was asked for. */
static cpuset_t allowed(const struct sim_vcpu *v)
{
    cpuset_t pool = v->s.dom->pool->cpus, hard = cpuset_and(change_hard[v - guest_vcpus], pool);

    return cpuset_is_empty(hard) ? pool : hard;
}

/* What a failure is looked into with. */
static void describe(const struct sim_vcpu *about)
{
    cpuset_t may = allowed(about);

    for (unsigned int cpu = 0; cpu < machine.cpus; cpu++) {
        const struct sched_pcpu *p = &per_cpu(sched_pcpu, cpu);
        const struct sim_vcpu *v = p->curr->is_idle ? NULL : container_of(p->curr, struct sim_vcpu, s);

        fprintf(stderr, "pCPU %u: pool %d, runqueue of pCPU %u, %s%s%s, softirqs %x, vCPU %d\n", cpu,
                (int)p->rq->pool->id, cpuset_first(p->rq->cpus),
                cpuset_has(p->rq->pool->idle, cpu) ? "idle" : "busy",
                cpuset_has(p->rq->pool->tickled, cpu) ? ", told" : "", cpuset_has(may, cpu) ? ", may" : "",
                per_cpu(softirq_bits, cpu), v ? (int)(v - guest_vcpus) : -1);
    }
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        const struct sched_vcpu *v = &guest_vcpus[i].s;

        if (v->is_queued) {
            fprintf(stderr, "vCPU %u waits at pCPU %u for %llu us, weight %u, virtual time %lld us%s\n", i,
                    v->cpu, (unsigned long long)(machine_now - v->runstate_since_ns) / 1000, v->dom->weight,
                    (long long)v->wait.key / 1000,
                    credit2_of(&guest_vcpus[i].s)->is_parked ? ", parked" : "");
        }
    }
}

static void lasts(uint64_t *since, bool is, uint64_t limit, const struct sim_vcpu *v, const char *what)
{
    if (!is) {
        *since = 0;
    } else if (*since == 0) {
        *since = machine_now;
    } else if (machine_now - *since > limit) {
        describe(v);
        machine_fail("vCPU %u %s for %llu us", (unsigned int)(v - guest_vcpus), what,
                     (unsigned long long)(machine_now - *since) / 1000);
    }
}

static void check_waiting(struct sim_vcpu *v, struct watch *w)
{
    uint64_t waited = machine_now - MAX(v->s.runstate_since_ns, calm_since_ns);
    cpuset_t may = allowed(v);
    bool idles = false;

    for_each_cpu (cpu, may) {
        idles = idles || machine_on(cpu)->is_idle;
    }
    if (w->idle_beside_ns < v->s.runstate_since_ns) {
        w->idle_beside_ns = 0; /* it ran, or could not, in between */
    }
    lasts(&w->idle_beside_ns, idles, SETTLE_NS, v, "waits beside an idle pCPU");
    if (calm_since_ns != 0 && waited > STARVING_NS + guest_vcpu_count * STARVING_EACH_NS) {
        describe(v);
        machine_fail("vCPU %u starves: it waits for %llu ms", (unsigned int)(v - guest_vcpus),
                     (unsigned long long)waited / 1000000);
    }
}

/* One of null's: it has a pCPU, or all that it may use are taken. */
static void check_direct(struct sim_vcpu *v, struct watch *w)
{
    bool has_cpu = per_cpu(sched_pcpu, v->s.cpu).assigned == &v->s, is_room = false;

    for_each_cpu (cpu, allowed(v)) {
        is_room = is_room || !per_cpu(sched_pcpu, cpu).assigned;
    }
    lasts(&w->idle_beside_ns, has_cpu ? machine_on(v->s.cpu) != &v->s : is_room, SETTLE_NS, v,
          has_cpu ? "does not get its pCPU" : "waits although a pCPU is free");
}

static void check_vcpu(struct sim_vcpu *v, struct watch *w)
{
    bool is_current = per_cpu(sched_pcpu, v->s.cpu).curr == &v->s, runnable = sched_is_runnable(&v->s);

    if (is_current != v->is_on || (v->is_on && machine_on(v->cpu) != &v->s)) {
        machine_fail("vCPU %u is not where it is said to be", (unsigned int)(v - guest_vcpus));
    }
    lasts(&w->outside_ns, v->is_on && !cpuset_has(allowed(v), v->cpu), SETTLE_NS, v,
          "runs outside its affinity");
    if (!runnable || v->is_on) {
        w->idle_beside_ns = 0;
    } else if (v->s.policy->is_direct) {
        check_direct(v, w);
    } else if (!v->s.is_queued) {
        machine_fail("vCPU %u is lost: it could run, and is on no queue", (unsigned int)(v - guest_vcpus));
    } else if (credit2_of(&v->s)->is_parked) {
        w->idle_beside_ns = 0;
    } else {
        check_waiting(v, w);
    }
}

static void check_cap(unsigned int index)
{
    const struct sim_domain *d = &guest_domains[index];
    uint64_t may, ran = 0;

    if (d->s.cap == 0) {
        return;
    }
    for (unsigned int i = 0; i < d->vcpus; i++) {
        ran += guest_ran(&d->first[i]);
    }
    may = (machine_now - change_cap_since_ns[index] + credit2_period_ns()) * d->s.cap / 100 +
          d->vcpus * OVERRUN_NS;
    if (ran - change_cap_ran_ns[index] > may) {
        machine_fail("domain %u ran for %llu us, its cap allows %llu", index,
                     (unsigned long long)(ran - change_cap_ran_ns[index]) / 1000,
                     (unsigned long long)may / 1000);
    }
}

static void check_all(void)
{
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        check_vcpu(&guest_vcpus[i], &watches[i]);
    }
    for (unsigned int i = 0; i < guest_domain_count; i++) {
        check_cap(i);
    }
}

static void run_checked(uint64_t ns)
{
    uint64_t end = machine_now + ns;

    check_all();
    while (machine_step(end)) {
        check_all();
    }
    check_all();
}

/* --- one seed --------------------------------------------------------------------------------------------------------------------------------------- */

static uint64_t run_seed(uint64_t seed)
{
    static const enum sched_grouping groupings[] = {SCHED_BY_CPU, SCHED_BY_CORE, SCHED_BY_SOCKET,
                                                    SCHED_BY_NODE, SCHED_ALL};
    struct random r = random_seed(seed ^ 0x5eed);
    struct machine_config c = {.cpus = 2 + (unsigned int)random_below(&r, random_below(&r, 8) ? 14 : 70),
                               .policy = "credit2",
                               .seed = seed,
                               .kick_ns = 200,
                               .interleave = true};
    uint64_t hash;

    c.nodes = 1 + (unsigned int)random_below(&r, MIN(c.cpus, 8u));
    c.cpus_per_socket = 1 + (unsigned int)random_below(&r, (c.cpus + c.nodes - 1) / c.nodes);
    c.grouping = groupings[random_below(&r, ARRAY_SIZE(groupings))];
    c.kick_jitter_ns = 1 + random_below(&r, KICK_MAX_NS - c.kick_ns);
    guests_forget();
    machine_start(&c);
    watches = calloc(GUEST_VCPUS_MAX, sizeof(*watches));
    if (!watches) {
        machine_fail("no memory");
    }
    calm_since_ns = 0;
    changes_begin(&r);
    for (unsigned int step = 0; step < 200; step++) {
        change_something(&r);
        run_checked(random_below(&r, random_below(&r, 10) ? MICROSECS(300) : MILLISECS(6)));
    }
    calm_since_ns = machine_now;
    run_checked(CALM_NS);
    hash = guest_stats.switches * 1000003 + guest_stats.migrations;
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        hash = hash * 1000003 + guest_ran(&guest_vcpus[i]);
    }
    changes_end();
    free(watches);
    return hash;
}

/* In a process of its own. False: it failed, and said so. */
static bool run_apart(uint64_t seed, uint64_t *hash)
{
    int fds[2], status;
    pid_t pid;

    if (pipe(fds) != 0 || (pid = fork()) < 0) {
        perror("schedsim");
        exit(2);
    }
    if (pid == 0) {
        uint64_t out = run_seed(seed);

        _exit(write(fds[1], &out, sizeof(out)) == (ssize_t)sizeof(out) ? 0 : 1);
    }
    close(fds[1]);
    if (read(fds[0], hash, sizeof(*hash)) != (ssize_t)sizeof(*hash)) {
        *hash = 0;
    }
    close(fds[0]);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static double clock_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int check_seeds(uint64_t first, uint64_t count, double seconds)
{
    double began = clock_s();
    uint64_t seed = first;

    for (; (count == 0 || seed < first + count) && clock_s() - began < seconds; seed++) {
        uint64_t hash, again;

        if (!run_apart(seed, &hash)) {
            printf("schedsim: seed %llu failed; schedsim check --seed %llu --seeds 1 repeats it\n",
                   (unsigned long long)seed, (unsigned long long)seed);
            return 1;
        }
        if (seed % 10 == 0 && (!run_apart(seed, &again) || again != hash)) {
            printf("schedsim: seed %llu came out differently the second time\n", (unsigned long long)seed);
            return 1;
        }
    }
    printf("schedsim: %llu seeds passed\n", (unsigned long long)(seed - first));
    return seed == first;
}
