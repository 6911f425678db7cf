/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl, the operations that x86 adds: dispatch, and the small ones. <xen/domctl.h>. */
#include <base/log.h>
#include <core/domain/arch.h>
#include <core/hypercall/arch.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/domctl.h>

#define WORD_BITS 64u

int arch_check_config(const struct xen_domctl_createdomain *c)
{
    uint32_t emulated = c->arch.emulation_flags;

    if ((emulated & ~XEN_X86_EMU_ALL) || (c->arch.misc_flags & ~XEN_X86_MSR_RELAXED)) {
        return -XEN_EINVAL;
    }
    if (!(c->flags & XEN_DOMCTL_CDF_hvm)) {
        return emulated == 0 ? 0 : -XEN_EINVAL;
    }
    if (emulated & ~XEN_X86_EMU_LAPIC) {
        log_guest_warning(
            "A domain with emulated devices (%#x) cannot be created: guests are PV or PVH (type=\"pvh\")\n",
            emulated);
        return -XEN_EOPNOTSUPP;
    }
    return 0;
}

void arch_domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    info->gpaddr_bits = (uint8_t)cpu_policy_paddr_bits(cpuid_host_policy());
    info->arch_config.emulation_flags = x86_domain(d)->emulation_flags;
}

/* --- the rest -------------------------------------------------------------------------------------------------------------------------------- */

static long set_address_size(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    if (&xd->d == current_domain()) {
        return -XEN_EINVAL;
    }
    return is_pv(&xd->d) && op->u.address_size.size == WORD_BITS ? 0 : -XEN_EOPNOTSUPP;
}

static long get_address_size(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    op->u.address_size.size = WORD_BITS;
    *copyback = true;
    return 0;
}

static long send_trigger(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_sendtrigger *t = &op->u.sendtrigger;

    if (t->vcpu >= xd->d.max_vcpus) {
        return -XEN_EINVAL;
    }
    if (!xd->d.vcpus[t->vcpu]) {
        return -XEN_ESRCH;
    }
    switch (t->trigger) {
    case XEN_DOMCTL_SENDTRIGGER_NMI:
        return arch_vcpu_send_nmi(xd->d.vcpus[t->vcpu]);
    case XEN_DOMCTL_SENDTRIGGER_POWER:
    case XEN_DOMCTL_SENDTRIGGER_SLEEP:
        return -XEN_EINVAL; /* buttons of ACPI hardware, which neither kind of guest has */
    default:
        return -XEN_ENOSYS;
    }
}

static x86_domctl_fn *const operations[] = {
    [XEN_DOMCTL_shadow_op] = x86_shadow_op,
    [XEN_DOMCTL_setvcpucontext] = x86_set_vcpu_context,
    [XEN_DOMCTL_getvcpucontext] = x86_get_vcpu_context,
    [XEN_DOMCTL_ioport_permission] = x86_ioport_permission,
    [XEN_DOMCTL_hypercall_init] = x86_hypercall_init,
    [XEN_DOMCTL_sendtrigger] = send_trigger,
    [XEN_DOMCTL_gethvmcontext] = x86_get_hvm_context,
    [XEN_DOMCTL_sethvmcontext] = x86_set_hvm_context,
    [XEN_DOMCTL_gethvmcontext_partial] = x86_get_hvm_context_partial,
    [XEN_DOMCTL_set_address_size] = set_address_size,
    [XEN_DOMCTL_get_address_size] = get_address_size,
    [XEN_DOMCTL_memory_mapping] = x86_memory_mapping,
    [XEN_DOMCTL_set_ext_vcpucontext] = x86_set_ext_context,
    [XEN_DOMCTL_get_ext_vcpucontext] = x86_get_ext_context,
    [XEN_DOMCTL_gettscinfo] = x86_get_tsc_info,
    [XEN_DOMCTL_settscinfo] = x86_set_tsc_info,
    [XEN_DOMCTL_getpageframeinfo3] = x86_get_page_info,
    [XEN_DOMCTL_setvcpuextstate] = x86_set_xstate,
    [XEN_DOMCTL_getvcpuextstate] = x86_get_xstate,
    [XEN_DOMCTL_set_vcpu_msrs] = x86_set_msrs,
    [XEN_DOMCTL_get_vcpu_msrs] = x86_get_msrs,
    [XEN_DOMCTL_get_cpu_policy] = x86_get_policy,
    [XEN_DOMCTL_set_cpu_policy] = x86_set_policy,
    [XEN_DOMCTL_get_paging_mempool_size] = x86_get_pool,
    [XEN_DOMCTL_set_paging_mempool_size] = x86_set_pool,
};

long arch_domctl(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    uint32_t cmd = op->cmd;

    return cmd < ARRAY_SIZE(operations) && operations[cmd] ? operations[cmd](x86_domain(d), op, copyback)
                                                           : -XEN_ENOSYS;
}
