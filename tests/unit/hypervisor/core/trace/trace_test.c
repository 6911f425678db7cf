/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/trace: what the reader of a buffer sees after records, wraps, losses, masks; writers on several pCPUs and in interrupts; wrong readers. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/memory/heap.h>
#include <core/trace/trace.h>
#include <host/host.h>
#include <hypervisor/trace_reader.h>

#define CPUS  3u
#define EVENT TRC_SCHED_RUNSTATE_CHANGE

static unsigned int told;

static void tell(void)
{
    told++;
}

static int start(void **state)
{
    host_init(CPUS, 16 << 20);
    softirq_set_handler(SOFTIRQ_TRACE, tell);
    told = 0;
    return 0;
}

static int end(void **state)
{
    host_set_pcpu(0);
    trace_reset();
    return 0;
}

static void set_up(uint32_t pages)
{
    assert_int_equal(trace_set_size(pages), 0);
    assert_int_equal(trace_enable(), 0);
}

/* --- tests ---------------------------------------------------------------------------------------------------------------------------------------------- */

static void one_record(void **state)
{
    const uint32_t seven[] = {1, 2, 3, 4, 5, 6, 7};

    set_up(1);
    host_set_now(0x123456789abcull);
    TRACE_2(EVENT, 11, 12);
    TRACE_0(TRC_SCHED_YIELD);
    trace_write(TRC_SCHED_SWITCH, seven, 7);
    take(0);
    assert_int_equal(seen_count, 3);
    assert_int_equal(seen[0].event, EVENT);
    assert_int_equal(seen[0].count, 2);
    assert_true(seen[0].has_time);
    assert_int_equal(seen[0].time, 0x123456789abcull);
    assert_int_equal(seen[0].words[0], 11);
    assert_int_equal(seen[0].words[1], 12);
    assert_int_equal(seen[1].event, TRC_SCHED_YIELD);
    assert_int_equal(seen[1].count, 0);
    assert_memory_equal(seen[2].words, seven, sizeof(seven));
    take(0);
    assert_int_equal(seen_count, 0);
    take(1);
    assert_int_equal(seen_count, 0);
}

static void off(void **state)
{
    assert_int_equal(trace_enable(), -XEN_EINVAL);
    assert_int_equal(trace_set_size(0), -XEN_EINVAL);
    assert_null(info());
    TRACE_1(EVENT, 1);
    assert_int_equal(trace_set_size(2), 0);
    assert_false(trace_wants(EVENT));
    TRACE_1(EVENT, 1);
    trace_write_few(EVENT, 1, 1, 0, 0, 0); /* a site that saw it on a moment ago: written, harmless */
    assert_int_equal(trace_enable(), 0);
    TRACE_1(EVENT, 2);
    trace_disable();
    TRACE_1(EVENT, 3);
    take(0);
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[1].words[0], 2);
}

static void sizes(void **state)
{
    uint64_t before = heap_free_frames();
    uint32_t bytes;
    mfn_t first;

    assert_int_equal(trace_set_size(5), 0);
    assert_int_equal(heap_free_frames(), before - 5 * CPUS - 1);
    assert_int_equal(trace_set_size(5), 0);
    assert_int_equal(trace_set_size(4), -XEN_EINVAL);
    assert_int_equal(trace_set_size(6), -XEN_EINVAL);
    assert_int_equal(trace_set_size(0), -XEN_EINVAL);
    assert_int_equal(info()->tbuf_size, 5);
    trace_get_info(&first, &bytes);
    assert_int_equal(bytes, PAGE_SIZE);
    trace_reset();
    assert_int_equal(heap_free_frames(), before);
    /* more than there is, and more than can be described */
    assert_int_equal(trace_set_size(2000), -XEN_ENOMEM);
    assert_int_equal(heap_free_frames(), before);
    assert_int_equal(trace_set_size(~0u), -XEN_ENOMEM);
    assert_int_equal(heap_free_frames(), before);
    heap_check();
}

/* Three pCPUs' lists of frames together have to be within reach of 16 bits. */
static void largest(void **state)
{
    host_init(CPUS, 1u << 30);
    assert_int_equal(trace_set_size(~0u), 0);
    assert_int_equal(info()->tbuf_size, (0xffff - 2) / CPUS);
    assert_int_equal(info()->mfn_offset[0], 2);
    assert_int_equal(info()->mfn_offset[CPUS - 1], 2 + (CPUS - 1) * info()->tbuf_size);
    assert_int_equal(trace_set_size(~0u), 0);
    trace_enable();
    TRACE_1(EVENT, 7);
    take(0);
    assert_int_equal(seen_count, 1);
}

