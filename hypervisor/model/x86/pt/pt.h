/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's page tables: their formats as data, and a walk over them through callbacks.
 * AMD APM volume 2, chapter 5; error codes in 8.4.2.
 *
 * The walk keeps no state and bounds its own work: at most four entries a try, at most PT_WALK_TRIES tries
 * when other CPUs change entries under it. The caller guards nothing; entries are read once each.
 */
#ifndef MODEL_X86_PT_PT_H
#define MODEL_X86_PT_PT_H

#include <stdbool.h>
#include <stdint.h>

/* Entry bits common to all formats. */
#define PTE_P         (1ull << 0)
#define PTE_RW        (1ull << 1)
#define PTE_US        (1ull << 2)
#define PTE_PWT       (1ull << 3)
#define PTE_PCD       (1ull << 4)
#define PTE_A         (1ull << 5)
#define PTE_D         (1ull << 6)
#define PTE_PS        (1ull << 7) /* large page, in levels 2 and 3 */
#define PTE_PAT       (1ull << 7) /* in level 1 */
#define PTE_G         (1ull << 8)
#define PTE_PAT_LARGE (1ull << 12)
#define PTE_NX        (1ull << 63)
#define PTE_ADDR      0x000ffffffffff000ull

/* Page-fault error code. */
#define PFEC_P    (1u << 0)
#define PFEC_W    (1u << 1)
#define PFEC_U    (1u << 2)
#define PFEC_RSVD (1u << 3)
#define PFEC_I    (1u << 4)

enum pt_mode { PT_MODE_NONE, PT_MODE_32, PT_MODE_PAE, PT_MODE_LONG };

enum pt_status {
    PT_OK,
    PT_FAULT,        /* #PF with result.error */
    PT_NONCANONICAL, /* #GP or #SS instead */
    PT_UNREADABLE,   /* a table lies where the callback has no memory */
    PT_BUSY,         /* entries kept changing: try again later */
};

#define PT_WALK_TRIES 4

/* What the access wants. A read has none of these. */
#define PT_ACCESS_WRITE    1u
#define PT_ACCESS_EXEC     2u
#define PT_ACCESS_USER     4u
#define PT_ACCESS_IMPLICIT 8u  /* the CPU's own access to a system structure: EFLAGS.AC does not open SMAP */
#define PT_ACCESS_PEEK     16u /* leave accessed and dirty bits alone */

struct pt_ctx {
    uint64_t cr0, cr3, cr4, efer;
    bool ac;               /* EFLAGS.AC */
    bool gb_pages;         /* the CPU policy offers 1 GiB pages */
    uint8_t paddr_bits;    /* entries with higher address bits are reserved */
    const uint64_t *pdpte; /* PAE: the four that the CPU loaded with CR3; NULL reads them from memory */
    /* Read @size (4 or 8) bytes at guest-physical @gpa; false when nothing is there. */
    bool (*read_entry)(void *arg, uint64_t gpa, unsigned size, uint64_t *entry);
    /*
     * Replace @old by @new atomically; false when memory holds something else. NULL: bits A and D are not
     * set.
     */
    bool (*update_entry)(void *arg, uint64_t gpa, unsigned size, uint64_t old, uint64_t new);
    void *arg;
};

struct pt_result {
    uint64_t gpa;       /* of the byte asked for */
    uint64_t page_size; /* 4 KiB, 2 MiB, 4 MiB, 1 GiB */
    uint32_t error;     /* for PT_FAULT */
    uint8_t level;      /* of the last entry looked at; 1 is the lowest; 0 without paging */
    bool writable, user, executable, global;
    uint8_t pat_index;
};

enum pt_mode pt_mode(uint64_t cr0, uint64_t cr4, uint64_t efer);

/* Translate linear address @va for an access of PT_ACCESS_* flags. */
enum pt_status pt_walk(const struct pt_ctx *ctx, uint64_t va, unsigned access, struct pt_result *out);

/* 48-bit canonical form. */
static inline bool pt_canonical(uint64_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

/* Index of @va in the table of @level (1..4) of a format with 512 entries a table. */
static inline unsigned pt_index(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (12 + 9 * (level - 1))) & 511;
}

#endif
