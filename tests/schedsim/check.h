/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Property tests: random machines, loads and changes from a seed, and what must hold after every event (check.c). Each seed runs in a process of its own,
 * so that it can be repeated alone; each tenth is run twice and must come out the same.
 */
#pragma once
#include <stdint.h>

/* Seeds from @first on, @count of them (0: any number) until @seconds are over. 0: all held; 1: the failing seed was named. */
int check_seeds(uint64_t first, uint64_t count, double seconds);
