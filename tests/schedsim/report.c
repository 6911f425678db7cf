/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See report.h. All but the host's nanoseconds comes out the same on every machine. */
#include <stdio.h>
#include <stdlib.h>
#include <tests/schedsim/report.h>

#define HOGS(count, w)                                            \
    {                                                             \
        .load = {LOAD_HOG, 0, 0}, .vcpus = (count), .weight = (w) \
    }
#define IO(count, us_off)                                                      \
    {                                                                          \
        .load = {LOAD_IO, MICROSECS(100), MICROSECS(us_off)}, .vcpus = (count) \
    }
#define ON(c, n) .machine = {.cpus = (c), .nodes = (n), .grouping = SCHED_BY_SOCKET}

/* What must hold. 0: no goal. */
struct goal {
    double fair, fair_class, cap; /* at most */
    double away;                  /* at most */
    uint64_t wake_p99_ns;         /* at most */
};

struct entry {
    struct scenario s;
    struct goal goal;
    bool only_full;
};

#define WEIGHTS(name_, c, n, each, seconds)                                      \
    {                                                                            \
        .s = {.name = name_,                                                     \
              ON(c, n),                                                          \
              .load = {HOGS((c) * (each) / 3, 256), HOGS((c) * (each) / 3, 512), \
                       HOGS((c) * (each) / 3, 1024)},                            \
              .warm_ns = SECONDS(2),                                             \
              .run_ns = SECONDS(seconds)},                                       \
        .goal = {                                                                \
            .fair = 0.01                                                         \
        }

static const struct entry entries[] = {WEIGHTS("weights/2", 2, 1, 3, 10)}, WEIGHTS("weights/8", 8, 1, 3, 10)
}
, WEIGHTS("weights/32", 32, 2, 3, 10)
}
, WEIGHTS("weights/128", 128, 4, 3, 10)
}
, WEIGHTS("weights/512", 512, 8, 3, 10), .only_full = true
}
,
    {.s = {.name = "many/512",
           ON(512, 8),
           .load = {HOGS(3333, 256), HOGS(3333, 512), HOGS(3333, 1024)},
           .warm_ns = SECONDS(3),
           .run_ns = SECONDS(10)},
     .goal = {.fair_class = 0.01},
     .only_full = true},
    {.s = {.name = "cap25/idle-machine",
           ON(8, 1),
           .load = {{.load = {LOAD_HOG, 0, 0}, .vcpus = 4, .each = 1, .cap = 25},
                    {.load = {LOAD_HOG, 0, 0}, .vcpus = 8, .each = 4, .cap = 25}},
           .warm_ns = MILLISECS(100),
           .run_ns = SECONDS(10)},
     .goal = {.cap = 0.005}},
    {.s = {.name = "cap25/busy-machine",
           ON(8, 1),
           .load = {{.load = {LOAD_HOG, 0, 0}, .vcpus = 4, .each = 1, .cap = 25},
                    {.load = {LOAD_HOG, 0, 0}, .vcpus = 8, .each = 4, .cap = 25},
                    HOGS(8, 256)},
           .warm_ns = MILLISECS(100),
           .run_ns = SECONDS(10)},
     .goal = {.cap = 0.005}},
    {.s = {.name = "wake/half-busy/16",
           ON(16, 1),
           .load = {IO(80, 1000)},
           .warm_ns = MILLISECS(500),
           .run_ns = SECONDS(2)},
     .goal = {.wake_p99_ns = MICROSECS(10)}},
    {.s = {.name = "wake/half-busy/128",
           ON(128, 4),
           .load = {IO(640, 1000)},
           .warm_ns = MILLISECS(500),
           .run_ns = SECONDS(1)},
     .goal = {.wake_p99_ns = MICROSECS(10)}},
    {.s = {.name = "wake/half-busy/512",
           ON(512, 8),
           .load = {IO(2560, 1000)},
           .warm_ns = MILLISECS(200),
           .run_ns = MILLISECS(500)},
     .goal = {.wake_p99_ns = MICROSECS(10)},
     .only_full = true},
    {.s = {.name = "wake/beside-hogs/16",
           ON(16, 1),
           .load = {IO(16, 2000), HOGS(64, 256)},
           .warm_ns = MILLISECS(500),
           .run_ns = SECONDS(5)},
     .goal = {.wake_p99_ns = MICROSECS(10)}},
    {.s = {.name = "wake/beside-hogs/128",
           ON(128, 4),
           .load = {IO(128, 2000), HOGS(512, 256)},
           .warm_ns = MILLISECS(500),
           .run_ns = SECONDS(2)},
     .goal = {.wake_p99_ns = MICROSECS(10)}},
    {.s = {.name = "wake/saturated/16",
           ON(16, 1),
           .load = {IO(32, 200), HOGS(32, 256)},
           .warm_ns = MILLISECS(500),
           .run_ns = SECONDS(5)}},
    {.s = {.name = "wake/null/16",
           .machine = {.cpus = 16, .nodes = 1, .policy = "null"},
           .load = {IO(16, 200)},
           .warm_ns = MILLISECS(100),
           .run_ns = SECONDS(5)},
     .goal = {.wake_p99_ns = MICROSECS(2)}},
    {.s = {.name = "numa/soft-with-room/64",
           ON(64, 8),
           .load = {{.load = {LOAD_HOG, 0, 0}, .vcpus = 32, .each = 4, .place = PLACE_SOFT_NODE},
                    {.load = {LOAD_IO, MICROSECS(300), MILLISECS(2)},
                     .vcpus = 64,
                     .each = 4,
                     .place = PLACE_SOFT_NODE}},
           .warm_ns = SECONDS(1),
           .run_ns = SECONDS(5)},
     .goal = {.away = 0.05}},
    {.s = {.name = "numa/soft-full/64",
           ON(64, 8),
           .load = {{.load = {LOAD_HOG, 0, 0}, .vcpus = 64, .each = 4, .place = PLACE_SOFT_NODE},
                    {.load = {LOAD_IO, MICROSECS(300), MILLISECS(2)},
                     .vcpus = 128,
                     .each = 4,
                     .place = PLACE_SOFT_NODE}},
           .warm_ns = SECONDS(1),
           .run_ns = SECONDS(5)}},
    {.s = {.name = "numa/anywhere-full/64",
           ON(64, 8),
           .load = {{.load = {LOAD_HOG, 0, 0}, .vcpus = 64, .each = 4},
                    {.load = {LOAD_IO, MICROSECS(300), MILLISECS(2)}, .vcpus = 128, .each = 4}},
           .warm_ns = SECONDS(1),
           .run_ns = SECONDS(5)}},
}
;

