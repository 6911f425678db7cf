/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The loader's memory regions, in any order and overlapping, made into a sorted map without overlaps. */
#include <hw/x86/boot/memory_map.h>

/* The type of the byte at @at: where regions overlap the most restrictive, which has the highest number. 0: no region. */
static uint32_t type_at(const struct loader_memory *in, unsigned int count, uint64_t at)
{
    uint32_t type = 0;

    for (unsigned int i = 0; i < count; i++) {
        if (at >= in[i].start && at < in[i].end) {
            type = MAX_T(uint32_t, type, in[i].type);
        }
    }
    return type;
}

/* The lowest boundary above @at; 0 when there is none. */
static uint64_t next_boundary(const struct loader_memory *in, unsigned int count, uint64_t at)
{
    uint64_t next = 0;

    for (unsigned int i = 0; i < count; i++) {
        if (in[i].start > at && (next == 0 || in[i].start < next)) {
            next = in[i].start;
        }
        if (in[i].end > at && (next == 0 || in[i].end < next)) {
            next = in[i].end;
        }
    }
    return next;
}

unsigned int memory_map_build(const struct loader_memory *in, unsigned int in_count,
                              struct loader_memory *out, unsigned int out_max)
{
    unsigned int out_count = 0;
    uint64_t at = 0, next;

    while ((next = next_boundary(in, in_count, at)) != 0) {
        uint32_t type = type_at(in, in_count, at);
        struct loader_memory *last = out_count ? &out[out_count - 1] : NULL;

        if (last && last->end == at && last->type == type) {
            last->end = next;
        } else if (type != 0 && out_count < out_max) {
            out[out_count++] = (struct loader_memory){at, next, (enum loader_memory_type)type};
        }
        at = next;
    }
    return out_count;
}
