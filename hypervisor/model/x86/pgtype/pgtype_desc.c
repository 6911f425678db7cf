/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors of 64-bit PV guests: kernel and user mode both run in ring 3. AMD APM volume 2, 4.7 and 4.8. */
#include <model/x86/pgtype/pgtype.h>

#define DESC_TYPE     GENMASK(43, 40)
#define DESC_ACCESSED BIT(40)
#define DESC_S        BIT(44) /* code or data */
#define DESC_DPL      GENMASK(46, 45)
#define DESC_P        BIT(47)

bool pgtype_descriptor_ok(uint64_t *desc)
{
    if (!(*desc & DESC_P)) {
        return true;
    }
    if (!(*desc & DESC_S)) {
        return !(*desc & DESC_TYPE);
    }
    *desc |= DESC_DPL | DESC_ACCESSED;
    return true;
}
