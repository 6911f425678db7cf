/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Called by boot_main() when boot_info is filled; defined by init/. Boot page tables, early traps, interrupts off, no heap. */
#pragma once

_Noreturn void init_start(void);
