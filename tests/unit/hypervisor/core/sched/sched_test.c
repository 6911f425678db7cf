/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The scheduler in a simulation: pCPUs, vCPUs with a behaviour each (hog, sleeper, yielder), virtual time. After every step the invariants are checked:
 * each vCPU is where its state says, hard affinity holds, and no vCPU waits while a pCPU that it may use idles.
 */
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

static void start(unsigned int cpus)
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
        assert_int_equal(v->is_running, current);
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

static double share(const struct sim_vcpu *v, uint64_t from, uint64_t ns)
{
    return (double)(sched_cpu_time_ns(&v->s) - from) / (double)ns;
}

#define assert_near(value, want, tolerance)                   \
    do {                                                      \
        double v_ = (value), w_ = (want);                     \
        if (v_ < w_ - (tolerance) || v_ > w_ + (tolerance)) { \
            fail_msg("%s is %.4f, not %.4f", #value, v_, w_); \
        }                                                     \
    } while (0)

/* --- tests -------------------------------------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    host_init(1, 1 << 22);
    assert_int_equal(sched_init("no such"), -XEN_ENOENT);
    assert_string_equal(sched_name(0), "credit2");
    assert_int_equal(sched_init("null"), 0);
    assert_int_equal(sched_id(0), XEN_SCHEDULER_NULL);
    assert_int_equal(sched_init("credit2"), 0);
    assert_int_equal(sched_id(0), XEN_SCHEDULER_CREDIT2);
}

static void test_weights_on_one_cpu(void **state)
{
    start(1);
    for (unsigned int i = 0; i < 3; i++) {
        come_up(add(256u << i, 0, 0));
    }
    run(SECONDS(5));
    assert_near(share(&vcpus[0], 0, SECONDS(5)), 1.0 / 7, 0.005);
    assert_near(share(&vcpus[1], 0, SECONDS(5)), 2.0 / 7, 0.005);
    assert_near(share(&vcpus[2], 0, SECONDS(5)), 4.0 / 7, 0.005);
    assert_true(switches < 5000); /* slices are not tiny */
}

static void test_weights_on_many_cpus(void **state)
{
    start(4);
    for (unsigned int i = 0; i < 21; i++) {
        come_up(add(256u << (i % 3), 0, 0));
    }
    run(SECONDS(5));
    for (unsigned int i = 0; i < 21; i++) {
        assert_near(share(&vcpus[i], 0, SECONDS(5)), 4.0 * (1u << (i % 3)) / 49, 0.01);
    }
}

/* A vCPU cannot use more than one pCPU: what it cannot take goes to the others by their weights. */
static void test_heavy_vcpu_takes_one_cpu(void **state)
{
    start(2);
    for (unsigned int i = 0; i < 3; i++) {
        come_up(add(256u << i, 0, 0));
    }
    run(SECONDS(3));
    assert_near(share(&vcpus[2], 0, SECONDS(3)), 1.0, 0.02);
    assert_near(share(&vcpus[1], 0, SECONDS(3)), 2.0 / 3, 0.02);
    assert_near(share(&vcpus[0], 0, SECONDS(3)), 1.0 / 3, 0.02);
}

/* A machine that is late: slices end up to 60 ms after their time. The shares are right nevertheless. */
static void test_weights_when_timers_are_late(void **state)
{
    struct random r = random_seed(1);

    start(1);
    come_up(add(256, 0, 0));
    come_up(add(512, 0, 0));
    while (port_now_ns() < SECONDS(20)) {
        host_set_now(port_now_ns() + random_below(&r, MILLISECS(60)));
        host_advance(MICROSECS(100));
    }
    assert_near(share(&vcpus[1], 0, port_now_ns()), 2.0 / 3, 0.01);
    /* so are caps */
    start(1);
    come_up(add(256, 0, 0));
    sched_set_params(&domains[0], 256, 30);
    while (port_now_ns() < SECONDS(20)) {
        host_set_now(port_now_ns() + random_below(&r, MILLISECS(60)));
        host_advance(MICROSECS(100));
    }
    assert_near(share(&vcpus[0], 0, port_now_ns()), 0.3, 0.01);
}

static void test_idle_cpus_are_used(void **state)
{
    start(8);
    for (unsigned int i = 0; i < 8; i++) {
        come_up(add(256, 0, 0));
    }
    run(SECONDS(1));
    for (unsigned int i = 0; i < 8; i++) {
        assert_near(share(&vcpus[i], 0, SECONDS(1)), 1.0, 0.0001);
    }
    for (unsigned int i = 0; i < 8; i++) {
        assert_true(sched_idle_ns(i) < MILLISECS(1));
    }
}

