/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory hypercalls of a PV guest with two vCPUs, its own writes, faults and grant mappings, sixteen bytes a step; after each step a scan of all page tables
 * must find every count as it is, and after teardown nothing may be left.
 */
#include <tests/unit/hypervisor/guest/x86/pv/mm_rig.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rig_start();
    for (size_t i = 0; i + STEP <= size && i < 256 * STEP; i += STEP) {
        rig_step(data + i);
    }
    rig_end(size & 1);
    return 0;
}
