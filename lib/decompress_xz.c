/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xz through liblzma, block by block: the narrowest interface that lets us bound the dictionary by the output's size.
 *
 * Stream: a 12-byte header, blocks (each with its check, which liblzma verifies), an index that starts with a zero
 * byte. The index adds nothing that the blocks' own checks do not cover, so it is not read.
 */
#include <lib/decompress_internal.h>
#include <lib/string.h>
#include <abi/xen.h>
#include <lzma.h>

#define INDEX_INDICATOR 0u

static void *xz_alloc(void *opaque, size_t items, size_t size)
{
    uint64_t bytes;

    return mul_overflows(items, size, &bytes) ? NULL : arena_alloc(opaque, bytes);
}

static void xz_free(void *opaque, void *memory)
{
}

/* Read a variable-length integer of the block header; false when it leaves the header. */
static bool read_vli(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (unsigned int shift = 0; *at < end && shift < 63; shift += 7) {
        unsigned char byte = *(*at)++;

        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

/* Section 5.3.1 of the format: the dictionary size from its one-byte property. */
static uint64_t dictionary_from_property(unsigned int property)
{
    property &= 0x3f;
    return property >= 40 ? UINT32_MAX : (uint64_t)(2 | (property & 1)) << (property / 2 + 11);
}

uint64_t decompress_xz_dictionary_bytes(const unsigned char *in, size_t in_size)
{
    const unsigned char *at = in + LZMA_STREAM_HEADER_SIZE + 2, *end;
    uint64_t ignored, id, property_size;
    unsigned int flags, filter_count;

    if (in_size < LZMA_STREAM_HEADER_SIZE + 2) {
        return 0;
    }
    end = in + MIN_T(size_t, in_size, LZMA_STREAM_HEADER_SIZE + 4 * (in[LZMA_STREAM_HEADER_SIZE] + 1u));
    flags = in[LZMA_STREAM_HEADER_SIZE + 1];
    filter_count = (flags & 3) + 1;
    if (((flags & 0x40) && !read_vli(&at, end, &ignored)) ||
        ((flags & 0x80) && !read_vli(&at, end, &ignored))) {
        return 0;
    }
    for (unsigned int i = 0; i < filter_count; i++) {
        if (!read_vli(&at, end, &id) || !read_vli(&at, end, &property_size) ||
            property_size > (size_t)(end - at)) {
            return 0;
        }
        if (id == LZMA_FILTER_LZMA2 && property_size == 1) {
            return dictionary_from_property(*at);
        }
        at += property_size;
    }
    return 0;
}

/* A dictionary larger than everything that will be produced is never referred to. */
static void bound_dictionaries(lzma_filter *filters, size_t out_size)
{
    for (; filters->id != LZMA_VLI_UNKNOWN; filters++) {
        if (filters->id == LZMA_FILTER_LZMA2) {
            lzma_options_lzma *options = filters->options;

            options->dict_size =
                MIN_T(uint64_t, options->dict_size, MAX_T(size_t, out_size, LZMA_DICT_SIZE_MIN));
        }
    }
}

static int xz_fail(struct decompress_job *job, lzma_ret status)
{
    switch (status) {
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR:
        return decompress_fail(job, -XEN_ENOMEM, "xz: scratch memory too small");
    case LZMA_BUF_ERROR:
        return decompress_fail(job, -XEN_ENOSPC, "xz: output larger than its buffer, or input truncated");
    case LZMA_OPTIONS_ERROR:
        return decompress_fail(job, -XEN_EOPNOTSUPP, "xz: a filter or option that is not supported");
    case LZMA_FORMAT_ERROR:
        return decompress_fail(job, -XEN_EINVAL, "xz: not an xz stream");
    default:
        return decompress_fail(job, -XEN_EINVAL, "xz: corrupt data");
    }
}

/* Decode the block at *@in_pos; moves it past the block. */
static int xz_decode_block(struct decompress_job *job, lzma_check check, size_t *in_pos)
{
    lzma_allocator allocator = {.alloc = xz_alloc, .free = xz_free, .opaque = &job->arena};
    lzma_filter filters[LZMA_FILTERS_MAX + 1];
    lzma_block block = {.version = 1, .check = check, .filters = filters};
    lzma_ret status;

    block.header_size = lzma_block_header_size_decode(job->in[*in_pos]);
    if (!range_fits(*in_pos, block.header_size, job->in_size)) {
        return decompress_fail(job, -XEN_EINVAL, "xz: input ends inside a block header");
    }
    status = lzma_block_header_decode(&block, &allocator, job->in + *in_pos);
    if (status != LZMA_OK) {
        return xz_fail(job, status);
    }
    bound_dictionaries(filters, job->out_size);
    *in_pos += block.header_size;
    status = lzma_block_buffer_decode(&block, &allocator, job->in, in_pos, job->in_size, job->out,
                                      &job->produced, job->out_size);
    return status == LZMA_OK ? 0 : xz_fail(job, status);
}

int decompress_xz(struct decompress_job *job)
{
    size_t in_pos = LZMA_STREAM_HEADER_SIZE;
    lzma_stream_flags flags;
    lzma_ret status;

    if (job->in_size < LZMA_STREAM_HEADER_SIZE) {
        return decompress_fail(job, -XEN_EINVAL, "xz: input ends inside the stream header");
    }
    status = lzma_stream_header_decode(&flags, job->in);
    if (status != LZMA_OK) {
        return xz_fail(job, status);
    }
    for (;;) {
        int rc;

        if (in_pos >= job->in_size) {
            return decompress_fail(job, -XEN_EINVAL, "xz: input ends before the index");
        }
        if (job->in[in_pos] == INDEX_INDICATOR) {
            return 0;
        }
        /* Each block starts again with the whole arena: nothing is kept between them. */
        job->arena.used = 0;
        rc = xz_decode_block(job, flags.check, &in_pos);
        if (rc) {
            return rc;
        }
    }
}
