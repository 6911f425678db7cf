/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Picks the decoder by the stream's magic and hands it an arena. See decompress.h.
 */
#include <lib/decompress_internal.h>
#include <lib/string.h>
#include <abi/xen.h>

#define GZIP_SCRATCH (128u << 10) /* inflate's state and window */
#define XZ_SCRATCH   (512u << 10) /* liblzma's coders, beside the dictionary */
#define ZSTD_SCRATCH (256u << 10) /* one decompression context */

struct format {
    const char *name;
    unsigned char magic[6];
    unsigned char magic_length;
    int (*decode)(struct decompress_job *job);
};

static const struct format formats[] = {
    [DECOMPRESS_NONE] = {"unknown", {0}, 0, NULL},
    [DECOMPRESS_GZIP] = {"gzip", {0x1f, 0x8b}, 2, decompress_gzip},
    [DECOMPRESS_XZ] = {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, decompress_xz},
    [DECOMPRESS_ZSTD] = {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, decompress_zstd},
    [DECOMPRESS_LZ4] = {"lz4", {0x02, 0x21, 0x4c, 0x18}, 4, decompress_lz4},
    [DECOMPRESS_BZIP2] = {"bzip2", {'B', 'Z', 'h'}, 3, NULL},
    [DECOMPRESS_LZMA] = {"lzma", {0x5d, 0, 0}, 3, NULL},
    [DECOMPRESS_LZO] = {"lzo", {0x89, 'L', 'Z', 'O', 0, 0x0d}, 6, NULL},
};

enum decompress_format decompress_identify(const void *in, size_t in_size)
{
    for (size_t i = DECOMPRESS_GZIP; i < ARRAY_SIZE(formats); i++) {
        if (in_size >= formats[i].magic_length &&
            memcmp(in, formats[i].magic, formats[i].magic_length) == 0) {
            return (enum decompress_format)i;
        }
    }
    return DECOMPRESS_NONE;
}

const char *decompress_format_name(enum decompress_format format)
{
    return (size_t)format < ARRAY_SIZE(formats) ? formats[format].name : formats[DECOMPRESS_NONE].name;
}

bool decompress_is_supported(enum decompress_format format)
{
    return (size_t)format < ARRAY_SIZE(formats) && formats[format].decode != NULL;
}

size_t decompress_scratch_bytes(const void *in, size_t in_size, size_t out_size)
{
    switch (decompress_identify(in, in_size)) {
    case DECOMPRESS_GZIP:
        return GZIP_SCRATCH;
    case DECOMPRESS_XZ:
        return XZ_SCRATCH + (size_t)MIN_T(uint64_t, decompress_xz_dictionary_bytes(in, in_size), out_size);
    case DECOMPRESS_ZSTD:
        return ZSTD_SCRATCH;
    case DECOMPRESS_LZ4:
        return 64;
    default:
        return 0;
    }
}

void *arena_alloc(struct arena *arena, size_t size)
{
    uintptr_t here = (uintptr_t)arena->base + arena->used;
    size_t padding = ALIGN_UP(here, 64) - here;
    void *memory;

    if (!range_fits(arena->used, padding, arena->size) ||
        !range_fits(arena->used + padding, size, arena->size)) {
        return NULL;
    }
    memory = arena->base + arena->used + padding;
    arena->used += padding + size;
    return memory;
}

int decompress_fail(struct decompress_job *job, int rc, const char *reason)
{
    job->reason = reason;
    return rc;
}

int decompress(const void *in, size_t in_size, void *out, size_t out_size, void *scratch, size_t scratch_size,
               size_t *produced, const char **reason)
{
    struct decompress_job job = {
        .in = in,
        .in_size = in_size,
        .out = out,
        .out_size = out_size,
        .arena = {.base = scratch, .size = scratch_size},
        .reason = "",
    };
    enum decompress_format format = decompress_identify(in, in_size);
    int rc;

    *produced = 0;
    if (format == DECOMPRESS_NONE) {
        rc = decompress_fail(&job, -XEN_EOPNOTSUPP, "no known compression magic");
    } else if (!decompress_is_supported(format)) {
        rc = decompress_fail(&job, -XEN_EOPNOTSUPP, "bzip2, lzma and lzo streams are not supported");
    } else {
        rc = formats[format].decode(&job);
    }
    if (rc == 0) {
        *produced = job.produced;
    }
    *reason = job.reason;
    return rc;
}
