/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See heartbeat.h. */
#include <core/timer/heartbeat.h>
#include <lib/bits.h>

bool heartbeat_look(struct heartbeat_watch *w, uint64_t beats, uint64_t now_ns, uint64_t timeout_ns)
{
    if (w->looks == 0 || w->beats != beats) {
        *w = (struct heartbeat_watch){.beats = beats, .since_ns = now_ns, .looks = 1};
        return false;
    }
    if (w->looks < HEARTBEAT_LOOKS_MIN) {
        w->looks++;
    }
    return w->looks == HEARTBEAT_LOOKS_MIN && now_ns - w->since_ns >= timeout_ns;
}

unsigned int heartbeat_neighbour(uint64_t online, unsigned int cpu)
{
    uint64_t above = cpu < 63 ? online & ~(BIT(cpu + 1) - 1) : 0;
    uint64_t others = above ? above : online;

    return others ? ffs64(others) - 1 : cpu;
}
