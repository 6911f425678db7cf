/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested page-table entries (AMD APM volume 2, 15.25): the long-mode format, walked as user accesses, so
 * every entry that grants anything has the user bit. Twelve bits are software's: the p2m keeps a type there,
 * and a present bit of its own is not needed because an entry of all zeroes is the only absent one with type
 * 0.
 */
#ifndef MODEL_X86_PT_NPT_H
#define MODEL_X86_PT_NPT_H

#include <stdbool.h>
#include <stdint.h>
#include <model/x86/pt/pt.h>

struct npt_entry {
    uint64_t paddr; /* of the page or the next table */
    uint8_t level;  /* 1: 4 KiB, 2: 2 MiB, 3: 1 GiB, 4 */
    bool present;   /* a leaf without read permission is not present */
    bool leaf;
    bool write, exec;
    bool accessed, dirty;
    uint8_t pat_index; /* into the host's PAT */
    uint16_t type;     /* 0..1023: software's */
};

#define NPT_TYPE_MAX 1023u

/*
 * Pack: @e->leaf of @e->level, or a pointer to the next table. An absent entry keeps paddr and type, not the
 * rest.
 */
uint64_t npt_encode(const struct npt_entry *e);
void npt_decode(uint64_t raw, unsigned level, struct npt_entry *e);

static inline uint64_t npt_page_size(unsigned level)
{
    return 1ull << (12 + 9 * (level - 1));
}

/* Bits of the nested page fault's EXITINFO1: the ordinary error code, and where the fault was. */
#define NPF_FINAL (1ull << 32) /* translating the guest's final address */
#define NPF_TABLE (1ull << 33) /* reading the guest's page table */

#endif
