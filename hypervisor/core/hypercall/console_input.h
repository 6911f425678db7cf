/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A character typed at the machine's console, for the hardware domain. Dropped when 1 KiB waits unread. Any context. */
void console_input_push(char ch);

/* console_io.c: VIRQ_CON_RING is sent from now on when the log gets more. Domains can be looked up. */
void console_io_init(void);

/* console_switch.c: a character was typed: for the hardware domain, a debug key, or part of the switch between them (conswitch=). Any context. */
void console_input(char c);
/* After timers work and the command line is parsed. */
void console_switch_init(void);
