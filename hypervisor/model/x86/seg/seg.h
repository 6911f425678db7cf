/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segments as the CPU caches them, descriptors as memory holds them, and the checks between the two.
 * AMD APM volume 2, chapter 4.
 */
#ifndef MODEL_X86_SEG_SEG_H
#define MODEL_X86_SEG_SEG_H

#include <stdbool.h>
#include <stdint.h>

/* Segment numbers in the order that ModRM.reg encodes them. */
enum x86_seg_id {
    X86_SEG_ES,
    X86_SEG_CS,
    X86_SEG_SS,
    X86_SEG_DS,
    X86_SEG_FS,
    X86_SEG_GS,
    X86_SEG_COUNT,
    X86_SEG_NONE = 0xff
};

/* Attributes packed as in a VMCB: type 0-3, S 4, DPL 5-6, P 7, AVL 8, L 9, D/B 10, G 11. */
#define X86_SEG_TYPE     0x000fu
#define X86_SEG_ACCESSED 0x0001u
#define X86_SEG_WRITABLE 0x0002u /* data */
#define X86_SEG_READABLE 0x0002u /* code */
#define X86_SEG_DOWN     0x0004u /* data: expands down */
#define X86_SEG_CONFORM  0x0004u /* code: conforming */
#define X86_SEG_CODE     0x0008u
#define X86_SEG_S        0x0010u
#define X86_SEG_DPL      0x0060u
#define X86_SEG_P        0x0080u
#define X86_SEG_AVL      0x0100u
#define X86_SEG_L        0x0200u
#define X86_SEG_DB       0x0400u
#define X86_SEG_G        0x0800u

struct x86_seg {
    uint16_t sel;
    uint16_t attr;
    uint32_t limit; /* in bytes, already scaled by G */
    uint64_t base;
};

/*
 * Unpack an 8-byte code, data or system descriptor; for 16-byte system ones @high is the second half, else
 * 0.
 */
void x86_seg_unpack(uint16_t sel, uint64_t low, uint64_t high, struct x86_seg *seg);

/* Pack a segment into its 8-byte descriptor form. The limit is rounded as G demands. */
uint64_t x86_seg_pack(const struct x86_seg *seg);

/*
 * May bytes [offset, offset + size) be read (or written) through @seg outside 64-bit mode? Looks at present,
 * type and limit; @real leaves out present and type, as real mode does. size > 0.
 */
bool x86_seg_access_ok(const struct x86_seg *seg, uint64_t offset, unsigned size, bool write, bool real);

/*
 * May a PV guest put this descriptor in its GDT or LDT? Absent ones always; others must be code or data with
 * DPL 1..3, or call gates that lead nowhere privileged: those we refuse altogether. The processor sets the
 * accessed bit on its own, and may not write a guest's read-only table, so *desc may come back with it set.
 */
bool x86_seg_pv_descriptor_ok(uint64_t *desc);

#endif
