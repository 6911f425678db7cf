/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The root of the ABI: fixes the interface version and the view (the tools', where guest handles are structs)
 * before any of libxen-dev's headers is read. Everything else in abi/ starts here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define __XEN_TOOLS__             1
#define __XEN_INTERFACE_VERSION__ 0x00040e00

/* The public headers say where a compiler barrier belongs; these are for their ring macros only. */
#define xen_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#include <xen/xen-compat.h>
#include <xen/xen.h>
#include <xen/errno.h>

/* Never shown to a guest, so the header has it for hypervisors only: an operation stopped half-way and is to be called again. */
#define XEN_ERESTART 85

/* The version that guests see. */
#define ZENDO_XEN_MAJOR    4u
#define ZENDO_XEN_MINOR    17u
#define ZENDO_EXTRAVERSION "-zendo"
