/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random loads, and random changes of them and of the machine, for check.c; and a record of what was asked for. */
#pragma once
#include <tests/schedsim/guests.h>

extern cpuset_t *change_hard; /* of each vCPU: the hard affinity that was asked for last */
extern uint64_t *change_cap_since_ns,
    *change_cap_ran_ns; /* of each domain: when its cap began, and what it had run by then */

/* Two pools, pool 0's policy and one more; domains in pool 0, all running. */
void changes_begin(struct random *r);
/* One change: affinity, weight, cap, rate limit, pause, hot-unplug of a vCPU, pCPUs off and on, pCPUs or domains between pools. */
void change_something(struct random *r);
void changes_end(void);
