/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image that XSAVE writes and XRSTOR loads, in its standard format: what may be in XCR0, what an image from outside may hold, and what it means
 * that a component is not in it. Pure functions over bytes; @layout says where components are (CPUID leaf 0xd). AMD APM volume 2, 11.5;
 * Intel SDM volume 1, chapter 13.
 */
#ifndef MODEL_X86_XSTATE_XSTATE_H
#define MODEL_X86_XSTATE_XSTATE_H

#include <stdbool.h>
#include <stdint.h>

#define XSTATE_X87    (1ull << 0)
#define XSTATE_SSE    (1ull << 1)
#define XSTATE_AVX    (1ull << 2)
#define XSTATE_AVX512 (7ull << 5) /* opmask, upper halves of ZMM0-15, ZMM16-31: all or none */
#define XSTATE_PKRU   (1ull << 9)
#define XSTATE_LEGACY (XSTATE_X87 | XSTATE_SSE) /* what FXSAVE also has */
/* Components whose rules this file knows; others are never offered. */
#define XSTATE_KNOWN (XSTATE_LEGACY | XSTATE_AVX | XSTATE_AVX512 | XSTATE_PKRU)

#define XSTATE_FXSAVE_SIZE 512u
#define XSTATE_MIN_SIZE    576u /* FXSAVE's part and the header */
#define XSTATE_COMPONENTS  63u

struct xstate_layout {
    struct {
        uint32_t offset, size;
    } at[XSTATE_COMPONENTS]; /* of components 2 and up; size 0: there is none */
};

/* May XCR0 be @value when the CPU offers @offered (0: no XSAVE)? */
bool xstate_xcr0_ok(uint64_t value, uint64_t offered);

/* Bytes of an image with @components. */
uint32_t xstate_size(const struct xstate_layout *layout, uint64_t components);

/* The power-on state: nothing but x87 and SSE, as FNINIT and reset leave them. @size bytes, at least XSTATE_MIN_SIZE. */
void xstate_reset(void *image, uint32_t size);

/* FXSAVE's part has been written by other means than XSAVE: XRSTOR is to take it. */
void xstate_legacy_written(void *image);

/*
 * Write out the initial state of those of @components that the image says are not in use, and say that they are: a reader need not know
 * that rule, and nothing older shows.
 */
void xstate_make_whole(void *image, const struct xstate_layout *layout, uint64_t components);

/*
 * An image of @size bytes from outside can be loaded with XCR0 = @components: standard format, nothing in use beyond @components, nothing reserved, no bit
 * in MXCSR beyond @mxcsr_mask, long enough for what is in use. False otherwise.
 */
bool xstate_image_ok(const void *image, uint32_t size, const struct xstate_layout *layout,
                     uint64_t components, uint32_t mxcsr_mask);

#endif
