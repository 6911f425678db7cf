/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unaligned little-endian reads from bytes that a parser has already checked the bounds of.
 */
#ifndef LIB_BYTES_H
#define LIB_BYTES_H

#include <lib/bits.h>

static inline uint16_t read_le16(const void *at)
{
    const uint8_t *p = at;

    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t read_le32(const void *at)
{
    const uint8_t *p = at;

    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t read_le64(const void *at)
{
    return read_le32(at) | (uint64_t)read_le32((const uint8_t *)at + 4) << 32;
}

#endif
