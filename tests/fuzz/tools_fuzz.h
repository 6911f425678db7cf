/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzing of the tools' hypercalls: an input is bytes for guest memory, then operations. Included by one program each.
 *
 *   input      u16 length, that many bytes at FAKE_WINDOW_AT + 4096, then records
 *   record     u16 command, u16 domain id, 128 bytes of arguments
 */
#pragma once
#define FAKE_WINDOW_AT 0x70000000ul
#include "../unit/hypervisor/fake_x86.h"
#include "../unit/hypervisor/two_nodes.h"

#define ARGS_SIZE   128u
#define RECORD_SIZE (4 + ARGS_SIZE)
#define RECORDS_MAX 24u
#define AREA_OFFSET 4096u
#ifndef FUZZ_NODES
#define FUZZ_NODES false /* true: the machine has two memory nodes */
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* After each start: what there is besides the hardware domain. */
static void prepare(void);
/* One operation: the struct in guest memory is at fake_window. */
static void run_record(uint16_t command, uint16_t id, const uint8_t *args);

/* The parts of the table of domains stay once they exist: let them all exist before anything is counted. */
static inline void fill_table(void)
{
    struct domain_config c = {.kind = GUEST_PV,
                              .max_vcpus = 1,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 1,
                              .max_maptrack_frames = 1};

    for (c.id = 1; c.id < DOMID_FIRST_RESERVED; c.id += 256) {
        struct domain *d;

        fake_check(domain_create(&c, &d) == 0);
        while (domain_kill(d) != 0) {
            host_run_softirqs();
        }
        host_run_softirqs();
    }
}

static inline void fuzz_records(const uint8_t *data, size_t size)
{
    uint16_t length;

    if (size < sizeof(length)) {
        return;
    }
    memcpy(&length, data, sizeof(length));
    data += sizeof(length);
    size -= sizeof(length);
    length = (uint16_t)MIN_T(size_t, length, MIN_T(size_t, size, FAKE_WINDOW - AREA_OFFSET));
    if (!fake_dom0) {
        fake_x86_boot();
        if (FUZZ_NODES) {
            make_nodes(FAKE_MEMORY >> 13, 0); /* half of the memory each */
        }
        fill_table();
    }
    fake_x86_start();
    prepare();
    memcpy(fake_window + AREA_OFFSET, data, length);
    data += length;
    size -= length;
    for (unsigned int i = 0; i < RECORDS_MAX && size >= RECORD_SIZE; i++) {
        uint16_t head[2];

        memcpy(head, data, sizeof(head));
        run_record(head[0], head[1], data + sizeof(head));
        data += RECORD_SIZE;
        size -= RECORD_SIZE;
    }
    fake_x86_end();
}
