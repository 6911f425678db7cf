/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a pCPU stuck? Each pCPU counts up (a beat) whenever its timer softirq runs; somebody looks at the count from time to time. It is stuck
 * when the count has stood still both for a time and for a number of looks: after the looker itself was away for long (a machine that was stopped, a
 * busy emulator), the time alone says nothing about the other. Pure.
 */
#pragma once
#include <base/types.h>

#define HEARTBEAT_LOOKS_MIN 3u

/* What one looker knows of one pCPU; zero at start. */
struct heartbeat_watch {
    uint64_t beats;
    uint64_t since_ns; /* when `beats` was first seen */
    uint32_t looks;    /* at that value; 0: never looked */
};

/* Look at @now_ns (not before the last look): @beats is the count. True when it has not moved for @timeout_ns and HEARTBEAT_LOOKS_MIN looks. */
bool heartbeat_look(struct heartbeat_watch *w, uint64_t beats, uint64_t now_ns, uint64_t timeout_ns);
/* The next one after @cpu in @online (bits), round about; @cpu itself when it is alone. */
unsigned int heartbeat_neighbour(uint64_t online, unsigned int cpu);