/* One that mostly sleeps gets a pCPU as soon as the rate limit lets it, although hogs fill the machine. */
static void test_sleeper_latency(void **state)
{
    struct sim_vcpu *v;
    uint64_t before;

    start(2);
    for (unsigned int i = 0; i < 8; i++) {
        come_up(add(256, 0, 0));
    }
    v = add(256, MICROSECS(100), MILLISECS(7));
    come_up(v);
    run(MILLISECS(100)); /* a new one has not lagged behind yet: its first turn is like the others' */
    v->max_wait_ns = 0;
    before = sched_cpu_time_ns(&v->s);
    run(SECONDS(2));
    assert_true(v->max_wait_ns <= MILLISECS(1));
    assert_near(share(v, before, SECONDS(2)), 0.1 / 7.1, 0.003);
}

/* Sleeping short and often gives no more than one's share. */
static void test_sleeping_saves_up_nothing(void **state)
{
    struct sim_vcpu *v;

    start(1);
    come_up(add(256, 0, 0));
    v = add(256, MILLISECS(5), MICROSECS(10));
    come_up(v);
    run(SECONDS(3));
    assert_near(share(v, 0, SECONDS(3)), 0.5, 0.02);
}

/* Nor does sleeping for long. */
static void test_long_sleep_saves_up_nothing(void **state)
{
    struct sim_vcpu *v;

    start(1);
    come_up(add(256, 0, 0));
    v = add(256, 0, 0);
    run(SECONDS(3));
    come_up(v);
    run(MILLISECS(150));
    assert_near(share(v, 0, MILLISECS(150)), 0.5, 0.1);
}

static void test_affinity(void **state)
{
    uint64_t before[2];

    start(4);
    for (unsigned int i = 0; i < 10; i++) {
        come_up(add(256, 0, 0));
    }
    run(MILLISECS(300));
    assert_int_equal(sched_set_affinity(&vcpus[0].s, CPUSET_NONE, CPUSET_ALL), -XEN_EINVAL);
    assert_int_equal(sched_set_affinity(&vcpus[0].s, cpuset_of(4), CPUSET_ALL), -XEN_EINVAL);
    for (unsigned int i = 0; i < 9; i++) {
        assert_int_equal(sched_set_affinity(&vcpus[i].s, cpuset_of(i < 2 ? 0 : 1 + i % 2), CPUSET_ALL), 0);
    }
    run(MILLISECS(1000)); /* check() sees to the rest: pCPU 3 is left to vCPU 9 */
    assert_ptr_equal(on_cpu[3], &vcpus[9].s);
    before[0] = sched_cpu_time_ns(&vcpus[0].s);
    before[1] = sched_cpu_time_ns(&vcpus[1].s);
    run(SECONDS(1));
    assert_near(share(&vcpus[0], before[0], SECONDS(1)), 0.5, 0.02);
    assert_near(share(&vcpus[1], before[1], SECONDS(1)), 0.5, 0.02);
}

/* Groups that cannot compete drift apart in virtual time; one that changes sides neither starves nor starves others. */
static void test_changing_sides(void **state)
{
    uint64_t before;

    start(2);
    for (unsigned int i = 0; i < 12; i++) {
        come_up(add(256, 0, 0));
        sched_set_affinity(&vcpus[i].s, cpuset_of(i != 0), CPUSET_ALL);
    }
    run(SECONDS(10)); /* vCPU 0 had 11 times what the others got */
    sched_set_affinity(&vcpus[0].s, cpuset_of(1), CPUSET_ALL);
    sched_set_affinity(&vcpus[1].s, cpuset_of(0), CPUSET_ALL);
    sched_set_affinity(&vcpus[2].s, cpuset_of(0), CPUSET_ALL);
    run(SECONDS(2));
    before = sched_cpu_time_ns(&vcpus[0].s);
    run(SECONDS(2));
    assert_near(share(&vcpus[0], before, SECONDS(2)), 0.1, 0.02);
    for (unsigned int i = 0; i < 12; i++) {
        assert_true(vcpus[i].max_wait_ns < MILLISECS(800));
    }
}

static void test_extreme_weights_do_not_starve(void **state)
{
    start(1);
    come_up(add(1, 0, 0));
    come_up(add(65535, 0, 0));
    come_up(add(65535, 0, 0));
    run(SECONDS(10));
    assert_true(vcpus[0].max_wait_ns < SECONDS(1));
    assert_true(share(&vcpus[0], 0, SECONDS(10)) < 0.02);
    assert_near(share(&vcpus[1], 0, SECONDS(10)), 0.495, 0.02);
}

static void test_yield_gives_way(void **state)
{
    unsigned int before;

    start(1);
    for (unsigned int i = 0; i < 2; i++) {
        add(256, 0, 0)->yields = true;
        come_up(&vcpus[i]);
    }
    run(MILLISECS(20));
    before = switches;
    run(MILLISECS(20));
    assert_true(switches - before > 900); /* every 20 us */
    /* alone, it goes on and nothing is done */
    sched_pause(&vcpus[1].s);
    host_run_softirqs();
    host_set_pcpu(0);
    sched_yield_current();
    assert_false(softirq_pending());
}

