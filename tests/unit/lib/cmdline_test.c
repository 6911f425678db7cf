/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lib/cmdline: words, quotes, "--", values.
 */
#include "lib_test.h"
#include <lib/cmdline.h>

struct expected {
    const char *name, *value;
};

static void check(const char *text, const struct expected *expected, const char *rest)
{
    char *copy = (char *)exact_copy(text, strlen(text) + 1);
    struct cmdline_option option;
    struct cmdline line;

    cmdline_init(&line, copy);
    for (; expected->name; expected++) {
        assert_true(cmdline_next(&line, &option));
        assert_string_equal(option.name, expected->name);
        assert_int_equal(option.value == NULL, expected->value == NULL);
        if (expected->value) {
            assert_string_equal(option.value, expected->value);
        }
        assert_false(option.is_cut);
    }
    assert_false(cmdline_next(&line, &option));
    assert_false(cmdline_next(&line, &option));
    assert_string_equal(line.rest, rest);
    free(copy);
}

static void test_words(void **state)
{
    check("", (struct expected[]){{NULL}}, "");
    check("   \t\n", (struct expected[]){{NULL}}, "");
    check("a", (struct expected[]){{"a"}, {NULL}}, "");
    check(" a=b  c= =d ", (struct expected[]){{"a", "b"}, {"c", ""}, {"", "d"}, {NULL}}, "");
    check("a=b=c", (struct expected[]){{"a", "b=c"}, {NULL}}, "");
    check("a -- b c", (struct expected[]){{"a"}, {NULL}}, "b c");
    check("a --", (struct expected[]){{"a"}, {NULL}}, "");
    check("--b --=1", (struct expected[]){{"--b"}, {"--", "1"}, {NULL}}, "");
    check("\"--\" x", (struct expected[]){{"--"}, {"x"}, {NULL}}, "");
}

static void test_quotes(void **state)
{
    check("a=\"b c\" d", (struct expected[]){{"a", "b c"}, {"d"}, {NULL}}, "");
    check("'a b=c d'", (struct expected[]){{"a b", "c d"}, {NULL}}, "");
    check("a='\"'", (struct expected[]){{"a", "\""}, {NULL}}, "");
    check("a=\"b -- c", (struct expected[]){{"a", "b -- c"}, {NULL}}, "");
}

static void test_long_words(void **state)
{
    static char text[3 * CMDLINE_WORD_MAX];
    struct cmdline_option option;
    struct cmdline line;

    memset(text, 'x', sizeof(text) - 1);
    text[2 * CMDLINE_WORD_MAX] = ' ';
    text[2 * CMDLINE_WORD_MAX + 5] = '=';
    cmdline_init(&line, text);
    assert_true(cmdline_next(&line, &option));
    assert_true(option.is_cut);
    assert_int_equal(strlen(option.name), CMDLINE_WORD_MAX - 1);
    assert_true(cmdline_next(&line, &option));
    assert_false(option.is_cut);
    assert_string_equal(option.name, "xxxx");
}

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t size;
    } cases[] = {
        {"1", true, 1024},
        {"512M", true, 512u << 20},
        {"2g", true, UINT64_C(2) << 30},
        {"1T", true, BIT(40)},
        {"0x10k", true, 16384},
        {"7b", true, 7},
        {"0x7b", true, 0x7b * 1024},
        {"", false, 0},
        {"M", false, 0},
        {"1MB", false, 0},
        {"-1", false, 0},
        {"1 M", false, 0},
        {"16777216T", false, 0},
        {"18446744073709551616", false, 0},
        {"18446744073709551615b", true, UINT64_MAX},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t size = 42;

        assert_int_equal(cmdline_parse_size(cases[i].text, 1024, &size), cases[i].good);
        assert_int_equal(size, cases[i].good ? cases[i].size : 42);
    }
}

static void test_integers(void **state)
{
    uint64_t u;
    int64_t i;

    assert_true(cmdline_parse_u64("0x1F", &u) && u == 31);
    assert_true(cmdline_parse_u64("010", &u) && u == 8);
    assert_true(cmdline_parse_u64("0", &u) && u == 0);
    assert_false(cmdline_parse_u64("0x", &u));
    assert_false(cmdline_parse_u64("08", &u));
    assert_false(cmdline_parse_u64("1z", &u));
    assert_false(cmdline_parse_u64("", &u));
    assert_true(cmdline_parse_i64("-5", &i) && i == -5);
    assert_true(cmdline_parse_i64("+5", &i) && i == 5);
    assert_true(cmdline_parse_i64("-9223372036854775808", &i) && i == INT64_MIN);
    assert_false(cmdline_parse_i64("9223372036854775808", &i));
    assert_false(cmdline_parse_i64("-", &i));
}

static bool option_bool(const char *text, int *result)
{
    struct cmdline_option option;
    struct cmdline line;
    bool value = false, rc;

    cmdline_init(&line, text);
    assert_true(cmdline_next(&line, &option));
    rc = cmdline_option_bool(&option, "smt", &value);
    *result = value;
    return rc;
}

static void test_booleans(void **state)
{
    int value;

    assert_true(option_bool("smt", &value) && value);
    assert_true(option_bool("no-smt", &value) && !value);
    assert_true(option_bool("smt=off", &value) && !value);
    assert_true(option_bool("smt=enable", &value) && value);
    assert_true(option_bool("no-smt=no", &value) && value);
    assert_false(option_bool("smt=maybe", &value));
    assert_false(option_bool("smtx", &value));
    assert_false(option_bool("no-", &value));
}

static void test_parts(void **state)
{
    const char *list = "a,b=c,,toolongforit";
    char part[6];

    assert_true(cmdline_next_part(&list, part, sizeof(part)));
    assert_string_equal(part, "a");
    assert_true(cmdline_next_part(&list, part, sizeof(part)));
    assert_string_equal(part, "b=c");
    assert_true(cmdline_next_part(&list, part, sizeof(part)));
    assert_string_equal(part, "");
    assert_true(cmdline_next_part(&list, part, sizeof(part)));
    assert_string_equal(part, "toolo");
    assert_false(cmdline_next_part(&list, part, sizeof(part)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words), cmocka_unit_test(test_quotes),   cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_sizes), cmocka_unit_test(test_integers), cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
