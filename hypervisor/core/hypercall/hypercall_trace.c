/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trace records of hypercalls. Of a PV guest's: the number and those arguments that say what is asked for; of others the number. */
#include <core/hypercall/hypercall_trace.h>
#include <core/trace/trace.h>

#define ARG(n)     (1u << (n))
#define ARGS_COUNT 6u

/* Which arguments tell something: sub-operations, counts, vCPUs. */
static const uint8_t args_told[] = {
    [__HYPERVISOR_mmu_update] = ARG(1),       [__HYPERVISOR_multicall] = ARG(1),
    [__HYPERVISOR_mmuext_op] = ARG(1),        [__HYPERVISOR_grant_table_op] = ARG(0) | ARG(2),
    [__HYPERVISOR_vcpu_op] = ARG(0) | ARG(1), [__HYPERVISOR_sched_op] = ARG(0),
    [__HYPERVISOR_event_channel_op] = ARG(0), [__HYPERVISOR_memory_op] = ARG(0),
    [__HYPERVISOR_physdev_op] = ARG(0),       [__HYPERVISOR_hvm_op] = ARG(0),
    [__HYPERVISOR_xen_version] = ARG(0),      [__HYPERVISOR_console_io] = ARG(0) | ARG(1),
};

static void trace_pv(const struct hypercall *c)
{
    unsigned int told = c->nr < ARRAY_SIZE(args_told) ? args_told[c->nr] : 0, n = 1;
    uint32_t event = c->in_multicall ? TRC_PV_HYPERCALL_SUBCALL : TRC_PV_HYPERCALL_V2;
    uint32_t words[1 + ARGS_COUNT] = {(uint32_t)c->nr & ~TRC_PV_HYPERCALL_V2_ARG_MASK};

    for (unsigned int i = 0; i < ARGS_COUNT; i++) {
        if (told & ARG(i)) {
            words[0] |= TRC_PV_HYPERCALL_V2_ARG_32(i);
            words[n++] = (uint32_t)c->arg[i];
        }
    }
    trace_write(event, words, n);
}

void hypercall_trace(const struct hypercall *c)
{
    if (current_domain()->kind == GUEST_PV) {
        if (trace_wants(TRC_PV)) {
            trace_pv(c);
        }
    } else if (!c->in_multicall) {
        TRACE_1(TRC_HVM_VMMCALL, (uint32_t)c->nr);
    }
}
