/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The formatter. One conversion is parsed into a struct spec, its digits are made backwards in a small buffer,
 * then prefix, zeros, digits and padding are put in order. See printf.h.
 */
#include <lib/printf.h>
#include <lib/bits.h>
#include <lib/string.h>

struct out {
    char *buf;
    size_t size;
    size_t length; /* of the whole text; may pass size */
};

struct spec {
    bool left, zero, plus, space, alternate, upper;
    bool has_precision;
    unsigned int width;
    unsigned int precision;
    unsigned int size_bytes; /* of an integer argument */
};

/* A field is never padded beyond this, so that a hostile width costs little and a length fits an int. */
#define FIELD_MAX 4096u

static void put(struct out *out, char c)
{
    if (out->length < out->size) {
        out->buf[out->length] = c;
    }
    out->length++;
}

static void put_repeated(struct out *out, char c, unsigned int count)
{
    while (count-- > 0) {
        put(out, c);
    }
}

static void put_bytes(struct out *out, const char *s, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        put(out, s[i]);
    }
}

static void put_text(struct out *out, const struct spec *spec, const char *s, size_t length)
{
    unsigned int pad = length < spec->width ? spec->width - (unsigned int)length : 0;

    put_repeated(out, ' ', spec->left ? 0 : pad);
    put_bytes(out, s, length);
    put_repeated(out, ' ', spec->left ? pad : 0);
}

static void put_number(struct out *out, const struct spec *spec, uint64_t value, unsigned int base,
                       const char *prefix)
{
    const char *digits = spec->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    unsigned int n = 0, zeros = 0, pad, total;

    for (uint64_t v = value; v; v /= base) {
        text[sizeof(text) - ++n] = digits[v % base];
    }
    if (n == 0 && !(spec->has_precision && spec->precision == 0)) {
        text[sizeof(text) - ++n] = '0';
    }
    if (spec->has_precision && spec->precision > n) {
        zeros = MIN(spec->precision, FIELD_MAX) - n;
    }
    total = (unsigned int)strlen(prefix) + zeros + n;
    pad = total < spec->width ? spec->width - total : 0;
    if (spec->zero && !spec->left && !spec->has_precision) {
        zeros = pad;
        pad = 0;
    }
    put_repeated(out, ' ', spec->left ? 0 : pad);
    put_bytes(out, prefix, strlen(prefix));
    put_repeated(out, '0', zeros);
    put_bytes(out, &text[sizeof(text) - n], n);
    put_repeated(out, ' ', spec->left ? pad : 0);
}

static const char *parse_flags(const char *f, struct spec *spec)
{
    for (;; f++) {
        switch (*f) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return f;
        }
    }
}

static const char *parse_count(const char *f, unsigned int *count)
{
    unsigned int n = 0;

    for (; *f >= '0' && *f <= '9'; f++) {
        n = MIN(n * 10 + (unsigned int)(*f - '0'), FIELD_MAX);
    }
    *count = n;
    return f;
}

static const char *parse_length(const char *f, struct spec *spec)
{
    spec->size_bytes = sizeof(int);
    switch (*f) {
    case 'h':
        spec->size_bytes = f[1] == 'h' ? 1 : sizeof(short);
        return f + (f[1] == 'h' ? 2 : 1);
    case 'l':
        spec->size_bytes = f[1] == 'l' ? sizeof(long long) : sizeof(long);
        return f + (f[1] == 'l' ? 2 : 1);
    case 'z':
    case 't':
    case 'j':
        spec->size_bytes = sizeof(uint64_t);
        return f + 1;
    default:
        return f;
    }
}

/* An integer argument of the given size, extended as the conversion wants. */
static uint64_t narrow(uint64_t raw, unsigned int size_bytes, bool is_signed)
{
    unsigned int unused_bits = 64 - 8 * size_bytes;

    return is_signed ? (uint64_t)((int64_t)(raw << unused_bits) >> unused_bits)
                     : raw << unused_bits >> unused_bits;
}

static void put_signed(struct out *out, const struct spec *spec, uint64_t raw)
{
    int64_t value = (int64_t)narrow(raw, spec->size_bytes, true);
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "";

    put_number(out, spec, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, sign);
}

