/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where frames are, on the host: one arena that host_memory_init() (host/host.h) maps. */
#pragma once
#include <base/layout.h>
#include <base/types.h>

extern uint8_t *host_arena; /* frame 0 */
extern uint64_t *host_frame_state;
extern uint32_t *host_frame_aux;
extern uint64_t *host_m2p;

static inline uint64_t *frame_state(mfn_t mfn)
{
    return host_frame_state + mfn.n;
}

static inline uint32_t *frame_aux(mfn_t mfn)
{
    return host_frame_aux + mfn.n;
}

static inline void *mfn_to_virt(mfn_t mfn)
{
    return host_arena + (mfn.n << PAGE_SHIFT);
}

static inline mfn_t virt_to_mfn(const void *p)
{
    return MFN((uint64_t)((const uint8_t *)p - host_arena) >> PAGE_SHIFT);
}

static inline uint64_t m2p_get(mfn_t mfn)
{
    return host_m2p[mfn.n];
}

static inline void m2p_set(mfn_t mfn, uint64_t gfn)
{
    host_m2p[mfn.n] = gfn;
}
