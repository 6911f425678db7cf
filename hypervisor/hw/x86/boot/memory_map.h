/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pure: see memory_map.c. */
#pragma once
#include <lib/multiboot.h>

/* Fill @out, sorted, disjoint, joined; returns how many. Room for twice @in_count is always enough. */
unsigned int memory_map_build(const struct loader_memory *in, unsigned int in_count,
                              struct loader_memory *out, unsigned int out_max);
