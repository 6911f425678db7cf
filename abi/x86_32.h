/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures of the ABI as 32-bit x86 code lays them out, where that differs from 64-bit code: longs, frame numbers and handles have 32 bits, and
 * 64-bit numbers are aligned to 4 bytes. libxen-dev's headers show these layouts to 32-bit compilers only; abi/x86_32_check.c, which `make lint`
 * compiles with -m32, holds them against the headers. Names and order of the fields are the headers'.
 */
#pragma once
#include <stdint.h>

/* A 64-bit number as 32-bit code aligns it. */
typedef uint64_t x32_u64 __attribute__((aligned(4)));
typedef uint32_t x32_long;
typedef uint32_t x32_handle;

/* --- shared with the guest ---------------------------------------------------------------------------------------------------------------- */

struct x32_vcpu_time_info {
    uint32_t version, pad0;
    x32_u64 tsc_timestamp, system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags, pad1[2];
};

struct x32_vcpu_info {
    uint8_t evtchn_upcall_pending, evtchn_upcall_mask;
    x32_long evtchn_pending_sel;
    x32_long arch[6];
    struct x32_vcpu_time_info time;
};

struct x32_shared_info {
    struct x32_vcpu_info vcpu_info[32];
    x32_long evtchn_pending[32], evtchn_mask[32];
    uint32_t wc_version, wc_sec, wc_nsec;
    struct {
        x32_long max_pfn, pfn_to_mfn_frame_list_list, nmi_reason, p2m_cr3, p2m_vaddr, p2m_generation;
        uint32_t wc_sec_hi;
    } arch;
};

struct x32_vcpu_runstate_info {
    int32_t state;
    x32_u64 state_entry_time;
    x32_u64 time[4];
};

/* --- arguments ------------------------------------------------------------------------------------------------------------------------------ */

struct x32_multicall_entry {
    x32_long op, result, args[6];
};

struct x32_platform_parameters {
    x32_long virt_start;
};

struct x32_memory_reservation {
    x32_handle extent_start;
    x32_long nr_extents;
    uint32_t extent_order, mem_flags;
    uint16_t domid;
};

struct x32_memory_exchange {
    struct x32_memory_reservation in, out;
    x32_long nr_exchanged;
};

struct x32_add_to_physmap {
    uint16_t domid, size;
    uint32_t space;
    x32_long idx, gpfn;
};

struct x32_add_to_physmap_batch {
    uint16_t domid, space, size, u;
    x32_handle idxs, gpfns, errs;
};

struct x32_remove_from_physmap {
    uint16_t domid;
    x32_long gpfn;
};

struct x32_memory_map {
    uint32_t nr_entries;
    x32_handle buffer;
};

struct x32_foreign_memory_map {
    uint16_t domid;
    struct x32_memory_map map;
};

struct x32_pod_target {
    x32_u64 target_pages, tot_pages, pod_cache_pages, pod_entries;
    uint16_t domid;
};

struct x32_mem_acquire_resource {
    uint16_t domid, type;
    uint32_t id, nr_frames, pad;
    x32_u64 frame;
    x32_handle frame_list;
};

struct x32_sched_poll {
    x32_handle ports;
    uint32_t nr_ports;
    x32_u64 timeout;
};

/* Only the handle counts, though the union that it is in has room for 64 bits. */
struct x32_vcpu_area {
    x32_handle h;
};

struct x32_set_singleshot_timer {
    x32_u64 timeout_abs_ns;
    uint32_t flags;
};

struct x32_gnttab_setup_table {
    uint16_t dom;
    uint32_t nr_frames;
    int16_t status;
    x32_handle frame_list;
};

struct x32_gnttab_transfer {
    x32_long mfn;
    uint16_t domid;
    uint32_t ref;
    int16_t status;
};

struct x32_gnttab_copy {
    struct {
        x32_long frame; /* reference or frame number */
        uint16_t domid, offset;
    } source, dest;
    uint16_t len, flags;
    int16_t status;
};

struct x32_gnttab_get_status_frames {
    uint32_t nr_frames;
    uint16_t dom;
    int16_t status;
    x32_handle frame_list;
};
