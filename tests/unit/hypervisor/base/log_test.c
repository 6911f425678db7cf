/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: thresholds, time stamps, the ring, the limit on guests' messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <base/log.h>
#include <host/host.h>

static int setup(void **state)
{
    host_init(1, 1 << 22);
    host_console_clear();
    log_ring_clear();
    log_timestamps = LOG_TS_NONE;
    log_levels = (struct log_levels){LOG_INFO, LOG_INFO};
    log_guest_levels = (struct log_levels){LOG_NONE, LOG_WARNING};
    return 0;
}

static size_t read_ring(char *buf, size_t size)
{
    uint32_t index = 0;
    size_t n = log_ring_read(buf, size - 1, &index);

    buf[n] = '\0';
    return n;
}

static void test_thresholds(void **state)
{
    char ring[1024];

    log_info("shown %u\n", 1);
    log_debug("quiet %u", 2);
    assert_string_equal(host_console(), "(XEN) shown 1\n");
    read_ring(ring, sizeof(ring));
    assert_string_equal(ring, "(XEN) shown 1\n(XEN) quiet 2\n");
    log_ring_clear();
    assert_int_equal(read_ring(ring, sizeof(ring)), 0);
    log_raw("abc", 3);
    assert_non_null(strstr(host_console(), "abc"));
    assert_int_equal(read_ring(ring, sizeof(ring)), 0);
}

static void test_timestamps(void **state)
{
    host_set_now(12345678901ull);
    log_timestamps = LOG_TS_BOOT;
    log_info("a");
    log_timestamps = LOG_TS_DATE;
    log_info("b");
    log_timestamps = LOG_TS_DATEMS;
    log_info("c");
    log_timestamps = LOG_TS_RAW;
    log_info("d");
    assert_string_equal(host_console(), "(XEN) [   12.345678] a\n(XEN) [2023-11-14 22:13:32] b\n"
                                        "(XEN) [2023-11-14 22:13:32.345] c\n(XEN) [00000002dfdc1c35] d\n");
}

static void test_long_line(void **state)
{
    char big[2000];

    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    log_info("%s", big);
    assert_int_equal(strlen(host_console()), 511);
    assert_int_equal(host_console()[510], '\n');
}

static void test_ring_wraps(void **state)
{
    static char all[80000];
    uint32_t index = 0;
    char part[100];
    size_t n;

    for (unsigned int i = 0; i < 9000; i++) {
        log_debug("line %05u", i);
    }
    n = read_ring(all, sizeof(all));
    assert_int_equal(n, 65536);
    assert_string_equal(all + n - 17, "(XEN) line 08999\n");
    /* the same in pieces */
    for (size_t done = 0; done < n;) {
        size_t got = log_ring_read(part, sizeof(part), &index);

        assert_true(got > 0);
        assert_memory_equal(part, all + done, got);
        done += got;
    }
    assert_int_equal(log_ring_read(part, sizeof(part), &index), 0);
    log_debug("more");
    n = log_ring_read(part, sizeof(part), &index);
    assert_memory_equal(part, "(XEN) more\n", n);
    assert_int_equal(n, 11);
}

static unsigned int count_lines(const char *s)
{
    unsigned int n = 0;

    for (; *s; s++) {
        n += *s == '\n';
    }
    return n;
}

/* loglvl=warning/debug: what is above warning is put on the console 20 times at once, and always into the ring. */
static void test_own_limit(void **state)
{
    static char ring[8192];
    unsigned int shown = 0, kept = 0;

    log_levels = (struct log_levels){LOG_WARNING, LOG_DEBUG};
    host_set_now(100000000000ull);
    for (unsigned int i = 0; i < 50; i++) {
        log_debug("limited");
        log_warning("always");
    }
    for (const char *at = host_console(); (at = strstr(at, "limited")); at++) {
        shown++;
    }
    read_ring(ring, sizeof(ring));
    for (const char *at = ring; (at = strstr(at, "limited")); at++) {
        kept++;
    }
    assert_int_equal(shown, 20);
    assert_int_equal(kept, 50);
    host_console_clear();
    host_set_now(101000000000ull);
    log_debug("limited");
    assert_string_equal(host_console(), "(XEN) 30 messages suppressed\n(XEN) limited\n");
    log_levels = (struct log_levels){LOG_NONE, LOG_NONE};
    log_error("never");
    assert_null(strstr(host_console(), "never"));
    log_show_all_begin();
    log_show_all_begin();
    log_show_all_end();
    for (unsigned int i = 0; i < 50; i++) {
        log_debug("asked for");
    }
    log_show_all_end();
    log_error("never again");
    assert_int_equal(count_lines(strstr(host_console(), "(XEN) asked for")), 50);
}

static void test_guest_limit(void **state)
{
    host_set_now(SECONDS(100));
    for (unsigned int i = 0; i < 1000; i++) {
        log_guest_warning("d1 is noisy");
    }
    assert_int_equal(count_lines(host_console()), 20);
    host_set_now(SECONDS(101));
    host_console_clear();
    for (unsigned int i = 0; i < 1000; i++) {
        log_guest_warning("d1 is noisy");
    }
    assert_non_null(strstr(host_console(), "980 messages about guests suppressed"));
    assert_int_equal(count_lines(host_console()), 5);
    log_error("others are heard");
    assert_non_null(strstr(host_console(), "others are heard"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_thresholds, setup), cmocka_unit_test_setup(test_timestamps, setup),
        cmocka_unit_test_setup(test_long_line, setup),  cmocka_unit_test_setup(test_ring_wraps, setup),
        cmocka_unit_test_setup(test_own_limit, setup),  cmocka_unit_test_setup(test_guest_limit, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