/* pCPU 1, idle, looks for work in the very moment when pCPU 0 saves a vCPU that it preempted. */
static void steal(struct sched_vcpu *prev)
{
    assert_true(prev->is_queued);
    host_set_pcpu(1);
    irq_enable();
    softirq_raise(SOFTIRQ_SCHEDULE);
    softirq_run();
    assert_true(on_cpu[1]->is_idle); /* not before it is saved */
    irq_disable();
    host_set_pcpu(0);
}

static void test_preempted_vcpu_moves_to_an_idle_cpu(void **state)
{
    struct sim_vcpu *hog, *pinned;

    for (unsigned int i = 0; i < 2; i++) {
        start(2);
        hog = add(256, 0, 0);
        pinned = add(256, 0, 0);
        sched_set_affinity(&hog->s, cpuset_of(0), CPUSET_ALL);
        come_up(hog);
        host_run_softirqs();
        sched_set_affinity(&hog->s, CPUSET_ALL, CPUSET_ALL);
        host_advance(MILLISECS(20));
        assert_ptr_equal(on_cpu[0], &hog->s);
        during_switch = i == 0 ? NULL : steal;
        sched_set_affinity(&pinned->s, cpuset_of(0), CPUSET_ALL);
        come_up(pinned);
        host_run_softirqs();
        check();
        assert_ptr_equal(on_cpu[0], &pinned->s);
        assert_ptr_equal(on_cpu[1], &hog->s);
        assert_null(during_switch);
    }
}

