/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating-point and vector state of vCPUs: fpu.h. */
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/fpu.h>
#include <guest/x86/common/hw_contract.h>
#include <lib/string.h>
#include <model/x86/xstate/xstate.h>

#define CR0_TS       8ull
#define MXCSR_OFFSET 24
#define ALL_CPUS_MXCSR \
    0xffbfu /* the bits that every processor with SSE2 has but one (DAZ comes with the mask) */

static uint32_t mxcsr_mask(void)
{
    uint32_t mask = hw_mxcsr_mask();

    return mask ? mask : ALL_CPUS_MXCSR;
}

/* Where the machine has its components. */
static struct xstate_layout layout(void)
{
    const struct cpu_policy *host = cpuid_host_policy();
    struct xstate_layout l;

    for (unsigned int i = 0; i < XSTATE_COMPONENTS; i++) {
        l.at[i].offset = host->xstate[i].b;
        l.at[i].size = i >= 2 ? host->xstate[i].a : 0;
    }
    return l;
}

static uint32_t image_size(uint64_t components)
{
    const struct xstate_layout l = layout();

    return xstate_size(&l, components);
}

int fpu_init(struct x86_vcpu *xv)
{
    uint32_t size = ALIGN_UP(image_size(hw_xstate_components()), 64u); /* which also aligns it */

    xv->fpu = zalloc(size);
    if (!xv->fpu) {
        return -XEN_ENOMEM;
    }
    xstate_reset(xv->fpu, size);
    xv->xcr0 = XSTATE_X87;
    xv->xcr0_used = is_pv(xv->v.domain) ? XSTATE_LEGACY : XSTATE_LEGACY | hw_xstate_components();
    return 0;
}

void fpu_free(struct x86_vcpu *xv)
{
    zfree(xv->fpu);
    xv->fpu = NULL;
}

/* --- XCR0 ------------------------------------------------------------------------------------------------------------------------------------- */

void fpu_use(struct x86_vcpu *xv, uint64_t components)
{
    uint64_t fresh = components & ~xv->xcr0_used;
    bool ts = xv->pv && (xv->pv->cr0 & CR0_TS);

    if (fresh == 0) {
        return;
    }
    xv->xcr0_used |= fresh;
    hw_set_xcr0(xv->xcr0_used);
    if (ts) {
        hw_set_ts(false); /* the guest's own would make the load fault */
    }
    hw_fpu_clear(fresh);
    if (ts) {
        hw_set_ts(true);
    }
    hw_set_xcr0(xv->xcr0);
}

int fpu_write_xcr0(struct x86_vcpu *xv, uint32_t index, uint64_t value)
{
    if (index != 0 || !xstate_xcr0_ok(value, cpu_policy_xcr0(x86_domain(xv->v.domain)->policy))) {
        return -XEN_EINVAL;
    }
    fpu_use(xv, value);
    xv->xcr0 = value;
    hw_set_xcr0(value);
    return 0;
}

void fpu_follow_xcr0(struct x86_vcpu *xv)
{
    xv->xcr0 = hw_read_xcr0();
}

/* --- from and to outside ------------------------------------------------------------------------------------------------------------------------ */

void fpu_set_image(struct x86_vcpu *xv, const void *image)
{
    uint8_t *to = xv->fpu;
    uint32_t mxcsr;

    memcpy(to, image, XSTATE_FXSAVE_SIZE);
    memcpy(&mxcsr, to + MXCSR_OFFSET, sizeof(mxcsr));
    mxcsr &= mxcsr_mask();
    memcpy(to + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    xstate_legacy_written(to);
}

void fpu_get_image(struct x86_vcpu *xv, void *image)
{
    (void)fpu_xstate(xv);
    memcpy(image, xv->fpu, XSTATE_FXSAVE_SIZE);
}

uint32_t fpu_xstate_size(const struct x86_vcpu *xv)
{
    return hw_xstate_components() ? image_size(xv->xcr0_used) : 0;
}

const void *fpu_xstate(struct x86_vcpu *xv)
{
    const struct xstate_layout l = layout();

    xstate_make_whole(xv->fpu, &l, xv->xcr0_used);
    return xv->fpu;
}

int fpu_check_xstate(const struct x86_vcpu *xv, uint64_t xcr0, uint64_t used, const void *image,
                     uint32_t size)
{
    uint64_t offered = cpu_policy_xcr0(x86_domain(xv->v.domain)->policy) & hw_xstate_components();
    const struct xstate_layout l = layout();

    if (hw_xstate_components() == 0) {
        return -XEN_EOPNOTSUPP;
    }
    if (!(xcr0 & XSTATE_X87) || (xcr0 & ~used) || (used & ~(offered | XSTATE_LEGACY)) ||
        (xcr0 != XSTATE_X87 && !xstate_xcr0_ok(xcr0, offered))) {
        return -XEN_EINVAL;
    }
    if (size == 0) {
        return 0;
    }
    return size <= image_size(hw_xstate_components()) &&
                   xstate_image_ok(image, size, &l, used | XSTATE_LEGACY, mxcsr_mask())
               ? 0
               : -XEN_EINVAL;
}

int fpu_set_xstate(struct x86_vcpu *xv, uint64_t xcr0, uint64_t used, const void *image, uint32_t size)
{
    int rc = fpu_check_xstate(xv, xcr0, used, image, size);

    if (rc != 0) {
        return rc;
    }
    xv->xcr0 = xcr0;
    xv->xcr0_used = used | XSTATE_LEGACY;
    if (size != 0) {
        memcpy(xv->fpu, image, size);
        (void)fpu_xstate(xv);
    }
    return 0;
}
