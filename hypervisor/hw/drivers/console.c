/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/drivers/console.h>
#include <hw/drivers/uart.h>
#include <hw/drivers/vga.h>
#include <hw/x86/apic/irq.h>
#include <hw/x86/cpu/watchdog.h>
#include <core/param/options.h>
#include <core/timer/timer.h>
#include <base/contract.h>
#include <base/log.h>
#include <lib/cmdline.h>
#include <lib/printf.h>
#include <lib/string.h>

#define COM_DEFAULT(io, line)                                        \
    {                                                                \
        .io_base = (io), .gsi = (line), .baud = 0, .line_control = 3 \
    }

#define INPUT_AT_ONCE 64u
#define POLL_NS       1000000u /* at 115200 baud 12 characters come meanwhile, and a port holds 16 */

static struct uart uarts[2] = {COM_DEFAULT(0x3f8, 4), COM_DEFAULT(0x2f8, 3)};
static struct uart *outputs[2] = {&uarts[0]};
static unsigned int output_count;
static char unknown_device[16];
static void (*input_fn)(char c);
static bool has_interrupt;
static struct timer poll_timer;

static void add_output(unsigned int n)
{
    bool good = uart_parse_options(&uarts[n], opt_com[n]);

    if (!good) {
        strlcpy(unknown_device, n ? "com2=" : "com1=", sizeof(unknown_device));
    }
    for (unsigned int i = 0; i < output_count; i++) {
        if (outputs[i] == &uarts[n]) {
            return;
        }
    }
    if (uart_open(&uarts[n])) {
        outputs[output_count++] = &uarts[n];
    }
}

void console_init(bool text_screen)
{
    const char *list = opt_console;
    char part[16];

    outputs[0] = NULL;
    while (cmdline_next_part(&list, part, sizeof(part))) {
        if (str_starts_with(part, "com1")) {
            add_output(0);
        } else if (str_starts_with(part, "com2")) {
            add_output(1);
        } else if (!strcmp(part, "vga")) {
            if (text_screen) {
                vga_open();
            }
        } else if (strcmp(part, "none")) {
            strlcpy(unknown_device, part, sizeof(unknown_device));
        }
    }
}

const char *console_unknown_device(void)
{
    return unknown_device[0] ? unknown_device : NULL;
}

/* Before console_init() the first serial port is opened with what the firmware programmed. */
static void open_early(void)
{
    static bool tried;

    if (!tried && outputs[0] && !outputs[0]->is_open) {
        tried = true;
        output_count = uart_open(outputs[0]) ? 1 : 0;
    }
}

static void put_text(struct uart *u, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            uart_put(u, '\r');
        }
        uart_put(u, text[i]);
    }
}

/* Whoever reads the port must know that something is missing. */
static void tell_of_dropped(struct uart *u)
{
    uint32_t n = uart_take_dropped(u);
    char line[80];

    if (n > 0) {
        n = (uint32_t)zscnprintf(line, sizeof(line),
                                 "\n" LOG_PREFIX "The serial port took nothing for a while: %u bytes lost\n",
                                 n);
        put_text(u, line, n);
    }
}

void port_console_write(const char *text, size_t len)
{
    open_early();
    watchdog_touch();
    for (unsigned int o = 0; o < output_count; o++) {
        tell_of_dropped(outputs[o]);
        put_text(outputs[o], text, len);
    }
    for (size_t i = 0; i < len; i++) {
        vga_put(text[i]);
    }
}

/*
 * Hand on what was typed, at most INPUT_AT_ONCE characters: a port that always claims to have data must not hold the pCPU. True: there may be more.
 * Interrupts off, on pCPU 0.
 */
static bool take_input(void)
{
    char c;

    for (unsigned int i = 0; i < INPUT_AT_ONCE; i++) {
        if (!uart_get(outputs[0], &c)) {
            return false;
        }
        input_fn(c);
    }
    return true;
}

static void poll_again(void)
{
    /* it has its place since timer_init(); without memory for that, input is by interrupts alone */
    (void)timer_set(&poll_timer, port_now_ns() + POLL_NS);
}

static void poll(void *arg)
{
    unsigned long flags = irq_save();
    bool more = take_input();

    irq_restore(flags);
    if (more || !has_interrupt) {
        poll_again();
    }
}

/* The line is an edge: what is left in the port raises no other. */
static void receive_interrupt(void *arg)
{
    if (take_input()) {
        poll_again();
    }
}

void console_set_input(void (*fn)(char c))
{
    struct uart *u = outputs[0];

    if (output_count == 0) {
        return;
    }
    input_fn = fn;
    timer_init(&poll_timer, poll, NULL, 0);
    has_interrupt = u->gsi != UART_NO_GSI &&
                    irq_bind_gsi(irq_isa_gsi(u->gsi), IRQ_EDGE, IRQ_HIGH, receive_interrupt, NULL) == 0;
    if (has_interrupt) {
        irq_unmask(irq_of_gsi(irq_isa_gsi(u->gsi)));
        uart_enable_receive_interrupt(u);
    } else {
        log_info("The serial console has no interrupt: what is typed is looked for each millisecond\n");
        poll_again();
    }
}

void console_release_screen(void)
{
    vga_close();
}

unsigned int console_port_count(void)
{
    return output_count;
}

uint16_t console_port(unsigned int n)
{
    return outputs[n]->io_base;
}
