/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <abi/nmi.h>
#include <core/domain/arch.h>
#include <guest/x86/common/hardware_nmi.h>
#include <guest/x86/common/x86_domain.h>

bool hardware_domain_nmi(enum nmi_reason reason)
{
    static const unsigned int bits[] = {
        [NMI_UNKNOWN] = _XEN_NMIREASON_unknown,
        [NMI_SERR] = _XEN_NMIREASON_pci_serr,
        [NMI_IOCHK] = _XEN_NMIREASON_io_error,
    };
    struct domain *d = hardware_domain();
    struct vcpu *v = d ? d->vcpus[0] : NULL;

    if (!v) {
        return false;
    }
    __atomic_fetch_or(&d->shared->arch.nmi_reason, 1ul << bits[reason], __ATOMIC_SEQ_CST);
    return arch_vcpu_send_nmi(v) == 0;
}
