/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The types everyone speaks: frame numbers that cannot be mixed up, addresses, page arithmetic. */
#pragma once
#include <abi/xen.h>
#include <lib/bits.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

typedef uint64_t paddr_t;  /* machine (host physical) address */
typedef uint64_t gpaddr_t; /* guest physical address */
typedef uint64_t vaddr_t;  /* guest virtual address */

/* Machine frame number. */
typedef struct {
    uint64_t n;
} mfn_t;

/* Guest frame number; equals the machine frame number in a PV guest. */
typedef struct {
    uint64_t n;
} gfn_t;

#define MFN(x)      ((mfn_t){(x)})
#define GFN(x)      ((gfn_t){(x)})
#define INVALID_MFN MFN(~0ull)
#define INVALID_GFN GFN(~0ull)

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.n == b.n;
}

static inline bool mfn_is_invalid(mfn_t m)
{
    return m.n == ~0ull;
}

static inline mfn_t mfn_add(mfn_t m, uint64_t n)
{
    return MFN(m.n + n);
}

static inline paddr_t mfn_to_paddr(mfn_t m)
{
    return m.n << PAGE_SHIFT;
}

static inline mfn_t paddr_to_mfn(paddr_t p)
{
    return MFN(p >> PAGE_SHIFT);
}

/* "Call again": never seen by a guest, so the public header keeps it to hypervisors; the number is the header's. */
#ifndef XEN_ERESTART
#define XEN_ERESTART 85
#endif

/* What a domain is; decides which hypercalls it has and how its memory is reached. */
enum guest_kind {
    GUEST_PV = 0,
    GUEST_PVH = 1, /* an HVM container without a device model */
};

#ifndef MAX_PCPUS
#define MAX_PCPUS 64u
#endif
#define DOMID_NONE    0x7fffu /* owner of a frame that no domain has; never a domain's id (ABI: DOMID_IDLE) */
#define MAX_VCPUS_PV  128u
#define MAX_VCPUS_PVH 128u

#define MILLISECS(n) ((uint64_t)(n)*1000000ull)
#define MICROSECS(n) ((uint64_t)(n)*1000ull)
#define SECONDS(n)   ((uint64_t)(n)*1000000000ull)
