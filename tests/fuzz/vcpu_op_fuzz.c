/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcpu_op, sched_op and set_timer_op of guests, with time that goes on between two calls. */
#include "guest_fuzz.h"

#define IS_SCHED 0x8000u
#define IS_TIMER 0x4000u
#define TICK_NS  MILLISECS(1)

static void run_record(uint16_t command, uint16_t id, const uint8_t *args)
{
    uint64_t word;

    memcpy(&word, args, sizeof(word));
    memcpy(fake_window, args + 8, ARGS_SIZE - 8);
    id = id % 3 == 0 ? id + 1 : id; /* the hardware domain's shutdown is the machine's */
    if (command & IS_SCHED) {
        call_as(id, do_sched_op, command & 0xff, FAKE_WINDOW_AT, 0);
    } else if (command & IS_TIMER) {
        call_as(id, do_set_timer_op, word, 0, 0);
    } else {
        call_as(id, do_vcpu_op, command & 0xff, word, FAKE_WINDOW_AT);
    }
    host_advance(TICK_NS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_records(data, size);
    return 0;
}
