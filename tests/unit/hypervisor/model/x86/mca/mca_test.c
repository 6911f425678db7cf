/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine-check status registers: how bad, whether the machine must stop, the words for each class of code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <hypervisor/random.h>
#include <model/x86/mca/mca.h>

static void test_severity(void **state)
{
    assert_int_equal(mca_severity(0), MCA_NONE);
    assert_int_equal(mca_severity(~MCI_VALID), MCA_NONE);
    assert_int_equal(mca_severity(MCI_VALID), MCA_CORRECTED);
    assert_int_equal(mca_severity(MCI_VALID | MCI_CORRUPT),
                     MCA_CORRECTED); /* means nothing without `uncorrected` */
    assert_int_equal(mca_severity(MCI_VALID | MCI_UNCORRECTED), MCA_UNCORRECTED);
    assert_int_equal(mca_severity(MCI_VALID | MCI_UNCORRECTED | MCI_CORRUPT), MCA_FATAL);
}

static void test_fatal(void **state)
{
    struct mca_bank banks[2] = {{.number = 0}, {.number = 1, .status = MCI_VALID}};

    assert_false(mca_is_fatal(MCG_STATUS_RIPV, banks, 0));
    assert_false(mca_is_fatal(MCG_STATUS_RIPV | MCG_STATUS_MCIP, banks, 2));
    assert_true(mca_is_fatal(MCG_STATUS_MCIP, banks, 2)); /* nowhere to return to */
    banks[1].status |= MCI_UNCORRECTED;
    assert_true(mca_is_fatal(MCG_STATUS_RIPV, banks, 2));
    assert_false(mca_is_fatal(MCG_STATUS_RIPV, banks, 1));
}

static void test_words(void **state)
{
    static const struct {
        uint16_t code;
        const char *text;
    } rows[] = {{0x0000, "no error code"},
                {0x0001, "unclassified"},
                {0x0005, "internal parity"},
                {0x0400, "internal"},
                {0x000e, "cache hierarchy"},
                {0x0011, "TLB"},
                {0x0093, "memory controller read"},
                {0x00c1, "memory controller scrubbing"},
                {0x0135, "cache hierarchy data read"},
                {0x017a, "cache hierarchy eviction"},
                {0x0e0b, "bus or interconnect error"},
                {0x1135, "cache hierarchy data read"},
                {0x0813, "bus or interconnect read"}};
    char text[200];

    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        mca_describe(&(struct mca_bank){.number = 4, .status = MCI_VALID | rows[i].code}, text, sizeof(text));
        assert_non_null(strstr(text, "bank 4: corrected, "));
        assert_memory_equal(text + strlen("bank 4: corrected, "), rows[i].text, strlen(rows[i].text));
    }
    mca_describe(&(struct mca_bank){.status = ~0ull, .addr = 0x1234, .misc = 0x5678}, text, sizeof(text));
    assert_non_null(strstr(text, "context corrupt (others were lost)"));
    assert_non_null(strstr(text, "address 0x1234, misc 0x5678"));
}

/* Any status makes a terminated text within the buffer. */
static void test_any_status(void **state)
{
    struct random r = random_seed(5);
    char text[96];

    for (unsigned int i = 0; i < 20000; i++) {
        struct mca_bank b = {(uint32_t)random_below(&r, 256), random_u64(&r), random_u64(&r), random_u64(&r)};
        size_t size = 1 + random_below(&r, sizeof(text) - 1);

        mca_describe(&b, text, size);
        assert_true(strnlen(text, size) < size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_severity),
        cmocka_unit_test(test_fatal),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_any_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
