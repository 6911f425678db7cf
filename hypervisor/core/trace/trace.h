/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trace records: what each pCPU did, in buffers that the control domain maps and reads. Format and event numbers: <xen/trace.h>, as stock xentrace reads
 * them.
 *
 * A place that records is TRACE_n(event, words...): while nothing of that class is wanted it costs one test of trace_control.classes and a branch that is
 * not taken. Records may be written in any context but NMIs and machine checks, with any lock held.
 */
#pragma once
#include <abi/trace.h>
#include <base/cpuset.h>

/* Read by every site, written only when the tools change something. */
struct trace_control {
    uint32_t classes; /* `event_mask` while records are written, else 0 */
    uint32_t
        event_mask; /* bits 16 to 27 name classes, bits 12 to 15 subclasses; an event needs one of each */
    cpuset_t cpus;  /* pCPUs that record */
};
extern struct trace_control trace_control;

#define TRACE_CLASS_MASK 0x0fff0000u
#define TRACE_WORDS_MAX  TRACE_EXTRA_MAX

/* --- writing -------------------------------------------------------------------------------------------------------------------------------------- */

static inline bool trace_wants(uint32_t event)
{
    return unlikely(trace_control.classes & event & TRACE_CLASS_MASK);
}

/* How records name a vCPU in one word. */
static inline uint32_t trace_id(domid_t domain, unsigned int vcpu)
{
    return (uint32_t)domain << 16 | (uint16_t)vcpu;
}

/* Write a record of @count words, at most TRACE_WORDS_MAX, with the time. When the buffer is full it is counted as lost. */
__attribute__((cold)) void trace_write(uint32_t event, const uint32_t *words, unsigned int count);
/* The same, of up to four words. */
__attribute__((cold)) void trace_write_few(uint32_t event, unsigned int count, uint32_t a, uint32_t b,
                                           uint32_t c, uint32_t d);

#define TRACE_FEW(event, count, ...)                        \
    do {                                                    \
        if (trace_wants(event)) {                           \
            trace_write_few((event), (count), __VA_ARGS__); \
        }                                                   \
    } while (0)
/* The number says how many words follow, TRACE_PAIR() being two. */
#define TRACE_0(event)      TRACE_FEW(event, 0, 0, 0, 0, 0)
#define TRACE_1(event, a)   TRACE_FEW(event, 1, a, 0, 0, 0)
#define TRACE_2(event, ...) TRACE_FEW(event, 2, __VA_ARGS__, 0, 0)
#define TRACE_3(event, ...) TRACE_FEW(event, 3, __VA_ARGS__, 0)
#define TRACE_4(event, ...) TRACE_FEW(event, 4, __VA_ARGS__)
/* A record of as many words as are given. */
#define TRACE_MANY(event, ...)                                \
    do {                                                      \
        if (trace_wants(event)) {                             \
            const uint32_t words_[] = {__VA_ARGS__};          \
            trace_write((event), words_, ARRAY_SIZE(words_)); \
        }                                                     \
    } while (0)
/* The two words of 64 bits, the lower first. */
#define TRACE_PAIR(x) TRACE_LOW(x), TRACE_HIGH(x)

#define TRACE_LOW(x)  ((uint32_t)(x))
#define TRACE_HIGH(x) ((uint32_t)((uint64_t)(x) >> 32))

/* Who runs on this pCPU, as trace_id() says it. Set, once, by whoever knows vCPUs; records of losses name it. */
extern uint32_t (*trace_current_id)(void);

/* --- control: one pCPU at a time, in process context --------------------------------------------------------------------------------------------------- */

/*
 * Give each pCPU, also one that is offline, a buffer of @pages, or of as many as can be described. Once: they are never given back, as the control domain may have them
 * mapped. -XEN_EINVAL: no pages, or there are buffers of another size. -XEN_ENOMEM: nothing has changed.
 */
int trace_set_size(uint32_t pages);
/* -XEN_EINVAL: there are no buffers. */
int trace_enable(void);
/* Stop; what could not be written is forgotten. */
void trace_disable(void);
void trace_set_events(uint32_t mask);
void trace_set_cpus(cpuset_t cpus);

/* Where the description of the buffers (struct t_info) lies; *@first is 0 and *@bytes 0 while there is none. */
void trace_get_info(mfn_t *first, uint32_t *bytes);
/* May the control domain map @mfn? To write: the buffers, whose `cons` is the reader's; only to read: their description. Neither is ever freed. */
bool trace_may_map(mfn_t mfn, bool write);
/* Off, and all memory given back: for host programs that start over. Nobody may have anything mapped. */
void trace_reset(void);
