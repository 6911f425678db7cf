/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page types under real concurrency: threads as vCPUs on the same frames; when all have stopped, every count must be what a scan finds. */
#include "rig.h"
#include <pthread.h>

#define THREADS 3u
#define OPS     20000u

static _Thread_local struct random rnd;
static unsigned int seed;
static mfn_t base[THREADS];        /* a base pointer each */
static unsigned long base_changes; /* atomic: deep trees that were good */

static bool rig_preempt(void)
{
    return random_below(&rnd, 64) == 0;
}

static unsigned int own(void)
{
    return (unsigned int)random_below(&rnd, rig_frames);
}

static uint64_t some_entry(void)
{
    static const uint64_t kind[] = {0, PTE_P, PTE_P, PTE_P | PTE_RW};
    uint64_t flags = kind[random_below(&rnd, 4)];

    return flags ? flags | mfn_to_paddr(frame(own())) : 0;
}

/* Frames 0-1 like to be level 4, 2-3 level 3, 4-5 level 2, 6-8 level 1. */
static enum frame_type favourite(unsigned int i)
{
    return i < 6 ? (enum frame_type)(FT_L4 - i / 2) : FT_L1;
}

static void change_base(unsigned int me)
{
    struct pgtype_ctx ctx = rig_ctx();
    mfn_t l4 = random_below(&rnd, 2) ? frame((unsigned int)random_below(&rnd, 2)) : INVALID_MFN;

    if (mfn_is_invalid(l4) || pgtype_get(&ctx, l4, DOM, FT_L4, true) == 0) {
        mfn_t old = base[me];

        __atomic_fetch_add(&base_changes, !mfn_is_invalid(l4), __ATOMIC_RELAXED);
        base[me] = l4;
        if (!mfn_is_invalid(old)) {
            pgtype_put(&ctx, old, PGT_PREEMPT);
        }
    }
}

/* As a CPU that walks the table. */
static void set_accessed(struct pgtype_ctx *ctx, unsigned int i)
{
    enum frame_type type = pgtype_get_current(frame(i), DOM);
    uint64_t *pte = &words(i)[random_below(&rnd, 3)];
    uint64_t old = pte_read(pte);

    if (type == FT_L1 && (old & PTE_P)) {
        pte_cas(pte, &old, old | PTE_A | PTE_D);
    }
    if (type != FT_NONE) {
        pgtype_put_current(ctx, frame(i));
    }
}

static void one_op(unsigned int me)
{
    struct pgtype_ctx ctx = rig_ctx();
    unsigned int i = own();
    mfn_t left;

    switch (random_below(&rnd, 8)) {
    case 0:
        while (pgtype_pin(&ctx, frame(i), DOM, favourite(i)) == -XEN_ERESTART && random_below(&rnd, 16)) {
        }
        break;
    case 1:
        while (pgtype_unpin(&ctx, frame(i), DOM) == -XEN_ERESTART && random_below(&rnd, 16)) {
        }
        break;
    case 2:
        change_base(me);
        break;
    case 3:
        set_accessed(&ctx, i);
        break;
    default:
        rig_update(i, (unsigned int)random_below(&rnd, 3), some_entry(), PGT_PRESERVE_AD, DOM, &left);
        break;
    }
}

static void *vcpu(void *arg)
{
    unsigned int me = (unsigned int)(uintptr_t)arg;

    host_set_pcpu(me);
    rnd = random_seed(seed * THREADS + me + 1);
    for (unsigned int i = 0; i < OPS; i++) {
        one_op(me);
    }
    return NULL;
}

static void threads(void **state)
{
    const char *env = getenv("PGTYPE_ROUNDS");
    unsigned int n = env ? (unsigned int)atoi(env) : 10;

    for (seed = 0; seed < n; seed++) {
        pthread_t t[THREADS];

        rig_reset(12, 0);
        for (unsigned int i = 0; i < THREADS; i++) {
            base[i] = INVALID_MFN;
            assert_int_equal(pthread_create(&t[i], NULL, vcpu, (void *)(uintptr_t)i), 0);
        }
        for (unsigned int i = 0; i < THREADS; i++) {
            pthread_join(t[i], NULL);
        }
        host_set_pcpu(0);
        rnd = random_seed(seed + 77);
        for (unsigned int i = 0; i < THREADS; i++) {
            if (!mfn_is_invalid(base[i])) {
                rig_held[base[i].n - FIRST]++;
            }
        }
        rig_check();
        for (unsigned int i = 0; i < THREADS; i++) {
            struct pgtype_ctx ctx = rig_ctx();

            if (!mfn_is_invalid(base[i])) {
                rig_held[base[i].n - FIRST]--;
                pgtype_put(&ctx, base[i], PGT_PREEMPT);
            }
        }
        rig_teardown();
    }
    print_message("%lu base pointers loaded\n", base_changes);
    assert_true(base_changes > n * 100ul);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
