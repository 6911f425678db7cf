/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers for property tests: the same sequence for the same seed (xorshift64*). */
#pragma once
#include <stdint.h>

struct random {
    uint64_t s;
};

static inline struct random random_seed(uint64_t seed)
{
    return (struct random){seed * 0x9e3779b97f4a7c15ull + 1};
}

static inline uint64_t random_u64(struct random *r)
{
    r->s ^= r->s >> 12;
    r->s ^= r->s << 25;
    r->s ^= r->s >> 27;
    return r->s * 0x2545f4914f6cdd1dull;
}

static inline uint64_t random_below(struct random *r, uint64_t n)
{
    return random_u64(r) % n;
}
