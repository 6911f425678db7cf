/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What lib/elf.c and lib/elf_notes.c share.
 */
#ifndef LIB_ELF_INTERNAL_H
#define LIB_ELF_INTERNAL_H

#include <lib/elf.h>

/* Formats elf->reason and returns @rc. */
int elf_fail(struct elf *elf, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A field of the class's word size. */
uint64_t elf_word(const struct elf *elf, const uint8_t *at);

#endif
