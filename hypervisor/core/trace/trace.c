/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing of records; see trace.h. Each pCPU has a ring of bytes behind a struct t_buf: prod and cons count modulo twice the ring's size. A record lies in
 * one piece; what is left at the end is filled by a wrap record.
 *
 * A pCPU writes to its own buffer only, with interrupts off, so there is no lock. The page is the reader's to write as well: `prod` is kept here and only
 * published there, `cons` is read once and believed when it can be right. Otherwise the ring counts as full.
 */
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/trace/trace_internal.h>
#include <lib/string.h>

#define HEADER_WORDS      3u /* event and time */
#define LOST_WORDS        4u
#define RECORD_BYTES(n)   ((HEADER_WORDS + (n)) * (uint32_t)sizeof(uint32_t))
#define UNTIMED_WORDS_MAX TRACE_WORDS_MAX

struct trace_control trace_control __attribute__((aligned(64))) = {.event_mask = TRC_ALL, .cpus = CPUSET_ALL};
DEFINE_PER_CPU(struct trace_buffer, trace_buffer);
uint32_t (*trace_current_id)(void);

/* Bytes that the reader has not taken. */
static uint32_t unread(const struct trace_buffer *b)
{
    uint32_t cons = __atomic_load_n(&b->meta->cons, __ATOMIC_ACQUIRE);
    uint32_t used = b->prod >= cons ? b->prod - cons : b->prod + 2 * b->size - cons;

    return cons >= 2 * b->size || used > b->size ? b->size : used;
}

static uint32_t position(const struct trace_buffer *b)
{
    return b->prod >= b->size ? b->prod - b->size : b->prod;
}

static void advance(struct trace_buffer *b, uint32_t bytes)
{
    b->prod += bytes;
    if (b->prod >= 2 * b->size) {
        b->prod -= 2 * b->size;
    }
}

/* How much a record of @bytes takes at *@at, with what is left before the end when it does not fit there; moves *@at behind it. */
static uint32_t space_for(const struct trace_buffer *b, uint32_t bytes, uint32_t *at)
{
    uint32_t left = b->size - *at;
    uint32_t skipped = bytes > left ? left : 0;

    *at = skipped ? bytes : *at + bytes;
    if (*at == b->size) {
        *at = 0;
    }
    return skipped + bytes;
}

static uint32_t header(uint32_t event, unsigned int words, bool has_time)
{
    return TRC_HD_TO_EVENT(event) | words << TRACE_EXTRA_SHIFT | (has_time ? (uint32_t)TRC_HD_CYCLE_FLAG : 0);
}

/* Fill what is left before the end, too little for the next record: 4 to 36 bytes. */
static void fill_to_end(struct trace_buffer *b)
{
    uint32_t left = b->size - position(b);
    uint32_t *to = (uint32_t *)(b->data + position(b));
    unsigned int words = left / (uint32_t)sizeof(*to) - 1;
    bool has_time = words > UNTIMED_WORDS_MAX;

    memset(to, 0, left);
    to[0] = header(TRC_TRACE_WRAP_BUFFER, has_time ? words - 2 : words, has_time);
    advance(b, left);
}

/* There is room. */
static void append(struct trace_buffer *b, uint32_t event, const uint32_t *words, unsigned int count,
                   uint64_t now)
{
    uint32_t *to;

    if (RECORD_BYTES(count) > b->size - position(b)) {
        fill_to_end(b);
    }
    to = (uint32_t *)(b->data + position(b));
    to[0] = header(event, count, true);
    to[1] = TRACE_LOW(now);
    to[2] = TRACE_HIGH(now);
    memcpy(to + HEADER_WORDS, words, count * sizeof(*words));
    advance(b, RECORD_BYTES(count));
}

static void append_lost(struct trace_buffer *b, uint32_t lost, uint64_t now)
{
    uint32_t id = trace_current_id ? trace_current_id() : trace_id(DOMID_NONE, pcpu_id());
    const uint32_t words[LOST_WORDS] = {lost, id >> 16 | id << 16, TRACE_LOW(b->lost_since),
                                        TRACE_HIGH(b->lost_since)};

    append(b, TRC_LOST_RECORDS, words, LOST_WORDS, now);
    __atomic_store_n(&b->lost, 0, __ATOMIC_RELAXED);
}

/* To this pCPU's buffer. Interrupts off. */
static void insert(struct trace_buffer *b, uint32_t event, const uint32_t *words, unsigned int count)
{
    uint64_t now = port_cycles();
    uint32_t used = unread(b), at = position(b), before = b->prod;
    uint32_t lost = __atomic_load_n(&b->lost, __ATOMIC_RELAXED);
    uint32_t need = lost ? space_for(b, RECORD_BYTES(LOST_WORDS), &at) : 0;

    need += space_for(b, RECORD_BYTES(count), &at);
    if (need > b->size - used) {
        if (lost == 0) {
            b->lost_since = now;
        }
        __atomic_store_n(&b->lost, lost + 1, __ATOMIC_RELAXED);
        return;
    }
    if (lost) {
        append_lost(b, lost, now);
    }
    append(b, event, words, count, now);
    ASSERT((b->prod + 2 * b->size - before) % (2 * b->size) == need);
    /* the records before prod */
    __atomic_store_n(&b->meta->prod, b->prod, __ATOMIC_RELEASE);
    if (used < b->size / 2 && used + need >= b->size / 2) {
        softirq_raise(SOFTIRQ_TRACE);
    }
}

/* The class was asked for: the subclass too, and on this pCPU? */
static bool is_wanted(uint32_t event)
{
    return (trace_control.event_mask & event & (0xfu << TRC_SUBCLS_SHIFT)) &&
           cpuset_has(trace_control.cpus, pcpu_id());
}

void trace_write(uint32_t event, const uint32_t *words, unsigned int count)
{
    unsigned long flags = irq_save();
    struct trace_buffer *b = &this_cpu(trace_buffer);

    ASSERT(count <= TRACE_WORDS_MAX);
    if (b->data && is_wanted(event)) {
        insert(b, event, words, count);
    }
    irq_restore(flags);
}

void trace_write_few(uint32_t event, unsigned int count, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    const uint32_t words[] = {a, b, c, d};

    ASSERT(count <= ARRAY_SIZE(words));
    trace_write(event, words, count);
}
