/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of memory_op. */
#pragma once
#include <core/hypercall/hypercall.h>

#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_OP_MASK      63u

/* The domain that an operation is about, referenced: the caller's own, one it controls, or one it is the device model of. -XEN_ESRCH, -XEN_EPERM. */
int memory_target(domid_t id, struct domain **d);
/* Extents that one call can name: the number to go on at shares the first argument's register with the operation. */
static inline uint64_t memory_extent_limit(const struct hypercall *c)
{
    return (c->is_compat ? UINT32_MAX : UINT64_MAX) >> MEMOP_EXTENT_SHIFT;
}
/* Arrange to resume @c at @extent: returns -XEN_ERESTART. */
long memory_resume_at(struct hypercall *c, uint64_t extent);
/* increase_reservation, decrease_reservation, populate_physmap. */
long memory_reservation(struct hypercall *c, uint64_t op, uint64_t start);
long memory_exchange(struct hypercall *c);
