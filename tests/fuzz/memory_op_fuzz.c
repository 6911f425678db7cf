/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op with arbitrary arguments from each kind of domain. A command's upper bits are the extent to resume at, as a guest may forge it. */
#define FAKE_NOT_MEMORY_MAP
#define FUZZ_NODES true
#include "guest_fuzz.h"
#include <abi/memory.h>
#include <guest/x86/common/memory_map.h>

mfn_t x86_m2p_frame(uint64_t offset)
{
    return offset < 1 << 20 ? MFN(offset >> PAGE_SHIFT) : INVALID_MFN;
}

static void run_record(uint16_t command, uint16_t id, const uint8_t *args)
{
    memcpy(fake_window, args, ARGS_SIZE);
    call_as(id, do_memory_op, command, FAKE_WINDOW_AT, 0);
    zfree(x86_domain(fake_dom0)->map); /* it may give itself one, and outlives the input */
    x86_domain(fake_dom0)->map = NULL;
    x86_domain(fake_dom0)->map_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_records(data, size);
    return 0;
}