/* --- growth: the cost of a decision against what waits, and against the machine ------------------------------------------------------------- */

#define WAITING_FIRST 32u
#define WAITING_LAST  8192u
#define BRANCHES_EACH \
    40.0 /* the goal: no more than so many branches more in a mean decision whenever twice as many wait */

struct output {
    FILE *json;
    bool any, missed;
};

static void print_head(void)
{
    printf("%-26s %5s %6s %5s %6s %6s %7s %8s %8s %8s %6s %5s %5s %5s %6s %6s %6s\n", "scenario", "pCPUs",
           "vCPUs", "busy", "fair%", "cap%", "wakep50", "wakep99", "wakemax", "switches", "moves", "far",
           "away%", "dec", "decp99", "decmax", "wake");
}

static void print_row(const struct scenario *s, const struct scenario_result *r, bool missed)
{
    const struct guest_stats *g = &guest_stats;
    char fair[16] = "", cap[16] = "";

    if (r->fair_worst >= 0) {
        snprintf(fair, sizeof(fair), "%.2f", 100 * r->fair_worst);
    }
    if (r->cap_worst >= 0) {
        snprintf(cap, sizeof(cap), "%.3f", 100 * r->cap_worst);
    }
    printf(
        "%-26s %5u %6u %5.2f %6s %6s %7.1f %8.1f %8.1f %8.1f %6.1f %5.2f %5.1f %5.0f %6llu %6llu %6.0f%s\n",
        s->name, machine.cpus, r->vcpus, r->busy, fair, cap,
        (double)histogram_quantile(&g->latency_ns, 0.5) / 1e3,
        (double)histogram_quantile(&g->latency_ns, 0.99) / 1e3, (double)g->latency_ns.max / 1e3, r->switches,
        r->migrations, r->far_migrations, 100 * r->away, histogram_mean(&g->decision_steps),
        (unsigned long long)histogram_quantile(&g->decision_steps, 0.99),
        (unsigned long long)g->decision_steps.max, histogram_mean(&g->wake_steps), missed ? "  MISSED" : "");
    fflush(stdout);
}

