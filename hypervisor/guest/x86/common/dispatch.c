/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls whose work differs by kind of guest, and grant mappings: to guest/x86/pv or guest/x86/pvh. */
#include <core/domain/arch.h>
#include <core/gnttab/arch.h>
#include <core/hypercall/arch.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/kinds.h>

int gnttab_enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    return is_pv(current_domain()) ? pv_gnttab_enter_mapping(addr, mfn, flags)
                                   : pvh_gnttab_enter_mapping(addr, mfn, flags);
}

int gnttab_remove_mapping(uint64_t addr, mfn_t mfn, uint32_t flags, uint64_t new_addr)
{
    return is_pv(current_domain()) ? pv_gnttab_remove_mapping(addr, mfn, flags, new_addr)
                                   : pvh_gnttab_remove_mapping(addr, mfn, flags, new_addr);
}

void gnttab_flush_removed(void)
{
    port_flush_tlb(
        (cpuset_t){__atomic_load_n(&x86_domain(current_domain())->dirty_cpus.bits, __ATOMIC_SEQ_CST)});
}

long arch_vcpu_initialise(struct vcpu *v, vaddr_t gva)
{
    if (v->is_initialised) {
        return -XEN_EEXIST;
    }
    return is_pv(v->domain) ? pv_vcpu_initialise(x86_vcpu(v), gva) : pvh_vcpu_initialise(x86_vcpu(v), gva);
}

long arch_vcpu_send_nmi(struct vcpu *v)
{
    return is_pv(v->domain) ? pv_send_nmi(x86_vcpu(v)) : pvh_send_nmi(x86_vcpu(v));
}

bool arch_vcpu_interrupt_pending(struct vcpu *v)
{
    return !is_pv(v->domain) && pvh_interrupt_pending(x86_vcpu(v));
}

long arch_compat_hypercall(struct hypercall *c, hypercall_fn *fn)
{
    BUG_ON(is_pv(current_domain()));
    return pvh_compat_hypercall(current_x86(), c, fn);
}

long arch_memory_op(struct hypercall *c, uint64_t op)
{
    return x86_memory_op(c, op);
}
