/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packing of nested page-table entries. The type sits in bits 9..11 (low three) and 52..58 (high seven). */
#include <model/x86/pt/npt.h>

static uint64_t type_bits(uint16_t type)
{
    return (uint64_t)(type & 7) << 9 | (uint64_t)(type >> 3 & 0x7f) << 52;
}

uint64_t npt_encode(const struct npt_entry *e)
{
    uint64_t raw = (e->paddr & PTE_ADDR) | type_bits(e->type);

    if (!e->present) {
        return raw;
    }
    raw |= PTE_P | PTE_US | (e->accessed ? PTE_A : 0);
    if (!e->leaf) {
        return raw | PTE_RW; /* rights are the leaf's */
    }
    raw |= (e->write ? PTE_RW : 0) | (e->exec ? 0 : PTE_NX) | (e->dirty ? PTE_D : 0) |
           (uint64_t)(e->pat_index & 3) << 3;
    if (e->level > 1) {
        raw |= PTE_PS;
    }
    if (e->pat_index & 4) {
        raw |= e->level > 1 ? PTE_PAT_LARGE : PTE_PAT;
    }
    return raw;
}

void npt_decode(uint64_t raw, unsigned level, struct npt_entry *e)
{
    bool large = level > 1 && (raw & PTE_PS);

    *e = (struct npt_entry){
        .level = (uint8_t)level,
        .present = raw & PTE_P,
        .leaf = level == 1 || large,
        .write = raw & PTE_RW,
        .exec = !(raw & PTE_NX),
        .accessed = raw & PTE_A,
        .dirty = raw & PTE_D,
        .type = (uint16_t)((raw >> 9 & 7) | (raw >> 52 & 0x7f) << 3),
    };
    e->paddr = raw & PTE_ADDR & ~(large ? npt_page_size(level) - 1 : 0);
    if (e->leaf && e->present) {
        e->pat_index = (uint8_t)(raw >> 3 & 3) | ((raw & (large ? PTE_PAT_LARGE : PTE_PAT)) ? 4 : 0);
    }
}
