/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C string functions for the hypervisor image; host builds use libc's (the Makefile leaves this folder out).
 *
 * Each loop ends at the terminator or the limit; the empty asm keeps the compiler from seeing a strlen() in strlen().
 */
#include <lib/string.h>

#define NOT_AN_IDIOM(x) __asm__ volatile("" : "+r"(x))

size_t strlen(const char *s)
{
    const char *end = s;

    while (*end) {
        end++;
        NOT_AN_IDIOM(end);
    }
    return end - s;
}

size_t strnlen(const char *s, size_t limit)
{
    size_t n = 0;

    while (n < limit && s[n]) {
        n++;
    }
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    while (n > 0 && *a && *a == *b) {
        a++;
        b++;
        n--;
    }
    return n > 0 ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++) {
        if (*s == '\0') {
            return NULL;
        }
    }
    return (char *)s;
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    for (;; s++) {
        if (*s == (char)c) {
            found = s;
        }
        if (*s == '\0') {
            return (char *)found;
        }
    }
}

char *strstr(const char *haystack, const char *needle)
{
    size_t length = strlen(needle);

    for (; length > 0; haystack++) {
        if (*haystack == '\0') {
            return NULL;
        }
        if (strncmp(haystack, needle, length) == 0) {
            break;
        }
    }
    return (char *)haystack;
}
