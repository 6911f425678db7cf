/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decompression of kernel and initial-ramdisk images: gzip, xz, zstd and the kernel's lz4 ("legacy") format.
 *
 * xz, gzip and zstd use Debian's static liblzma, zlib and libzstd (the shared ones in host builds); lz4 blocks are
 * decoded here. Memory is what the caller hands in, nothing else is allocated.
 *
 * In the hypervisor image the libraries are ordinary user-space code. While decompress() runs the CPU must have
 *  - SSE usable (CR0.EM = 0, CR0.TS = 0, CR4.OSFXSR = 1), with no guest's XMM registers live in it;
 *  - the FS base at a readable area of at least 64 bytes (stack protector canaries are read at %fs:0x28);
 *  - 4 KiB of stack left (3 KiB measured).
 * That is start-up code's business; nothing else may call it. The input may be hostile: the output never leaves
 * its buffer, and the time taken is linear in the sizes of input and output.
 */
#ifndef LIB_DECOMPRESS_H
#define LIB_DECOMPRESS_H

#include <lib/bits.h>

enum decompress_format {
    DECOMPRESS_NONE, /* no known magic */
    DECOMPRESS_GZIP,
    DECOMPRESS_XZ,
    DECOMPRESS_ZSTD,
    DECOMPRESS_LZ4,   /* the legacy framing that Linux uses */
    DECOMPRESS_BZIP2, /* from here on: recognised, to be named, not supported */
    DECOMPRESS_LZMA,
    DECOMPRESS_LZO,
};

/* Which format do the first bytes of @in announce? Never reads beyond @in_size. */
enum decompress_format decompress_identify(const void *in, size_t in_size);

/* "gzip", "xz", ...; "unknown" for DECOMPRESS_NONE. */
const char *decompress_format_name(enum decompress_format format);
bool decompress_is_supported(enum decompress_format format);

/* Bytes of scratch memory that decompress() needs for this input into @out_size bytes; 0 when it is not supported.
 * At most @out_size + 1 MiB (xz keeps its dictionary apart), far less for the others. */
size_t decompress_scratch_bytes(const void *in, size_t in_size, size_t out_size);

/* Decompress the stream at the start of @in into @out; bytes behind the stream are ignored.
 * On success *@produced is the length of the output. On an error *@reason says what was wrong (a constant string), and
 * @out holds garbage.
 * -XEN_EOPNOTSUPP: format unknown or not supported. -XEN_ENOMEM: scratch too small.
 * -XEN_ENOSPC: output larger than @out_size. -XEN_EINVAL: truncated or corrupt input. */
int decompress(const void *in, size_t in_size, void *out, size_t out_size, void *scratch, size_t scratch_size,
               size_t *produced, const char **reason);

#endif
