/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hvm_op: what the parameters of PVH domains mean, and upcall vectors. Who may do it is checked in core/hypercall/hvm_op.c. */
#include <abi/hvm_params.h>
#include <abi/sched.h>
#include <core/hypercall/arch.h>
#include <guest/x86/common/kinds.h>

#define CALLBACK_TYPE_SHIFT 56
#define CALLBACK_VECTOR     2u /* HVM_PARAM_CALLBACK_TYPE_VECTOR */

/* Interrupt lines as callbacks need interrupt controllers that PVH guests do not have: accepted, never delivered, as on a guest without any. */
static int set_callback(struct x86_domain *xd, uint64_t via)
{
    uint8_t vector = via >> CALLBACK_TYPE_SHIFT == CALLBACK_VECTOR ? (uint8_t)via : 0;

    return pvh_set_callback_vector(xd, vector);
}

int arch_hvm_set_param(struct domain *d, uint32_t index, uint64_t value)
{
    struct x86_domain *xd = x86_domain(d);
    int rc = 0;

    BUG_ON(index >= ARRAY_SIZE(xd->hvm_params));
    switch (index) {
    case HVM_PARAM_CALLBACK_IRQ:
        rc = set_callback(xd, value);
        if (rc == 0 && d == current_domain()) {
            pvh_take_info_width(current_x86());
        }
        break;
    case HVM_PARAM_TIMER_MODE:
        rc = value > HVMPTM_one_missed_tick_pending ? -XEN_EINVAL : 0;
        break;
    case HVM_PARAM_TRIPLE_FAULT_REASON:
        rc = value > SHUTDOWN_MAX ? -XEN_EINVAL : 0;
        break;
    case HVM_PARAM_X87_FIP_WIDTH:
        rc = value != 0 && value != 4 && value != 8 ? -XEN_EINVAL : 0;
        break;
    case HVM_PARAM_ACPI_S_STATE:
    case HVM_PARAM_VIRIDIAN:
    case HVM_PARAM_ALTP2M:
    case HVM_PARAM_MCA_CAP:
    case HVM_PARAM_IOREQ_SERVER_PFN:
    case HVM_PARAM_NR_IOREQ_SERVER_PAGES:
        rc = value != 0 ? -XEN_EOPNOTSUPP : 0; /* features that are not there, or of device models */
        break;
    default:
        break;
    }
    if (rc == 0) {
        __atomic_store_n(&xd->hvm_params[index], value, __ATOMIC_RELAXED);
    }
    return rc;
}

uint64_t arch_hvm_get_param(struct domain *d, uint32_t index)
{
    return __atomic_load_n(&x86_domain(d)->hvm_params[index], __ATOMIC_RELAXED);
}

int arch_hvm_set_upcall_vector(struct vcpu *v, uint8_t vector)
{
    return pvh_set_upcall_vector(x86_vcpu(v), vector);
}

long arch_hvm_flush_tlbs(struct domain *d)
{
    pvh_flush_tlbs(x86_domain(d));
    return 0;
}
