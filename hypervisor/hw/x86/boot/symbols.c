/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <guest/x86/common/hw_contract.h>
#include <hw/x86/boot/image.h>
#include <hw/x86/boot/symbols.h>

/* Made by tools/symtab.py between the two links. */
extern const uint32_t symtab_count;
extern const uint32_t symtab_addrs[], symtab_names[];
extern const char symtab_strings[];

bool symbol_lookup(uint64_t addr, const char **name, uint64_t *offset)
{
    uint64_t at = addr - (uint64_t)_start_image;
    uint32_t low = 0, high = symtab_count;

    if (addr < (uint64_t)_text_start || addr >= (uint64_t)_text_end) {
        return false;
    }
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (symtab_addrs[middle] <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    *name = symtab_strings + symtab_names[low - 1];
    *offset = at - symtab_addrs[low - 1];
    return true;
}

bool hw_symbol(uint32_t n, const char **name, uint64_t *addr)
{
    if (n >= symtab_count) {
        return false;
    }
    *name = symtab_strings + symtab_names[n];
    *addr = (uint64_t)_start_image + symtab_addrs[n];
    return true;
}
