/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Under null a pCPU idles with its vCPU's state in the registers, and gives it up when anybody but that vCPU needs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <core/sched/arch.h>
#include <core/sched/sched_policy.h>
#include <host/host.h>

enum { NOTHING, SWITCHED, HELD, RESUMED, RELEASED };
static unsigned int last[2]; /* what each pCPU did last */
static struct sched_vcpu idle[2], v;
static struct sched_domain dom;

void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next)
{
    last[pcpu_id()] = SWITCHED;
}

void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *to)
{
    assert_false(prev->is_idle);
    assert_true(to->is_idle);
    last[pcpu_id()] = HELD;
}

void arch_resume(struct sched_vcpu *held)
{
    assert_int_equal(last[pcpu_id()], HELD);
    last[pcpu_id()] = RESUMED;
}

void arch_release(struct sched_vcpu *held, struct sched_vcpu *to)
{
    assert_false(irqs_enabled());
    assert_int_equal(last[pcpu_id()], HELD);
    last[pcpu_id()] = RELEASED;
}

void arch_runstate_changed(struct sched_vcpu *s)
{
}

static void set_flag(uint32_t flag)
{
    __atomic_fetch_or(&v.pause_flags, flag, __ATOMIC_SEQ_CST);
    sched_sleep(&v);
    host_run_softirqs();
}

static void clear_flag(uint32_t flag)
{
    __atomic_fetch_and(&v.pause_flags, ~flag, __ATOMIC_SEQ_CST);
    sched_wake(&v);
    host_run_softirqs();
}

/* @v runs on pCPU 0, then blocks. */
static void start(const char *policy)
{
    host_init(2, 1 << 22);
    memset(last, 0, sizeof(last));
    memset(&v, 0, sizeof(v));
    assert_int_equal(sched_init(policy), 0);
    for (unsigned int i = 0; i < 2; i++) {
        sched_cpu_up(i, &idle[i]);
    }
    assert_int_equal(sched_domain_init(&dom, 0), 0);
    assert_int_equal(sched_vcpu_add(&v, &dom), 0);
    assert_int_equal(sched_set_affinity(&v, cpuset_of(0), cpuset_of(0)), 0);
    v.pause_flags = 0;
    sched_unpause(&v);
    host_run_softirqs();
    assert_int_equal(last[0], SWITCHED);
    assert_true(sched_runs(&v));
    set_flag(VPF_BLOCKED);
}

static void stop(void)
{
    sched_pause_nosync(&v);
    host_run_softirqs();
    sched_vcpu_remove(&v);
    sched_domain_destroy(&dom);
}

static void test_goes_on(void **state)
{
    start("null");
    assert_int_equal(last[0], HELD);
    assert_false(sched_runs(&v));
    assert_int_not_equal(v.is_running, 0);
    assert_int_equal(v.runstate, RUNSTATE_blocked);
    clear_flag(VPF_BLOCKED);
    assert_int_equal(last[0], RESUMED);
    assert_true(sched_runs(&v));
    assert_int_equal(v.is_running, SCHED_RUNNING);
    set_flag(VPF_POLLING);
    assert_int_equal(last[0], HELD);
    stop();
    assert_int_equal(last[0], RELEASED);
    start("credit2");
    assert_int_equal(last[0], SWITCHED); /* its pCPU may take another, or another pCPU it */
    stop();
}

static void test_may_halt(void **state)
{
    start("null");
    assert_false(sched_may_halt(&v));
    sched_halt_native = true;
    assert_true(sched_may_halt(&v));
    stop();
    start("credit2");
    assert_false(sched_may_halt(&v));
    stop();
    sched_halt_native = false;
}

static void test_paused(void **state)
{
    start("null");
    host_set_pcpu(1);
    sched_pause_nosync(&v);
    assert_int_not_equal(v.is_running, 0);
    host_run_softirqs();
    assert_int_equal(last[0], RELEASED);
    assert_int_equal(v.is_running, 0);
    sched_unpause(&v);
    clear_flag(VPF_BLOCKED);
    assert_int_equal(last[0], SWITCHED);
    assert_true(sched_runs(&v));
    stop();
}

static void test_paused_on_its_own_cpu(void **state)
{
    start("null");
    host_set_pcpu(0);
    sched_pause(&v); /* would wait for ever for this very pCPU */
    assert_int_equal(last[0], RELEASED);
    assert_int_equal(v.is_running, 0);
    sched_unpause(&v);
    stop();
}

static void test_moved(void **state)
{
    start("null");
    host_set_pcpu(1);
    assert_int_equal(sched_set_affinity(&v, cpuset_of(1), cpuset_of(1)), 0);
    clear_flag(VPF_BLOCKED);
    assert_int_equal(last[0], RELEASED);
    assert_int_equal(last[1], SWITCHED);
    assert_int_equal(v.cpu, 1);
    assert_int_equal(v.is_running, SCHED_RUNNING);
    stop();
}

static void test_taken_down(void **state)
{
    start("null");
    host_set_pcpu(1);
    set_flag(VPF_DOWN);
    assert_int_equal(last[0], RELEASED);
    assert_null(per_cpu(sched_pcpu, 0).assigned);
    assert_int_equal(v.is_running, 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_paused_on_its_own_cpu),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_taken_down),
        cmocka_unit_test(test_may_halt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