static void test_pausing(void **state)
{
    struct sim_vcpu *v;
    struct vcpu_runstate_info info;

    start(2);
    v = add(256, 0, 0);
    assert_int_equal(v->s.runstate, RUNSTATE_offline);
    come_up(v);
    run(MILLISECS(1));
    host_set_pcpu(v->s.cpu ^ 1);
    sched_pause(&v->s); /* waits for the other pCPU */
    assert_false(v->s.is_running);
    assert_int_equal(v->s.runstate, RUNSTATE_offline);
    sched_pause_nosync(&v->s);
    sched_unpause(&v->s);
    assert_false(sched_is_runnable(&v->s));
    /* blocked and paused is blocked; when what it waited for comes, it is offline; unpaused it runs */
    __atomic_fetch_or(&v->s.pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
    sched_unpause(&v->s);
    sched_sleep_sync(&v->s);
    __atomic_fetch_and(&v->s.pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
    sched_wake(&v->s);
    host_run_softirqs();
    assert_true(v->s.is_running);
    host_advance(MILLISECS(3));
    __atomic_fetch_or(&v->s.pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
    sched_sleep(&v->s);
    host_run_softirqs();
    assert_int_equal(v->s.runstate, RUNSTATE_blocked);
    host_advance(MILLISECS(2));
    sched_pause(&v->s);
    assert_int_equal(v->s.runstate, RUNSTATE_blocked);
    __atomic_fetch_and(&v->s.pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST);
    sched_wake(&v->s);
    assert_int_equal(v->s.runstate, RUNSTATE_offline);
    sched_runstate(&v->s, &info);
    assert_int_equal(info.time[RUNSTATE_blocked], MILLISECS(2));
    assert_int_equal(info.time[RUNSTATE_running], MILLISECS(4));
    sched_vcpu_remove(&v->s);
}

static void test_parameters(void **state)
{
    struct sched_domain d;

    start(1);
    sched_domain_init(&d, 0);
    assert_int_equal(d.weight, 256);
    assert_int_equal(sched_set_params(&d, 0, 0), -XEN_EINVAL);
    assert_int_equal(sched_set_params(&d, 65536, 0), -XEN_EINVAL);
    assert_int_equal(d.weight, 256);
    assert_int_equal(sched_set_params(&d, 100, 50), 0);
    assert_int_equal(d.weight, 100);
    assert_int_equal(d.cap, 50);
    sched_domain_destroy(&d);
}

/* --- soft affinity -------------------------------------------------------------------------------------------------------------------------- */

/* How much of the time from now on, for @ns, @v runs on a pCPU of @cpus. */
static double run_inside(struct sim_vcpu *v, cpuset_t cpus, uint64_t ns)
{
    uint64_t inside = 0, all = 0, end = port_now_ns() + ns;

    while (port_now_ns() < end) {
        uint64_t at = port_now_ns(), ran = sched_cpu_time_ns(&v->s);
        bool is_inside = on_cpu[v->s.cpu] == &v->s && cpuset_has(cpus, v->s.cpu);

        host_advance_to(MIN(next_action(end), host_next_deadline()));
        ran = sched_cpu_time_ns(&v->s) - ran;
        assert_true(ran <= port_now_ns() - at);
        all += ran;
        inside += is_inside ? ran : 0;
        behave();
    }
    return (double)inside / (double)all;
}

/* Two hogs, two pCPUs: each can be where it likes to be, wherever they were before. */
static void test_soft_affinity_by_swapping(void **state)
{
    start(2);
    come_up(add(256, 0, 0));
    come_up(add(256, 0, 0));
    run(MILLISECS(50));
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(sched_set_affinity(&vcpus[0].s, CPUSET_ALL, cpuset_of(i % 2)), 0);
        run(MILLISECS(30));
        assert_true(run_inside(&vcpus[0], cpuset_of(i % 2), SECONDS(1)) > 0.95);
        assert_near(share(&vcpus[1], 0, port_now_ns()), 1.0, 0.05); /* not at the other's expense */
    }
}

/* With more vCPUs than pCPUs there is room inside for one of four: it stays there. */
static void test_soft_affinity_among_many(void **state)
{
    start(4);
    for (unsigned int i = 0; i < 10; i++) {
        come_up(add(256, 0, 0));
    }
    sched_set_affinity(&vcpus[3].s, CPUSET_ALL, cpuset_of(2));
    run(MILLISECS(100));
    assert_true(run_inside(&vcpus[3], cpuset_of(2), SECONDS(2)) > 0.95);
    for (unsigned int i = 0; i < 10; i++) {
        assert_near(share(&vcpus[i], 0, port_now_ns()), 0.4, 0.03);
    }
}

/* All like the same pCPU and another idles: nobody waits for the liked one. check() says so; and both get all they want. */
static void test_soft_affinity_is_left_when_full(void **state)
{
    uint64_t before;

    start(2);
    come_up(add(256, 0, 0));
    come_up(add(256, 0, 0));
    sched_set_affinity(&vcpus[0].s, CPUSET_ALL, cpuset_of(0));
    sched_set_affinity(&vcpus[1].s, CPUSET_ALL, cpuset_of(0));
    run(MILLISECS(20));
    before = sched_cpu_time_ns(&vcpus[0].s) + sched_cpu_time_ns(&vcpus[1].s);
    run(SECONDS(1));
    assert_near((double)(sched_cpu_time_ns(&vcpus[0].s) + sched_cpu_time_ns(&vcpus[1].s) - before), 2e9, 1e7);
    assert_true(switches < 400); /* they do not fight for it */
}

static void test_sleepers_wake_where_they_like(void **state)
{
    struct sim_vcpu *v;

    start(4);
    come_up(add(256, 0, 0));
    come_up(add(256, 0, 0));
    v = add(256, MICROSECS(300), MILLISECS(2));
    come_up(v);
    sched_set_affinity(&v->s, CPUSET_ALL, cpuset_of(3));
    run(MILLISECS(50));
    assert_true(run_inside(v, cpuset_of(3), SECONDS(1)) > 0.95);
}

/* --- caps ------------------------------------------------------------------------------------------------------------------------------------- */

static void test_caps(void **state)
{
    static const uint32_t caps[] = {1, 10, 25, 50, 99};

    for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
        uint64_t before;

        start(2); /* one idles: a cap holds nevertheless */
        come_up(add(256, 0, 0));
        assert_int_equal(sched_set_params(&domains[0], 256, caps[i]), 0);
        run(MILLISECS(100));
        before = sched_cpu_time_ns(&vcpus[0].s);
        run(SECONDS(10));
        assert_near(share(&vcpus[0], before, SECONDS(10)), caps[i] / 100.0, 0.001);
        /* and is gone at once when it is taken away */
        assert_int_equal(sched_set_params(&domains[0], 256, 0), 0);
        host_run_softirqs();
        before = sched_cpu_time_ns(&vcpus[0].s);
        run(SECONDS(1));
        assert_near(share(&vcpus[0], before, SECONDS(1)), 1.0, 0.0001);
    }
}

/* Never more than the cap in a second, whatever it does; a sleeper that needs less is not hindered. */
static void test_cap_of_a_sleeper(void **state)
{
    start(1);
    come_up(add(256, MILLISECS(1), MILLISECS(9)));
    come_up(add(256, 0, 0));
    sched_set_params(&domains[0], 256, 20);
    sched_set_params(&domains[1], 256, 50);
    run(SECONDS(10));
    assert_near(share(&vcpus[0], 0, SECONDS(10)), 0.1, 0.02);
    assert_near(share(&vcpus[1], 0, SECONDS(10)), 0.5, 0.001);
}

/* A domain's vCPUs share its cap. */
static void test_cap_of_several_vcpus(void **state)
{
    uint64_t before = 0, after = 0;

    start(4);
    come_up(add(256, 0, 0));
    for (unsigned int i = 1; i < 3; i++) {
        struct sim_vcpu *v = &vcpus[vcpu_count++];

        v->wake_at_ns = UINT64_MAX;
        assert_int_equal(sched_vcpu_add(&v->s, &domains[0]), 0);
        come_up(v);
    }
    assert_int_equal(sched_set_params(&domains[0], 256, 150), 0);
    run(MILLISECS(100));
    for (unsigned int i = 0; i < 3; i++) {
        before += sched_cpu_time_ns(&vcpus[i].s);
    }
    run(SECONDS(4));
    for (unsigned int i = 0; i < 3; i++) {
        after += sched_cpu_time_ns(&vcpus[i].s);
    }
    assert_near((double)(after - before) / 4e9, 1.5, 0.005);
}

/* Stopped while parked, started again: nothing is lost. */
static void test_pausing_while_parked(void **state)
{
    start(1);
    come_up(add(256, 0, 0));
    sched_set_params(&domains[0], 256, 10);
    for (unsigned int i = 0; i < 200; i++) {
        run(MICROSECS(700));
        sched_pause(&vcpus[0].s);
        host_run_softirqs();
        run(MICROSECS(1100));
        sched_unpause(&vcpus[0].s);
        host_run_softirqs();
    }
    assert_near(share(&vcpus[0], 0, port_now_ns()), 0.1, 0.01);
    sched_pause(&vcpus[0].s);
    host_run_softirqs();
    sched_vcpu_remove(&vcpus[0].s);
    sched_domain_destroy(&domains[0]);
}

static void test_no_timer_without_need(void **state)
{
    start(1);
    come_up(add(256, MICROSECS(100), MILLISECS(50)));
    sched_set_params(&domains[0], 256, 50);
    run(MILLISECS(20));
    assert_false(timer_is_armed(&((struct credit2_domain *)domains[0].policy_data)->timer));
}

/* --- several runqueues -------------------------------------------------------------------------------------------------------------------------- */

static void test_runqueues(void **state)
{
    start_machine("credit2", 16, 4);
    assert_ptr_equal(per_cpu(sched_pcpu, 0).rq, per_cpu(sched_pcpu, 3).rq);
    assert_ptr_not_equal(per_cpu(sched_pcpu, 3).rq, per_cpu(sched_pcpu, 4).rq);
    assert_int_equal(sched_distance(0, per_cpu(sched_pcpu, 1).rq), 0);
    assert_int_equal(sched_distance(0, per_cpu(sched_pcpu, 4).rq), 10);
    assert_true(sched_distance(0, per_cpu(sched_pcpu, 8).rq) > 10);
    start_machine("credit2", 16, 64);
    assert_ptr_equal(per_cpu(sched_pcpu, 0).rq, per_cpu(sched_pcpu, 15).rq);
}

/* Whatever they start on, hogs of different weights get their shares of the whole machine. */
static void test_weights_across_runqueues(void **state)
{
    static const unsigned int sockets[] = {1, 2, 4};

    for (unsigned int k = 0; k < ARRAY_SIZE(sockets); k++) {
        uint64_t before[21];

        start_machine("credit2", 4, sockets[k]);
        for (unsigned int i = 0; i < 21; i++) {
            come_up(add(256u << (i % 3), 0, 0));
        }
        run(SECONDS(2));
        for (unsigned int i = 0; i < 21; i++) {
            before[i] = sched_cpu_time_ns(&vcpus[i].s);
        }
        run(SECONDS(10));
        for (unsigned int i = 0; i < 21; i++) {
            assert_near(share(&vcpus[i], before[i], SECONDS(10)), 4.0 * (1u << (i % 3)) / 49, 0.01);
        }
    }
}

static void test_three_hogs_on_two_runqueues(void **state)
{
    struct sched_stats st;

    start_machine("credit2", 2, 1);
    for (unsigned int i = 0; i < 3; i++) {
        come_up(add(256, 0, 0));
    }
    run(SECONDS(10));
    for (unsigned int i = 0; i < 3; i++) {
        assert_near(share(&vcpus[i], 0, SECONDS(10)), 2.0 / 3, 0.01);
    }
    sched_get_stats(&st);
    assert_true(st.pulls > 10 && st.pulls < 2000); /* fair, and not by moving all the time */
}

static void test_soft_affinity_across_runqueues(void **state)
{
    start_machine("credit2", 4, 2);
    for (unsigned int i = 0; i < 4; i++) {
        come_up(add(256, i ? 0 : MILLISECS(3), MILLISECS(1)));
    }
    run(MILLISECS(100));
    sched_set_affinity(&vcpus[0].s, CPUSET_ALL, (cpuset_t){0xc});
    run(MILLISECS(100));
    sched_set_affinity(&vcpus[1].s, CPUSET_ALL, (cpuset_t){0x3});
    run(MILLISECS(100));
    assert_true(run_inside(&vcpus[0], (cpuset_t){0xc}, SECONDS(2)) > 0.90);
}

/* --- null -------------------------------------------------------------------------------------------------------------------------------------- */

static void test_null_one_each(void **state)
{
    start_machine("null", 4, 64);
    for (unsigned int i = 0; i < 4; i++) {
        come_up(add(0, i % 2 ? MICROSECS(100) : 0, MICROSECS(400)));
    }
    run(SECONDS(1));
    for (unsigned int i = 0; i < 4; i++) {
        assert_near(share(&vcpus[i], 0, SECONDS(1)), i % 2 ? 0.2 : 1.0, 0.001);
        assert_int_equal(per_cpu(sched_pcpu, i).timer_at_ns, 0); /* no timer of ours */
        for (unsigned int k = 0; k < i; k++) {
            assert_int_not_equal(vcpus[i].s.cpu, vcpus[k].s.cpu);
        }
    }
    assert_int_equal(sched_set_params(&domains[0], 512, 0), -XEN_EOPNOTSUPP);
}

static void go_down(struct sim_vcpu *v)
{
    __atomic_fetch_or(&v->s.pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
    host_set_pcpu(v->s.cpu); /* as its own hypercall does */
    sched_sleep(&v->s);
    host_set_pcpu(0);
    host_run_softirqs();
    check();
}

/* The ones too many wait until a pCPU is free for them: hot-unplugged, removed, or not theirs any more. */
static void test_null_waiting_list(void **state)
{
    start_machine("null", 2, 64);
    for (unsigned int i = 0; i < 5; i++) {
        come_up(add(0, 0, 0));
        run(MILLISECS(1));
    }
    sched_set_affinity(&vcpus[4].s, CPUSET_ALL, cpuset_of(vcpus[0].s.cpu));
    run(MILLISECS(10));
    for (unsigned int i = 2; i < 5; i++) {
        assert_int_equal(sched_cpu_time_ns(&vcpus[i].s), 0);
    }
    go_down(&vcpus[1]); /* vCPU 2 is the first of those that have no other wish */
    assert_ptr_equal(on_cpu[vcpus[1].s.cpu], &vcpus[2].s);
    go_down(&vcpus[0]); /* vCPU 4 prefers this one, vCPU 3 came first */
    assert_ptr_equal(on_cpu[vcpus[0].s.cpu], &vcpus[4].s);
    sched_set_affinity(&vcpus[4].s, cpuset_of(vcpus[2].s.cpu), CPUSET_ALL); /* gives way, and waits */
    run(MILLISECS(1));
    assert_ptr_equal(on_cpu[vcpus[0].s.cpu], &vcpus[3].s);
    host_set_pcpu(0);
    sched_pause_nosync(&vcpus[2].s); /* pausing keeps the pCPU */
    host_run_softirqs();
    check();
    assert_int_equal(sched_cpu_time_ns(&vcpus[4].s) < MILLISECS(2), 1);
    sched_vcpu_remove(&vcpus[2].s);
    host_run_softirqs();
    check();
    assert_ptr_equal(on_cpu[vcpus[4].s.cpu], &vcpus[4].s);
    /* back again: it waits */
    __atomic_fetch_and(&vcpus[1].s.pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
    sched_wake(&vcpus[1].s);
    run(MILLISECS(1));
    assert_int_equal(vcpus[1].s.runstate, RUNSTATE_offline);
}

static void test_null_prefers_soft(void **state)
{
    start_machine("null", 4, 64);
    for (unsigned int i = 0; i < 3; i++) {
        add(0, 0, 0);
        sched_set_affinity(&vcpus[i].s, (cpuset_t){0xe}, cpuset_of(3));
        come_up(&vcpus[i]);
        run(MICROSECS(10));
    }
    assert_int_equal(vcpus[0].s.cpu, 3);
    assert_true(vcpus[1].s.cpu == 1 || vcpus[1].s.cpu == 2);
    go_down(&vcpus[0]);
    sched_set_affinity(&vcpus[1].s, (cpuset_t){0xe}, cpuset_of(3)); /* looked at again: now it is free */
    run(MICROSECS(10));
    assert_int_equal(vcpus[1].s.cpu, 3);
}

/* --- pools ----------------------------------------------------------------------------------------------------------------------------------------- */

static void remove_cpu(uint32_t pool, unsigned int cpu)
{
    int rc;

    while ((rc = sched_pool_remove_cpu(pool, cpu)) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    assert_int_equal(rc, 0);
    host_run_softirqs();
    check();
}

static void move(unsigned int i, uint32_t pool)
{
    sched_pause(&vcpus[i].s);
    host_run_softirqs();
    assert_int_equal(sched_domain_move(&domains[i], pool), 0);
    sched_unpause(&vcpus[i].s);
    host_run_softirqs();
    check();
}

static void test_pool_errors(void **state)
{
    uint32_t id = 0;
    struct sched_pool_info info;

    start(2);
    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_CREDIT2), -XEN_EEXIST);
    id = SCHED_POOL_ANY;
    assert_int_equal(sched_pool_create(&id, 99), -XEN_EINVAL);
    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_NULL), 0);
    assert_int_equal(id, 1);
    assert_int_equal(sched_pool_info(1, &info), 0);
    assert_int_equal(info.policy_id, XEN_SCHEDULER_NULL);
    assert_int_equal(sched_pool_info(2, &info), -XEN_ENOENT);
    assert_int_equal(sched_pool_add_cpu(7, 0), -XEN_ENOENT);
    assert_int_equal(sched_pool_add_cpu(1, 0), -XEN_ENODEV);
    assert_int_equal(sched_pool_add_cpu(1, 2), -XEN_EINVAL);
    assert_int_equal(sched_pool_remove_cpu(1, 0), -XEN_ENODEV);
    assert_int_equal(sched_pool_remove_cpu(0, 9), -XEN_EINVAL);
    assert_int_equal(sched_pool_destroy(0), -XEN_EBUSY);
    assert_int_equal(sched_pool_destroy(3), -XEN_ENOENT);
    add(256, 0, 0);
    assert_int_equal(sched_domain_move(&domains[0], 1), -XEN_ENODEV);
    assert_int_equal(sched_domain_move(&domains[0], 2), -XEN_ENOENT);
    remove_cpu(0, 1);
    assert_int_equal(sched_pool_remove_cpu(0, 0), -XEN_EBUSY);
    assert_int_equal(cpuset_first(sched_free_cpus()), 1);
    assert_int_equal(sched_pool_add_cpu(1, 1), 0);
    assert_int_equal(sched_pool_destroy(1), -XEN_EBUSY);
    remove_cpu(1, 1);
    assert_int_equal(sched_pool_destroy(1), 0);
    assert_int_equal(sched_pool_set_ratelimit(0, 99), -XEN_EINVAL);
    assert_int_equal(sched_pool_set_ratelimit(0, 0), 0);
    assert_int_equal(sched_pool_set_ratelimit(1, 1000), -XEN_ESRCH);
}

