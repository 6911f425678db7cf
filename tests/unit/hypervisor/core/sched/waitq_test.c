/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue of waiting vCPUs against a sorted array: the same order, the same answers, and depth that grows with the logarithm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <core/sched/waitq.h>
#include <hypervisor/random.h>

#define NODES 600u

static struct waitq q;
static struct waitq_node nodes[NODES];
static struct waitq_node *order[NODES]; /* what the queue should hold */
static unsigned int count;

static unsigned int depth(const struct waitq_node *n)
{
    return n ? 1 + MAX(depth(n->child[0]), depth(n->child[1])) : 0;
}

static cpuset_t check_node(const struct waitq_node *n, enum waitq_set set)
{
    cpuset_t all = n->cpus[set];

    for (unsigned int side = 0; side < 2; side++) {
        if (n->child[side]) {
            assert_ptr_equal(n->child[side]->parent, n);
            assert_true(n->child[side]->priority <= n->priority);
            all = cpuset_or(all, check_node(n->child[side], set));
        }
    }
    assert_true(cpuset_equal(all, n->below[set]));
    return all;
}

static void put(struct waitq_node *n)
{
    unsigned int at = count;

    waitq_insert(&q, n);
    while (at > 0 && (int64_t)(n->key - order[at - 1]->key) < 0) {
        order[at] = order[at - 1];
        at--;
    }
    order[at] = n;
    count++;
}

static void take(unsigned int at)
{
    waitq_remove(&q, order[at]);
    count--;
    for (; at < count; at++) {
        order[at] = order[at + 1];
    }
}

static struct waitq_node *expected(int from, int step, enum waitq_set set, cpuset_t cpus)
{
    for (int i = from; i >= 0 && i < (int)count; i += step) {
        if (cpuset_meets(order[i]->cpus[set], cpus)) {
            return order[i];
        }
    }
    return NULL;
}

static void check_all(struct random *r)
{
    cpuset_t cpus = {random_u64(r) & random_u64(r) & random_u64(r) & random_u64(r)};
    int at = count ? (int)random_below(r, count) : 0;

    assert_ptr_equal(waitq_end(&q, false), count ? order[0] : NULL);
    assert_ptr_equal(waitq_end(&q, true), count ? order[count - 1] : NULL);
    assert_int_equal(waitq_is_empty(&q), count == 0);
    for (enum waitq_set set = 0; set < WAITQ_SETS; set++) {
        if (q.root) {
            check_node(q.root, set);
        }
        assert_ptr_equal(waitq_find(&q, NULL, false, set, cpus), expected(0, 1, set, cpus));
        assert_ptr_equal(waitq_find(&q, NULL, true, set, cpus), expected((int)count - 1, -1, set, cpus));
        if (count) {
            assert_ptr_equal(waitq_find(&q, order[at], false, set, cpus), expected(at + 1, 1, set, cpus));
            assert_ptr_equal(waitq_find(&q, order[at], true, set, cpus), expected(at - 1, -1, set, cpus));
        }
    }
}

static void test_against_an_array(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct random r = random_seed(seed);
        uint64_t base = seed % 2 ? 0 : ~0ull - 500; /* keys may wrap */
        unsigned int used = 0;

        waitq_init(&q);
        count = 0;
        while (used < NODES) {
            if (count && random_below(&r, 3) == 0) {
                take((unsigned int)random_below(&r, count));
            } else {
                struct waitq_node *n = &nodes[used++];

                n->key = base + random_below(&r, 1000);
                n->cpus[WAITQ_ALLOWED] = (cpuset_t){random_u64(&r) & random_u64(&r) & random_u64(&r)};
                n->cpus[WAITQ_PREFERRED] = cpuset_of((unsigned int)random_below(&r, 64));
                put(n);
            }
            check_all(&r);
        }
        while (count) {
            take((unsigned int)random_below(&r, count));
            check_all(&r);
        }
    }
}

static void test_equal_keys_keep_their_order(void **state)
{
    waitq_init(&q);
    for (unsigned int i = 0; i < 50; i++) {
        nodes[i].key = 7;
        nodes[i].cpus[WAITQ_ALLOWED] = CPUSET_ALL;
        waitq_insert(&q, &nodes[i]);
    }
    for (unsigned int i = 0; i < 50; i++) {
        assert_ptr_equal(waitq_end(&q, false), &nodes[i]);
        waitq_remove(&q, &nodes[i]);
    }
}

/* In rising order, the worst for a tree that does not balance itself. */
static void test_depth(void **state)
{
    waitq_init(&q);
    for (unsigned int i = 0; i < NODES; i++) {
        nodes[i].key = i;
        waitq_insert(&q, &nodes[i]);
    }
    assert_true(depth(q.root) < 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_an_array),
        cmocka_unit_test(test_equal_keys_keep_their_order),
        cmocka_unit_test(test_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
