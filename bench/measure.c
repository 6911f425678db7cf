/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Median of many runs, less the cost of reading the counter: see measure.h. */
#include "measure.h"

#define MAX_RUNS 2001
volatile u64 bench_t0, bench_t1;
static u64 sample[MAX_RUNS];
static u64 overhead;

static void sort(u64 *a, int n)
{
    for (int gap = n / 2; gap; gap /= 2) {
        for (int i = gap; i < n; i++) {
            u64 v = a[i];
            int j = i;
            for (; j >= gap && a[j - gap] > v; j -= gap) {
                a[j] = a[j - gap];
            }
            a[j] = v;
        }
    }
}
static void empty(void)
{
    T0();
    T1();
}
static u64 run(int n, void (*op)(void))
{
    for (int i = 0; i < 10; i++) {
        op(); /* warm up */
    }
    for (int i = 0; i < n; i++) {
        op();
        sample[i] = bench_t1 - bench_t0;
    }
    sort(sample, n);
    return sample[n / 2];
}
/* For bench/profile.py: with the argument loop=NAME only that operation runs, for ever. */
static bool left_out_or_loop(const char *name, void (*op)(void))
{
    if (!arg("loop")) {
        return false;
    }
    if (arg_is("loop", name)) {
        print("# loop %s\n", name);
        for (;;) {
            op();
        }
    }
    return true;
}
u64 bench_overhead(void)
{
    if (!overhead) {
        overhead = run(1001, empty);
    }
    return overhead;
}
void bench(const char *name, int n, void (*op)(void))
{
    if (left_out_or_loop(name, op)) {
        return;
    }
    bench_overhead();
    n = n > MAX_RUNS ? MAX_RUNS : n;
    long median = run(n, op) - overhead;
    print("bench %s %ld %ld %ld\n", name, median, (long)(sample[0] - overhead),
          (long)(sample[n - 1] - overhead));
}
void bench_skip(const char *name, const char *why)
{
    print("bench-na %s %s\n", name, why);
}
void bench_value(const char *name, long value)
{
    print("bench %s %ld %ld %ld\n", name, value, value, value);
}
