/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <init/memory_options.h>
#include <base/layout.h>
#include <base/log.h>
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/image.h>
#include <lib/cmdline.h>
#include <lib/string.h>

#define BAD_RANGES_MAX 16u

struct range {
    paddr_t start, end;
};

static uint64_t limit; /* mem=; 0: not given */
static struct range bad[BAD_RANGES_MAX];
static unsigned int bad_count;

bool parse_mem(const char *value)
{
    return cmdline_parse_size(value, 1024, &limit);
}

/* "<frame>" or "<first>-<last>" */
static bool parse_range(const char *text, struct range *r)
{
    const char *dash = strchr(text, '-');
    char first[24];
    uint64_t from, to;

    strlcpy(first, text, sizeof(first));
    if (dash) {
        if ((size_t)(dash - text) >= sizeof(first)) {
            return false;
        }
        first[dash - text] = 0;
    }
    if (!cmdline_parse_u64(first, &from) || !cmdline_parse_u64(dash ? dash + 1 : text, &to) || to < from ||
        to >= UINT64_MAX >> PAGE_SHIFT) {
        return false;
    }
    *r = (struct range){from << PAGE_SHIFT, (to + 1) << PAGE_SHIFT};
    return true;
}

bool parse_badpage(const char *value)
{
    char part[48];

    while (cmdline_next_part(&value, part, sizeof(part))) {
        if (bad_count == BAD_RANGES_MAX || !parse_range(part, &bad[bad_count])) {
            return false;
        }
        bad_count++;
    }
    return true;
}

/* Where the image and the modules end. */
static paddr_t end_of_loaded(void)
{
    paddr_t end = image_pa(_end_image);

    for (unsigned int i = 0; i < boot_info.loader.module_count; i++) {
        end = MAX(end, boot_info.loader.modules[i].end);
    }
    return ALIGN_UP(end, PAGE_SIZE);
}

static bool holds_loaded(const struct range *r)
{
    bool holds = r->start < image_pa(_end_image) && r->end > image_pa(_start_image);

    for (unsigned int i = 0; i < boot_info.loader.module_count; i++) {
        const struct loader_module *m = &boot_info.loader.modules[i];

        holds |= r->start < m->end && r->end > m->start;
    }
    return holds;
}

void memory_options_apply(void)
{
    if (limit != 0) {
        paddr_t from = MAX(ALIGN_DOWN(limit, PAGE_SIZE), end_of_loaded());

        if (from > limit) {
            log_warning("mem=: the loader has used memory up to %#lx, which is kept", from);
        }
        boot_info_remove_ram(from, UINT64_MAX);
    }
    for (unsigned int i = 0; i < bad_count; i++) {
        if (holds_loaded(&bad[i])) {
            log_warning("badpage=: the loader has put something into %#lx-%#lx, which stays in use",
                        bad[i].start, bad[i].end - 1);
            continue;
        }
        boot_info_remove_ram(bad[i].start, bad[i].end);
    }
}
