/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says to the rest that this build has PV guests; guest/x86/nopv says the opposite. */
#include <guest/x86/common/kinds.h>

bool pv_is_built(void)
{
    return true;
}
