/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linux bzImage: where the compressed kernel, the protected-mode code and the version text are.
 *
 * The layout is the x86 Linux boot protocol's (Documentation/arch/x86/boot.rst in Linux), version 2.08 or later: from
 * there on the payload is described. Pure: reads only [image, image + size).
 */
#ifndef LIB_BZIMAGE_H
#define LIB_BZIMAGE_H

#include <lib/decompress.h>

struct bzimage {
    uint16_t protocol;   /* 0x020f for 2.15 */
    uint16_t xloadflags; /* since 2.12, else 0 */
    uint8_t load_flags;
    uint32_t kernel_alignment;
    uint32_t init_size;    /* memory that the kernel needs from its load address on, since 2.10, else 0 */
    uint64_t pref_address; /* since 2.10, else 0 */
    size_t setup_size;     /* the real-mode part; the protected-mode code starts here */
    const uint8_t *code;   /* protected-mode code (and the rest of the file) */
    size_t code_size;
    const uint8_t *payload; /* compressed kernel */
    size_t payload_size;
    enum decompress_format format;
    uint32_t decompressed_size; /* the last four bytes of the payload; 0 when it is not compressed */
    const char *version;        /* terminated, inside the image; NULL when there is none */
};

/* Does the image have the setup header's magic? A cheap look before bzimage_parse(). */
bool bzimage_probe(const void *image, size_t size);

/* Fill @bz. On an error *@reason says which field was wrong (a constant string).
 * -XEN_EINVAL: not a bzImage, or a field leaves the image. -XEN_EOPNOTSUPP: older than 2.08, or a zImage. */
int bzimage_parse(const void *image, size_t size, struct bzimage *bz, const char **reason);

#endif
