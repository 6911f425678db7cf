/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How numbers are distributed: exact count, sum and largest; quantiles to within 1.6 %, from buckets that grow with the numbers. */
#pragma once
#include <stdint.h>
#include <string.h>

#define HISTOGRAM_SUB 64u /* buckets for each doubling */

struct histogram {
    uint64_t count, sum, max;
    uint64_t bucket[HISTOGRAM_SUB * 59];
};

static inline unsigned int histogram_bucket(uint64_t x)
{
    unsigned int shift = x < 2 * HISTOGRAM_SUB ? 0 : 57u - (unsigned int)__builtin_clzll(x);

    return shift * HISTOGRAM_SUB + (unsigned int)(x >> shift);
}

static inline void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

static inline void histogram_add(struct histogram *h, uint64_t x)
{
    h->count++;
    h->sum += x;
    h->max = x > h->max ? x : h->max;
    h->bucket[histogram_bucket(x)]++;
}

static inline double histogram_mean(const struct histogram *h)
{
    return h->count ? (double)h->sum / (double)h->count : 0;
}

/* The smallest number that @share (0..1) of all do not exceed. */
static inline uint64_t histogram_quantile(const struct histogram *h, double share)
{
    uint64_t want = (uint64_t)(share * (double)h->count), seen = 0;

    for (unsigned int i = 0; i < sizeof(h->bucket) / sizeof(h->bucket[0]); i++) {
        seen += h->bucket[i];
        if (seen > want) {
            unsigned int shift = i < 2 * HISTOGRAM_SUB ? 0 : i / HISTOGRAM_SUB - 1;
            uint64_t top = ((uint64_t)(i - shift * HISTOGRAM_SUB) << shift) + ((1ull << shift) - 1);

            return top < h->max ? top : h->max;
        }
    }
    return h->max;
}
