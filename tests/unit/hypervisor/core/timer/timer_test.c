/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers against a sorted model on several pCPUs, killing from callbacks, lack of memory; tasklets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <base/softirq.h>
#include <core/timer/timer.h>
#include <host/host.h>
#include <hypervisor/random.h>

#define CPUS   4
#define TIMERS 200

static int setup(void **state)
{
    host_init(CPUS, 1 << 22);
    return 0;
}

struct probe {
    struct timer t;
    uint64_t due; /* UINT64_MAX: must not fire */
    unsigned int cpu;
    unsigned int fired;
};

static struct probe probes[TIMERS];

static void fired(void *arg)
{
    struct probe *p = arg;

    assert_int_equal(port_now_ns(), p->due); /* neither early nor late: virtual time stops at each deadline */
    assert_int_equal(pcpu_id(), p->cpu);
    assert_true(irqs_enabled());
    assert_false(timer_is_armed(&p->t));
    p->due = UINT64_MAX;
    p->fired++;
}

static void test_random(void **state)
{
    struct random r = random_seed(11);
    unsigned int total = 0;

    for (unsigned int i = 0; i < TIMERS; i++) {
        probes[i] = (struct probe){.due = UINT64_MAX, .cpu = i % CPUS};
        timer_init(&probes[i].t, fired, &probes[i], probes[i].cpu);
    }
    for (unsigned int i = 0; i < 50000; i++) {
        struct probe *p = &probes[random_below(&r, TIMERS)];

        host_set_pcpu((unsigned int)random_below(&r, CPUS));
        switch (random_below(&r, 6)) {
        case 0:
        case 1:
            p->due = port_now_ns() + 1 + random_below(&r, 10000);
            assert_int_equal(timer_set(&p->t, p->due), 0);
            break;
        case 2:
            timer_stop(&p->t);
            p->due = UINT64_MAX;
            break;
        case 3:
            p->cpu = (unsigned int)random_below(&r, CPUS);
            timer_migrate(&p->t, p->cpu);
            break;
        default:
            host_advance(random_below(&r, 300));
        }
        assert_int_equal(timer_is_armed(&p->t), p->due != UINT64_MAX);
        for (unsigned int k = 0; k < TIMERS; k++) {
            assert_true(probes[k].due > port_now_ns()); /* none was forgotten */
        }
    }
    host_advance(20000);
    for (unsigned int i = 0; i < TIMERS; i++) {
        assert_int_equal(probes[i].due, UINT64_MAX);
        total += probes[i].fired;
        timer_kill(&probes[i].t);
        assert_int_equal(timer_set(&probes[i].t, port_now_ns() + 1), 0); /* ignored */
        assert_false(timer_is_armed(&probes[i].t));
    }
    assert_true(total > 5000);
    host_advance(1000);
}

static void test_past_deadline_fires_at_once(void **state)
{
    struct probe p = {.due = 5000, .cpu = 2};

    timer_init(&p.t, fired, &p, 2);
    host_set_now(5000);
    assert_int_equal(timer_set(&p.t, 0), 0);
    host_run_softirqs();
    assert_int_equal(p.fired, 1);
}

static unsigned int calls;

static void kill_self(void *arg)
{
    struct timer *t = arg;

    calls++;
    timer_kill(t);
    zfree(t); /* nobody looks at it any more */
}

static unsigned int in_a_row;

static void between(void)
{
    in_a_row = 0;
}

static void rearm_in_past(void *arg)
{
    if (++calls < 50) {
        assert_int_equal(timer_set(arg, 1), 0);
        softirq_raise(SOFTIRQ_SCHEDULE);
    }
    assert_true(++in_a_row <= 4); /* other softirqs have their turn */
}

static void test_callbacks(void **state)
{
    struct timer *t = zalloc(sizeof(*t)), again = {0}, never = {0};

    calls = 0;
    timer_kill(&never); /* never initialised */
    timer_init(t, kill_self, t, 0);
    timer_set(t, 100);
    host_advance_to(200);
    assert_int_equal(calls, 1);

    /* a callback that asks for the past again and again does not keep the pCPU in one softirq */
    calls = 0;
    softirq_set_handler(SOFTIRQ_SCHEDULE, between);
    timer_init(&again, rearm_in_past, &again, 0);
    host_set_now(400);
    host_set_pcpu(0);
    timer_set(&again, 300);
    host_run_softirqs();
    assert_int_equal(calls, 50);
    timer_kill(&again);
    host_run_softirqs();
}

