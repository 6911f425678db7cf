/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of lib/ share: reading a file, an exact-size copy that ASan guards, a repeatable random source.
 */
#ifndef TESTS_UNIT_LIB_LIB_TEST_H
#define TESTS_UNIT_LIB_LIB_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <glob.h>
#include <cmocka.h>

/* A fresh copy of exactly @size bytes: reading one more is an ASan report. */
static inline uint8_t *exact_copy(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    if (size) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

/* The whole of a file; NULL when it cannot be read. */
static inline uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes;
    long length;

    if (!file) {
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    length = ftell(file);
    rewind(file);
    bytes = malloc(length > 0 ? length : 1);
    *size = fread(bytes, 1, length, file);
    fclose(file);
    return bytes;
}

/* The first readable file that matches; NULL when there is none. */
static inline uint8_t *read_first_match(const char *pattern, size_t *size)
{
    uint8_t *bytes = NULL;
    glob_t found;

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && !bytes; i++) {
            bytes = read_file(found.gl_pathv[i], size);
        }
    }
    globfree(&found);
    return bytes;
}

static uint64_t random_state = 0x9e3779b97f4a7c15;

static inline uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static inline void put_le16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof(v));
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof(v));
}

#endif
