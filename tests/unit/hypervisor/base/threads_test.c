/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Real threads as pCPUs: frame words and the heap under contention, and the hand-over of a vCPU that another pCPU is still saving. Short: a race that
 * is there shows within the first thousands of rounds, or under a thread sanitizer build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <base/softirq.h>
#include <core/memory/arch.h>
#include <core/sched/arch.h>
#include <core/sched/sched_policy.h>
#include <host/host.h>
#include <hypervisor/random.h>
#include <pthread.h>
#include <sched.h>

#define THREADS 4
#define OWNER   9
#define PAGES   8
#define VCPUS   7

static struct domain_mem account;
static mfn_t pages[PAGES];
static int32_t balance; /* domain_mem_first() less domain_mem_empty() */
static struct sched_vcpu idle[THREADS], vcpus[VCPUS];
static struct sched_domain domain;
static uint32_t on_cpu[VCPUS]; /* pCPU + 1 that has its state */
static uint32_t switches, holds, finished;
static bool takes_down;

struct domain_mem *domain_mem_of(domid_t owner)
{
    return &account;
}

void domain_mem_first(domid_t owner)
{
    __atomic_fetch_add(&balance, 1, __ATOMIC_SEQ_CST);
}

void domain_mem_empty(domid_t owner)
{
    __atomic_fetch_sub(&balance, 1, __ATOMIC_SEQ_CST);
}

/* A ticket lock hands over in order: the one in turn must get a core. */
static void relax(void)
{
    sched_yield();
}

static void in_threads(void *(*fn)(void *))
{
    pthread_t t[THREADS];

    host_on_relax = relax;
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, fn, (void *)i), 0);
    }
    for (unsigned int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
    }
    host_set_pcpu(0);
}

/* Everyone takes and drops references to the same few pages, gives them back, and gets new ones. */
static void *hammer_frames(void *arg)
{
    struct random r = random_seed((uintptr_t)arg);
    unsigned int bad = 0;

    host_set_pcpu((unsigned int)(uintptr_t)arg);
    for (unsigned int i = 0; i < 30000; i++) {
        mfn_t *slot = &pages[random_below(&r, PAGES)];
        mfn_t mfn = MFN(__atomic_load_n(&slot->n, __ATOMIC_SEQ_CST)), new;

        switch (random_below(&r, 4)) {
        case 0:
            if (frame_get(mfn, OWNER)) {
                bad += frame_owner(frame_read(mfn)) != OWNER;
                frame_put(mfn);
            }
            break;
        case 1:
            if (frame_get_writable(mfn, OWNER)) {
                bad += frame_type(frame_read(mfn)) != FT_WRITABLE;
                frame_put_writable(mfn);
            }
            break;
        case 2:
            if (frame_get(mfn, OWNER)) {
                if (frame_get_again(mfn)) {
                    frame_put(mfn);
                }
                frame_put(mfn);
            }
            break;
        default:
            if (domain_mem_give_back(&account, mfn) == 0 && domain_mem_alloc(&account, 0, 0, &new) == 0) {
                __atomic_store_n(&slot->n, new.n, __ATOMIC_SEQ_CST);
            }
        }
    }
    return (void *)(uintptr_t)bad;
}

static void test_frames(void **state)
{
    uint64_t free;

    host_init(THREADS, 1 << 23);
    free = heap_free_frames();
    assert_int_equal(domain_mem_init(&account, OWNER), 0);
    account.max_pages = 100;
    for (unsigned int i = 0; i < PAGES; i++) {
        assert_int_equal(domain_mem_alloc(&account, 0, 0, &pages[i]), 0);
    }
    in_threads(hammer_frames);
    account.dying = true;
    assert_int_equal(domain_mem_relinquish(&account, 1000, NULL), 0);
    assert_int_equal(account.tot_pages, 0);
    assert_int_equal(balance, 0);
    domain_mem_destroy(&account);
    assert_int_equal(heap_free_frames(), free);
    heap_check();
}

static void save(struct sched_vcpu *v)
{
    sched_yield(); /* it takes a while */
    if (__atomic_exchange_n(&on_cpu[v - vcpus], 0, __ATOMIC_SEQ_CST) != pcpu_id() + 1) {
        port_panic("saved by another");
    }
}

