/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl with arbitrary arguments: nothing breaks, and once the domains are killed no frame and no object is left. */
#define FUZZ_NODES true
#include "tools_fuzz.h"
#include <abi/domctl.h>

static void prepare(void)
{
}

static void run_record(uint16_t command, uint16_t id, const uint8_t *args)
{
    struct xen_domctl *op = (struct xen_domctl *)fake_window;

    op->cmd = command;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = id;
    memcpy(&op->u, args, ARGS_SIZE);
    fake_call(do_domctl, FAKE_WINDOW_AT, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_records(data, size);
    return 0;
}
