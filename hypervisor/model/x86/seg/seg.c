/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segment descriptors: see seg.h. AMD APM volume 2, 4.7 and 4.8. */
#include <model/x86/seg/seg.h>

void x86_seg_unpack(uint16_t sel, uint64_t low, uint64_t high, struct x86_seg *seg)
{
    uint32_t limit = (uint32_t)(low & 0xffff) | (uint32_t)((low >> 32) & 0xf0000);

    seg->sel = sel;
    seg->attr = (uint16_t)(((low >> 40) & 0xff) | ((low >> 44) & 0xf00));
    seg->base = ((low >> 16) & 0xffffff) | ((low >> 32) & 0xff000000u);
    seg->limit = (seg->attr & X86_SEG_G) ? (limit << 12) | 0xfff : limit;
    if (!(seg->attr & X86_SEG_S)) {
        seg->base |= high << 32;
    }
}

uint64_t x86_seg_pack(const struct x86_seg *seg)
{
    uint64_t limit = (seg->attr & X86_SEG_G) ? seg->limit >> 12 : seg->limit;
    uint64_t attr = seg->attr;

    return (limit & 0xffff) | ((limit & 0xf0000) << 32) | ((seg->base & 0xffffff) << 16) |
           ((seg->base & 0xff000000u) << 32) | ((attr & 0xff) << 40) | ((attr & 0xf00) << 44);
}

static bool type_ok(const struct x86_seg *seg, bool write)
{
    if (!(seg->attr & X86_SEG_P) || !(seg->attr & X86_SEG_S)) {
        return false;
    }
    if (seg->attr & X86_SEG_CODE) {
        return !write && (seg->attr & X86_SEG_READABLE);
    }
    return !write || (seg->attr & X86_SEG_WRITABLE);
}

bool x86_seg_access_ok(const struct x86_seg *seg, uint64_t offset, unsigned size, bool write, bool real)
{
    uint64_t last = offset + size - 1;

    if (!real && !type_ok(seg, write)) {
        return false;
    }
    if (!real && (seg->attr & (X86_SEG_CODE | X86_SEG_DOWN)) == X86_SEG_DOWN) {
        uint64_t top = (seg->attr & X86_SEG_DB) ? 0xffffffffu : 0xffff;

        return offset > seg->limit && last <= top;
    }
    return last >= offset && last <= seg->limit;
}

bool x86_seg_pv_descriptor_ok(uint64_t *desc)
{
    struct x86_seg seg;

    x86_seg_unpack(0, *desc, 0, &seg);
    if (!(seg.attr & X86_SEG_P)) {
        return true;
    }
    if (!(seg.attr & X86_SEG_S) || (seg.attr & X86_SEG_DPL) == 0) {
        return false;
    }
    /* A conforming code segment would run at the level of whoever jumps to it: fine, its DPL is not 0. */
    if ((seg.attr & X86_SEG_CODE) && (seg.attr & X86_SEG_L) && (seg.attr & X86_SEG_DB)) {
        return false; /* reserved combination */
    }
    *desc |= 1ull << 40;
    return true;
}
