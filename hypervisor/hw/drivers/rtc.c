/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MC146818A data sheet. */
#include <hw/drivers/clocks.h>
#include <hw/x86/cpu/insn.h>

#define PORT_INDEX   0x70
#define PORT_DATA    0x71
#define REG_STATUS_A 0x0a
#define REG_STATUS_B 0x0b
#define A_UPDATING   0x80
#define B_BINARY     0x04
#define B_24_HOURS   0x02
#define UPDATE_SPINS 20000u
#define HOUR_PM      0x80

static uint8_t cmos(uint8_t reg)
{
    out8(PORT_INDEX, reg);
    return in8(PORT_DATA);
}

static unsigned int number(uint8_t value, uint8_t status_b)
{
    return status_b & B_BINARY ? value : (value >> 4) * 10u + (value & 15);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static uint64_t days_since_1970(unsigned int year, unsigned int month, unsigned int day)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    unsigned int y = year - 1;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return y * 365ull + y / 4 - y / 100 + y / 400 - 719162 + before[month - 1] + (leap && month > 2) + day -
           1;
}

uint64_t rtc_read_seconds(void)
{
    uint8_t raw[6], again[6], b;
    static const uint8_t reg[6] = {0, 2, 4, 7, 8, 9}; /* second minute hour day month year */
    unsigned int hour, day, month, year;
    bool same = false;

    for (unsigned int tries = 0; tries < 4 && !same; tries++) {
        for (unsigned int i = 0; i < UPDATE_SPINS && (cmos(REG_STATUS_A) & A_UPDATING); i++) {
        }
        same = true;
        for (unsigned int i = 0; i < 6; i++) {
            raw[i] = cmos(reg[i]);
        }
        for (unsigned int i = 0; i < 6; i++) {
            again[i] = cmos(reg[i]);
            same &= raw[i] == again[i];
        }
    }
    b = cmos(REG_STATUS_B);
    hour = number(raw[2] & ~HOUR_PM, b);
    if (!(b & B_24_HOURS)) {
        hour = hour % 12 + (raw[2] & HOUR_PM ? 12 : 0);
    }
    day = number(raw[3], b);
    month = number(raw[4], b);
    year = 2000 + number(raw[5], b);
    if (!same || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23) {
        return 0;
    }
    return days_since_1970(year, month, day) * 86400 + hour * 3600u + number(raw[1], b) * 60u +
           number(raw[0], b);
}