static void nothing(void *arg)
{
}

static void test_no_memory(void **state)
{
    static struct timer t[100];
    unsigned int failed = 0;

    host_alloc_fail_after(1);
    for (unsigned int i = 0; i < 100; i++) {
        timer_init(&t[i], nothing, NULL, 1);
        failed += timer_set(&t[i], 1000 + i) == -XEN_ENOMEM;
    }
    assert_int_equal(failed, 100 - 32);
    host_alloc_fail_after(-1);
    for (unsigned int i = 0; i < 100; i++) {
        assert_int_equal(timer_set(&t[i], 1000 + i), 0);
    }
    host_alloc_fail_after(0);
    timer_migrate(&t[0], 3); /* no room there: it stays, armed */
    assert_true(timer_is_armed(&t[0]));
    host_alloc_fail_after(-1);
    host_advance_to(2000);
    for (unsigned int i = 0; i < 100; i++) {
        assert_false(timer_is_armed(&t[i]));
        timer_kill(&t[i]);
    }
}

/* --- tasklets --- */

static struct tasklet a, b;
static char trace[16];

static void run_a(void *arg)
{
    strcat(trace, "a");
    if (strlen(trace) == 1) {
        tasklet_schedule(&a); /* after b */
    }
}

static void run_b(void *arg)
{
    strcat(trace, "b");
    assert_int_equal(pcpu_id(), 3);
}

static void test_tasklets(void **state)
{
    tasklet_init(&a, run_a, NULL);
    tasklet_init(&b, run_b, NULL);
    host_set_pcpu(3);
    tasklet_schedule(&a);
    tasklet_schedule(&b);
    tasklet_schedule(&a); /* queued already */
    host_run_softirqs();
    assert_string_equal(trace, "aba");
}

static void count_on_boot_cpu(void *arg)
{
    struct probe *p = arg;

    assert_int_equal(pcpu_id(), 0);
    assert_int_equal(port_now_ns(), p->due);
    p->fired++;
}

/* pCPU 0 runs the timers of one that is offline, those set before and those set since, and only these; then it does so itself again. */
static void test_cpu_away(void **state)
{
    struct probe before = {.due = 1000}, since = {.due = 500}, own = {.due = 700, .cpu = 0},
                 stays = {.due = 800, .cpu = 1};

    timer_init(&before.t, count_on_boot_cpu, &before, 2);
    timer_init(&since.t, count_on_boot_cpu, &since, 2);
    timer_init(&own.t, fired, &own, 0);
    timer_init(&stays.t, fired, &stays, 1);
    host_set_pcpu(2);
    assert_int_equal(timer_set(&before.t, before.due), 0);
    host_set_pcpu(1);
    timer_cpu_leave(2);
    cpuset_remove(&cpus_online, 2);
    assert_int_equal(timer_set(&since.t, since.due), 0);
    assert_int_equal(timer_set(&own.t, own.due), 0);
    assert_int_equal(timer_set(&stays.t, stays.due), 0);
    host_run_softirqs();
    host_advance_to(900);
    assert_int_equal(since.fired, 1);
    assert_int_equal(own.fired, 1);
    assert_int_equal(stays.fired, 1);
    host_set_pcpu(0);
    since.due = 950;
    assert_int_equal(timer_set(&since.t, since.due), 0);
    host_run_softirqs();
    host_advance_to(1000);
    assert_int_equal(since.fired, 2);
    assert_int_equal(before.fired, 1);
    before = (struct probe){.due = 2000, .cpu = 2, .t = before.t};
    before.t.fn = fired;
    assert_int_equal(timer_set(&before.t, before.due), 0);
    host_run_softirqs();
    cpuset_add(&cpus_online, 2);
    timer_cpu_return(2);
    host_run_softirqs();
    host_advance_to(2000);
    assert_int_equal(before.fired, 1);
    timer_kill(&before.t);
    timer_kill(&since.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_random, setup),
        cmocka_unit_test_setup(test_past_deadline_fires_at_once, setup),
        cmocka_unit_test_setup(test_callbacks, setup),
        cmocka_unit_test_setup(test_no_memory, setup),
        cmocka_unit_test_setup(test_tasklets, setup),
        cmocka_unit_test_setup(test_cpu_away, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
