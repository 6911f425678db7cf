/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Formatted output into a buffer.
 *
 * Conversions: %d %i %u %x %X %o %c %s %p %%, with flags - 0 + space #, a width and a precision (numbers or *),
 * and lengths hh h l ll z t j. No floating point and no %n; an unknown conversion is copied as it stands.
 * A NULL %s prints "(null)". Pure: may be used from any context.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

/* Write at most @size bytes, terminator included (always there when @size > 0).
 * Returns the length that the whole text would have: a value >= @size says that it was cut. */
int zvsnprintf(char *buf, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
int zsnprintf(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, but returns the length that was stored: what fits appending in a row. */
int zvscnprintf(char *buf, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
int zscnprintf(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
