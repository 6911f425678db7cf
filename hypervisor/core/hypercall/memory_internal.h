/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of memory_op. */
#pragma once
#include <core/hypercall/hypercall.h>

#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_OP_MASK      63u

/* The domain that an operation is about, referenced: the caller's own, one it controls, or one it is the device model of. -XEN_ESRCH, -XEN_EPERM. */
int memory_target(domid_t id, struct domain **d);
/* Arrange to resume @c at @extent: returns -XEN_ERESTART. */
long memory_resume_at(struct hypercall *c, uint64_t extent);
/* increase_reservation, decrease_reservation, populate_physmap. */
long memory_reservation(struct hypercall *c, uint64_t op, uint64_t start);
long memory_exchange(struct hypercall *c);
