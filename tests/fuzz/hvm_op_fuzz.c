/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvm_op of each kind of domain. After every call the parameters are as they were but for one that the caller may set, a parameter that is set once has stayed,
 * and of guest memory no more than the argument was written.
 *
 * A command's low byte is the operation. IS_NEAR: domain and parameter are made likely ones; SERVES: domain 1 is the device model of domain 2 meanwhile.
 */
#include "guest_fuzz.h"
#include <abi/hvm_op.h>
#include <abi/hvm_params.h>

#define IS_NEAR 0x8000u
#define SERVES  0x4000u
#define PV      1u
#define PVH     2u
#define PARAMS  ARRAY_SIZE(((struct x86_domain *)0)->hvm_params)

/* Parameters that a guest may set of its own, and those that keep their first value. */
static const uint8_t guests[] = {
    HVM_PARAM_CALLBACK_IRQ,   HVM_PARAM_STORE_EVTCHN,          HVM_PARAM_VM86_TSS,
    HVM_PARAM_CONSOLE_EVTCHN, HVM_PARAM_ACPI_IOPORTS_LOCATION, HVM_PARAM_VM_GENERATION_ID_ADDR,
    HVM_PARAM_X87_FIP_WIDTH,  HVM_PARAM_VM86_TSS_SIZED};
static const uint8_t once[] = {HVM_PARAM_VIRIDIAN, HVM_PARAM_IOREQ_SERVER_PFN,
                               HVM_PARAM_NR_IOREQ_SERVER_PAGES, HVM_PARAM_ALTP2M, HVM_PARAM_MCA_CAP};

static bool is_in(const uint8_t *list, unsigned int count, unsigned int index)
{
    return memchr(list, (int)index, count) != NULL;
}

static void check_params(unsigned int who, bool serves, bool sets, const uint64_t *before,
                         const uint64_t *now)
{
    unsigned int changes = 0;

    for (unsigned int i = 0; i < PARAMS; i++) {
        if (before[i] == now[i]) {
            continue;
        }
        changes++;
        fake_check(sets && i < HVM_NR_PARAMS);
        fake_check(who == 0 || (who == PV && serves) || (who == PVH && is_in(guests, sizeof(guests), i)));
        fake_check(before[i] == 0 || !is_in(once, sizeof(once), i));
    }
    fake_check(changes <= 1);
}

/* The argument begins with a domain id; a parameter's index follows. */
static void make_likely(uint8_t *arg, uint32_t op)
{
    static const domid_t ids[] = {DOMID_SELF, 0, PV, PVH};
    domid_t id = ids[arg[0] & 3];

    if (op == HVMOP_set_evtchn_upcall_vector) {
        arg[0] &= 3; /* a vCPU */
        memset(arg + 1, 0, 3);
        return;
    }
    memcpy(arg, &id, sizeof(id));
    if (op <= HVMOP_get_param) {
        arg[4] %= HVM_NR_PARAMS + 2;
        memset(arg + 5, 0, 3);
    }
}

static void run_record(uint16_t command, uint16_t id, const uint8_t *args)
{
    struct domain *pv = domain_get(PV), *pvh = domain_get(PVH);
    uint64_t before[PARAMS], gva = FAKE_WINDOW_AT;
    uint32_t op = command & 0xff;

    memcpy(fake_window, args, ARGS_SIZE);
    if (command & IS_NEAR) {
        make_likely(fake_window, op);
    }
    if (op == HVMOP_flush_tlbs || op == HVMOP_guest_request_vm_event) {
        gva = args[0] & 1 ? FAKE_WINDOW_AT : 0;
    }
    pv->target = command & SERVES ? PVH : DOMID_NONE;
    memcpy(before, x86_domain(pvh)->hvm_params, sizeof(before));
    call_as(id, do_hvm_op, op, gva, 0);
    check_params(id % 3, (command & SERVES) != 0, op == HVMOP_set_param, before, x86_domain(pvh)->hvm_params);
    fake_check(memcmp(fake_window + 32, args + 32, ARGS_SIZE - 32) == 0);
    for (unsigned int i = 0; i < PARAMS; i++) {
        fake_check(x86_domain(pv)->hvm_params[i] == 0 && x86_domain(fake_dom0)->hvm_params[i] == 0);
    }
    domain_put(pv);
    domain_put(pvh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_records(data, size);
    return 0;
}
