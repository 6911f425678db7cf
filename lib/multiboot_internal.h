/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the two multiboot parsers share.
 */
#ifndef LIB_MULTIBOOT_INTERNAL_H
#define LIB_MULTIBOOT_INTERNAL_H

#include <lib/multiboot.h>

/* Sets the reason and returns @rc. */
int multiboot_fail(struct loader_info *info, int rc, const char *reason);

int multiboot2_parse(const struct physmap *physmap, uint64_t address, struct loader_info *info);

/* The 22 bytes address, pitch, width, height, bits, type, alike in both; @colours (6 bytes) or NULL. */
void multiboot_read_framebuffer(const uint8_t *fields, const uint8_t *colours, struct loader_framebuffer *fb);

#endif
