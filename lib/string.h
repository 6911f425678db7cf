/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory and string functions.
 *
 * The ones with C library names have its prototypes and meaning: in the hypervisor image they come from
 * lib/freestanding/, on the host from libc (so that the sanitizers see them). The rest, in lib/string.c, is
 * the same code in both. All are pure and may be used from any context.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t limit);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);

/* Copy @src into @dst of @size bytes, cut short if need be, always terminated when @size > 0.
 * Returns strlen(@src): a value >= @size says that it was cut. */
size_t strlcpy(char *dst, const char *src, size_t size);

/* Append @src to the string in @dst of @size bytes; returns the length that it wanted to have. */
size_t strlcat(char *dst, const char *src, size_t size);

/* Does @s start with @prefix? */
bool str_starts_with(const char *s, const char *prefix);

/* Are the @length bytes at @s exactly the string @word? For tokens inside a larger string. */
bool str_is(const char *s, size_t length, const char *word);

/* Copy @length bytes that may lack a terminator (up to the first zero byte) into @dst of @size bytes;
 * always terminated when @size > 0. Returns false when it was cut short. */
bool str_copy_bytes(char *dst, size_t size, const char *src, size_t length);

/* Read an unsigned integer from the @length bytes at @s: decimal, 0x hexadecimal or 0 octal.
 * The whole text must be the number. Returns false for an empty text, another byte, or a value over 64 bits;
 * *@value is then unchanged. */
bool str_to_u64_n(const char *s, size_t length, uint64_t *value);
bool str_to_u64(const char *s, uint64_t *value);

#endif
