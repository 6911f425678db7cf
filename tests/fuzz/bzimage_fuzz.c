/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a bzImage from byte 0x1f0 on (what is before holds nothing that is read).
 */
#include <lib/bzimage.h>
#include <lib/string.h>
#include <stdlib.h>

#define SKIPPED 0x1f0

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *image = calloc(1, SKIPPED + size);
    struct bzimage bz;
    const char *reason;

    if (size > 0) {
        memcpy(image + SKIPPED, data, size);
    }
    if (bzimage_parse(image, SKIPPED + size, &bz, &reason) == 0) {
        if (bz.payload < image || bz.payload + bz.payload_size > image + SKIPPED + size) {
            __builtin_trap();
        }
        if (bz.version && strlen(bz.version) > SKIPPED + size) {
            __builtin_trap();
        }
    }
    free(image);
    return 0;
}
