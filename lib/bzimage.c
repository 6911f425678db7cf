/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bzImage setup header. Offsets are from the start of the file, as the boot protocol's table has them.
 */
#include <lib/bzimage.h>
#include <lib/bytes.h>
#include <lib/string.h>
#include <abi/xen.h>

#define SETUP_SECTS      0x1f1
#define BOOT_FLAG        0x1fe
#define HEADER_MAGIC     0x202
#define PROTOCOL_VERSION 0x206
#define KERNEL_VERSION   0x20e
#define LOAD_FLAGS       0x211
#define KERNEL_ALIGNMENT 0x230
#define XLOADFLAGS       0x236
#define PAYLOAD_OFFSET   0x248
#define PAYLOAD_LENGTH   0x24c
#define PREF_ADDRESS     0x258
#define INIT_SIZE        0x260
#define HEADER_END       0x264

#define BOOT_FLAG_VALUE 0xaa55
#define HEADER_TEXT     0x53726448u /* "HdrS" */
#define LOADED_HIGH     0x01
#define SECTOR_SIZE     512

bool bzimage_probe(const void *image, size_t size)
{
    const uint8_t *bytes = image;

    return size >= HEADER_END && read_le16(bytes + BOOT_FLAG) == BOOT_FLAG_VALUE &&
           read_le32(bytes + HEADER_MAGIC) == HEADER_TEXT;
}

/* The version text is terminated inside the real-mode part, or it is not there. */
static const char *find_version(const uint8_t *bytes, size_t setup_size)
{
    size_t offset = read_le16(bytes + KERNEL_VERSION);

    if (offset == 0 || offset + SECTOR_SIZE >= setup_size) {
        return NULL;
    }
    offset += SECTOR_SIZE;
    return memchr(bytes + offset, 0, setup_size - offset) ? (const char *)bytes + offset : NULL;
}

static int find_payload(const uint8_t *bytes, struct bzimage *bz, const char **reason)
{
    uint32_t offset = read_le32(bytes + PAYLOAD_OFFSET);
    uint32_t length = read_le32(bytes + PAYLOAD_LENGTH);

    if (!range_fits(offset, length, bz->code_size)) {
        *reason = "bzImage: payload_offset and payload_length (at 0x248) leave the image";
        return -XEN_EINVAL;
    }
    if (length < 8) {
        *reason = "bzImage: payload_length (at 0x24c) is too small to hold a kernel";
        return -XEN_EINVAL;
    }
    bz->payload = bz->code + offset;
    bz->payload_size = length;
    bz->format = decompress_identify(bz->payload, length);
    if (bz->format != DECOMPRESS_NONE) {
        bz->decompressed_size = read_le32(bz->payload + length - 4);
    }
    return 0;
}

int bzimage_parse(const void *image, size_t size, struct bzimage *bz, const char **reason)
{
    const uint8_t *bytes = image;

    *bz = (struct bzimage){0};
    *reason = "";
    if (!bzimage_probe(image, size)) {
        *reason = "bzImage: no boot flag at 0x1fe or no \"HdrS\" at 0x202";
        return -XEN_EINVAL;
    }
    bz->protocol = read_le16(bytes + PROTOCOL_VERSION);
    if (bz->protocol < 0x0208) {
        *reason = "bzImage: boot protocol (at 0x206) older than 2.08 does not describe its payload";
        return -XEN_EOPNOTSUPP;
    }
    bz->load_flags = bytes[LOAD_FLAGS];
    if (!(bz->load_flags & LOADED_HIGH)) {
        *reason = "bzImage: LOADED_HIGH is clear (at 0x211): a zImage is not supported";
        return -XEN_EOPNOTSUPP;
    }
    /* Zero stands for four sectors, as the oldest kernels had it. */
    bz->setup_size = ((bytes[SETUP_SECTS] ? bytes[SETUP_SECTS] : 4) + 1) * SECTOR_SIZE;
    if (bz->setup_size >= size) {
        *reason = "bzImage: setup_sects (at 0x1f1) leaves no protected-mode code in the image";
        return -XEN_EINVAL;
    }
    bz->code = bytes + bz->setup_size;
    bz->code_size = size - bz->setup_size;
    bz->kernel_alignment = read_le32(bytes + KERNEL_ALIGNMENT);
    if (bz->protocol >= 0x020a) {
        bz->pref_address = read_le64(bytes + PREF_ADDRESS);
        bz->init_size = read_le32(bytes + INIT_SIZE);
    }
    if (bz->protocol >= 0x020c) {
        bz->xloadflags = read_le16(bytes + XLOADFLAGS);
    }
    bz->version = find_version(bytes, bz->setup_size);
    return find_payload(bytes, bz, reason);
}
