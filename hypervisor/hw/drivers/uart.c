/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PC16550D data sheet, section 8. */
#include <hw/drivers/uart.h>
#include <hw/x86/cpu/insn.h>
#include <lib/cmdline.h>
#include <lib/string.h>

#define REG_DATA          0 /* divisor low while LCR_DLAB */
#define REG_IER           1 /* divisor high while LCR_DLAB */
#define REG_FCR           2
#define REG_LCR           3
#define REG_MCR           4
#define REG_LSR           5
#define REG_SCRATCH       7
#define IER_RECEIVE       0x01
#define FCR_ENABLE_CLEAR  0x07
#define LCR_DLAB          0x80
#define MCR_DTR_RTS_OUT2  0x0b
#define LSR_DATA          0x01
#define LSR_THR_EMPTY     0x20
#define LSR_NOTHING_THERE 0xff    /* a bus without the device reads as ones */
#define UART_CLOCK        115200u /* of a divisor of 1 */
#define PUT_SPINS         200000u

static bool parse_format(struct uart *u, const char *text)
{
    static const char parities[] = "noems";
    static const uint8_t parity_bits[] = {0x00, 0x08, 0x18, 0x28, 0x38};
    const char *p;

    if (strlen(text) != 3 || text[0] < '5' || text[0] > '8' || text[2] < '1' || text[2] > '2') {
        return false;
    }
    p = strchr(parities, text[1]);
    if (!p) {
        return false;
    }
    u->line_control = (uint8_t)((text[0] - '5') | (text[2] == '2' ? 4 : 0) | parity_bits[p - parities]);
    return true;
}

static bool parse_baud(struct uart *u, char *text)
{
    char *slash = strchr(text, '/');
    uint64_t baud;

    if (slash) {
        *slash = 0; /* the clock: always 1.8432 MHz behind legacy ports */
    }
    if (!strcmp(text, "auto")) {
        u->baud = 0;
        return true;
    }
    if (!cmdline_parse_u64(text, &baud) || baud == 0 || baud > UART_CLOCK) {
        return false;
    }
    u->baud = (uint32_t)baud;
    return true;
}

bool uart_parse_options(struct uart *u, const char *text)
{
    struct uart parsed = *u;
    char part[24];
    uint64_t n;

    for (unsigned int i = 0; cmdline_next_part(&text, part, sizeof(part)); i++) {
        bool ok = part[0] == 0; /* an empty part keeps its default */

        if (!ok && i == 0) {
            ok = parse_baud(&parsed, part);
        } else if (!ok && i == 1) {
            ok = parse_format(&parsed, part);
        } else if (!ok && i == 2 && cmdline_parse_u64(part, &n) && n > 0 && n < 0xfff8) {
            parsed.io_base = (uint16_t)n;
            ok = true;
        } else if (!ok && i == 3 && cmdline_parse_u64(part, &n) && n < 256) {
            parsed.gsi = (uint8_t)n;
            ok = true;
        }
        if (!ok) {
            return false;
        }
    }
    *u = parsed;
    return true;
}

bool uart_open(struct uart *u)
{
    if (u->io_base == 0) {
        return false;
    }
    out8(u->io_base + REG_SCRATCH, 0x5a);
    if (in8(u->io_base + REG_SCRATCH) != 0x5a || in8(u->io_base + REG_LSR) == LSR_NOTHING_THERE) {
        return false;
    }
    out8(u->io_base + REG_IER, 0);
    if (u->baud) {
        uint16_t divisor = (uint16_t)(UART_CLOCK / u->baud);

        out8(u->io_base + REG_LCR, u->line_control | LCR_DLAB);
        out8(u->io_base + REG_DATA, divisor & 0xff);
        out8(u->io_base + REG_IER, divisor >> 8);
    }
    out8(u->io_base + REG_LCR, u->line_control);
    out8(u->io_base + REG_FCR, FCR_ENABLE_CLEAR);
    out8(u->io_base + REG_MCR, MCR_DTR_RTS_OUT2);
    u->is_open = true;
    return true;
}

void uart_put(struct uart *u, char c)
{
    unsigned int spins = u->is_stuck ? 1 : PUT_SPINS;

    while (!(in8(u->io_base + REG_LSR) & LSR_THR_EMPTY)) {
        if (--spins == 0) {
            u->is_stuck = true;
            u->dropped++;
            return;
        }
    }
    u->is_stuck = false;
    out8(u->io_base + REG_DATA, (uint8_t)c);
}

uint32_t uart_take_dropped(struct uart *u)
{
    uint32_t n = u->dropped;

    if (n == 0 || !(in8(u->io_base + REG_LSR) & LSR_THR_EMPTY)) {
        return 0;
    }
    u->dropped = 0;
    return n;
}

bool uart_get(struct uart *u, char *c)
{
    uint8_t status = in8(u->io_base + REG_LSR);

    if (!(status & LSR_DATA) || status == LSR_NOTHING_THERE) {
        return false;
    }
    *c = (char)in8(u->io_base + REG_DATA);
    return true;
}

void uart_enable_receive_interrupt(struct uart *u)
{
    out8(u->io_base + REG_IER, IER_RECEIVE);
}
