/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/drivers/vga.h>
#include <hw/x86/cpu/insn.h>
#include <base/layout.h>
#include <lib/string.h>

#define COLUMNS    80u
#define ROWS       25u
#define BLANK      0x0720u
#define ATTRIBUTE  0x0700u
#define CRTC_INDEX 0x3d4
#define CRTC_DATA  0x3d5

static uint16_t *const screen = (uint16_t *)(VA_DIRECT + 0xb8000);
static unsigned int column, row;
static bool is_open;

static unsigned int crtc_read(uint8_t reg)
{
    out8(CRTC_INDEX, reg);
    return in8(CRTC_DATA);
}

static void move_cursor(void)
{
    unsigned int at = row * COLUMNS + column;

    out8(CRTC_INDEX, 14);
    out8(CRTC_DATA, (uint8_t)(at >> 8));
    out8(CRTC_INDEX, 15);
    out8(CRTC_DATA, (uint8_t)at);
}

static void scroll(void)
{
    memmove(screen, screen + COLUMNS, (ROWS - 1) * COLUMNS * sizeof(*screen));
    for (unsigned int i = 0; i < COLUMNS; i++) {
        screen[(ROWS - 1) * COLUMNS + i] = BLANK;
    }
    row = ROWS - 1;
}

static void new_line(void)
{
    column = 0;
    if (++row >= ROWS) {
        scroll();
    }
}

void vga_open(void)
{
    unsigned int at = crtc_read(14) << 8 | crtc_read(15);

    row = at / COLUMNS;
    column = 0;
    if (row >= ROWS) {
        scroll();
    }
    is_open = true;
    if (at % COLUMNS) {
        new_line();
    }
}

void vga_put(char c)
{
    if (!is_open || c == '\r') {
        return;
    }
    if (c == '\n') {
        new_line();
    } else {
        screen[row * COLUMNS + column] = (uint16_t)(ATTRIBUTE | (uint8_t)c);
        if (++column == COLUMNS) {
            new_line();
        }
    }
    move_cursor();
}

void vga_close(void)
{
    is_open = false;
}
