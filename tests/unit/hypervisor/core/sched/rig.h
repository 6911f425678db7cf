/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rig of the scheduler's tests: pCPUs, vCPUs with a behaviour each (hog, sleeper, yielder), virtual time. After every step the invariants are checked:
 * each vCPU is where its state says, hard affinity holds, and no vCPU waits while a pCPU that it may use idles.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <base/softirq.h>
#include <core/sched/arch.h>
#include <core/sched/credit2.h>
#include <host/host.h>
#include <hypervisor/random.h>

#define CPUS_MAX  16
#define VCPUS_MAX 64

struct sim_vcpu {
    struct sched_vcpu s;
    uint64_t run_ns, sleep_ns; /* it blocks after running so long, for so long; 0: never */
    uint64_t ran_ns;           /* since it last woke */
    uint64_t added_at_ns;
    uint64_t wake_at_ns; /* UINT64_MAX: not asleep */
    uint64_t max_wait_ns;
    uint64_t switched_in_ns;
    bool yields;
};

static struct sched_vcpu idle[CPUS_MAX];
static struct sim_vcpu vcpus[VCPUS_MAX];
static struct sched_domain domains[VCPUS_MAX];
static unsigned int cpu_count, vcpu_count;
static unsigned int switches;
static struct sched_vcpu *on_cpu[CPUS_MAX]; /* as arch_context_switch() was told */

static void (*during_switch)(struct sched_vcpu *prev); /* once, while a vCPU is being saved */

void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next)
{
    unsigned int cpu = pcpu_id();

    assert_false(irqs_enabled());
    assert_int_equal(lock_held_count(), 0);
    assert_ptr_equal(on_cpu[cpu], prev);
    assert_ptr_not_equal(prev, next);
    for (unsigned int i = 0; i < cpu_count; i++) {
        assert_ptr_not_equal(on_cpu[i], next); /* on one pCPU only */
    }
    assert_true(next->is_idle || cpuset_has(next->wait.cpus[WAITQ_ALLOWED], cpu));
    if (during_switch) {
        void (*fn)(struct sched_vcpu *) = during_switch;

        during_switch = NULL;
        fn(prev);
    }
    on_cpu[cpu] = next;
    switches++;
    if (!next->is_idle) {
        struct sim_vcpu *v = container_of(next, struct sim_vcpu, s);

        v->switched_in_ns = port_now_ns();
    }
}

static struct sched_vcpu *held_on[CPUS_MAX];

void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *to)
{
    held_on[pcpu_id()] = prev;
    on_cpu[pcpu_id()] = to;
    switches++;
}

void arch_resume(struct sched_vcpu *held)
{
    assert_ptr_equal(held_on[pcpu_id()], held);
    on_cpu[pcpu_id()] = held;
    switches++;
}

void arch_release(struct sched_vcpu *held, struct sched_vcpu *to)
{
    assert_ptr_equal(held_on[pcpu_id()], held);
    held_on[pcpu_id()] = NULL;
}

void arch_runstate_changed(struct sched_vcpu *v)
{
    assert_false(irqs_enabled());
    assert_ptr_equal(on_cpu[pcpu_id()], v); /* its guest's memory can be reached */
}

/* What a test leaves behind; host_init() forgets the timers. */
static void stop(void)
{
    for (unsigned int i = 0; i < vcpu_count; i++) {
        zfree(domains[i].policy_data);
        domains[i].policy_data = NULL;
    }
    vcpu_count = 0;
}

static int stop_group(void **state)
{
    stop();
    return 0;
}

/* @cpus pCPUs under @policy; each @per_socket of them share a runqueue, two such a node. */
static void start_machine(const char *policy, unsigned int cpus, unsigned int per_socket)
{
    stop();
    host_init(cpus, 1 << 22);
    cpu_count = cpus;
    switches = 0;
    memset(vcpus, 0, sizeof(vcpus));
    assert_int_equal(sched_init(policy), 0);
    for (unsigned int i = 0; i < cpus; i++) {
        struct sched_topology t = {(uint16_t)i, (uint16_t)(i / per_socket), (uint16_t)(i / per_socket / 2)};

        sched_set_topology(i, &t);
        sched_cpu_up(i, &idle[i]);
        on_cpu[i] = &idle[i];
    }
    host_run_softirqs();
}

