/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where frames are, on the machine: fixed virtual arrays and the direct map. */
#pragma once
#include <base/layout.h>
#include <base/types.h>

static inline uint64_t *frame_state(mfn_t mfn)
{
    return (uint64_t *)VA_FRAME_STATE + mfn.n;
}

static inline uint32_t *frame_aux(mfn_t mfn)
{
    return (uint32_t *)VA_FRAME_AUX + mfn.n;
}

static inline void *mfn_to_virt(mfn_t mfn)
{
    return (void *)(VA_DIRECT + (mfn.n << PAGE_SHIFT));
}

/* @p points into the direct map. */
static inline mfn_t virt_to_mfn(const void *p)
{
    return MFN(((uint64_t)(uintptr_t)p - VA_DIRECT) >> PAGE_SHIFT);
}

/* Machine-to-physical entry of @mfn: its guest frame number. Written through m2p_set() only. */
static inline uint64_t m2p_get(mfn_t mfn)
{
    return ((const uint64_t *)VA_M2P_RW)[mfn.n]; /* the other view is absent while a guest's user mode runs */
}

static inline void m2p_set(mfn_t mfn, uint64_t gfn)
{
    ((uint64_t *)VA_M2P_RW)[mfn.n] = gfn;
}
