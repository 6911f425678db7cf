/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XSAVE images: values of XCR0, sizes, what is taken from outside, what is written out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <model/x86/xstate/xstate.h>

#define ALL XSTATE_KNOWN

static struct xstate_layout layout;
static uint8_t image[2696];

static int setup(void **state)
{
    memset(&layout, 0, sizeof(layout));
    layout.at[2].offset = 576, layout.at[2].size = 256;
    layout.at[5].offset = 1088, layout.at[5].size = 64;
    layout.at[6].offset = 1152, layout.at[6].size = 512;
    layout.at[7].offset = 1664, layout.at[7].size = 1024;
    layout.at[9].offset = 2688, layout.at[9].size = 8;
    xstate_reset(image, sizeof(image));
    return 0;
}

static void set64(unsigned at, uint64_t v)
{
    memcpy(image + at, &v, sizeof(v));
}

static uint64_t in_use(void)
{
    uint64_t v;

    memcpy(&v, image + 512, sizeof(v));
    return v;
}

static void xcr0_values(void **state)
{
    /* every value of the bits that mean something, against the rules said another way */
    for (uint64_t v = 0; v < 1024; v++) {
        bool sse = v & 2, avx = v & 4, ok = v & 1;
        unsigned wide = (v >> 5) & 7;

        ok = ok && !(v & (1 << 3 | 1 << 4 | 1 << 8));
        ok = ok && (!avx || sse) && (wide == 0 || (wide == 7 && avx));
        assert_int_equal(xstate_xcr0_ok(v, ALL), ok);
        assert_false(xstate_xcr0_ok(v, 0));
        assert_int_equal(xstate_xcr0_ok(v, 7), ok && v < 8);
        assert_false(xstate_xcr0_ok(v | 1ull << 62, ~0ull));
    }
}

static void sizes(void **state)
{
    assert_int_equal(xstate_size(&layout, 1), 576);
    assert_int_equal(xstate_size(&layout, 3), 576);
    assert_int_equal(xstate_size(&layout, 7), 832);
    assert_int_equal(xstate_size(&layout, 3 | XSTATE_PKRU), 2696);
    assert_int_equal(xstate_size(&layout, ALL), 2696);
}

static void reset_state(void **state)
{
    memset(image, 0xa5, sizeof(image));
    xstate_reset(image, sizeof(image));
    assert_int_equal(image[0] | image[1] << 8, 0x37f);
    assert_int_equal(image[24] | image[25] << 8, 0x1f80);
    assert_int_equal(in_use(), 3);
    assert_true(xstate_image_ok(image, sizeof(image), &layout, 3, 0xffff));
}

static void made_whole(void **state)
{
    memset(image, 0xa5, sizeof(image));
    memset(image + 512, 0, 64);
    set64(512, XSTATE_SSE); /* only XMM is in use */
    xstate_make_whole(image, &layout, 7);
    assert_int_equal(in_use(), 7);
    assert_int_equal(image[0] | image[1] << 8, 0x37f);
    assert_int_equal(image[24], 0xa5);  /* MXCSR and its mask stay */
    assert_int_equal(image[32], 0);     /* x87 registers */
    assert_int_equal(image[160], 0xa5); /* XMM0 */
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(image[576 + i], 0);
    }
    assert_int_equal(image[832], 0xa5); /* beyond AVX */
    set64(512, 0);
    xstate_make_whole(image, &layout, 3);
    assert_int_equal(image[160], 0);
    assert_int_equal(in_use(), 3);
    set64(512, 0);
    xstate_legacy_written(image);
    assert_int_equal(in_use(), 3);
}

static void from_outside(void **state)
{
    assert_true(xstate_image_ok(image, sizeof(image), &layout, 7, 0xffff));
    assert_false(xstate_image_ok(image, 575, &layout, 7, 0xffff));
    set64(512, 7);
    assert_true(xstate_image_ok(image, 832, &layout, 7, 0xffff));
    assert_false(xstate_image_ok(image, 831, &layout, 7, 0xffff)); /* too short for what is in use */
    assert_false(xstate_image_ok(image, 832, &layout, 3, 0xffff)); /* more than the vCPU has */
    set64(520, 1ull << 63);                                        /* compacted */
    assert_false(xstate_image_ok(image, sizeof(image), &layout, 7, 0xffff));
    set64(520, 0);
    for (unsigned at = 528; at < 576; at += 8) {
        set64(at, 1);
        assert_false(xstate_image_ok(image, sizeof(image), &layout, 7, 0xffff));
        set64(at, 0);
    }
    image[26] = 1; /* bit 16 of MXCSR */
    assert_false(xstate_image_ok(image, sizeof(image), &layout, 7, 0xffff));
    image[26] = 0;
    image[24] = 0x40; /* DAZ */
    assert_false(xstate_image_ok(image, sizeof(image), &layout, 7, 0xffbf));
    assert_true(xstate_image_ok(image, sizeof(image), &layout, 7, 0xffff));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, setup)
    const struct CMUnitTest tests[] = {
        T(xcr0_values), T(sizes), T(reset_state), T(made_whole), T(from_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
