/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lock checker, softirqs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <base/context.h>
#include <base/softirq.h>
#include <core/timer/timer.h>
#include <hypervisor/panics.h>

/* Forget what a caught panic left held: locks of one pCPU are not seen by another. */
static void fresh_pcpu(void)
{
    static unsigned int next = 1;

    host_set_pcpu(next++);
    host_irqs_on = true;
}

static void test_order(void **state)
{
    struct spinlock domain = SPINLOCK_INIT(domain), mem = SPINLOCK_INIT(domain_mem),
                    heap = SPINLOCK_INIT(heap);
    unsigned long flags;

    spin_lock(&domain);
    spin_lock(&mem);
    flags = spin_lock_irqsave(&heap);
    assert_int_equal(lock_held_count(), 3);
    spin_unlock(&mem); /* not in the order of taking: allowed */
    spin_unlock_irqrestore(&heap, flags);
    spin_unlock(&domain);
    assert_int_equal(lock_held_count(), 0);
    assert_true(irqs_enabled());

    spin_lock(&mem);
    expect_panic(spin_lock(&domain));
    fresh_pcpu();
}

static void test_same_class(void **state)
{
    struct spinlock l[2] = {SPINLOCK_INIT(gnttab), SPINLOCK_INIT(gnttab)};

    spin_lock_pair(&l[1], &l[0]);
    assert_true(spin_is_locked(&l[0]) && spin_is_locked(&l[1]));
    spin_unlock_pair(&l[0], &l[1]);
    spin_lock_pair(&l[0], &l[0]);
    spin_unlock_pair(&l[0], &l[0]);
    assert_int_equal(lock_held_count(), 0);

    spin_lock(&l[0]);
    expect_panic(spin_lock(&l[1]));
    fresh_pcpu();
    spin_lock_init(&l[0], gnttab);
    spin_lock(&l[0]);
    expect_panic(spin_lock(&l[0]));
    fresh_pcpu();
}

static void test_interrupt_rule(void **state)
{
    struct spinlock l = SPINLOCK_INIT(evtchn);

    expect_panic(spin_lock(&l));
    fresh_pcpu();
}

static void test_trylock(void **state)
{
    struct spinlock l = SPINLOCK_INIT(domain), high = SPINLOCK_INIT(domain_mem);

    assert_true(spin_trylock(&l));
    assert_false(spin_trylock(&l));
    spin_unlock(&l);
    spin_lock(&high);
    assert_true(spin_trylock(&l)); /* cannot wait, so cannot deadlock: any order */
    spin_unlock(&l);
    spin_unlock(&high);
    expect_panic(spin_unlock(&l));
    fresh_pcpu();
}

static unsigned int ran[SOFTIRQ_COUNT], order[8], order_count;

static void note(unsigned int nr)
{
    ran[nr]++;
    if (order_count < 8) {
        order[order_count++] = nr;
    }
}

static void on_timer(void)
{
    note(SOFTIRQ_TIMER);
    if (ran[SOFTIRQ_TIMER] == 1) {
        softirq_raise(SOFTIRQ_TIMER); /* again */
    }
}

static void on_schedule(void)
{
    note(SOFTIRQ_SCHEDULE);
}

static void test_softirqs(void **state)
{
    host_init(4, 1 << 22);
    softirq_set_handler(SOFTIRQ_TIMER, on_timer);
    softirq_set_handler(SOFTIRQ_SCHEDULE, on_schedule);
    assert_false(softirq_pending());
    softirq_raise(SOFTIRQ_SCHEDULE);
    softirq_raise(SOFTIRQ_TIMER);
    softirq_raise(SOFTIRQ_TIMER);
    assert_true(hypercall_preempt_check());
    softirq_run();
    assert_false(softirq_pending());
    assert_int_equal(order_count, 3);
    assert_int_equal(order[0], SOFTIRQ_TIMER);
    assert_int_equal(order[1], SOFTIRQ_SCHEDULE);
    assert_int_equal(order[2], SOFTIRQ_TIMER);

    host_take_kicks();
    softirq_raise_on(2, SOFTIRQ_SCHEDULE);
    softirq_raise_on(2, SOFTIRQ_SCHEDULE);
    assert_int_equal(host_take_kicks(), 1u << 2);
    softirq_raise_on(2, SOFTIRQ_SCHEDULE);
    assert_int_equal(host_take_kicks(), 0); /* one interrupt is enough */
    softirq_raise_on(0, SOFTIRQ_SCHEDULE);
    assert_int_equal(host_take_kicks(), 0);
    host_run_softirqs();
    assert_int_equal(ran[SOFTIRQ_SCHEDULE], 3);
}

/* What an interrupt handler must not do. */
static void test_interrupt_context(void **state)
{
    struct spinlock process = SPINLOCK_INIT(domain), any = SPINLOCK_INIT(heap);
    struct timer t = {0};

    assert_false(in_irq());
    expect_panic(irq_context_enter()); /* with interrupts on */
    irq_disable();
    expect_panic(irq_context_exit()); /* out of none */
    irq_context_enter();
    irq_context_enter();
    irq_context_exit();
    assert_true(in_irq());
    spin_lock(&any);
    spin_unlock(&any);
    expect_panic(spin_lock(&process));
    expect_panic(timer_kill(&t));
    irq_enable(); /* a handler that did this could be interrupted in the middle: softirqs are not for here all the same */
    expect_panic(softirq_run());
    fresh_pcpu();
}

/* Softirqs may change who runs: nothing may be held, and interrupts must be on. */
static void test_softirqs_without_locks(void **state)
{
    struct spinlock l = SPINLOCK_INIT(domain);

    spin_lock(&l);
    expect_panic(softirq_run());
    spin_unlock(&l);
    irq_disable();
    expect_panic(softirq_run());
    irq_enable();
    softirq_run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softirqs),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_same_class),
        cmocka_unit_test(test_interrupt_rule),
        cmocka_unit_test(test_trylock),
        cmocka_unit_test(test_interrupt_context),
        cmocka_unit_test(test_softirqs_without_locks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