static void print_json(struct output *o, const struct scenario *s, const struct scenario_result *r,
                       bool missed)
{
    const struct guest_stats *g = &guest_stats;

    if (!o->json) {
        return;
    }
    fprintf(o->json,
            "%s\n {\"name\": \"%s\", \"cpus\": %u, \"nodes\": %u, \"vcpus\": %u, \"policy\": \"%s\", "
            "\"busy\": %.5f, "
            "\"fair_worst\": %.5f, \"fair_class\": %.5f, \"fair_mean\": %.5f, \"cap_worst\": %.5f, "
            "\"wake_ns\": {\"p50\": %llu, "
            "\"p99\": %llu, \"max\": %llu}, ",
            o->any ? "," : "[", s->name, machine.cpus, machine.nodes, r->vcpus,
            machine.policy ? machine.policy : "credit2", r->busy, r->fair_worst, r->fair_class, r->fair_mean,
            r->cap_worst, (unsigned long long)histogram_quantile(&g->latency_ns, 0.5),
            (unsigned long long)histogram_quantile(&g->latency_ns, 0.99),
            (unsigned long long)g->latency_ns.max);
    fprintf(o->json,
            "\"switches\": %.2f, \"migrations\": %.2f, \"far_migrations\": %.3f, \"away\": %.4f, "
            "\"decision\": {\"mean\": %.1f, \"p99\": %llu, "
            "\"max\": %llu}, \"wake\": {\"mean\": %.1f, \"max\": %llu}, \"host_ns\": %.0f, \"missed\": %s}",
            r->switches, r->migrations, r->far_migrations, r->away, histogram_mean(&g->decision_steps),
            (unsigned long long)histogram_quantile(&g->decision_steps, 0.99),
            (unsigned long long)g->decision_steps.max, histogram_mean(&g->wake_steps),
            (unsigned long long)g->wake_steps.max, r->host_ns, missed ? "true" : "false");
    o->any = true;
}

static void put(struct output *o, const struct scenario *s, const struct scenario_result *r, bool missed)
{
    print_row(s, r, missed);
    print_json(o, s, r, missed);
    o->missed = o->missed || missed;
}

static bool misses(const struct goal *g, const struct scenario_result *r)
{
    return (g->fair != 0 && r->fair_worst > g->fair) ||
           (g->fair_class != 0 && r->fair_class > g->fair_class) || (g->cap != 0 && r->cap_worst > g->cap) ||
           (g->away != 0 && r->away > g->away) ||
           (g->wake_p99_ns != 0 && histogram_quantile(&guest_stats.latency_ns, 0.99) > g->wake_p99_ns);
}

/* Sixteen pCPUs, one runqueue, ever more hogs. */
static void report_waiting(struct output *o)
{
    double first = 0, doublings = 0;

    for (unsigned int waiting = WAITING_FIRST; waiting <= WAITING_LAST; waiting *= 4) {
        char name[32];
        struct scenario s = {.name = name,
                             ON(16, 1),
                             .load = {HOGS(16 + waiting / 2, 256), HOGS(waiting / 2, 512)},
                             .warm_ns = MILLISECS(300),
                             .run_ns = SECONDS(2)};
        struct scenario_result r;
        double mean;

        snprintf(name, sizeof(name), "cost/waiting/%u", waiting);
        scenario_run(&s, &r);
        mean = histogram_mean(&guest_stats.decision_steps);
        first = first == 0 ? mean : first;
        r.fair_worst = -1; /* too short for so many */
        put(o, &s, &r, mean > first + doublings * BRANCHES_EACH);
        doublings += 2;
    }
}

static void report_machines(struct output *o, unsigned int last)
{
    for (unsigned int cpus = 2; cpus <= last; cpus *= 4) {
        char name[32];
        unsigned int nodes = MAX(MIN(cpus / 16, 8u), 1u);
        struct scenario s = {.name = name,
                             .machine = {.cpus = cpus, .nodes = nodes, .grouping = SCHED_BY_SOCKET},
                             .load = {IO(cpus * 2, 900), HOGS(cpus / 2, 256)},
                             .warm_ns = MILLISECS(100),
                             .run_ns = MILLISECS(300)};
        struct scenario_result r;

        snprintf(name, sizeof(name), "cost/machine/%u", cpus);
        scenario_run(&s, &r);
        put(o, &s, &r, false);
    }
}

void report_one(const struct scenario *s)
{
    struct output o = {0};
    struct scenario_result r;

    print_head();
    scenario_run(s, &r);
    put(&o, s, &r, false);
    printf("%.0f ns of this machine for a decision, with everything in it\n", r.host_ns);
}

int report_all(bool full, const char *json, const char *only)
{
    struct output o = {0};

    if (json) {
        o.json = fopen(json, "w");
        if (!o.json) {
            perror(json);
            return 2;
        }
    }
    print_head();
    for (unsigned int i = 0; i < ARRAY_SIZE(entries); i++) {
        const struct entry *e = &entries[i];
        struct scenario_result r;

        if ((e->only_full && !full) || (only && strncmp(e->s.name, only, strlen(only)) != 0)) {
            continue;
        }
        scenario_run(&e->s, &r);
        put(&o, &e->s, &r, misses(&e->goal, &r));
    }
    if (!only || strncmp("cost/", only, strlen(only)) == 0) {
        report_waiting(&o);
        report_machines(&o, full ? 512 : 128);
    }
    if (o.json) {
        fprintf(o.json, "\n]\n");
        fclose(o.json);
    }
    return o.missed;
}
