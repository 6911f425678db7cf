/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 16550 serial ports behind I/O ports: set-up from Xen's com1=/com2= options, polled output, interrupt or polled input. */
#pragma once
#include <lib/bits.h>

#define UART_NO_GSI 0 /* no interrupt line; the first one is never a serial port's */

struct uart {
    uint16_t io_base; /* 0: no such port */
    uint8_t gsi;      /* or UART_NO_GSI */
    bool is_open;
    bool is_stuck; /* the transmitter did not empty in time: output is dropped until it does */
    uint32_t baud; /* 0: left as the firmware set it */
    uint8_t line_control;
    uint32_t dropped; /* bytes since the last uart_take_dropped() */
};

/* Read "<baud>|auto[/<clock>][,<bits><n|o|e|s|m><stop>[,<io-base>[,<irq>]]]" (irq 0: none) over the defaults in @u. False when it is malformed. */
bool uart_parse_options(struct uart *u, const char *text);
/* Program the port. False when nothing answers there. */
bool uart_open(struct uart *u);
/* Send a byte; waits for room, for a bounded time. Any context. */
void uart_put(struct uart *u, char c);
/* How many bytes uart_put() dropped, once the transmitter takes some again, and forget them; 0 until then. */
uint32_t uart_take_dropped(struct uart *u);
/* Take a received byte. False when there is none, or when the port is no longer there. */
bool uart_get(struct uart *u, char *c);
/* Interrupt on each received byte. */
void uart_enable_receive_interrupt(struct uart *u);
