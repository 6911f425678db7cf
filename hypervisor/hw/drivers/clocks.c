/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/drivers/clocks.h>

const struct ref_clock *ref_clock_find(void)
{
    static struct ref_clock clock;

    if (!hpet_open(&clock) && !pm_timer_open(&clock)) {
        pit_open(&clock);
    }
    return &clock;
}
