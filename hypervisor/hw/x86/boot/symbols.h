/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names of the hypervisor's functions, for backtraces and for the hardware domain (hw_symbol() of the guest layer's contract). */
#pragma once
#include <base/types.h>

/* The name of the function around @addr and the distance into it; false when there is none. Any context. */
bool symbol_lookup(uint64_t addr, const char **name, uint64_t *offset);
