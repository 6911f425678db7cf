/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl, and hvm_op as the tools use it, with arbitrary arguments. */
#define FUZZ_NODES true
#include "tools_fuzz.h"
#include <abi/sysctl.h>

#define HVM_OP 0x100u /* a command from here on is one of hvm_op */

/* A reboot by debug key is no finding. */
static bool reboots(const struct xen_sysctl *op)
{
    const char *keys = (const char *)(uintptr_t)guest_addr(op->u.debug_keys.keys);
    uint64_t at = guest_addr(op->u.debug_keys.keys) - FAKE_WINDOW_AT;

    return op->cmd == XEN_SYSCTL_debug_keys && at < FAKE_WINDOW &&
           memchr(keys, 'R', MIN_T(uint64_t, FAKE_WINDOW - at, op->u.debug_keys.nr_keys)) != NULL;
}

static void run_record(uint16_t command, uint16_t id, const uint8_t *args)
{
    struct xen_sysctl *op = (struct xen_sysctl *)fake_window;

    if (command >= HVM_OP) {
        memcpy(fake_window, args, ARGS_SIZE);
        fake_call(do_hvm_op, command - HVM_OP, FAKE_WINDOW_AT);
        return;
    }
    op->cmd = command;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    memcpy(&op->u, args, ARGS_SIZE);
    if (!reboots(op)) {
        fake_call(do_sysctl, FAKE_WINDOW_AT, 0);
    }
}

static void make_guest(domid_t id, enum guest_kind kind)
{
    struct domain_config c = {.id = id,
                              .kind = kind,
                              .max_vcpus = 2,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};
    struct domain *d;

    fake_check(domain_create(&c, &d) == 0);
    fake_check(vcpu_create(d, 0, NULL) == 0);
}

static void prepare(void)
{
    make_guest(1, GUEST_PV);
    make_guest(2, GUEST_PVH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_records(data, size);
    return 0;
}
