/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gzip through zlib's inflate, in chunks because zlib counts in 32 bits (RFC 1952).
 */
#include <lib/decompress_internal.h>
#include <lib/string.h>
#include <abi/xen.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16) /* zlib's way to ask for a gzip header */
#define CHUNK            (1u << 30)

static voidpf gzip_alloc(voidpf opaque, uInt items, uInt size)
{
    uint64_t bytes;

    return mul_overflows(items, size, &bytes) ? NULL : arena_alloc(opaque, bytes);
}

static void gzip_free(voidpf opaque, voidpf memory)
{
}

int decompress_gzip(struct decompress_job *job)
{
    z_stream stream = {.zalloc = gzip_alloc, .zfree = gzip_free, .opaque = &job->arena};
    size_t in_done = 0, out_done = 0;
    int status;

    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) {
        return decompress_fail(job, -XEN_ENOMEM, "gzip: scratch memory too small");
    }
    do {
        uInt in_chunk = MIN_T(size_t, job->in_size - in_done, CHUNK);
        uInt out_chunk = MIN_T(size_t, job->out_size - out_done, CHUNK);

        stream.next_in = (Bytef *)job->in + in_done;
        stream.avail_in = in_chunk;
        stream.next_out = job->out + out_done;
        stream.avail_out = out_chunk;
        status = inflate(&stream, Z_NO_FLUSH);
        in_done += in_chunk - stream.avail_in;
        out_done += out_chunk - stream.avail_out;
        if (status == Z_OK && in_chunk == stream.avail_in && out_chunk == stream.avail_out) {
            status = Z_BUF_ERROR;
        }
    } while (status == Z_OK);

    switch (status) {
    case Z_STREAM_END:
        job->produced = out_done;
        return 0;
    case Z_BUF_ERROR:
        return out_done == job->out_size
                   ? decompress_fail(job, -XEN_ENOSPC,
                                     "gzip: output larger than its buffer, or input truncated")
                   : decompress_fail(job, -XEN_EINVAL, "gzip: input truncated");
    case Z_MEM_ERROR:
        return decompress_fail(job, -XEN_ENOMEM, "gzip: scratch memory too small");
    default:
        return decompress_fail(job, -XEN_EINVAL, "gzip: corrupt data");
    }
}
