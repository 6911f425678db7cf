/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <core/param/options.h>

/*
 * Press the debug keys that crash-debug-*= names for @why; what they show is put on the console whatever loglvl says. Only the first crash does: one that a key
 * causes does not. After a panic locks no longer hold anyone up (locks_break()).
 */
void crash_keys_press(enum crash why);
/* A key of a crash is being pressed. */
bool crash_keys_at_work(void);
