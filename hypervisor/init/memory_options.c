/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <init/memory_options.h>
#include <base/layout.h>
#include <base/log.h>
#include <core/param/options.h>
#include <hw/x86/boot/boot_info.h>
#include <hw/x86/boot/image.h>

/* Where the image and the modules end. */
static paddr_t end_of_loaded(void)
{
    paddr_t end = image_pa(_end_image);

    for (unsigned int i = 0; i < boot_info.loader.module_count; i++) {
        end = MAX(end, boot_info.loader.modules[i].end);
    }
    return ALIGN_UP(end, PAGE_SIZE);
}

static bool holds_loaded(const struct bad_range *r)
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
    if (opt_mem_limit != 0) {
        paddr_t from = MAX(ALIGN_DOWN(opt_mem_limit, PAGE_SIZE), end_of_loaded());

        if (from > opt_mem_limit) {
            log_warning("mem=: the loader has used memory up to %#lx, which is kept", from);
        }
        boot_info_remove_ram(from, UINT64_MAX);
    }
    for (unsigned int i = 0; i < opt_bad_range_count; i++) {
        if (holds_loaded(&opt_bad_range[i])) {
            log_warning("badpage=: the loader has put something into %#lx-%#lx, which stays in use",
                        opt_bad_range[i].start, opt_bad_range[i].end - 1);
            continue;
        }
        boot_info_remove_ram(opt_bad_range[i].start, opt_bad_range[i].end);
    }
}
