/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VGA text screen, 80 by 25, scrolling; output only. */
#pragma once
#include <lib/bits.h>

/* Start to use the screen (it must be in text mode), below what is on it. */
void vga_open(void);
/* One byte; nothing when not open. */
void vga_put(char c);
/* Leave the screen to the first domain. */
void vga_close(void);
