/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks of known frequency, to measure others against; the real-time clock. */
#pragma once
#include <lib/bits.h>

struct ref_clock {
    const char *name;
    uint64_t (*read)(void);
    uint64_t hz;
    uint64_t mask; /* of the bits that count */
};

/* The best that the machine has: HPET, ACPI PM timer, PIT. After platform_init(). */
const struct ref_clock *ref_clock_find(void);
/* The HPET when there is one; registers mapped, counter running. */
bool hpet_open(struct ref_clock *clock);
bool pm_timer_open(struct ref_clock *clock);
/* The PIT's channel 2. */
bool pit_open(struct ref_clock *clock);
/* Let the PIT's channel 0 pull its interrupt line every PIT_TICK_NS, for good. */
#define PIT_TICK_NS 54925401ull
void pit_start_ticks(void);
/* How long ago the last tick was, below PIT_TICK_NS. Any context; nobody else uses the channel. */
uint64_t pit_tick_age_ns(void);

/* Seconds since 1970 from the battery clock, taken as UTC. 0 when it gives nonsense. */
uint64_t rtc_read_seconds(void);
