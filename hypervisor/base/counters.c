/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See counters.h. Counters only grow; a reset remembers where they were, so that nobody writes another pCPU's. */
#include <base/counters.h>

DEFINE_PER_CPU(struct counters, counters);
static DEFINE_PER_CPU(struct counters, at_reset);

const struct counter_row counter_rows[] = {
#define COUNTER(id, name, text)              {name, COUNTER_##id, 1, false},
#define COUNTER_RANGE(id, count, name, text) {name, COUNTER_##id, count, true},
#include <base/counters.def>
#undef COUNTER
#undef COUNTER_RANGE
};
const unsigned int counter_row_count = ARRAY_SIZE(counter_rows);

static uint64_t raw(unsigned int cpu, unsigned int id)
{
    return __atomic_load_n(&per_cpu(counters, cpu).n[id], __ATOMIC_RELAXED);
}

uint64_t counter_on(unsigned int cpu, unsigned int id)
{
    return raw(cpu, id) - __atomic_load_n(&per_cpu(at_reset, cpu).n[id], __ATOMIC_RELAXED);
}

uint64_t counter_sum(unsigned int cpus, unsigned int id)
{
    uint64_t sum = 0;

    for (unsigned int cpu = 0; cpu < cpus; cpu++) {
        sum += counter_on(cpu, id);
    }
    return sum;
}

void counters_reset(unsigned int cpus)
{
    for (unsigned int cpu = 0; cpu < cpus; cpu++) {
        for (unsigned int id = 0; id < COUNTER_COUNT; id++) {
            __atomic_store_n(&per_cpu(at_reset, cpu).n[id], raw(cpu, id), __ATOMIC_RELAXED);
        }
    }
}
