/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the page types need from above; guest/x86/pv/mm defines it. */
#pragma once
#include <base/types.h>

/* Write the hypervisor's entries, slots L4_SLOT_FIRST and on, into a level 4 table that no CPU uses yet. */
void arch_fill_l4(uint64_t *l4);
/* May domain @who map @mfn, which is not memory but a device's registers? Takes no lock of a higher class than `domain`. */
bool arch_may_map_device(domid_t who, mfn_t mfn);
/* A frame of the hypervisor's that the control domain may map (DOMID_XEN), and that is never freed: the machine-to-physical table's to read, those of the
 * trace buffers. */
bool arch_may_map_hypervisor(mfn_t mfn, bool write);
