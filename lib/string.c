/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The string functions that no C library header names (or not every one). See string.h.
 */
#include <lib/string.h>
#include <lib/bits.h>

size_t strlcpy(char *dst, const char *src, size_t size)
{
    size_t length = strlen(src);

    if (size > 0) {
        size_t n = MIN(length, size - 1);

        memcpy(dst, src, n);
        dst[n] = '\0';
    }
    return length;
}

size_t strlcat(char *dst, const char *src, size_t size)
{
    size_t used = strnlen(dst, size);

    return used + strlcpy(dst + used, src, size - used);
}

bool str_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_is(const char *s, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(s, word, length) == 0;
}

bool str_copy_bytes(char *dst, size_t size, const char *src, size_t length)
{
    size_t wanted = strnlen(src, length);
    size_t n;

    if (size == 0) {
        return false;
    }
    n = MIN(wanted, size - 1);
    memcpy(dst, src, n);
    dst[n] = '\0';
    return n == wanted;
}

/* Value of a digit in bases up to 16; 255 for another character. */
static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return 255;
}

bool str_to_u64_n(const char *s, size_t length, uint64_t *value)
{
    unsigned int base = 10;
    uint64_t result = 0;

    if (length > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
        length -= 2;
    } else if (length > 1 && s[0] == '0') {
        base = 8;
    }
    if (length == 0) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned int digit = digit_value(s[i]);

        if (digit >= base || mul_overflows(result, base, &result) || add_overflows(result, digit, &result)) {
            return false;
        }
    }
    *value = result;
    return true;
}

bool str_to_u64(const char *s, uint64_t *value)
{
    return str_to_u64_n(s, strlen(s), value);
}
