/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of trace buffers, as xentrace goes about it, for unit tests: take(cpu) moves what that pCPU recorded since the last time to seen[]. Wrap records end at
 * the ring's end exactly, and are not kept.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <core/memory/heap.h>
#include <core/trace/trace.h>
#include <host/host.h>

#define RECORDS 4096u

struct record {
    uint32_t event;
    unsigned int count;
    bool has_time;
    uint64_t time;
    uint32_t words[7];
};

static struct record seen[RECORDS];
static unsigned int seen_count;
static const struct t_info *info(void)
{
    mfn_t first;
    uint32_t bytes;

    trace_get_info(&first, &bytes);
    return bytes ? mfn_to_virt(first) : NULL;
}

static struct t_buf *buffer(unsigned int cpu)
{
    return mfn_to_virt(MFN(((const uint32_t *)info())[info()->mfn_offset[cpu]]));
}

static uint32_t ring_size(void)
{
    return (uint32_t)(info()->tbuf_size * PAGE_SIZE - sizeof(struct t_buf));
}

static unsigned int parse(const uint8_t *at, struct record *r)
{
    uint32_t head, pair[2];

    memcpy(&head, at, 4);
    r->event = TRC_HD_TO_EVENT(head);
    r->count = TRC_HD_EXTRA(head);
    r->has_time = TRC_HD_INCLUDES_CYCLE_COUNT(head);
    if (r->has_time) {
        memcpy(pair, at + 4, 8);
        r->time = pair[0] | (uint64_t)pair[1] << 32;
    }
    memcpy(r->words, at + (r->has_time ? 12 : 4), 4 * r->count);
    return (r->has_time ? 12 : 4) + 4 * r->count;
}

static void take(unsigned int cpu)
{
    struct t_buf *b = buffer(cpu);
    uint32_t size = ring_size(), cons = b->cons, prod = __atomic_load_n(&b->prod, __ATOMIC_ACQUIRE);

    seen_count = 0;
    while (cons != prod) {
        uint32_t at = cons % size;
        unsigned int bytes;

        assert_true(seen_count < RECORDS);
        bytes = parse((const uint8_t *)(b + 1) + at, &seen[seen_count]);
        assert_true(at + bytes <= size);
        if (seen[seen_count].event == TRC_TRACE_WRAP_BUFFER) {
            assert_int_equal(at + bytes, size);
        } else {
            seen_count++;
        }
        cons = (cons + bytes) % (2 * size);
    }
    __atomic_store_n(&b->cons, prod, __ATOMIC_RELEASE);
}
