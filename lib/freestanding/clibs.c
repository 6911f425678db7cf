/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Debian's static liblzma, zlib and libzstd want from a C library, for the hypervisor image only.
 *
 * lib/decompress*.c hand each library an allocator of their own, so the heap here has nothing to give. Where a
 * library would drag in code that a kernel image never needs, its entry points are defined here, which keeps the
 * archive member out of the link: zstd's formats from before 1.0, zlib's tables for CRC-32, and liblzma's CRC-64,
 * whose archive member works only after a constructor that nobody runs here.
 *
 * The libraries read their stack canary at %fs:0x28: see lib/decompress.h for what the caller provides.
 */
#include <lib/string.h>
#include <lib/bits.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void free(void *memory);
_Noreturn void abort(void);
_Noreturn void __stack_chk_fail(void);

void *malloc(size_t size)
{
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    return NULL;
}

void free(void *memory)
{
}

_Noreturn void abort(void)
{
    __builtin_trap();
}

_Noreturn void __stack_chk_fail(void)
{
    __builtin_trap();
}

/* zlib's CRC-32 is the one that liblzma has anyway. */
uint32_t lzma_crc32(const uint8_t *data, size_t size, uint32_t crc);
unsigned long crc32(unsigned long crc, const unsigned char *data, unsigned int size);

unsigned long crc32(unsigned long crc, const unsigned char *data, unsigned int size)
{
    return data ? lzma_crc32(data, size, (uint32_t)crc) : 0;
}

/* CRC-64 as ECMA-182 has it, reflected; a nibble at a time. xz streams made for a kernel use CRC-32. */
uint64_t lzma_crc64(const uint8_t *data, size_t size, uint64_t crc);

uint64_t lzma_crc64(const uint8_t *data, size_t size, uint64_t crc)
{
    static const uint64_t polynomial = UINT64_C(0xc96c5795d7870f42);

    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (polynomial & -(crc & 1));
        }
    }
    return ~crc;
}

/* zstd's formats 0.5 to 0.7: every entry fails, by a size near SIZE_MAX or a null pointer. Arguments that are not
 * looked at are not declared: they arrive in registers. */
#define ZSTD_ERROR_PREFIX_UNKNOWN ((size_t)-10)

#define LEGACY_ZSTD(v)                                                                            \
    void *ZSTDv##v##_createDCtx(void);                                                            \
    void *ZSTDv##v##_createDCtx(void)                                                             \
    {                                                                                             \
        return NULL;                                                                              \
    }                                                                                             \
    void *ZBUFFv##v##_createDCtx(void);                                                           \
    void *ZBUFFv##v##_createDCtx(void)                                                            \
    {                                                                                             \
        return NULL;                                                                              \
    }                                                                                             \
    size_t ZSTDv##v##_freeDCtx(void *context);                                                    \
    size_t ZSTDv##v##_freeDCtx(void *context)                                                     \
    {                                                                                             \
        return 0;                                                                                 \
    }                                                                                             \
    size_t ZBUFFv##v##_freeDCtx(void *context);                                                   \
    size_t ZBUFFv##v##_freeDCtx(void *context)                                                    \
    {                                                                                             \
        return 0;                                                                                 \
    }                                                                                             \
    size_t ZSTDv##v##_decompress_usingDict(void);                                                 \
    size_t ZSTDv##v##_decompress_usingDict(void)                                                  \
    {                                                                                             \
        return ZSTD_ERROR_PREFIX_UNKNOWN;                                                         \
    }                                                                                             \
    size_t ZSTDv##v##_getFrameParams(void);                                                       \
    size_t ZSTDv##v##_getFrameParams(void)                                                        \
    {                                                                                             \
        return ZSTD_ERROR_PREFIX_UNKNOWN;                                                         \
    }                                                                                             \
    size_t ZBUFFv##v##_decompressInitDictionary(void);                                            \
    size_t ZBUFFv##v##_decompressInitDictionary(void)                                             \
    {                                                                                             \
        return ZSTD_ERROR_PREFIX_UNKNOWN;                                                         \
    }                                                                                             \
    size_t ZBUFFv##v##_decompressContinue(void);                                                  \
    size_t ZBUFFv##v##_decompressContinue(void)                                                   \
    {                                                                                             \
        return ZSTD_ERROR_PREFIX_UNKNOWN;                                                         \
    }                                                                                             \
    void ZSTDv##v##_findFrameSizeInfoLegacy(const void *in, size_t size, size_t *compressed_size, \
                                            unsigned long long *bound);                           \
    void ZSTDv##v##_findFrameSizeInfoLegacy(const void *in, size_t size, size_t *compressed_size, \
                                            unsigned long long *bound)                            \
    {                                                                                             \
        *compressed_size = ZSTD_ERROR_PREFIX_UNKNOWN;                                             \
        *bound = ~0ull;                                                                           \
    }

LEGACY_ZSTD(05)
LEGACY_ZSTD(06)
LEGACY_ZSTD(07)

/* libzstd calls these if they exist; far from address 0 the linker cannot leave a call to a missing one, so they do. 0: do not trace. */
unsigned long long ZSTD_trace_decompress_begin(const void *context);
void ZSTD_trace_decompress_end(unsigned long long trace, const void *what);

unsigned long long ZSTD_trace_decompress_begin(const void *context)
{
    return 0;
}

void ZSTD_trace_decompress_end(unsigned long long trace, const void *what)
{
}
