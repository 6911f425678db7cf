/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * multicall over a table of two calls: one that answers with its arguments, one that stops as often as its first argument says. Every entry up to the
 * first fault must be called exactly once to its end, with its result written, whatever stops in between.
 */
#include "guest_fuzz.h"

#define CALL_SUM  1u
#define CALL_STOP 2u

static uint64_t finished;

/* The program's own, over core/hypercall/hypercall.c's. */
long hypercall_dispatch(struct hypercall *c)
{
    fake_check(c->in_multicall && !c->is_compat);
    if (c->nr == CALL_STOP && (c->arg[0] & 7) != 0) {
        c->arg[0]--;
        return -XEN_ERESTART;
    }
    if (c->nr == __HYPERVISOR_multicall) {
        return do_multicall(c);
    }
    finished++;
    return c->nr == CALL_SUM ? (long)(c->arg[0] + c->arg[5]) : -XEN_ENOSYS;
}

static void run_record(uint16_t command, uint16_t id, const uint8_t *args)
{
    uint64_t count = command & 0x1ff, at = FAKE_WINDOW_AT + AREA_OFFSET + (args[0] & 0xf8);
    struct multicall_entry *m = (struct multicall_entry *)(uintptr_t)at;
    uint64_t room = (FAKE_WINDOW_AT + FAKE_WINDOW - at) / sizeof(*m), calls = 0;
    long rc;

    finished = 0;
    for (uint64_t i = 0; i < MIN(count, room); i++) {
        calls += m[i].op != __HYPERVISOR_multicall;
        m[i].result = 0x5555;
    }
    rc = call_as(id, do_multicall, at, count, 0);
    fake_check(rc == (count <= room ? 0 : -XEN_EFAULT));
    fake_check(finished == calls);
    for (uint64_t i = 0; i < MIN(count, room); i++) {
        long want = m[i].op == CALL_SUM                 ? (long)(m[i].args[0] + m[i].args[5])
                    : m[i].op == __HYPERVISOR_multicall ? -XEN_EINVAL
                                                        : -XEN_ENOSYS;

        fake_check((long)m[i].result == want);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_records(data, size);
    return 0;
}