static void test_pools(void **state)
{
    uint32_t id = SCHED_POOL_ANY;
    uint64_t before;

    start(4);
    for (unsigned int i = 0; i < 6; i++) {
        come_up(add(256, 0, 0));
    }
    sched_set_params(&domains[5], 512, 30);
    run(MILLISECS(100));
    assert_int_equal(sched_pool_create(&id, XEN_SCHEDULER_NULL), 0);
    remove_cpu(0, 3);
    remove_cpu(0, 2);
    run(MILLISECS(100));
    assert_true(on_cpu[2]->is_idle && on_cpu[3]->is_idle);
    assert_int_equal(sched_pool_add_cpu(id, 2), 0);
    move(0, id);
    move(1, id);
    run(MILLISECS(10));
    assert_ptr_equal(on_cpu[2], &vcpus[0].s);
    assert_int_equal(sched_pool_add_cpu(id, 3), 0);
    run(MILLISECS(10));
    assert_ptr_equal(on_cpu[3], &vcpus[1].s); /* it waited for this */
    before = sched_cpu_time_ns(&vcpus[0].s);
    run(SECONDS(1));
    assert_near(share(&vcpus[0], before, SECONDS(1)), 1.0, 0.0001);
    move(0, 0);
    assert_true(on_cpu[2]->is_idle);
    remove_cpu(id, 2);
    assert_int_equal(sched_pool_add_cpu(0, 2), 0);
    host_run_softirqs();
    before = sched_cpu_time_ns(&vcpus[5].s);
    run(SECONDS(3));
    assert_near(share(&vcpus[5], before, SECONDS(3)), 0.3, 0.003); /* its cap is what it was */
    assert_int_equal(domains[5].weight, 512);
    move(1, 0);
    remove_cpu(id, 3);
    assert_int_equal(sched_pool_destroy(id), 0);
}

