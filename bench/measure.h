/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measuring in a micro guest: under -icount one TSC tick is one instruction. bench(name, n, op) runs op n times and prints
 * `bench name median min max`; op brackets what counts with T0() and T1(), so that set-up between iterations is left out.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H
#include <guest.h>

extern volatile u64 bench_t0, bench_t1;
#define T0() (bench_t0 = bench_rdtsc())
#define T1() (bench_t1 = bench_rdtsc())
static inline u64 bench_rdtsc(void)
{
    u32 lo, hi;
    asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return lo | (u64)hi << 32;
}
void bench(const char *name, int n, void (*op)(void));
u64 bench_overhead(void); /* of T0() and T1() alone */
void bench_skip(const char *name, const char *why);
void bench_value(const char *name, long value);
#endif