static inline void start(unsigned int cpus)
{
    start_machine(NULL, cpus, 64);
}

static struct sim_vcpu *add(uint32_t weight, uint64_t run_ns, uint64_t sleep_ns)
{
    struct sim_vcpu *v = &vcpus[vcpu_count];
    struct sched_domain *d = &domains[vcpu_count++];

    assert_int_equal(sched_domain_init(d, 0), 0);
    if (weight != 0) {
        assert_int_equal(sched_set_params(d, weight, 0), 0);
    }
    assert_int_equal(sched_vcpu_add(&v->s, d), 0);
    v->added_at_ns = port_now_ns();
    v->run_ns = run_ns;
    v->sleep_ns = sleep_ns;
    v->wake_at_ns = UINT64_MAX;
    return v;
}

static void come_up(struct sim_vcpu *v)
{
    __atomic_fetch_and(&v->s.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
    sched_unpause(&v->s);
}

/* @count of them that never rest, each of a domain of its own with weight 256; weighted: 256, 512, 1024 in turn. They run. */
static inline void add_hogs(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        come_up(add(256, 0, 0));
    }
}

static inline void add_weighted_hogs(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        come_up(add(256u << (i % 3), 0, 0));
    }
}

/* @count more that never rest, of the domain of vCPU 0. */
static inline void add_siblings(unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        struct sim_vcpu *v = &vcpus[vcpu_count++];

        v->wake_at_ns = UINT64_MAX;
        assert_int_equal(sched_vcpu_add(&v->s, &domains[0]), 0);
        come_up(v);
    }
}

/* @count of any kind and weight, by chance. */
static inline void add_random(struct random *r, unsigned int count)
{
    static const uint64_t kinds[][2] = {{0, 0}, {50000, 200000}, {3000000, 1000000}, {200000, 30000000}};

    for (unsigned int i = 0; i < count; i++) {
        const uint64_t *k = kinds[random_below(r, ARRAY_SIZE(kinds))];

        come_up(add(1 + (uint32_t)random_below(r, 1000), k[0], k[1]));
    }
}

/* @v is over: it stops for good. */
static inline void remove_vcpu(struct sim_vcpu *v)
{
    v->wake_at_ns = UINT64_MAX;
    sched_pause_nosync(&v->s);
    host_run_softirqs();
    sched_vcpu_remove(&v->s);
}

static bool is_parked(struct sched_vcpu *v)
{
    return v->policy == &sched_credit2 && credit2_of(v)->is_parked;
}

static void check_cpus(void)
{
    for (unsigned int c = 0; c < cpu_count; c++) {
        struct sched_pcpu *p = &per_cpu(sched_pcpu, c);
        bool is_direct = p->rq->pool->policy->is_direct;

        assert_ptr_equal(p->curr, on_cpu[c]);
        assert_int_equal(p->curr->cpu, c);
        assert_true(p->curr->is_running);
        assert_int_equal(p->curr->runstate, RUNSTATE_running);
        if (!cpuset_has(p->rq->pool->cpus, c)) {
            assert_true(p->curr->is_idle);
        } else if (!is_direct) {
            assert_int_equal(cpuset_has(p->rq->pool->idle, c), p->curr->is_idle);
            assert_true(p->curr->is_idle || p->timer_at_ns != 0); /* nobody runs without an end */
        } else {
            assert_true(p->curr->is_idle || p->assigned == p->curr);
            assert_int_equal(cpuset_has(p->rq->pool->idle, c), p->assigned == NULL);
        }
    }
}

static void check_queued(struct sim_vcpu *s)
{
    struct sched_vcpu *v = &s->s;

    assert_int_equal(v->runstate, RUNSTATE_runnable);
    if (is_parked(v)) {
        return;
    }
    s->max_wait_ns = MAX(s->max_wait_ns, port_now_ns() - v->runstate_since_ns);
    for (unsigned int c = 0; c < cpu_count; c++) {
        assert_false(on_cpu[c]->is_idle &&
                     cpuset_has(v->wait.cpus[WAITQ_ALLOWED], c)); /* work and a pCPU for it */
    }
}

