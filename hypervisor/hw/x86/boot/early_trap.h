/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions and interrupts before trap_init_bsp(): see early_entry.S. */
#pragma once

/* Load the table on this CPU. */
void early_trap_init(void);
