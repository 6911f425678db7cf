/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What domctl, sysctl and hvm_op need from the guest layer (guest/<arch>). */
#pragma once
#include <abi/domctl.h>
#include <abi/sysctl.h>
#include <core/hypercall/hypercall.h>

/*
 * Run @fn, the handler of @c->nr, for a 32-bit caller: @fn finds the arguments, and what they point at, in the 64-bit layout. When it is to be
 * resumed, @c->arg is as the caller would pass it. -XEN_ENOSYS: not offered to such callers; -XEN_EFAULT; else what @fn returns.
 */
long arch_compat_hypercall(struct hypercall *c, hypercall_fn *fn);

/* Is the architecture's part of the configuration possible? -XEN_EINVAL: nonsense; -XEN_EOPNOTSUPP: not built, with a line in the log. */
int arch_check_config(const struct xen_domctl_createdomain *c);
/* Fill in the architecture's fields; the rest is done, what is not known is 0. */
void arch_domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info);
/*
 * An operation that core does not know, on @d, under the domctl lock. Sets *@copyback when @op is to be written back, whatever the result.
 * -XEN_ENOSYS: nobody knows it, or one of the operation's own errors; -XEN_ERESTART.
 */
long arch_domctl(struct domain *d, struct xen_domctl *op, bool *copyback);

/* Topology, clock, capabilities, features: fields of the machine. */
void arch_physinfo(struct xen_sysctl_physinfo *info);
/* Core and socket of @cpu, which is online. */
void arch_cpu_topology(unsigned int cpu, struct xen_sysctl_cputopo *topo);
/* @cpu goes offline: device interrupts that are sent there go to pCPU 0 from now on. */
void arch_cpu_leave(unsigned int cpu);
/* As arch_domctl(), for the machine. */
long arch_sysctl(struct xen_sysctl *op, bool *copyback);

/* HVM parameter @index of @d, whose kind has them; who may, and that it is one, is checked. -XEN_EINVAL, -XEN_EOPNOTSUPP: the value. */
int arch_hvm_set_param(struct domain *d, uint32_t index, uint64_t value);
uint64_t arch_hvm_get_param(struct domain *d, uint32_t index);
/* HVMOP_set_evtchn_upcall_vector. -XEN_EINVAL. */
int arch_hvm_set_upcall_vector(struct vcpu *v, uint8_t vector);
/* HVMOP_flush_tlbs of the current domain. */
long arch_hvm_flush_tlbs(struct domain *d);

/* Registers of a vCPU, and of this pCPU, to the log: for debug keys. The vCPU may be running: then they are old. */
void arch_dump_vcpu(struct vcpu *v);
