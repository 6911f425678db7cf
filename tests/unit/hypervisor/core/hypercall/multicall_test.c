/* SPDX-License-Identifier: GPL-2.0-or-later */
/* multicall: each call once, with its result beside it, however often the list stops; lists that cannot be read or answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>

#define GUEST(p)   ((uint64_t)(uintptr_t)(p))
#define CALL_SUM   1u
#define CALL_VALUE 4u /* its first argument is a value */
#define CALL_LAST  3u /* ends the list */
#define CALL_STOP  2u /* as often as its first argument says, which it counts down */

static struct multicall_entry *list;
static unsigned int calls;

/* The program's own, over core/hypercall/hypercall.c's. */
long hypercall_dispatch(struct hypercall *c)
{
    calls++;
    assert_true(c->in_multicall);
    if (c->nr == CALL_STOP && c->arg[0] != 0) {
        c->arg[0]--;
        c->arg[5]++;
        return -XEN_ERESTART;
    }
    if (c->nr == __HYPERVISOR_multicall) {
        return do_multicall(c);
    }
    if (c->nr == CALL_LAST) {
        c->is_final = c->is_value = true;
        return (long)c->arg[0];
    }
    if (c->nr == CALL_VALUE) {
        c->is_value = true;
        return (long)c->arg[0];
    }
    return c->nr == CALL_SUM    ? (long)(c->arg[0] + c->arg[5])
           : c->nr == CALL_STOP ? (long)c->arg[5]
                                : -XEN_ENOSYS;
}

static int start(void **state)
{
    fake_x86_start();
    memset(fake_window, 0, FAKE_WINDOW);
    list = (struct multicall_entry *)fake_window;
    calls = 0;
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static void put(unsigned int i, uint64_t op, uint64_t a0, uint64_t a5)
{
    list[i] = (struct multicall_entry){.op = op, .result = 99, .args = {a0, 0, 0, 0, 0, a5}};
}

static void results(void **state)
{
    put(0, CALL_SUM, 3, 4);
    put(1, __HYPERVISOR_multicall, GUEST(list), 1);
    put(2, 1ull << 32 | CALL_SUM, 1, 1); /* no such number */
    put(3, CALL_SUM, 5, 6);
    assert_int_equal(fake_call(do_multicall, GUEST(list), 3), 0);
    assert_int_equal(list[0].result, 7);
    assert_int_equal((long)list[1].result, -XEN_EINVAL); /* not inside another */
    assert_int_equal((long)list[2].result, -XEN_ENOSYS);
    assert_int_equal(list[3].result, 99);
    assert_int_equal(calls, 3);
    assert_int_equal(fake_call(do_multicall, 8, 0), 0);
    assert_int_equal(fake_call(do_multicall, GUEST(list), 1ull << 32), 0); /* of 32 bits */
    assert_int_equal(calls, 3);
}

/* What a call returns that ends the list is what the list returns. */
static void ends(void **state)
{
    struct hypercall c = {0};

    put(0, CALL_SUM, 3, 4);
    put(1, CALL_LAST, 55, 0);
    put(2, CALL_SUM, 5, 6);
    assert_int_equal(fake_call(do_multicall, GUEST(list), 3), 55);
    assert_int_equal(list[0].result, 7);
    assert_int_equal(list[1].result, 99);
    assert_int_equal(list[2].result, 99);
    assert_int_equal(calls, 2);
    put(1, CALL_LAST, (uint64_t)-XEN_ERESTART, 0); /* also when it looks like something else */
    c.arg[0] = GUEST(list);
    c.arg[1] = 3;
    assert_int_equal(do_multicall(&c), -XEN_ERESTART);
    assert_true(c.is_final);
    assert_false(hypercall_goes_on(&c, -XEN_ERESTART));
    assert_int_equal(c.arg[0], GUEST(list));
    assert_int_equal(calls, 4);
}

static void values(void **state)
{
    put(0, CALL_VALUE, (uint64_t)-XEN_ERESTART, 0);
    put(1, CALL_SUM, 3, 4);
    assert_int_equal(fake_call(do_multicall, GUEST(list), 2), 0);
    assert_int_equal((long)list[0].result, -XEN_ERESTART);
    assert_int_equal(list[1].result, 7);
}

static void stops(void **state)
{
    struct hypercall c = {.arg = {GUEST(list), 3}};

    put(0, CALL_SUM, 1, 2);
    put(1, CALL_STOP, 2, 7);
    put(2, CALL_SUM, 3, 4);
    softirq_raise(SOFTIRQ_SCHEDULE); /* between two */
    assert_int_equal(do_multicall(&c), -XEN_ERESTART);
    assert_int_equal(c.arg[0], GUEST(&list[1]));
    assert_int_equal(c.arg[1], 2);
    host_run_softirqs();
    for (unsigned int i = 0; i < 2; i++) { /* inside the second */
        assert_int_equal(do_multicall(&c), -XEN_ERESTART);
        assert_int_equal(c.arg[0], GUEST(&list[1]));
        assert_int_equal(c.arg[1], 2);
        assert_int_equal(list[1].args[0], 1 - i);
        assert_int_equal(list[1].result, 99);
    }
    assert_int_equal(do_multicall(&c), 0);
    assert_int_equal(list[0].result, 3);
    assert_int_equal(list[1].result, 9);
    assert_int_equal(list[2].result, 7);
    assert_int_equal(calls, 5);
}

static void shrink(void *arg, uint64_t gva, size_t size)
{
    host_guest_window(fake_window, FAKE_WINDOW - 8); /* the last entry's end is gone */
}

static void unreadable(void **state)
{
    unsigned int last = FAKE_WINDOW / sizeof(*list) - 1;
    uint64_t at = GUEST(fake_window + FAKE_WINDOW) - sizeof(*list);
    struct multicall_entry e = {.op = CALL_STOP, .args = {1}};

    put(last, CALL_SUM, 1, 1);
    at = GUEST(&list[last]);
    assert_int_equal(fake_call(do_multicall, at, 2), -XEN_EFAULT);
    assert_int_equal(list[last].result, 2); /* the first is done */
    assert_int_equal(fake_call(do_multicall, ~0ull - 7, 1), -XEN_EFAULT);
    /* where to go on cannot be written: it must not begin again */
    at = GUEST(fake_window + FAKE_WINDOW - sizeof(e));
    memcpy((void *)(uintptr_t)at, &e, sizeof(e));
    host_guest_on_read(shrink, NULL);
    assert_int_equal(fake_call(do_multicall, at, 1), -XEN_EFAULT);
    host_guest_on_read(NULL, NULL);
    host_guest_window(fake_window, FAKE_WINDOW);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(results), T(ends), T(values), T(stops), T(unreadable)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
