/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mem= and badpage=: RAM that shall not be used. */
#pragma once
#include <lib/bits.h>

/* Take what they name out of boot_info's map, but for what the loader has already put something into. Before mmu_init(). */
void memory_options_apply(void);
