/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XSAVE images: xstate.h. */
#include <lib/bits.h>
#include <lib/string.h>
#include <model/x86/xstate/xstate.h>

#define FCW_DEFAULT   0x37f
#define MXCSR_OFFSET  24u
#define MXCSR_DEFAULT 0x1f80
#define X87_OFFSET    32u
#define X87_SIZE      128u
#define XMM_OFFSET    160u
#define XMM_SIZE      256u
#define XSTATE_BV     512u /* the header: components in use, */
#define XCOMP_BV      520u /* then the compacted format's own word, then nothing */

static uint64_t get64(const void *image, uint32_t at)
{
    uint64_t v;

    memcpy(&v, (const uint8_t *)image + at, sizeof(v));
    return v;
}

static void put64(void *image, uint32_t at, uint64_t v)
{
    memcpy((uint8_t *)image + at, &v, sizeof(v));
}

static void put16(void *image, uint32_t at, uint16_t v)
{
    memcpy((uint8_t *)image + at, &v, sizeof(v));
}

static void put32(void *image, uint32_t at, uint32_t v)
{
    memcpy((uint8_t *)image + at, &v, sizeof(v));
}

bool xstate_xcr0_ok(uint64_t value, uint64_t offered)
{
    uint64_t avx512 = value & XSTATE_AVX512;

    if (!(value & XSTATE_X87) || (value & ~(offered & XSTATE_KNOWN))) {
        return false;
    }
    if ((value & XSTATE_AVX) && !(value & XSTATE_SSE)) {
        return false;
    }
    return avx512 == 0 || (avx512 == XSTATE_AVX512 && (value & XSTATE_AVX));
}

uint32_t xstate_size(const struct xstate_layout *layout, uint64_t components)
{
    uint32_t size = XSTATE_MIN_SIZE;

    for (unsigned i = 2; i < XSTATE_COMPONENTS; i++) {
        if ((components >> i) & 1) {
            size = MAX(size, layout->at[i].offset + layout->at[i].size);
        }
    }
    return size;
}

static void reset_x87(void *image)
{
    memset(image, 0, MXCSR_OFFSET);
    memset((uint8_t *)image + X87_OFFSET, 0, X87_SIZE);
    put16(image, 0, FCW_DEFAULT);
}

void xstate_reset(void *image, uint32_t size)
{
    memset(image, 0, size);
    reset_x87(image);
    put32(image, MXCSR_OFFSET, MXCSR_DEFAULT);
    put64(image, XSTATE_BV, XSTATE_LEGACY);
}

void xstate_legacy_written(void *image)
{
    put64(image, XSTATE_BV, get64(image, XSTATE_BV) | XSTATE_LEGACY);
}

void xstate_make_whole(void *image, const struct xstate_layout *layout, uint64_t components)
{
    uint64_t missing = components & ~get64(image, XSTATE_BV);

    if (missing & XSTATE_X87) {
        reset_x87(image);
    }
    if (missing & XSTATE_SSE) { /* MXCSR is always written when SSE or AVX is saved */
        memset((uint8_t *)image + XMM_OFFSET, 0, XMM_SIZE);
    }
    for (unsigned i = 2; i < XSTATE_COMPONENTS; i++) {
        if ((missing >> i) & 1) {
            memset((uint8_t *)image + layout->at[i].offset, 0, layout->at[i].size);
        }
    }
    put64(image, XSTATE_BV, components);
}

bool xstate_image_ok(const void *image, uint32_t size, const struct xstate_layout *layout,
                     uint64_t components, uint32_t mxcsr_mask)
{
    uint64_t in_use;
    uint32_t mxcsr;

    if (size < XSTATE_MIN_SIZE) {
        return false;
    }
    in_use = get64(image, XSTATE_BV);
    if ((in_use & ~components) || xstate_size(layout, in_use) > size) {
        return false;
    }
    for (uint32_t at = XCOMP_BV; at < XSTATE_MIN_SIZE; at += 8) {
        if (get64(image, at) != 0) {
            return false;
        }
    }
    memcpy(&mxcsr, (const uint8_t *)image + MXCSR_OFFSET, sizeof(mxcsr));
    return !(mxcsr & ~mxcsr_mask);
}