/* Everything at once on pools of both kinds, by chance: check() judges. */
static void test_random_pools(void **state)
{
    for (uint64_t seed = 1; seed <= 15; seed++) {
        struct random r = random_seed(seed);
        uint32_t other = SCHED_POOL_ANY;

        start_machine("credit2", 4 + (unsigned int)random_below(&r, CPUS_MAX - 4),
                      1 + (unsigned int)random_below(&r, 4));
        assert_int_equal(sched_pool_create(&other, seed % 2 ? XEN_SCHEDULER_NULL : XEN_SCHEDULER_CREDIT2), 0);
        for (unsigned int i = 0; i < 24; i++) {
            static const uint64_t kinds[][2] = {
                {0, 0}, {50000, 200000}, {3000000, 1000000}, {200000, 30000000}};
            const uint64_t *k = kinds[random_below(&r, 4)];

            add(1 + (uint32_t)random_below(&r, 1000), k[0], k[1]);
            come_up(&vcpus[i]);
        }
        for (unsigned int step = 0; step < 200; step++) {
            unsigned int i = (unsigned int)random_below(&r, vcpu_count);
            unsigned int cpu = (unsigned int)random_below(&r, cpu_count);
            uint32_t pool = random_below(&r, 2) ? other : 0;

            host_set_pcpu((unsigned int)random_below(&r, cpu_count));
            switch (random_below(&r, 6)) {
            case 0:
                (void)sched_set_affinity(&vcpus[i].s, (cpuset_t){random_u64(&r)},
                                         (cpuset_t){random_u64(&r) & random_u64(&r)});
                break;
            case 1:
                (void)sched_set_params(&domains[i], 1 + (uint32_t)random_below(&r, 1000),
                                       (uint32_t)random_below(&r, 120));
                break;
            case 2:
                while (sched_pool_remove_cpu(pool, cpu) == -XEN_ERESTART) {
                    host_run_softirqs();
                }
                break;
            case 3:
                (void)sched_pool_add_cpu(pool, cpu);
                break;
            default:
                if (on_cpu[pcpu_id()] == &vcpus[i].s) {
                    host_set_pcpu(pcpu_id() ? 0 : 1);
                }
                sched_pause(&vcpus[i].s);
                (void)sched_domain_move(&domains[i], pool);
                sched_unpause(&vcpus[i].s);
                break;
            }
            host_run_softirqs();
            check();
            run(random_below(&r, MILLISECS(3)));
        }
        host_set_pcpu(0);
        for (unsigned int i = 0; i < vcpu_count; i++) {
            sched_pause_nosync(&vcpus[i].s);
            host_run_softirqs();
            sched_vcpu_remove(&vcpus[i].s);
            sched_domain_destroy(&domains[i]);
        }
        for (unsigned int c = 0; c < cpu_count; c++) {
            (void)sched_pool_remove_cpu(other, c);
        }
        assert_int_equal(sched_pool_destroy(other), 0);
    }
}

