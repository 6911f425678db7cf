/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory maps in the firmware's (E820) form. */
#pragma once
#include <guest/x86/common/x86_domain.h>

#define MACHINE_MAP_MAX    256
#define X86_DOMAIN_MAP_MAX 512u

/* The machine's map; filled at start-up. */
extern struct x86_e820_entry machine_map[MACHINE_MAP_MAX];
extern unsigned int machine_map_count;

#define X86_M2P_CHUNK_BYTES (2ull << 20) /* XENMEM_machphys_mfn_list counts in these, each contiguous */

/* The frame that holds byte @offset of the machine-to-physical table; INVALID_MFN in a hole. Defined by hw/x86. */
mfn_t x86_m2p_frame(uint64_t offset);
