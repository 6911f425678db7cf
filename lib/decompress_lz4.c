/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lz4 legacy framing (magic 0x184C2102, then chunks of a 32-bit length and one block) and the lz4 block format.
 *
 * A block is a row of sequences: a token (literal count, match length), literals, a 16-bit distance back. The
 * library's own object holds the compressor too, 57 KB of text, so the block decoder stands here; the unit test runs
 * it against liblz4.
 */
#include <lib/decompress_internal.h>
#include <lib/bytes.h>
#include <lib/string.h>
#include <abi/xen.h>

#define LEGACY_MAGIC 0x184c2102u
#define MATCH_MIN    4

struct block {
    const unsigned char *in, *in_end;
    unsigned char *out, *out_start, *out_end;
};

static const char too_large[] = "lz4: output larger than its buffer";

/* A length that starts in a nibble and goes on in bytes of 255; false when the input ends. */
static bool read_length(struct block *b, size_t nibble, size_t *length)
{
    unsigned char byte;

    *length = nibble;
    if (nibble < 15) {
        return true;
    }
    do {
        if (b->in == b->in_end) {
            return false;
        }
        byte = *b->in++;
        *length += byte;
    } while (byte == 255);
    return true;
}

static const char *copy_literals(struct block *b, size_t nibble)
{
    size_t length;

    if (!read_length(b, nibble, &length) || length > (size_t)(b->in_end - b->in)) {
        return "lz4: literals leave the block";
    }
    if (length > (size_t)(b->out_end - b->out)) {
        return too_large;
    }
    memcpy(b->out, b->in, length);
    b->in += length;
    b->out += length;
    return NULL;
}

static const char *copy_match(struct block *b, size_t nibble)
{
    size_t length, distance;
    const unsigned char *from;

    if (b->in_end - b->in < 2) {
        return "lz4: block ends inside a match";
    }
    distance = b->in[0] | b->in[1] << 8;
    b->in += 2;
    if (!read_length(b, nibble, &length)) {
        return "lz4: block ends inside a match";
    }
    length += MATCH_MIN;
    if (distance == 0 || distance > (size_t)(b->out - b->out_start)) {
        return "lz4: a match starts before the block";
    }
    if (length > (size_t)(b->out_end - b->out)) {
        return too_large;
    }
    /* Source and target overlap when the distance is short: each round copies what is there and doubles it. */
    from = b->out - distance;
    while (length > 0) {
        size_t n = MIN(length, (size_t)(b->out - from));

        memcpy(b->out, from, n);
        b->out += n;
        length -= n;
    }
    return NULL;
}

/* Decode one block; returns what is wrong with it, or NULL. */
static const char *decode_block(struct block *b)
{
    const char *wrong;

    do {
        unsigned char token;

        if (b->in == b->in_end) {
            return "lz4: block does not end with literals";
        }
        token = *b->in++;
        wrong = copy_literals(b, token >> 4);
        if (wrong || b->in == b->in_end) {
            return wrong;
        }
        wrong = copy_match(b, token & 15);
    } while (!wrong);
    return wrong;
}

int decompress_lz4(struct decompress_job *job)
{
    size_t pos = 4;

    /* What is left at the end, less than a chunk, is the kernel's size field. */
    while (job->in_size - pos > 4) {
        uint32_t chunk = read_le32(job->in + pos);
        struct block block;
        const char *wrong;

        pos += 4;
        if (chunk == LEGACY_MAGIC) {
            continue;
        }
        if (chunk > job->in_size - pos) {
            return decompress_fail(job, -XEN_EINVAL, "lz4: a chunk leaves the input (truncated?)");
        }
        block = (struct block){
            .in = job->in + pos,
            .in_end = job->in + pos + chunk,
            .out = job->out + job->produced,
            .out_start = job->out + job->produced,
            .out_end = job->out + job->out_size,
        };
        wrong = decode_block(&block);
        if (wrong) {
            return decompress_fail(job, wrong == too_large ? -XEN_ENOSPC : -XEN_EINVAL, wrong);
        }
        job->produced = block.out - job->out;
        pos += chunk;
    }
    return 0;
}
