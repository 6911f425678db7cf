/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters of what happens, per pCPU: counters.def names them. count() is an addition to this pCPU's own memory, not atomic: an interrupt between its load and
 * its store may cost one of two counts. Readers add up; nothing is ever decided by a counter. docs/statistics.md.
 */
#pragma once
#include <base/percpu.h>

enum counter {
#define COUNTER(id, name, text)              COUNTER_##id,
#define COUNTER_RANGE(id, count, name, text) COUNTER_##id, COUNTER_##id##_last = COUNTER_##id + (count)-1,
#include <base/counters.def>
#undef COUNTER
#undef COUNTER_RANGE
    COUNTER_COUNT
};

struct counters {
    uint64_t n[COUNTER_COUNT];
};

DECLARE_PER_CPU(struct counters, counters);

/* One more of @id, or of the one @offset behind it, which is in its range. Any context. */
static inline void count(enum counter id)
{
    this_cpu_counters()->n[id]++;
}
static inline void count_in(enum counter id, unsigned int offset)
{
    this_cpu_counters()->n[id + offset]++;
}

/* A row of counters.def. */
struct counter_row {
    const char *name;
    uint16_t first; /* enum counter */
    uint16_t count; /* 1, or how many the range has */
    bool is_range;
};
extern const struct counter_row counter_rows[];
extern const unsigned int counter_row_count;

/* Since the last counters_reset(), of one pCPU; of the first @cpus ones. Any context. */
uint64_t counter_on(unsigned int cpu, unsigned int id);
uint64_t counter_sum(unsigned int cpus, unsigned int id);
/* Readers see 0 from now on. Any context; two at a time do no harm. */
void counters_reset(unsigned int cpus);
