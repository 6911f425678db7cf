/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel 8254 data sheet. Channel 2 counts down freely from 0xffff; its gate is bit 0 of port 0x61. */
#include <hw/drivers/clocks.h>
#include <hw/x86/cpu/insn.h>

#define PIT_HZ             1193182u
#define PORT_CHANNEL0      0x40
#define PORT_CHANNEL2      0x42
#define PORT_CONTROL       0x43
#define PORT_GATE          0x61
#define MODE_CHANNEL0_RATE 0x34 /* both bytes, mode 2 */
#define MODE_CHANNEL2_RATE 0xb4
#define LATCH_CHANNEL0     0x00
#define LATCH_CHANNEL2     0x80

static uint64_t pit_read(void)
{
    unsigned int low;

    out8(PORT_CONTROL, LATCH_CHANNEL2);
    low = in8(PORT_CHANNEL2);
    return 0xffff - (in8(PORT_CHANNEL2) << 8 | low);
}

void pit_start_ticks(void)
{
    out8(PORT_CONTROL, MODE_CHANNEL0_RATE);
    out8(PORT_CHANNEL0, 0);
    out8(PORT_CHANNEL0, 0);
}

uint64_t pit_tick_age_ns(void)
{
    unsigned int low, count;

    out8(PORT_CONTROL, LATCH_CHANNEL0);
    low = in8(PORT_CHANNEL0);
    count = (unsigned int)in8(PORT_CHANNEL0) << 8 | low;
    return (0x10000u - (count ? count : 0x10000u)) * 1000000000ull / PIT_HZ;
}

bool pit_open(struct ref_clock *clock)
{
    out8(PORT_GATE, (in8(PORT_GATE) & ~2u) | 1);
    out8(PORT_CONTROL, MODE_CHANNEL2_RATE);
    out8(PORT_CHANNEL2, 0);
    out8(PORT_CHANNEL2, 0);
    *clock = (struct ref_clock){"PIT", pit_read, PIT_HZ, 0xffff};
    return true;
}
