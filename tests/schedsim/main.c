/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schedsim: the scheduler on simulated machines (docs/scheduling.md).
 *
 *   schedsim report [--full] [--json FILE] [--only NAME]   measured scenarios beside their goals; exits 1 when one is missed
 *   schedsim check [--seed N] [--seeds N] [--seconds N]    property tests from random seeds
 *   schedsim run CPUS NODES HOGS IO SECONDS [null]         one machine of your own
 */
#include <stdio.h>
#include <stdlib.h>
#include <tests/schedsim/check.h>
#include <tests/schedsim/report.h>

static const char *option(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return i + 1 < argc ? argv[i + 1] : "";
        }
    }
    return otherwise;
}

static uint64_t number(int argc, char **argv, const char *name, const char *otherwise)
{
    return strtoull(option(argc, argv, name, otherwise), NULL, 10);
}

static int run_own(int argc, char **argv)
{
    unsigned int cpus = (unsigned int)atoi(argv[2]), nodes = (unsigned int)atoi(argv[3]);
    struct scenario s = {
        .name = "own",
        .machine = {.cpus = cpus,
                    .nodes = nodes,
                    .grouping = SCHED_BY_SOCKET,
                    .policy = argc > 7 ? argv[7] : "credit2"},
        .load = {{.load = {LOAD_HOG, 0, 0}, .vcpus = (unsigned int)atoi(argv[4])},
                 {.load = {LOAD_IO, MICROSECS(100), MICROSECS(900)}, .vcpus = (unsigned int)atoi(argv[5])}},
        .warm_ns = SECONDS(1),
        .run_ns = SECONDS(strtoull(argv[6], NULL, 10))};

    if (cpus < 1 || cpus > MAX_PCPUS || nodes < 1 || nodes > cpus || s.run_ns == 0) {
        return 2;
    }
    report_one(&s);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "report") == 0) {
        return report_all(option(argc, argv, "--full", NULL) != NULL, option(argc, argv, "--json", NULL),
                          option(argc, argv, "--only", NULL));
    }
    if (strcmp(what, "check") == 0) {
        return check_seeds(number(argc, argv, "--seed", "1"), number(argc, argv, "--seeds", "0"),
                           (double)number(argc, argv, "--seconds", "3600"));
    }
    if (strcmp(what, "run") == 0 && argc > 6) {
        return run_own(argc, argv);
    }
    fprintf(stderr, "usage: schedsim report|check|run ... (tests/schedsim/main.c)\n");
    return 2;
}
