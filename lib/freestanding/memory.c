/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memcpy and friends for the hypervisor image; host builds use libc's (the Makefile leaves this folder out).
 *
 * Plain C, word-wise: unaligned 64-bit accesses are fast on every CPU that the image runs on. From LONG bytes on
 * the CPU's string instructions move most of it: their start-up costs, then they work by whole cache lines. The
 * compiler must not turn these loops back into calls to the functions that they define.
 */
#include <lib/string.h>

#ifdef __clang__
#define NO_LOOP_IDIOM
#else
#define NO_LOOP_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

#define LONG 256 /* bytes */

/* A word that may be at any address and alias anything. */
typedef uint64_t __attribute__((aligned(1), may_alias)) any_word;

/* Hides a count from the compiler, so that a loop over it is not recognised as a library function. */
static inline size_t opaque(size_t n)
{
    __asm__ volatile("" : "+r"(n));
    return n;
}

NO_LOOP_IDIOM static void copy_up(unsigned char *d, const unsigned char *s, size_t n)
{
    if (n >= LONG) {
        size_t words = n / 8;

        __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
        n %= 8;
    }
    while (n >= 32) {
        uint64_t a = ((const any_word *)s)[0], b = ((const any_word *)s)[1];
        uint64_t c = ((const any_word *)s)[2], e = ((const any_word *)s)[3];

        ((any_word *)d)[0] = a;
        ((any_word *)d)[1] = b;
        ((any_word *)d)[2] = c;
        ((any_word *)d)[3] = e;
        d += 32;
        s += 32;
        n = opaque(n - 32);
    }
    while (n >= 8) {
        *(any_word *)d = *(const any_word *)s;
        d += 8;
        s += 8;
        n = opaque(n - 8);
    }
    while (n > 0) {
        *d++ = *s++;
        n = opaque(n - 1);
    }
}

NO_LOOP_IDIOM static void copy_down(unsigned char *d, const unsigned char *s, size_t n)
{
    while (n >= 8) {
        n = opaque(n - 8);
        *(any_word *)(d + n) = *(const any_word *)(s + n);
    }
    while (n > 0) {
        n = opaque(n - 1);
        d[n] = s[n];
    }
}

void *memcpy(void *dst, const void *src, size_t n)
{
    copy_up(dst, src, n);
    return dst;
}

/* Copying upwards is right unless @dst lies inside the source: each step reads before it writes ahead of it. */
void *memmove(void *dst, const void *src, size_t n)
{
    if ((uintptr_t)dst - (uintptr_t)src >= n) {
        copy_up(dst, src, n);
    } else {
        copy_down(dst, src, n);
    }
    return dst;
}

NO_LOOP_IDIOM void *memset(void *dst, int byte, size_t n)
{
    uint64_t word = (unsigned char)byte * UINT64_C(0x0101010101010101);
    unsigned char *d = dst;

    if (n >= LONG) {
        size_t words = n / 8;

        __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(word) : "memory");
        n %= 8;
    }
    while (n >= 32) {
        ((any_word *)d)[0] = word;
        ((any_word *)d)[1] = word;
        ((any_word *)d)[2] = word;
        ((any_word *)d)[3] = word;
        d += 32;
        n = opaque(n - 32);
    }
    while (n >= 8) {
        *(any_word *)d = word;
        d += 8;
        n = opaque(n - 8);
    }
    while (n > 0) {
        *d++ = (unsigned char)byte;
        n = opaque(n - 1);
    }
    return dst;
}

NO_LOOP_IDIOM int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;

    while (n >= 8 && *(const any_word *)x == *(const any_word *)y) {
        x += 8;
        y += 8;
        n -= 8;
    }
    for (; n > 0; x++, y++, n--) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
    for (const unsigned char *p = s; n > 0; p++, n--) {
        if (*p == (unsigned char)byte) {
            return (void *)p;
        }
    }
    return NULL;
}