/* Everything at once, by chance: check() judges. */
static void test_random(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct random r = random_seed(seed);

        start(1 + (unsigned int)random_below(&r, CPUS_MAX));
        for (unsigned int i = 0; i < 48; i++) {
            static const uint64_t kinds[][2] = {
                {0, 0}, {50000, 200000}, {3000000, 1000000}, {200000, 30000000}};
            const uint64_t *k = kinds[random_below(&r, 4)];

            add(1 + (uint32_t)random_below(&r, 1000), k[0], k[1])->yields = random_below(&r, 10) == 0;
            come_up(&vcpus[i]);
        }
        for (unsigned int step = 0; step < 150; step++) {
            struct sim_vcpu *v = &vcpus[random_below(&r, vcpu_count)];
            uint64_t set = random_u64(&r) & cpus_online.bits & random_u64(&r);

            host_set_pcpu((unsigned int)random_below(&r, cpu_count));
            switch (random_below(&r, 4)) {
            case 0:
                sched_set_affinity(&v->s, (cpuset_t){set ? set : 1}, CPUSET_ALL);
                break;
            case 1:
                sched_set_params(v->s.dom, 1 + (uint32_t)random_below(&r, 65535), 0);
                break;
            case 2:
                sched_pause(&v->s);
                host_run_softirqs();
                run(random_below(&r, MILLISECS(2)));
                sched_unpause(&v->s);
                break;
            default:
                break;
            }
            host_run_softirqs();
            check();
            run(random_below(&r, MILLISECS(5)));
        }
        for (unsigned int i = 0; i < vcpu_count; i++) {
            host_set_pcpu(0);
            vcpus[i].wake_at_ns = UINT64_MAX;
            sched_pause_nosync(&vcpus[i].s);
            host_run_softirqs();
            sched_vcpu_remove(&vcpus[i].s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_weights_on_one_cpu),
        cmocka_unit_test(test_weights_on_many_cpus),
        cmocka_unit_test(test_heavy_vcpu_takes_one_cpu),
        cmocka_unit_test(test_weights_when_timers_are_late),
        cmocka_unit_test(test_idle_cpus_are_used),
        cmocka_unit_test(test_sleeper_latency),
        cmocka_unit_test(test_sleeping_saves_up_nothing),
        cmocka_unit_test(test_long_sleep_saves_up_nothing),
        cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_changing_sides),
        cmocka_unit_test(test_extreme_weights_do_not_starve),
        cmocka_unit_test(test_yield_gives_way),
        cmocka_unit_test(test_preempted_vcpu_moves_to_an_idle_cpu),
        cmocka_unit_test(test_pausing),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_soft_affinity_by_swapping),
        cmocka_unit_test(test_soft_affinity_among_many),
        cmocka_unit_test(test_soft_affinity_is_left_when_full),
        cmocka_unit_test(test_sleepers_wake_where_they_like),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_cap_of_a_sleeper),
        cmocka_unit_test(test_cap_of_several_vcpus),
        cmocka_unit_test(test_pausing_while_parked),
        cmocka_unit_test(test_no_timer_without_need),
        cmocka_unit_test(test_runqueues),
        cmocka_unit_test(test_weights_across_runqueues),
        cmocka_unit_test(test_three_hogs_on_two_runqueues),
        cmocka_unit_test(test_soft_affinity_across_runqueues),
        cmocka_unit_test(test_null_one_each),
        cmocka_unit_test(test_null_waiting_list),
        cmocka_unit_test(test_null_prefers_soft),
        cmocka_unit_test(test_pool_errors),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_random_pools),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, stop_group);
}
