/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of pCPUs, passed by value. Bit n of word n / 64 is pCPU n. `bits` is the whole set as long as MAX_PCPUS fits into one word; code that must also
 * hold for more (core/sched and its simulator) uses the functions only.
 */
#pragma once
#include <base/types.h>

#define CPUSET_WORDS ((MAX_PCPUS + 63u) / 64u)

typedef union {
    uint64_t bits;
    uint64_t word[CPUSET_WORDS];
} cpuset_t;

#define CPUSET_NONE ((cpuset_t){.word = {0}})
#define CPUSET_ALL  ((cpuset_t){.word = {[0 ... CPUSET_WORDS - 1] = ~0ull}})

static inline bool cpuset_has(cpuset_t s, unsigned int cpu)
{
    return (s.word[cpu / 64] >> (cpu % 64)) & 1;
}

static inline cpuset_t cpuset_of(unsigned int cpu)
{
    cpuset_t s = CPUSET_NONE;

    s.word[cpu / 64] = 1ull << (cpu % 64);
    return s;
}

static inline void cpuset_add(cpuset_t *s, unsigned int cpu)
{
    s->word[cpu / 64] |= 1ull << (cpu % 64);
}

static inline void cpuset_remove(cpuset_t *s, unsigned int cpu)
{
    s->word[cpu / 64] &= ~(1ull << (cpu % 64));
}

static inline bool cpuset_is_empty(cpuset_t s)
{
    uint64_t any = 0;

    for (unsigned int i = 0; i < CPUSET_WORDS; i++) {
        any |= s.word[i];
    }
    return any == 0;
}

static inline cpuset_t cpuset_and(cpuset_t a, cpuset_t b)
{
    for (unsigned int i = 0; i < CPUSET_WORDS; i++) {
        a.word[i] &= b.word[i];
    }
    return a;
}

static inline cpuset_t cpuset_or(cpuset_t a, cpuset_t b)
{
    for (unsigned int i = 0; i < CPUSET_WORDS; i++) {
        a.word[i] |= b.word[i];
    }
    return a;
}

/* @a without @b. */
static inline cpuset_t cpuset_minus(cpuset_t a, cpuset_t b)
{
    for (unsigned int i = 0; i < CPUSET_WORDS; i++) {
        a.word[i] &= ~b.word[i];
    }
    return a;
}

static inline bool cpuset_meets(cpuset_t a, cpuset_t b)
{
    return !cpuset_is_empty(cpuset_and(a, b));
}

static inline bool cpuset_equal(cpuset_t a, cpuset_t b)
{
    return cpuset_is_empty(cpuset_or(cpuset_minus(a, b), cpuset_minus(b, a)));
}

/* The lowest pCPU of @s; MAX_PCPUS when there is none. */
static inline unsigned int cpuset_first(cpuset_t s)
{
    for (unsigned int i = 0; i < CPUSET_WORDS; i++) {
        if (s.word[i] != 0) {
            return i * 64 + (unsigned int)__builtin_ctzll(s.word[i]);
        }
    }
    return MAX_PCPUS;
}

/* The lowest pCPU of @s from @cpu on, starting again at 0; MAX_PCPUS when @s is empty. */
static inline unsigned int cpuset_next_wrap(cpuset_t s, unsigned int cpu)
{
    cpuset_t above = s;

    for (unsigned int i = 0; i < CPUSET_WORDS; i++) {
        if (cpu >= (i + 1) * 64) {
            above.word[i] = 0;
        } else if (cpu > i * 64) {
            above.word[i] &= ~0ull << (cpu % 64);
        }
    }
    return cpuset_first(cpuset_is_empty(above) ? s : above);
}

static inline unsigned int cpuset_count(cpuset_t s)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < CPUSET_WORDS; i++) {
        n += hweight64(s.word[i]);
    }
    return n;
}

/* Atomic, each on its own word; a whole set that others change is read word by word. */
static inline void cpuset_add_atomic(cpuset_t *s, unsigned int cpu)
{
    __atomic_fetch_or(&s->word[cpu / 64], 1ull << (cpu % 64), __ATOMIC_SEQ_CST);
}

/* The same; true when @cpu was not in it. */
static inline bool cpuset_add_first(cpuset_t *s, unsigned int cpu)
{
    uint64_t bit = 1ull << (cpu % 64);

    return !(__atomic_fetch_or(&s->word[cpu / 64], bit, __ATOMIC_SEQ_CST) & bit);
}

static inline void cpuset_remove_atomic(cpuset_t *s, unsigned int cpu)
{
    __atomic_fetch_and(&s->word[cpu / 64], ~(1ull << (cpu % 64)), __ATOMIC_SEQ_CST);
}

static inline cpuset_t cpuset_read(const cpuset_t *s)
{
    cpuset_t out;

    for (unsigned int i = 0; i < CPUSET_WORDS; i++) {
        out.word[i] = __atomic_load_n(&s->word[i], __ATOMIC_RELAXED);
    }
    return out;
}

/* for (unsigned int cpu = ...): each pCPU of @set, which is evaluated once, from the lowest. */
#define for_each_cpu(cpu, set)                                                               \
    for (cpuset_t left_##cpu = (set), *one_##cpu = &left_##cpu; one_##cpu; one_##cpu = NULL) \
        for (unsigned int cpu; (cpu = cpuset_first(left_##cpu)) < MAX_PCPUS; cpuset_remove(&left_##cpu, cpu))
