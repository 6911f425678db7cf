/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of core/trace. */
#pragma once
#include <base/assert.h>
#include <base/percpu.h>
#include <core/trace/trace.h>

/* A pCPU's; `data` is set last, once and for all. Then its pCPU's alone, but for `lost`, which trace_disable() clears. */
struct trace_buffer {
    struct t_buf *meta; /* the first bytes of the mapped pages, the reader's to write as well */
    uint8_t *data;      /* the bytes behind it; NULL: no buffer */
    uint32_t size;      /* of `data` */
    uint32_t prod;
    uint32_t lost; /* records that found no room since the last one that did; atomic */
    uint64_t lost_since;
};
DECLARE_PER_CPU(struct trace_buffer, trace_buffer);
