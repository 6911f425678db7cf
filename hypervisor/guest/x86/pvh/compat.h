/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls of 32-bit callers. Handlers know 64-bit structures only, so for the length of such a call a window stands before each structure or
 * array that differs: an address above 4 GiB, where guest_read() and guest_write() find the 64-bit form and translate each access to the
 * guest's own. Nothing is copied ahead: a window is as long as what it stands for, and a resumed call needs no state. A window opens when the
 * call begins or a handle is read through another window; all close when the call ends. A 32-bit caller's own addresses end at 4 GiB.
 */
#pragma once
#include <base/types.h>

/* A multicall's list, the inner call's argument, and what three handles point at. */
#define COMPAT_WINDOWS 6u

struct compat_layout;
struct x86_vcpu;

struct compat_window {
    uint32_t base; /* guest address of element 0 */
    const struct compat_layout *layout;
};

/* Of a vCPU; only its own hypercalls touch it. */
struct compat_state {
    uint8_t depth; /* 32-bit calls in progress: a multicall's inner one is the second */
    uint8_t window_count;
    struct compat_window window[COMPAT_WINDOWS];
};

/* guest_read() and guest_write() while a 32-bit call is in progress. -XEN_EFAULT. */
int compat_read(struct x86_vcpu *xv, uint8_t *dst, vaddr_t gva, size_t size);
int compat_write(struct x86_vcpu *xv, vaddr_t gva, const uint8_t *src, size_t size);
