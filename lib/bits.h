/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small macros that everyone uses: sizes, rounding, bit positions, containers.
 *
 * Everything here is pure and may be used from any context. Rounding macros want a power of two and
 * evaluate the alignment twice; MIN/MAX evaluate each argument once.
 */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUILD_ASSERT(cond, text) _Static_assert(cond, text)

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define __zendo_same_type(a, b) __builtin_types_compatible_p(__typeof__(a), __typeof__(b))

/* Number of elements of an array; a pointer does not compile. */
#define ARRAY_SIZE(a)             \
    (sizeof(a) / sizeof((a)[0]) + \
     0 * sizeof(struct { int must_be_an_array : 1 - 2 * __zendo_same_type(a, &(a)[0]); }))

/* The structure of @type whose @member is at @ptr. */
#define container_of(ptr, type, member) \
    ((type *)((char *)(1 ? (ptr) : &((type *)0)->member) - offsetof(type, member)))

#define MIN(a, b)               \
    ({                          \
        __typeof__(a) a_ = (a); \
        __typeof__(b) b_ = (b); \
        a_ < b_ ? a_ : b_;      \
    })
#define MAX(a, b)               \
    ({                          \
        __typeof__(a) a_ = (a); \
        __typeof__(b) b_ = (b); \
        a_ > b_ ? a_ : b_;      \
    })
/* The same, with both sides converted to @type first. */
#define MIN_T(type, a, b)  \
    ({                     \
        type a_ = (a);     \
        type b_ = (b);     \
        a_ < b_ ? a_ : b_; \
    })
#define MAX_T(type, a, b)  \
    ({                     \
        type a_ = (a);     \
        type b_ = (b);     \
        a_ > b_ ? a_ : b_; \
    })

/* Rounding to a power of two, in the type of @x. ALIGN_UP wraps at the top of the type: check first. */
#define ALIGN_MASK(x, a) ((__typeof__(x))(a)-1)
#define ALIGN_UP(x, a)   (((x) + ALIGN_MASK(x, a)) & ~ALIGN_MASK(x, a))
#define ALIGN_DOWN(x, a) ((x) & ~ALIGN_MASK(x, a))
#define IS_ALIGNED(x, a) (((x)&ALIGN_MASK(x, a)) == 0)
#define IS_POWER_OF_2(x) ((x) != 0 && ((x) & ((x)-1)) == 0)

/* Rounding to any multiple. */
#define DIV_ROUND_UP(n, d) (((n) + (d)-1) / (d))
#define ROUND_UP(n, m)     (DIV_ROUND_UP(n, m) * (m))
#define ROUND_DOWN(n, m)   ((n) / (m) * (m))

#define BIT(n) (UINT64_C(1) << (n))
/* Bits @high..@low, both included. */
#define GENMASK(high, low) ((UINT64_C(2) << (high)) - (UINT64_C(1) << (low)))

/* Number (from 1) of the most significant set bit; 0 for 0. */
static inline unsigned int fls64(uint64_t x)
{
    return x ? 64 - (unsigned int)__builtin_clzll(x) : 0;
}

/* Number (from 1) of the least significant set bit; 0 for 0. */
static inline unsigned int ffs64(uint64_t x)
{
    return x ? 1 + (unsigned int)__builtin_ctzll(x) : 0;
}

/* Number of set bits, without a library call where the CPU has no popcnt. */
static inline unsigned int hweight64(uint64_t x)
{
    x -= (x >> 1) & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + ((x >> 2) & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned int)((x * UINT64_C(0x0101010101010101)) >> 56);
}

/* Smallest order with (1 << order) >= @x; 0 for 0 and 1. */
static inline unsigned int order_for(uint64_t x)
{
    return x > 1 ? fls64(x - 1) : 0;
}

/* *@sum = @a + @b; true when the sum does not fit. The same for a product. */
static inline bool add_overflows(uint64_t a, uint64_t b, uint64_t *sum)
{
    return __builtin_add_overflow(a, b, sum);
}

static inline bool mul_overflows(uint64_t a, uint64_t b, uint64_t *product)
{
    return __builtin_mul_overflow(a, b, product);
}

/* Does [@offset, @offset + @length) lie inside [0, @size)? Never overflows. */
static inline bool range_fits(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

#endif
