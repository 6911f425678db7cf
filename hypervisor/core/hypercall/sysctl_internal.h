/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of sysctl. */
#pragma once
#include <core/hypercall/domctl_internal.h>

/* @op is the hypervisor's copy; *@copyback: write it back, whatever the result. */
typedef long sysctl_fn(struct xen_sysctl *op, bool *copyback);

/* cpu_hotplug.c */
sysctl_fn sysctl_cpu_hotplug;
/* perfc.c */
sysctl_fn sysctl_perfc;
/* cpupool.c */
sysctl_fn sysctl_cpupool, sysctl_scheduler;
/* tbuf_op.c */
sysctl_fn sysctl_trace;
/* sysctl_info.c */
sysctl_fn sysctl_physinfo, sysctl_domain_list, sysctl_cpu_info, sysctl_avail_heap, sysctl_cpu_topology,
    sysctl_numa_info, sysctl_pci_topology;
