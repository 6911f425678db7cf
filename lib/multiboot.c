/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Multiboot 1: a fixed structure with a word of flags that says which fields hold something. And what both versions
 * share: adding to a loader_info within its bounds. Multiboot 2 is in lib/multiboot2.c.
 */
#include <lib/multiboot_internal.h>
#include <lib/bytes.h>
#include <lib/string.h>
#include <abi/xen.h>

#define INFO_SIZE         120u /* up to and including the framebuffer's colours */
#define INFO_SIZE_SHORT   88u  /* of loaders that know of no framebuffer */
#define MAP_LENGTH_MAX    (64u << 10)
#define MODULES_LOOKED_AT 64u

#define HAS_MEMORY      BIT(0)
#define HAS_CMDLINE     BIT(2)
#define HAS_MODULES     BIT(3)
#define HAS_MEMORY_MAP  BIT(6)
#define HAS_LOADER_NAME BIT(9)
#define HAS_FRAMEBUFFER BIT(12)

int multiboot_fail(struct loader_info *info, int rc, const char *reason)
{
    info->reason = reason;
    return rc;
}

bool loader_info_add_memory(struct loader_info *info, uint64_t start, uint64_t size, uint32_t type)
{
    uint64_t end;

    if (add_overflows(start, size, &end)) {
        end = UINT64_MAX;
    }
    if (size == 0 || info->memory_count == LOADER_MEMORY_MAX) {
        info->dropped_count++;
        return false;
    }
    info->memory[info->memory_count++] = (struct loader_memory){
        .start = start,
        .end = end,
        .type = type >= LOADER_MEMORY_RAM && type <= LOADER_MEMORY_UNUSABLE ? (enum loader_memory_type)type
                                                                            : LOADER_MEMORY_RESERVED,
    };
    return true;
}

struct loader_module *loader_info_add_module(struct loader_info *info, uint64_t start, uint64_t end)
{
    struct loader_module *module;

    if (end < start || info->module_count == LOADER_MODULES_MAX) {
        info->dropped_count++;
        return NULL;
    }
    module = &info->modules[info->module_count++];
    module->start = start;
    module->end = end;
    module->cmdline[0] = '\0';
    return module;
}

void loader_info_copy_text(const struct physmap *physmap, uint64_t address, char *text, size_t size,
                           struct loader_info *info)
{
    size_t used = 0;

    for (;; used++) {
        const uint8_t *byte = physmap_get(physmap, address + used, 1);

        if (!byte || (*byte && used + 1 == size)) {
            info->text_was_cut = true;
            break;
        }
        if (*byte == '\0') {
            break;
        }
        text[used] = (char)*byte;
    }
    text[used] = '\0';
}

static void read_modules(const struct physmap *physmap, const uint8_t *mbi, struct loader_info *info)
{
    uint32_t count = read_le32(mbi + 20);
    uint64_t address = read_le32(mbi + 24);

    if (count > MODULES_LOOKED_AT) {
        info->dropped_count += count - MODULES_LOOKED_AT;
        count = MODULES_LOOKED_AT;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = physmap_get(physmap, address + i * 16, 16);
        struct loader_module *module = NULL;

        if (entry) {
            module = loader_info_add_module(info, read_le32(entry), read_le32(entry + 4));
        } else {
            info->dropped_count++;
        }
        if (module && read_le32(entry + 8)) {
            loader_info_copy_text(physmap, read_le32(entry + 8), module->cmdline, sizeof(module->cmdline),
                                  info);
        }
    }
}

/* Entries say their own size, not counting the word that says it. */
static void read_memory_map(const struct physmap *physmap, const uint8_t *mbi, struct loader_info *info)
{
    uint32_t length = MIN(read_le32(mbi + 44), MAP_LENGTH_MAX), entry_size;
    const uint8_t *map = physmap_get(physmap, read_le32(mbi + 48), length);

    for (uint32_t offset = 0; map && length - offset >= 24; offset += entry_size + 4) {
        const uint8_t *entry = map + offset;

        entry_size = read_le32(entry);
        if (entry_size < 20 || entry_size > length - offset - 4) {
            break;
        }
        loader_info_add_memory(info, read_le64(entry + 4), read_le64(entry + 12), read_le32(entry + 20));
    }
}

void multiboot_read_framebuffer(const uint8_t *fields, const uint8_t *colours, struct loader_framebuffer *fb)
{
    *fb = (struct loader_framebuffer){
        .present = fields[21] <= LOADER_FRAMEBUFFER_TEXT,
        .address = read_le64(fields),
        .pitch_bytes = read_le32(fields + 8),
        .width = read_le32(fields + 12),
        .height = read_le32(fields + 16),
        .bits_per_pixel = fields[20],
        .type = (enum loader_framebuffer_type)fields[21],
    };
    if (fb->type == LOADER_FRAMEBUFFER_RGB && colours) {
        fb->red_position = colours[0];
        fb->red_bits = colours[1];
        fb->green_position = colours[2];
        fb->green_bits = colours[3];
        fb->blue_position = colours[4];
        fb->blue_bits = colours[5];
    }
}

static int parse_version_1(const struct physmap *physmap, uint64_t address, struct loader_info *info)
{
    const uint8_t *mbi = physmap_get(physmap, address, INFO_SIZE_SHORT);
    const uint8_t *whole = physmap_get(physmap, address, INFO_SIZE);
    uint32_t flags;

    if (!mbi) {
        return multiboot_fail(info, -XEN_EFAULT,
                              "multiboot: the information structure (address in EBX) is not mappable");
    }
    flags = read_le32(mbi);
    info->info_start = address;
    info->info_end = address + (whole ? INFO_SIZE : INFO_SIZE_SHORT);
    if (flags & HAS_CMDLINE) {
        loader_info_copy_text(physmap, read_le32(mbi + 16), info->cmdline, sizeof(info->cmdline), info);
    }
    if (flags & HAS_LOADER_NAME) {
        loader_info_copy_text(physmap, read_le32(mbi + 64), info->loader_name, sizeof(info->loader_name),
                              info);
    }
    if (flags & HAS_MODULES) {
        read_modules(physmap, mbi, info);
    }
    if ((flags & HAS_FRAMEBUFFER) && whole) {
        multiboot_read_framebuffer(whole + 88, whole + 112, &info->framebuffer);
    }
    if (flags & HAS_MEMORY_MAP) {
        read_memory_map(physmap, mbi, info);
    }
    if (info->memory_count == 0 && (flags & HAS_MEMORY)) {
        loader_info_add_memory(info, 0, (uint64_t)read_le32(mbi + 4) << 10, LOADER_MEMORY_RAM);
        loader_info_add_memory(info, 1u << 20, (uint64_t)read_le32(mbi + 8) << 10, LOADER_MEMORY_RAM);
    }
    if (info->memory_count == 0) {
        return multiboot_fail(info, -XEN_ENOENT,
                              "multiboot: no memory map (flag 6) and no memory sizes (flag 0)");
    }
    return 0;
}

int multiboot_parse(const struct physmap *physmap, uint32_t magic, uint64_t info_address,
                    struct loader_info *info)
{
    memset(info, 0, sizeof(*info));
    info->reason = "";
    switch (magic) {
    case MULTIBOOT1_LOADER_MAGIC:
        return parse_version_1(physmap, info_address, info);
    case MULTIBOOT2_LOADER_MAGIC:
        return multiboot2_parse(physmap, info_address, info);
    default:
        return multiboot_fail(info, -XEN_EINVAL,
                              "the loader's magic (in EAX) is neither multiboot 1's nor 2's");
    }
}
