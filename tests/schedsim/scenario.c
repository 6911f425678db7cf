/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See scenario.h. */
#include <math.h>
#include <tests/schedsim/scenario.h>
#include <time.h>

static void on_decision(uint64_t steps)
{
    histogram_add(&guest_stats.decision_steps, steps);
}

static void place(struct sim_domain *d, enum scenario_place place, unsigned int node)
{
    cpuset_t cpus = machine_node_cpus(node);

    for (unsigned int i = 0; place != PLACE_ANYWHERE && i < d->vcpus; i++) {
        d->first[i].home = node;
        (void)sched_set_affinity(&d->first[i].s, place == PLACE_HARD_NODE ? cpus : CPUSET_ALL, cpus);
    }
}

static void populate(const struct scenario *s)
{
    unsigned int made[SCENARIO_LOADS_MAX] = {0}, node[SCENARIO_LOADS_MAX] = {0};
    bool any = true;

    /* a domain of each in turn: so loads mix on every runqueue */
    while (any) {
        any = false;
        for (unsigned int i = 0; i < SCENARIO_LOADS_MAX; i++) {
            const struct scenario_load *l = &s->load[i];
            unsigned int vcpus = MIN(l->each ? l->each : 1u, l->vcpus - made[i]);
            struct sim_domain *d;

            if (vcpus > 0) {
                d = guest_domain(0, l->weight ? l->weight : SCHED_WEIGHT_DEFAULT, l->cap, vcpus, &l->load);
                d->load = i;
                place(d, l->place, node[i]++ % machine.nodes);
                made[i] += vcpus;
                any = true;
            }
        }
    }
}

static uint64_t measured(const struct sim_vcpu *v)
{
    return guest_ran(v) - v->mark_ns;
}

/*
 * What is fair for hogs that may run anywhere: time in proportion to the weights, but nobody can use more than one pCPU; what such a one leaves is the
 * others'. Returns the time for a weight of 1, in pCPUs.
 */
static double fair_unit(void)
{
    unsigned int full = 0, before;
    double unit;

    do {
        double weights = 0;

        before = full;
        for (unsigned int i = 0; i < guest_vcpu_count; i++) {
            weights += guest_vcpus[i].is_full ? 0 : guest_vcpus[i].dom->s.weight;
        }
        unit = weights > 0 ? (machine.cpus - before) / weights : INFINITY;
        for (unsigned int i = 0; i < guest_vcpu_count; i++) {
            struct sim_vcpu *v = &guest_vcpus[i];

            if (!v->is_full && v->dom->s.weight * unit >= 1.0) {
                v->is_full = true;
                full++;
            }
        }
    } while (full != before);
    return unit;
}

static void judge_fairness(const struct scenario *s, struct scenario_result *out)
{
    double unit = fair_unit(), sum = 0, got[SCENARIO_LOADS_MAX] = {0}, fair[SCENARIO_LOADS_MAX] = {0};

    out->fair_worst = -1;
    for (unsigned int i = 0; i < SCENARIO_LOADS_MAX; i++) {
        if (s->load[i].vcpus > 0 && (s->load[i].load.kind != LOAD_HOG || s->load[i].cap != 0 ||
                                     s->load[i].place == PLACE_HARD_NODE)) {
            return;
        }
    }
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        const struct sim_vcpu *v = &guest_vcpus[i];
        double want = (v->is_full ? 1.0 : v->dom->s.weight * unit) * (double)s->run_ns;
        double off = fabs((double)measured(v) - want) / want;

        out->fair_worst = fmax(out->fair_worst, off);
        sum += off;
        got[v->dom->load] += (double)measured(v);
        fair[v->dom->load] += want;
    }
    for (unsigned int i = 0; i < SCENARIO_LOADS_MAX; i++) {
        out->fair_class =
            fair[i] > 0 ? fmax(out->fair_class, fabs(got[i] - fair[i]) / fair[i]) : out->fair_class;
    }
    out->fair_mean = sum / guest_vcpu_count;
}

static void judge_caps(const struct scenario *s, struct scenario_result *out)
{
    out->cap_worst = -1;
    for (unsigned int i = 0; i < guest_domain_count; i++) {
        const struct sim_domain *d = &guest_domains[i];
        uint64_t ran = 0;

        for (unsigned int k = 0; k < d->vcpus; k++) {
            ran += measured(&d->first[k]);
        }
        if (d->s.cap != 0) {
            out->cap_worst = fmax(out->cap_worst, fabs((double)ran / (double)s->run_ns - d->s.cap / 100.0));
        }
    }
}

static double host_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void scenario_run(const struct scenario *s, struct scenario_result *out)
{
    struct machine_config c = s->machine;
    double seconds = (double)s->run_ns / 1e9 * c.cpus, began;
    uint64_t ran = 0;

    c.kick_ns = c.kick_ns ? c.kick_ns : MICROSECS(1);
    c.seed = c.seed ? c.seed : 1;
    c.cpus_per_socket = c.cpus_per_socket ? c.cpus_per_socket : MIN(c.cpus / c.nodes, 16u);
    machine_on_decision = on_decision;
    guests_forget();
    machine_start(&c);
    populate(s);
    guests_start_all();
    machine_run(s->warm_ns);
    guests_mark();
    began = host_now_ns();
    machine_run(s->run_ns);
    *out = (struct scenario_result){.vcpus = guest_vcpu_count};
    out->host_ns = (host_now_ns() - began) / (double)MAX(guest_stats.decision_steps.count, 1ull);
    for (unsigned int i = 0; i < guest_vcpu_count; i++) {
        ran += measured(&guest_vcpus[i]);
    }
    out->busy = (double)ran / 1e9 / seconds;
    judge_fairness(s, out);
    judge_caps(s, out);
    out->decisions = (double)guest_stats.decision_steps.count / seconds;
    out->switches = (double)guest_stats.switches / seconds;
    out->migrations = (double)guest_stats.migrations / seconds;
    out->far_migrations = (double)guest_stats.far_migrations / seconds;
    out->away = guest_stats.ran_ns ? (double)guest_stats.away_ns / (double)guest_stats.ran_ns : 0;
    machine_on_decision = NULL;
    guests_end();
}
