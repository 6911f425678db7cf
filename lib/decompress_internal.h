/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the decoders of lib/decompress*.c share: one job, and the arena that the libraries allocate from.
 */
#ifndef LIB_DECOMPRESS_INTERNAL_H
#define LIB_DECOMPRESS_INTERNAL_H

#include <lib/decompress.h>

struct arena {
    unsigned char *base;
    size_t size;
    size_t used;
};

struct decompress_job {
    const unsigned char *in;
    size_t in_size;
    unsigned char *out;
    size_t out_size;
    size_t produced;
    struct arena arena;
    const char *reason;
};

/* @size bytes aligned to 64, or NULL. Memory is given back only all at once. */
void *arena_alloc(struct arena *arena, size_t size);

/* Sets the reason and returns @rc, so that a decoder can say `return decompress_fail(job, -XEN_EINVAL, "...")`. */
int decompress_fail(struct decompress_job *job, int rc, const char *reason);

/* One each format: fill job->out, set job->produced. */
int decompress_gzip(struct decompress_job *job);
int decompress_xz(struct decompress_job *job);
int decompress_zstd(struct decompress_job *job);
int decompress_lz4(struct decompress_job *job);

/* The size of the dictionary that the first block of an xz stream asks for; 0 when its header cannot be read. */
uint64_t decompress_xz_dictionary_bytes(const unsigned char *in, size_t in_size);

#endif
