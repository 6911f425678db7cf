/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib/printf against libc's, lib/string, and the image's own memcpy family against libc's (compiled in here under other
 * names, since the host build leaves lib/freestanding out).
 */
#include "lib_test.h"
#include <lib/bits.h>
#include <lib/printf.h>
#include <lib/string.h>

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wformat-security"

#define memcpy  image_memcpy
#define memmove image_memmove
#define memset  image_memset
#define memcmp  image_memcmp
#define memchr  image_memchr
#define strlen  image_strlen
#define strnlen image_strnlen
#define strcmp  image_strcmp
#define strncmp image_strncmp
#define strchr  image_strchr
#define strrchr image_strrchr
#define strstr  image_strstr
#include "../../../lib/freestanding/memory.c"
#include "../../../lib/freestanding/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strstr

#define SAME(...)                                                         \
    do {                                                                  \
        char ours[128], theirs[128];                                      \
        int our_length = zsnprintf(ours, sizeof(ours), __VA_ARGS__);      \
        int their_length = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
        assert_string_equal(ours, theirs);                                \
        assert_int_equal(our_length, their_length);                       \
    } while (0)

static void test_printf_like_libc(void **state)
{
    SAME("plain %% text");
    SAME("%d %i %u %x %X %o", -5, 7, 4000000000u, 0xbeef, 0xBEEF, 8);
    SAME("%ld %lu %lx %lld %llx %zu %zx", -5L, ~0ul, 0x123456789abcdefl, INT64_MIN, ~0ull, (size_t)9,
         (size_t)0xff);
    SAME("%hhd %hd %hhu %hx %jd %td", 300, 70000, 257, 0x12345, (intmax_t)-1, (ptrdiff_t)5);
    SAME("[%5d] [%-5d] [%05d] [%+d] [% d] [%+5d]", 42, 42, 42, 42, 42, -42);
    SAME("[%#x] [%#X] [%#o] [%#x] [%#10x] [%#010x] [%-#10x]", 255, 255, 8, 0, 255, 255, 255);
    SAME("[%02x] [%08lx] [%016llx]", 5, 0xabcdl, 0x1234ull);
    SAME("[%.3d] [%8.3d] [%-8.3d] [%.0d] [%08.3d]", 5, 5, 5, 0, 5);
    SAME("[%s] [%10s] [%-10s] [%.2s] [%.*s] [%*s] [%-*s]", "abc", "abc", "abc", "abc", 1, "abc", 6, "abc", 6,
         "abc");
    SAME("[%c] [%3c] [%-3c]", 'x', 'y', 'z');
    SAME("%p", (void *)0x1234);
    SAME("[%*d] [%.*d]", -6, 3, -1, 3);
    SAME("%x", 0);
}

static void test_printf_random_numbers(void **state)
{
    static const char flags[] = "-0+ #";
    static const char *const conversions[] = {"lld", "llu", "llx", "llX", "llo", "d", "u", "x", "hd", "hhx"};

    for (int round = 0; round < 20000; round++) {
        const char *conversion = conversions[random_u64() % ARRAY_SIZE(conversions)];
        unsigned long long value = random_u64() >> random_u64() % 64;
        char format[32] = "%";

        for (size_t i = 0; i < 5; i++) {
            if (random_u64() % 4 == 0 && !(flags[i] == '#' && conversion[strlen(conversion) - 1] == 'o')) {
                strncat(format, &flags[i], 1);
            }
        }
        if (random_u64() % 2) {
            snprintf(format + strlen(format), 8, "%d", (int)(random_u64() % 30));
        }
        if (random_u64() % 3 == 0) {
            snprintf(format + strlen(format), 8, ".%d", (int)(random_u64() % 25));
        }
        strcat(format, conversion);
        SAME(format, value);
    }
}

static void test_printf_bounds(void **state)
{
    for (size_t size = 0; size < 12; size++) {
        char *buf = (char *)exact_copy("zzzzzzzzzzzzz", size);

        assert_int_equal(zsnprintf(buf, size, "%s-%d", "hello", 42), 8);
        assert_true(size == 0 || strlen(buf) == MIN(size - 1, 8u));
        assert_int_equal(zscnprintf(buf, size, "%s-%d", "hello", 42), size == 0 ? 0 : MIN(size - 1, 8u));
        free(buf);
    }
}

