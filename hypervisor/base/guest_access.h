/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only way to a guest's memory by its own addresses: copies, for the vCPU that is running here. Declared for everyone, defined by
 * the guest layer (PV: through the current page tables with fault recovery; PVH: a walk of the guest's tables). The memory behind an
 * address can change between two calls: read once, then check the copy.
 */
#pragma once
#include <base/types.h>

/* Copy @size bytes from/to guest virtual address @gva of the current vCPU. 0, or -XEN_EFAULT when any byte is not accessible
 * (then an unknown part may have been copied). May be called with interrupts on only. */
int guest_read(void *dst, vaddr_t gva, size_t size) __attribute__((warn_unused_result));
int guest_write(vaddr_t gva, const void *src, size_t size) __attribute__((warn_unused_result));
/* Write zeroes. */
int guest_clear(vaddr_t gva, size_t size) __attribute__((warn_unused_result));

/* Handles of the ABI's structures: a pointer typed by the header, as an address. */
#define guest_addr(handle)           ((vaddr_t)(uintptr_t)(handle).p)
#define guest_read_obj(dst, gva)     guest_read((dst), (gva), sizeof(*(dst)))
#define guest_write_obj(gva, src)    guest_write((gva), (src), sizeof(*(src)))
#define guest_read_elem(dst, gva, i) guest_read((dst), (gva) + (uint64_t)(i) * sizeof(*(dst)), sizeof(*(dst)))
#define guest_write_elem(gva, i, src) \
    guest_write((gva) + (uint64_t)(i) * sizeof(*(src)), (src), sizeof(*(src)))