static void mapping(void **state)
{
    const uint32_t *words;
    uint32_t bytes;
    mfn_t first;

    assert_false(trace_may_map(MFN(0), false));
    set_up(2);
    trace_get_info(&first, &bytes);
    assert_true(trace_may_map(first, false));
    assert_false(trace_may_map(first, true));
    words = (const uint32_t *)info();
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        for (unsigned int i = 0; i < 2; i++) {
            mfn_t mfn = MFN(words[info()->mfn_offset[cpu] + i]);

            assert_true(trace_may_map(mfn, true));
            assert_true(trace_may_map(mfn, false));
            assert_int_equal(frame_refs(frame_read(mfn)), 0);
        }
    }
    assert_false(trace_may_map(MFN(1), false));
    assert_false(trace_may_map(MFN(~0ull), false));
}

static void masks(void **state)
{
    set_up(1);
    trace_set_events(TRC_SCHED_MIN);
    TRACE_1(EVENT, 1);
    TRACE_1(TRC_SCHED_WAKE, 2); /* another subclass */
    TRACE_1(TRC_HW_IRQ_HANDLED, 3);
    trace_set_events(TRC_HW | TRC_SCHED_VERBOSE);
    TRACE_1(EVENT, 4); /* the mask names the subclasses for all classes together */
    TRACE_1(TRC_SCHED_WAKE, 5);
    trace_set_events(0);
    TRACE_1(EVENT, 6);
    trace_set_events(TRC_ALL);
    trace_set_cpus(cpuset_of(2));
    TRACE_1(EVENT, 7);
    host_set_pcpu(2);
    TRACE_1(EVENT, 8);
    host_set_pcpu(0);
    take(0);
    assert_int_equal(seen_count, 3);
    assert_int_equal(seen[0].words[0], 1);
    assert_int_equal(seen[1].words[0], 4);
    assert_int_equal(seen[2].words[0], 5);
    take(2);
    assert_int_equal(seen_count, 1);
    assert_int_equal(seen[0].words[0], 8);
}

/* Records of all lengths, read now and then: each arrives, whole and in order, through many rounds of the ring. */
static void wraps(void **state)
{
    uint32_t words[7], next = 0, expect = 0, seed = 1;

    set_up(1);
    for (unsigned int round = 0; round < 3000; round++) {
        seed = seed * 1103515245 + 12345;
        for (unsigned int k = 0; k < 1 + (seed >> 20) % 50; k++, next++) {
            seed = seed * 1103515245 + 12345;
            for (unsigned int i = 0; i < 7; i++) {
                words[i] = next + i;
            }
            trace_write(EVENT, words, 1 + (seed >> 16) % 7);
        }
        take(0);
        for (unsigned int k = 0; k < seen_count; k++, expect++) {
            assert_int_equal(seen[k].event, EVENT);
            for (unsigned int i = 0; i < seen[k].count; i++) {
                assert_int_equal(seen[k].words[i], expect + i);
            }
        }
        assert_int_equal(expect, next);
    }
}

/* Every place of the ring's end: what is left there, from 4 to 36 bytes, is one wrap record. */
static void every_remainder(void **state)
{
    const uint32_t words[7] = {0};

    for (unsigned int shift = 0; shift < 12; shift++) {
        trace_reset();
        set_up(1);
        for (unsigned int i = 0; i < shift; i++) {
            trace_write(EVENT, words, 1);
        }
        for (unsigned int i = 0; i < 300; i++) {
            trace_write(EVENT, words, 7);
            take(0);
        }
    }
}

static void lost(void **state)
{
    unsigned int fit, i;

    set_up(1);
    host_set_now(1000);
    for (i = 0; i < 300; i++) {
        TRACE_1(EVENT, i);
    }
    fit = ring_size() / 16;
    host_set_now(2000);
    take(0);
    assert_int_equal(seen_count, fit);
    TRACE_1(EVENT, 1000);
    take(0);
    assert_int_equal(seen_count, 2);
    assert_int_equal(seen[0].event, TRC_LOST_RECORDS);
    assert_int_equal(seen[0].count, 4);
    assert_int_equal(seen[0].words[0], 300 - fit);
    assert_int_equal(seen[0].words[1], 0x7fff); /* nobody runs: the idle domain, pCPU 0 */
    assert_int_equal(seen[0].words[2], 1000);
    assert_int_equal(seen[0].time, 2000);
    assert_int_equal(seen[1].words[0], 1000);
    TRACE_1(EVENT, 1001);
    take(0);
    assert_int_equal(seen_count, 1);
    /* what was lost before a pause is not counted after it */
    for (i = 0; i < 300; i++) {
        TRACE_1(EVENT, i);
    }
    trace_disable();
    take(0);
    trace_enable();
    TRACE_1(EVENT, 1);
    take(0);
    assert_int_equal(seen_count, 1);
    assert_int_equal(seen[0].event, EVENT);
}

