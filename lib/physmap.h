/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a parser of firmware or loader data looks at physical memory: through a callback that the caller supplies.
 */
#ifndef LIB_PHYSMAP_H
#define LIB_PHYSMAP_H

#include <lib/bits.h>

struct physmap {
    /* The @size_bytes bytes at @paddr, readable until the parser returns; NULL when any of them is not memory that
     * may be read (the parser then skips or refuses what it was after). */
    const void *(*map)(void *opaque, uint64_t paddr, size_t size_bytes);
    void *opaque;
};

static inline const uint8_t *physmap_get(const struct physmap *physmap, uint64_t paddr, size_t size_bytes)
{
    uint64_t end;

    return add_overflows(paddr, size_bytes, &end) ? NULL : physmap->map(physmap->opaque, paddr, size_bytes);
}

#endif
