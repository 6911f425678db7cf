/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_assist: behaviours that a guest may switch on. Those that 64-bit guests do not notice are accepted and remembered, also m2p_strict: user mode never
 * sees the M2P here. PVH guests have the one that is not about PV.
 */
#include <core/hypercall/handlers.h>
#include <guest/x86/common/x86_domain.h>

#define VM_ASSIST_PVH (1ull << VMASST_TYPE_runstate_update_flag)
#define VM_ASSIST_PV                                                                              \
    (VM_ASSIST_PVH | 1ull << VMASST_TYPE_4gb_segments | 1ull << VMASST_TYPE_4gb_segments_notify | \
     1ull << VMASST_TYPE_writable_pagetables | 1ull << VMASST_TYPE_pae_extended_cr3 |             \
     1ull << VMASST_TYPE_architectural_iopl | 1ull << VMASST_TYPE_m2p_strict)

long do_vm_assist(struct hypercall *c)
{
    struct x86_domain *xd = x86_domain(current_domain());
    uint64_t bit;

    if (c->arg[1] >= 64) {
        return -XEN_EINVAL;
    }
    bit = 1ull << c->arg[1];
    if (!(bit & (xd->d.kind == GUEST_PV ? VM_ASSIST_PV : VM_ASSIST_PVH))) {
        return -XEN_EINVAL;
    }
    switch (c->arg[0]) {
    case VMASST_CMD_enable:
        __atomic_fetch_or(&xd->vm_assist, bit, __ATOMIC_SEQ_CST);
        return 0;
    case VMASST_CMD_disable:
        __atomic_fetch_and(&xd->vm_assist, ~bit, __ATOMIC_SEQ_CST);
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}