void arch_context_switch(struct sched_vcpu *prev, struct sched_vcpu *next)
{
    uint32_t me = pcpu_id() + 1, none = 0;

    if (!prev->is_idle) {
        save(prev);
    }
    if (!next->is_idle && !__atomic_compare_exchange_n(&on_cpu[next - vcpus], &none, me, false,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        port_panic("on two pCPUs");
    }
    __atomic_fetch_add(&switches, 1, __ATOMIC_RELAXED);
}

void arch_hold(struct sched_vcpu *prev, struct sched_vcpu *to)
{
    __atomic_fetch_add(&holds, 1, __ATOMIC_RELAXED);
}

void arch_resume(struct sched_vcpu *held)
{
    if (__atomic_load_n(&on_cpu[held - vcpus], __ATOMIC_SEQ_CST) != pcpu_id() + 1) {
        port_panic("resumed elsewhere");
    }
}

void arch_release(struct sched_vcpu *held, struct sched_vcpu *to)
{
    save(held);
}

void arch_runstate_changed(struct sched_vcpu *v)
{
}

/* A pCPU: its softirqs; what runs on it blocks, yields, wakes and pauses others. The last to finish goes on until the others did. */
static void *be_a_pcpu(void *arg)
{
    struct random r = random_seed(100 + (uintptr_t)arg);

    host_set_pcpu((unsigned int)(uintptr_t)arg);
    for (unsigned int i = 0; i < 20000 || __atomic_load_n(&finished, __ATOMIC_SEQ_CST) < THREADS; i++) {
        struct sched_vcpu *v = &vcpus[random_below(&r, VCPUS)];

        softirq_run();
        if (i >= 20000) {
            if (i == 20000) {
                __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
            }
            sched_yield();
            continue;
        }
        switch (random_below(&r, takes_down ? 6 : 4)) {
        case 4:
            if (__atomic_fetch_xor(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST) & VPF_DOWN) {
                sched_wake(v);
            } else {
                sched_sleep(v);
            }
            break;
        case 5:
            sched_pause_nosync(v);
            sched_unpause(v);
            break;
        case 0:
            __atomic_fetch_or(&v->pause_flags, VPF_BLOCKED, __ATOMIC_SEQ_CST);
            sched_sleep(v);
            break;
        case 1:
            sched_yield_current();
            break;
        default:
            if (__atomic_fetch_and(&v->pause_flags, ~VPF_BLOCKED, __ATOMIC_SEQ_CST) & VPF_BLOCKED) {
                sched_wake(v);
            }
        }
    }
    return NULL;
}

static void hammer_scheduler(const char *policy)
{
    host_init(THREADS, 1 << 22);
    finished = switches = holds = 0;
    memset(vcpus, 0, sizeof(vcpus));
    memset(on_cpu, 0, sizeof(on_cpu));
    sched_init(policy);
    for (unsigned int i = 0; i < THREADS; i++) {
        sched_cpu_up(i, &idle[i]);
    }
    sched_domain_init(&domain, 0);
    for (unsigned int i = 0; i < VCPUS; i++) {
        sched_vcpu_add(&vcpus[i], &domain);
        vcpus[i].pause_flags = 0;
        sched_unpause(&vcpus[i]);
    }
    in_threads(be_a_pcpu);
    host_run_softirqs(); /* one may have been told to choose anew just as it ended */
}

static void stop_scheduler(void)
{
    for (unsigned int i = 0; i < VCPUS; i++) {
        sched_pause_nosync(&vcpus[i]);
        host_run_softirqs();
        sched_vcpu_remove(&vcpus[i]);
    }
    sched_domain_destroy(&domain);
}

static void test_scheduler(void **state)
{
    unsigned int runnable = 0, running = 0;

    hammer_scheduler("credit2");
    /* nobody is lost: what is runnable runs or waits, and something runs wherever something waits */
    for (unsigned int i = 0; i < VCPUS; i++) {
        runnable += sched_is_runnable(&vcpus[i]);
        running += vcpus[i].is_running;
        assert_int_equal(sched_is_runnable(&vcpus[i]), vcpus[i].is_running || vcpus[i].is_queued);
        assert_int_equal(vcpus[i].is_running, on_cpu[i] != 0);
    }
    assert_int_equal(running, MIN(runnable, THREADS));
    assert_true(switches > 1000);
    stop_scheduler();
}

static void test_null(void **state)
{
    unsigned int up = 0, given = 0;

    takes_down = true;
    hammer_scheduler("null");
    takes_down = false;
    for (unsigned int i = 0; i < THREADS; i++) {
        const struct sched_vcpu *v = per_cpu(sched_pcpu, i).assigned;

        given += v != NULL;
        assert_true(!v || sched_is_runnable(v) == sched_runs(v));
    }
    for (unsigned int i = 0; i < VCPUS; i++) {
        up += !(vcpus[i].pause_flags & VPF_DOWN);
        assert_true(!sched_runs(&vcpus[i]) || sched_is_runnable(&vcpus[i]));
        assert_int_equal(vcpus[i].is_running != 0, on_cpu[i] != 0);
    }
    assert_true(given == THREADS || given <= up);
    assert_true(switches > 0 && holds > 0);
    stop_scheduler();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_scheduler),
        cmocka_unit_test(test_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
