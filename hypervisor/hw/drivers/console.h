/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's console: every device that console= names gets all output (port_console_write); input comes from the first serial one.
 * Until console_init() output goes to com1 as the firmware left it, so that an early panic is seen.
 */
#pragma once
#include <lib/bits.h>

/* Open the devices. @text_screen: the display is in VGA text mode. */
void console_init(bool text_screen);
/* The name of the first word of console= that is no device, or NULL; valid after console_init(). */
const char *console_unknown_device(void);

/*
 * Call @fn with each byte typed on the serial console, on pCPU 0 with interrupts off: from the port's interrupt, or, when it has none (com1=...,0), from a timer.
 * Once, on pCPU 0, after irq_init() and timer_init_all().
 */
void console_set_input(void (*fn)(char c));

/* Leave the VGA screen to the first domain (unless vga=keep). */
void console_release_screen(void);

/* The serial ports in use: a domain must not touch the 8 I/O ports from console_port(n), n < console_port_count(). */
unsigned int console_port_count(void);
uint16_t console_port(unsigned int n);
