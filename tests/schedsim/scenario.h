/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One simulation that is measured: a machine, loads, how long; and what came out. */
#pragma once
#include <tests/schedsim/guests.h>

#define SCENARIO_LOADS_MAX 4u

enum scenario_place { PLACE_ANYWHERE, PLACE_SOFT_NODE, PLACE_HARD_NODE }; /* domains take nodes in turn */

struct scenario_load {
    struct guest_load load;
    unsigned int vcpus, each; /* in all; in a domain */
    uint32_t weight, cap;     /* 0: the default, none */
    enum scenario_place place;
};

struct scenario {
    const char *name;
    struct machine_config machine; /* 0: kick_ns a microsecond, cpus_per_socket 16, or a node's, the seed 1 */
    struct scenario_load load[SCENARIO_LOADS_MAX];
    uint64_t warm_ns, run_ns;
};

struct scenario_result {
    unsigned int vcpus;
    double busy; /* share of the pCPUs' time that vCPUs had */
    double
        fair_worst; /* largest deviation of a vCPU's time from its fair one, of that; < 0: not all of them are hogs */
    double fair_class; /* largest deviation of all of one load together */
    double fair_mean;  /* the mean of the deviations */
    double
        cap_worst; /* largest deviation of a domain's time from its cap, in pCPUs; < 0: there are no caps */
    double decisions, switches, migrations, far_migrations; /* a pCPU and second */
    double away;    /* share of the vCPUs' time on another node than theirs */
    double host_ns; /* of this machine, for a decision, everything in it */
};

/* Run it; more is in guest_stats then. */
void scenario_run(const struct scenario *s, struct scenario_result *out);
