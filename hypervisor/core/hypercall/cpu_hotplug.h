/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Taking pCPUs offline and bringing them back, for sysctl and for platform_op. Under the tools' lock (domctl_try_lock()). */
#pragma once
#include <base/contract.h>

/*
 * Take @cpu offline. -XEN_EINVAL: there is none, or it is pCPU 0. -XEN_EEXIST: it is offline. -XEN_EBUSY: pool 0 has domains and no other pCPU. -XEN_ENODEV: it is in another pool.
 * -XEN_ERESTART: the caller runs there, or was told to leave; call again.
 */
int cpu_take_offline(unsigned int cpu);
/* Bring @cpu back, into pool 0. -XEN_EINVAL: there is none. -XEN_EEXIST: it is online. */
int cpu_bring_online(unsigned int cpu);