static void check(void)
{
    uint64_t now = port_now_ns();

    check_cpus();
    for (unsigned int i = 0; i < vcpu_count; i++) {
        struct sched_vcpu *v = &vcpus[i].s;
        bool current = on_cpu[v->cpu] == v;
        struct vcpu_runstate_info info;
        uint64_t sum = 0;

        if (!v->dom) {
            continue;
        }
        assert_int_equal(sched_runs(v), current);
        if (v->policy->is_direct) {
            assert_false(v->is_queued);
            assert_true(current == (sched_is_runnable(v) && per_cpu(sched_pcpu, v->cpu).assigned == v));
        } else {
            assert_int_equal(current || v->is_queued, sched_is_runnable(v));
            assert_false(current && v->is_queued);
        }
        if (v->is_queued) {
            check_queued(&vcpus[i]);
        }
        if (current) {
            assert_true(cpuset_has(v->wait.cpus[WAITQ_ALLOWED], v->cpu));
        }
        assert_true(cpuset_is_empty(cpuset_minus(v->wait.cpus[WAITQ_ALLOWED], v->dom->pool->cpus)));
        sched_runstate(v, &info);
        for (unsigned int k = 0; k < 4; k++) {
            sum += info.time[k];
        }
        assert_int_equal(sum, now - vcpus[i].added_at_ns);
    }
}

/* What vCPUs do by themselves by now: block, wake, yield. */
static void behave(void)
{
    uint64_t now = port_now_ns();

    for (unsigned int i = 0; i < vcpu_count; i++) {
        struct sim_vcpu *v = &vcpus[i];

        if (v->wake_at_ns <= now) {
            v->wake_at_ns = UINT64_MAX;
            v->ran_ns = sched_cpu_time_ns(&v->s);
            __atomic_fetch_and(&v->s.pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
            host_set_pcpu(i % cpu_count); /* the waker may be anywhere */
            sched_wake(&v->s);
        } else if (on_cpu[v->s.cpu] == &v->s) {
            host_set_pcpu(v->s.cpu);
            if (v->yields) {
                sched_yield_current();
            }
            if (v->run_ns && sched_cpu_time_ns(&v->s) - v->ran_ns >= v->run_ns) {
                v->wake_at_ns = now + v->sleep_ns;
                __atomic_fetch_or(&v->s.pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
                sched_sleep(&v->s);
            }
        }
    }
    host_set_pcpu(0);
    host_run_softirqs();
    check();
}

/* When the next vCPU has something to do. */
static uint64_t next_action(uint64_t end)
{
    for (unsigned int i = 0; i < vcpu_count; i++) {
        struct sim_vcpu *v = &vcpus[i];

        end = MIN(end, v->wake_at_ns);
        if (v->run_ns && on_cpu[v->s.cpu] == &v->s) {
            end = MIN(end, port_now_ns() + v->run_ns - MIN(v->run_ns, sched_cpu_time_ns(&v->s) - v->ran_ns));
        }
        if (v->yields && on_cpu[v->s.cpu] == &v->s) {
            end = MIN(end, port_now_ns() + MICROSECS(20));
        }
    }
    return end;
}

static void run(uint64_t ns)
{
    uint64_t end = port_now_ns() + ns;

    behave();
    while (port_now_ns() < end) {
        host_advance_to(MIN(next_action(end), host_next_deadline()));
        behave();
    }
}

static inline double share(const struct sim_vcpu *v, uint64_t from, uint64_t ns)
{
    return (double)(sched_cpu_time_ns(&v->s) - from) / (double)ns;
}

/* Run for @ns: what @v has of that time. */
static inline double run_share(const struct sim_vcpu *v, uint64_t ns)
{
    uint64_t before = sched_cpu_time_ns(&v->s);

    run(ns);
    return share(v, before, ns);
}

#define assert_near(value, want, tolerance)                   \
    do {                                                      \
        double v_ = (value), w_ = (want);                     \
        if (v_ < w_ - (tolerance) || v_ > w_ + (tolerance)) { \
            fail_msg("%s is %.4f, not %.4f", #value, v_, w_); \
        }                                                     \
    } while (0)
