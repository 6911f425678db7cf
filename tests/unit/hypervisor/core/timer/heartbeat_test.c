/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is stuck, and when: counts that move, stand still, stand still while nobody looked; rings of pCPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <core/timer/heartbeat.h>
#include <hypervisor/random.h>

#define TIMEOUT 1000u

static void test_moving_is_never_stuck(void **state)
{
    struct heartbeat_watch w = {0};
    struct random r = random_seed(3);
    uint64_t now = 5, beats = ~0ull - 50; /* wraps on the way */

    for (unsigned int i = 0; i < 1000; i++) {
        assert_false(heartbeat_look(&w, beats++, now, TIMEOUT));
        now += random_below(&r, 10 * TIMEOUT);
    }
}

static void test_stands_still(void **state)
{
    struct heartbeat_watch w = {0};

    assert_false(heartbeat_look(&w, 7, 0, TIMEOUT)); /* first sight at time 0 */
    assert_false(heartbeat_look(&w, 7, 400, TIMEOUT));
    assert_false(heartbeat_look(&w, 7, 999, TIMEOUT));
    assert_true(heartbeat_look(&w, 7, 1000, TIMEOUT));
    assert_true(heartbeat_look(&w, 7, 1001, TIMEOUT));
    assert_false(heartbeat_look(&w, 8, 1002, TIMEOUT)); /* it lives after all */
    assert_false(heartbeat_look(&w, 8, 1500, TIMEOUT));
    assert_false(heartbeat_look(&w, 8, 2001, TIMEOUT));
    assert_true(heartbeat_look(&w, 8, 2002, TIMEOUT));
}

/* The looker was away: that much time has passed is no news of the other. */
static void test_looker_was_away(void **state)
{
    struct heartbeat_watch w = {0};

    assert_false(heartbeat_look(&w, 7, 1, TIMEOUT));
    assert_false(heartbeat_look(&w, 7, 100 * TIMEOUT, TIMEOUT));
    assert_true(heartbeat_look(&w, 7, 100 * TIMEOUT + 1, TIMEOUT));
}

static void test_ring(void **state)
{
    assert_int_equal(heartbeat_neighbour(0x1, 0), 0);
    assert_int_equal(heartbeat_neighbour(0x3, 0), 1);
    assert_int_equal(heartbeat_neighbour(0x3, 1), 0);
    assert_int_equal(heartbeat_neighbour(0x8000000000000005, 2), 63);
    assert_int_equal(heartbeat_neighbour(0x8000000000000005, 63), 0);
    assert_int_equal(heartbeat_neighbour(1ull << 63, 63), 63);
    /* every pCPU is watched by exactly one other */
    for (uint64_t online = 2; online < 1 << 9; online++) {
        uint64_t watched = 0;

        for (unsigned int cpu = 0; cpu < 9; cpu++) {
            if (online >> cpu & 1) {
                watched |= 1ull << heartbeat_neighbour(online, cpu);
            }
        }
        assert_true(watched == online);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moving_is_never_stuck),
        cmocka_unit_test(test_stands_still),
        cmocka_unit_test(test_looker_was_away),
        cmocka_unit_test(test_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
