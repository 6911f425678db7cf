/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The input is a compressed stream; output and scratch are exact allocations, so that ASan sees a step outside.
 */
#include <lib/decompress.h>
#include <stdlib.h>

#define OUT_SIZE (64u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t scratch_size = decompress_scratch_bytes(data, size, OUT_SIZE), produced;
    uint8_t *out = malloc(OUT_SIZE), *scratch = malloc(scratch_size + 1);
    const char *reason;
    int rc = decompress(data, size, out, OUT_SIZE, scratch, scratch_size, &produced, &reason);

    if (produced > OUT_SIZE || (rc != 0 && (produced != 0 || *reason == '\0'))) {
        __builtin_trap();
    }
    free(out);
    free(scratch);
    return 0;
}