static void test_printf_unknown(void **state)
{
    char buf[32];

    zsnprintf(buf, sizeof(buf), "a%qb%");
    assert_string_equal(buf, "a%qb%");
    zsnprintf(buf, sizeof(buf), "%s", (char *)NULL);
    assert_string_equal(buf, "(null)");
    assert_int_equal(zsnprintf(buf, sizeof(buf), "%999999999d", 1), 4096);
}

static void test_string(void **state)
{
    char buf[8];
    uint64_t value;

    assert_int_equal(strlcpy(buf, "1234567890", sizeof(buf)), 10);
    assert_string_equal(buf, "1234567");
    assert_int_equal(strlcpy(buf, "abc", sizeof(buf)), 3);
    assert_int_equal(strlcat(buf, "defghij", sizeof(buf)), 10);
    assert_string_equal(buf, "abcdefg");
    assert_int_equal(strlcpy(NULL, "abc", 0), 3);
    assert_true(str_starts_with("com1=9600", "com1="));
    assert_false(str_starts_with("com", "com1"));
    assert_true(str_is("dom0_mem", 4, "dom0"));
    assert_false(str_is("dom", 3, "dom0"));
    assert_true(str_copy_bytes(buf, sizeof(buf), "ab\0cd", 5));
    assert_string_equal(buf, "ab");
    assert_false(str_copy_bytes(buf, 3, "abcd", 4));
    assert_string_equal(buf, "ab");
    assert_true(str_to_u64("18446744073709551615", &value) && value == UINT64_MAX);
    assert_false(str_to_u64("18446744073709551616", &value));
    assert_false(str_to_u64("0x10000000000000000", &value));
    assert_true(str_to_u64_n("123abc", 3, &value) && value == 123);
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void test_image_memory(void **state)
{
    for (int round = 0; round < 20000; round++) {
        uint8_t a[300], b[300];
        size_t n = random_u64() % 130, from = random_u64() % 150, to = random_u64() % 150;

        for (size_t i = 0; i < sizeof(a); i++) {
            a[i] = b[i] = (uint8_t)random_u64();
        }
        assert_ptr_equal(image_memmove(a + to, a + from, n), a + to);
        memmove(b + to, b + from, n);
        assert_memory_equal(a, b, sizeof(a));
        image_memset(a + to, from, n);
        memset(b + to, from, n);
        assert_memory_equal(a, b, sizeof(a));
        assert_int_equal(image_memcmp(a, b, sizeof(a)), 0);
        image_memcpy(a, b + 150, n);
        assert_memory_equal(a, b + 150, n);
        a[from] ^= round % 3;
        assert_int_equal(sign(image_memcmp(a, b, 150)), sign(memcmp(a, b, 150)));
        assert_ptr_equal(image_memchr(b + from, b[to], n), memchr(b + from, b[to], n));
    }
}

static void test_image_string(void **state)
{
    for (int round = 0; round < 20000; round++) {
        char a[20] = {0}, b[6] = {0};

        for (size_t i = 0, n = random_u64() % sizeof(a); i < n; i++) {
            a[i] = 'a' + random_u64() % 2 - 100 * (random_u64() % 8 == 0);
        }
        for (size_t i = 0, n = random_u64() % sizeof(b); i < n; i++) {
            b[i] = 'a' + random_u64() % 2;
        }
        assert_int_equal(image_strlen(a), strlen(a));
        assert_int_equal(image_strnlen(a, round % 20), strnlen(a, round % 20));
        assert_int_equal(sign(image_strcmp(a, b)), sign(strcmp(a, b)));
        assert_int_equal(sign(image_strncmp(a, b, round % 6)), sign(strncmp(a, b, round % 6)));
        assert_ptr_equal(image_strchr(a, 'b'), strchr(a, 'b'));
        assert_ptr_equal(image_strchr(a, 0), strchr(a, 0));
        assert_ptr_equal(image_strrchr(a, 'b'), strrchr(a, 'b'));
        assert_ptr_equal(image_strrchr(a, 0), strrchr(a, 0));
        assert_ptr_equal(image_strstr(a, b), strstr(a, b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printf_like_libc), cmocka_unit_test(test_printf_random_numbers),
        cmocka_unit_test(test_printf_bounds),    cmocka_unit_test(test_printf_unknown),
        cmocka_unit_test(test_string),           cmocka_unit_test(test_image_memory),
        cmocka_unit_test(test_image_string),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
