/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * zstd through libzstd, one frame, with a context that lives in the arena (RFC 8878).
 */
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_initStaticDCtx() */
#include <lib/decompress_internal.h>
#include <lib/string.h>
#include <abi/xen.h>
#include <zstd.h>
#include <zstd_errors.h>

int decompress_zstd(struct decompress_job *job)
{
    size_t context_size = ZSTD_estimateDCtxSize();
    void *memory = arena_alloc(&job->arena, context_size);
    ZSTD_DCtx *context = memory ? ZSTD_initStaticDCtx(memory, context_size) : NULL;
    size_t frame_size, result;

    if (!context) {
        return decompress_fail(job, -XEN_ENOMEM, "zstd: scratch memory too small");
    }
    frame_size = ZSTD_findFrameCompressedSize(job->in, job->in_size);
    if (ZSTD_isError(frame_size)) {
        return decompress_fail(job, -XEN_EINVAL, "zstd: truncated input or a bad frame header");
    }
    result = ZSTD_decompressDCtx(context, job->out, job->out_size, job->in, frame_size);
    if (!ZSTD_isError(result)) {
        job->produced = result;
        return 0;
    }
    if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) {
        return decompress_fail(job, -XEN_ENOSPC, "zstd: output larger than its buffer");
    }
    return decompress_fail(job, -XEN_EINVAL, "zstd: corrupt data");
}