static void put_unsigned(struct out *out, struct spec *spec, char conversion, uint64_t raw)
{
    uint64_t value = narrow(raw, spec->size_bytes, false);
    bool prefixed = spec->alternate && value;

    switch (conversion) {
    case 'X':
        spec->upper = true;
        put_number(out, spec, value, 16, prefixed ? "0X" : "");
        break;
    case 'x':
        put_number(out, spec, value, 16, prefixed ? "0x" : "");
        break;
    case 'o':
        put_number(out, spec, value, 8, prefixed ? "0" : "");
        break;
    default:
        put_number(out, spec, value, 10, "");
        break;
    }
}

static void put_string(struct out *out, const struct spec *spec, const char *s)
{
    if (s == NULL) {
        s = "(null)";
    }
    put_text(out, spec, s, spec->has_precision ? strnlen(s, spec->precision) : strlen(s));
}

/* A va_list behind a pointer, so that helpers can take from it. */
struct arguments {
    va_list list;
};

static const char *parse_spec(const char *f, struct spec *spec, struct arguments *args)
{
    *spec = (struct spec){0};
    f = parse_flags(f, spec);
    if (*f == '*') {
        int width = va_arg(args->list, int);

        spec->left |= width < 0;
        spec->width = MIN(width < 0 ? -(unsigned int)width : (unsigned int)width, FIELD_MAX);
        f++;
    } else {
        f = parse_count(f, &spec->width);
    }
    if (*f == '.') {
        spec->has_precision = true;
        if (*++f == '*') {
            int precision = va_arg(args->list, int);

            spec->has_precision = precision >= 0;
            spec->precision = precision >= 0 ? (unsigned int)precision : 0;
            f++;
        } else {
            f = parse_count(f, &spec->precision);
        }
    }
    return parse_length(f, spec);
}

static uint64_t next_integer(const struct spec *spec, struct arguments *args)
{
    return spec->size_bytes == 8 ? va_arg(args->list, unsigned long) : va_arg(args->list, unsigned int);
}

/* Handles the conversion whose letter is @f; returns false when it is not one. */
static bool convert(struct out *out, struct spec *spec, char letter, struct arguments *args)
{
    char c;

    switch (letter) {
    case 'd':
    case 'i':
        put_signed(out, spec, next_integer(spec, args));
        return true;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        put_unsigned(out, spec, letter, next_integer(spec, args));
        return true;
    case 'c':
        c = (char)va_arg(args->list, int);
        put_text(out, spec, &c, 1);
        return true;
    case 's':
        put_string(out, spec, va_arg(args->list, const char *));
        return true;
    case 'p':
        put_number(out, spec, (uintptr_t)va_arg(args->list, void *), 16, "0x");
        return true;
    case '%':
        put(out, '%');
        return true;
    default:
        return false;
    }
}

int zvsnprintf(char *buf, size_t size, const char *format, va_list list)
{
    struct out out = {.buf = buf, .size = size};
    struct arguments args;

    va_copy(args.list, list);
    for (const char *f = format; *f; f++) {
        struct spec spec;
        const char *letter;

        if (*f != '%') {
            put(&out, *f);
            continue;
        }
        letter = parse_spec(f + 1, &spec, &args);
        if (convert(&out, &spec, *letter, &args)) {
            f = letter;
        } else {
            put(&out, '%');
        }
    }
    va_end(args.list);
    if (size > 0) {
        buf[MIN(out.length, size - 1)] = '\0';
    }
    return (int)out.length;
}

int zsnprintf(char *buf, size_t size, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = zvsnprintf(buf, size, format, args);
    va_end(args);
    return length;
}

int zvscnprintf(char *buf, size_t size, const char *format, va_list args)
{
    int length = zvsnprintf(buf, size, format, args);

    return size == 0 ? 0 : MIN_T(int, length, (int)(size - 1));
}

int zscnprintf(char *buf, size_t size, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = zvscnprintf(buf, size, format, args);
    va_end(args);
    return length;
}
