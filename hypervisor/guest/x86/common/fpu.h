/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vCPU's floating-point and vector registers, and its XCR0.
 *
 * They are in the CPU while the vCPU is current on it, else in struct x86_vcpu.fpu (switch.c moves them). `xcr0_used` is what the vCPU's XCR0 ever held besides x87 and SSE: the
 * components that are saved and loaded. One that comes to it is cleared first, so that nothing of another vCPU's shows.
 */
#pragma once
#include <guest/x86/common/x86_domain.h>

/* The image in its initial state. -XEN_ENOMEM. */
int fpu_init(struct x86_vcpu *xv);
void fpu_free(struct x86_vcpu *xv);

/* XSETBV of the current vCPU. -XEN_EINVAL: #GP. */
int fpu_write_xcr0(struct x86_vcpu *xv, uint32_t index, uint64_t value);
/*
 * The current PVH vCPU's XCR0 is what the processor has. XSETBV should exit, but QEMU 7.2 does not intercept it; so all components of a PVH vCPU are switched
 * from the start, whatever its XCR0 was.
 */
void fpu_follow_xcr0(struct x86_vcpu *xv);
/* The current vCPU begins to use @components without XCR0's help (protection keys). */
void fpu_use(struct x86_vcpu *xv, uint64_t components);

/* --- the state of a vCPU that does not run ------------------------------------------------------------------------------------------------------- */
/* An FXSAVE image (512 bytes) in or out. Coming in, reserved bits of MXCSR, which would make loading it fault, are cleared. */
void fpu_set_image(struct x86_vcpu *xv, const void *image);
void fpu_get_image(struct x86_vcpu *xv, void *image);
/* Bytes of its XSAVE image; 0: the machine has no XSAVE. */
uint32_t fpu_xstate_size(const struct x86_vcpu *xv);
/* Its XSAVE image, of fpu_xstate_size() bytes, with every component written out; valid until it runs or is freed. */
const void *fpu_xstate(struct x86_vcpu *xv);
/*
 * Take over XCR0, what it ever was, and an XSAVE image of @size bytes (0: none). -XEN_EINVAL, nothing changed: more than the domain's policy has, or an
 * image that cannot be loaded. -XEN_EOPNOTSUPP: the machine has no XSAVE.
 */
int fpu_set_xstate(struct x86_vcpu *xv, uint64_t xcr0, uint64_t used, const void *image, uint32_t size);
/* Would it take them? */
int fpu_check_xstate(const struct x86_vcpu *xv, uint64_t xcr0, uint64_t used, const void *image,
                     uint32_t size);