static void half_full(void **state)
{
    set_up(1);
    for (unsigned int i = 0; i < ring_size() / 32; i++) {
        host_run_softirqs();
        assert_int_equal(told, 0);
        TRACE_1(EVENT, i);
    }
    TRACE_1(EVENT, 0);
    host_run_softirqs();
    assert_int_equal(told, 1);
    for (unsigned int i = 0; i < 400; i++) {
        TRACE_1(EVENT, i);
        host_run_softirqs();
    }
    assert_int_equal(told, 1);
    take(0);
    for (unsigned int i = 0; i < 400; i++) {
        TRACE_1(EVENT, i);
        host_run_softirqs();
    }
    assert_int_equal(told, 2);
}

/* The page is the reader's: it can write anything into it. Records are then lost, and nothing else is touched. */
static void wrong_reader(void **state)
{
    set_up(1);
    TRACE_1(EVENT, 1);
    buffer(0)->cons = 0xffffffff;
    TRACE_1(EVENT, 2);
    buffer(0)->cons = 2 * ring_size();
    TRACE_1(EVENT, 3);
    buffer(0)->cons = 100; /* ahead of prod */
    TRACE_1(EVENT, 4);
    assert_int_equal(buffer(0)->prod, 16);
    buffer(0)->cons = 0;
    buffer(0)->prod = 0xdeadbeef; /* nobody reads that but the reader itself */
    TRACE_1(EVENT, 5);
    assert_int_equal(buffer(0)->prod, 16 + 28 + 16);
    take(0);
    assert_int_equal(seen_count, 3);
    assert_int_equal(seen[1].event, TRC_LOST_RECORDS);
    assert_int_equal(seen[1].words[0], 3);
    for (uint32_t cons = 0; cons < 3 * ring_size(); cons += 3) {
        buffer(0)->cons = cons;
        TRACE_4(EVENT, 1, 2, 3, 4);
    }
}

/* --- at the same time --------------------------------------------------------------------------------------------------------------------------------- */

#define EACH 20000u

static unsigned int done;

static void *write_many(void *arg)
{
    host_set_pcpu((unsigned int)(uintptr_t)arg);
    for (unsigned int i = 0; i < EACH; i++) {
        TRACE_2(EVENT, (uint32_t)(uintptr_t)arg, i);
    }
    __atomic_fetch_add(&done, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* What @cpu's reader has now: in order, each record there once or counted as lost. */
static uint32_t follow(unsigned int cpu, uint32_t next)
{
    take(cpu);
    for (unsigned int k = 0; k < seen_count; k++) {
        if (seen[k].event == TRC_LOST_RECORDS) {
            next += seen[k].words[0];
        } else {
            assert_int_equal(seen[k].words[0], cpu);
            assert_int_equal(seen[k].words[1], next++);
        }
    }
    return next;
}

/* Writers on all pCPUs, a reader beside them. */
static void several_cpus(void **state)
{
    uint32_t next[CPUS] = {0};
    pthread_t threads[CPUS];

    set_up(2);
    done = 0;
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        assert_int_equal(pthread_create(&threads[cpu], NULL, write_many, (void *)(uintptr_t)cpu), 0);
    }
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < CPUS) {
        for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
            next[cpu] = follow(cpu, next[cpu]);
        }
    }
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        pthread_join(threads[cpu], NULL);
        next[cpu] = follow(cpu, next[cpu]);
        host_set_pcpu(cpu);
        TRACE_2(EVENT, cpu, EACH); /* says what was lost at the end */
        assert_int_equal(follow(cpu, next[cpu]), EACH + 1);
    }
}

static volatile uint32_t interrupts;

/* An interrupt, unless they are off just now. */
static void on_signal(int signal)
{
    if (host_irqs_on) {
        host_irqs_on = false;
        TRACE_1(TRC_HW_IRQ_HANDLED, interrupts);
        interrupts++;
        host_irqs_on = true;
    }
}

static void from_interrupts(void **state)
{
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    struct sigaction act = {.sa_handler = on_signal};
    uint32_t mine = 0, theirs = 0, sent = 0;

    set_up(4);
    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (interrupts < 200) {
        for (unsigned int i = 0; i < 100; i++) {
            TRACE_3(EVENT, sent, 0, 0);
            sent++;
        }
        host_irqs_on = false;
        take(0);
        for (unsigned int k = 0; k < seen_count; k++) {
            assert_int_not_equal(seen[k].event, TRC_LOST_RECORDS);
            if (seen[k].event == EVENT) {
                assert_int_equal(seen[k].words[0], mine++);
            } else {
                assert_int_equal(seen[k].event, TRC_HW_IRQ_HANDLED);
                assert_int_equal(seen[k].words[0], theirs++);
            }
        }
        host_irqs_on = true;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    assert_int_equal(mine, sent);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(one_record),   T(off),          T(sizes),           T(largest), T(mapping),
        T(masks),        T(wraps),        T(every_remainder), T(lost),    T(half_full),
        T(wrong_reader), T(several_cpus), T(from_interrupts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
