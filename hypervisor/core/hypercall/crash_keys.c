/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug keys at the end of the machine: see crash_keys.h. */
#include <base/contract.h>
#include <core/hypercall/crash_keys.h>
#include <core/hypercall/debug_keys.h>

#define PAUSE_KEY '+'
#define PAUSE_NS  MILLISECS(10)

static bool is_at_work, was_done;

bool crash_keys_at_work(void)
{
    return __atomic_load_n(&is_at_work, __ATOMIC_RELAXED);
}

void crash_keys_press(enum crash why)
{
    const char *keys = opt_crash_keys[why];

    if (*keys == 0 || __atomic_exchange_n(&was_done, true, __ATOMIC_RELAXED)) {
        return;
    }
    __atomic_store_n(&is_at_work, true, __ATOMIC_RELAXED);
    for (unsigned int i = 0; i < OPTION_TEXT_MAX && keys[i]; i++) {
        if (keys[i] == PAUSE_KEY) {
            port_delay_ns(PAUSE_NS);
        } else {
            debug_key_press(keys[i]);
        }
    }
    __atomic_store_n(&is_at_work, false, __ATOMIC_RELAXED);
}
