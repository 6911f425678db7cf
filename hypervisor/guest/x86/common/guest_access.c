/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base/guest_access.h for x86. PV: the guest's pages are mapped here and now, so a copy is a move that may fault; only the hypervisor's own
 * range must be kept out. PVH: a walk of the guest's page tables.
 */
#include <base/context.h>
#include <base/guest_access.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>

static bool outside_hypervisor(vaddr_t gva, size_t size)
{
    vaddr_t end = gva + size;

    if (end < gva) {
        return false;
    }
    /* the hole between the canonical halves faults by itself, and the fault is expected */
    return end <= VA_HYPERVISOR_START || gva >= VA_HYPERVISOR_END;
}

int guest_read(void *dst, vaddr_t gva, size_t size)
{
    struct x86_vcpu *xv = current_x86();

    ASSERT_NOT_IN_IRQ();
    if (unlikely(!is_pv(xv->v.domain))) {
        return pvh_guest_read(xv, dst, gva, size);
    }
    if (!outside_hypervisor(gva, size)) {
        return -XEN_EFAULT;
    }
    return hw_copy_fallible(dst, (const void *)(uintptr_t)gva, size);
}

int guest_write(vaddr_t gva, const void *src, size_t size)
{
    struct x86_vcpu *xv = current_x86();

    ASSERT_NOT_IN_IRQ();
    if (unlikely(!is_pv(xv->v.domain))) {
        return pvh_guest_write(xv, gva, src, size);
    }
    if (!outside_hypervisor(gva, size)) {
        return -XEN_EFAULT;
    }
    return hw_copy_fallible((void *)(uintptr_t)gva, src, size);
}

int guest_clear(vaddr_t gva, size_t size)
{
    static const uint8_t zeroes[256];
    struct x86_vcpu *xv = current_x86();

    ASSERT_NOT_IN_IRQ();
    if (is_pv(xv->v.domain)) {
        return outside_hypervisor(gva, size) ? hw_clear_fallible((void *)(uintptr_t)gva, size) : -XEN_EFAULT;
    }
    while (size > 0) {
        size_t n = MIN(size, sizeof(zeroes));

        if (pvh_guest_write(xv, gva, zeroes, n) != 0) {
            return -XEN_EFAULT;
        }
        gva += n;
        size -= n;
    }
    return 0;
}
