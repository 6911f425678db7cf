/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * abi/x86_32.h against libxen-dev's headers: compiled for 32-bit x86 by `make lint`, linked into nothing. Also that the structures which the
 * 32-bit translation (guest/x86/pvh/compat.c) passes on as they are have the sizes that 64-bit code knows.
 */
#include <abi/x86_32.h>
#include <abi/event_channel.h>
#include <abi/grant_table.h>
#include <abi/hvm_op.h>
#include <abi/hvm_params.h>
#include <abi/hvm_vcpu.h>
#include <abi/memory.h>
#include <abi/sched.h>
#include <abi/vcpu.h>
#include <abi/version.h>

#define SIZE(mine, size)        _Static_assert(sizeof(struct mine) == (size), "size of " #mine)
#define SAME(mine, theirs)      SIZE(mine, sizeof(struct theirs))
#define AT(mine, theirs, field) FIELD(mine, field, theirs, field)
#define FIELD(mine, field, theirs, other)                                                        \
    _Static_assert(offsetof(struct mine, field) == offsetof(struct theirs, other) &&             \
                       sizeof(((struct mine *)0)->field) == sizeof(((struct theirs *)0)->other), \
                   "place of " #mine "." #field)

SAME(x32_vcpu_time_info, vcpu_time_info);
AT(x32_vcpu_time_info, vcpu_time_info, system_time);
AT(x32_vcpu_time_info, vcpu_time_info, flags);
SAME(x32_vcpu_info, vcpu_info);
AT(x32_vcpu_info, vcpu_info, evtchn_pending_sel);
AT(x32_vcpu_info, vcpu_info, time);
SAME(x32_shared_info, shared_info);
AT(x32_shared_info, shared_info, evtchn_pending);
AT(x32_shared_info, shared_info, evtchn_mask);
AT(x32_shared_info, shared_info, wc_version);
AT(x32_shared_info, shared_info, wc_nsec);
AT(x32_shared_info, shared_info, arch.wc_sec_hi);
SAME(x32_vcpu_runstate_info, vcpu_runstate_info);
AT(x32_vcpu_runstate_info, vcpu_runstate_info, state_entry_time);
AT(x32_vcpu_runstate_info, vcpu_runstate_info, time);

SAME(x32_multicall_entry, multicall_entry);
AT(x32_multicall_entry, multicall_entry, args);
SAME(x32_platform_parameters, xen_platform_parameters);
SAME(x32_memory_reservation, xen_memory_reservation);
AT(x32_memory_reservation, xen_memory_reservation, extent_start);
AT(x32_memory_reservation, xen_memory_reservation, mem_flags);
AT(x32_memory_reservation, xen_memory_reservation, domid);
SAME(x32_memory_exchange, xen_memory_exchange);
AT(x32_memory_exchange, xen_memory_exchange, out);
AT(x32_memory_exchange, xen_memory_exchange, nr_exchanged);
SAME(x32_add_to_physmap, xen_add_to_physmap);
AT(x32_add_to_physmap, xen_add_to_physmap, space);
AT(x32_add_to_physmap, xen_add_to_physmap, gpfn);
SAME(x32_add_to_physmap_batch, xen_add_to_physmap_batch);
AT(x32_add_to_physmap_batch, xen_add_to_physmap_batch, u);
AT(x32_add_to_physmap_batch, xen_add_to_physmap_batch, errs);
SAME(x32_remove_from_physmap, xen_remove_from_physmap);
AT(x32_remove_from_physmap, xen_remove_from_physmap, gpfn);
SAME(x32_memory_map, xen_memory_map);
AT(x32_memory_map, xen_memory_map, buffer);
SAME(x32_foreign_memory_map, xen_foreign_memory_map);
AT(x32_foreign_memory_map, xen_foreign_memory_map, map);
SAME(x32_pod_target, xen_pod_target);
AT(x32_pod_target, xen_pod_target, domid);
SAME(x32_mem_acquire_resource, xen_mem_acquire_resource);
AT(x32_mem_acquire_resource, xen_mem_acquire_resource, frame);
AT(x32_mem_acquire_resource, xen_mem_acquire_resource, frame_list);
SAME(x32_sched_poll, sched_poll);
AT(x32_sched_poll, sched_poll, nr_ports);
AT(x32_sched_poll, sched_poll, timeout);
FIELD(x32_vcpu_area, h, vcpu_register_runstate_memory_area, addr.h);
FIELD(x32_vcpu_area, h, vcpu_register_time_memory_area, addr.h);
SAME(x32_set_singleshot_timer, vcpu_set_singleshot_timer);
AT(x32_set_singleshot_timer, vcpu_set_singleshot_timer, flags);
SAME(x32_gnttab_setup_table, gnttab_setup_table);
AT(x32_gnttab_setup_table, gnttab_setup_table, status);
AT(x32_gnttab_setup_table, gnttab_setup_table, frame_list);
SAME(x32_gnttab_transfer, gnttab_transfer);
AT(x32_gnttab_transfer, gnttab_transfer, ref);
AT(x32_gnttab_transfer, gnttab_transfer, status);
SAME(x32_gnttab_copy, gnttab_copy);
FIELD(x32_gnttab_copy, source.frame, gnttab_copy, source.u);
AT(x32_gnttab_copy, gnttab_copy, source.offset);
AT(x32_gnttab_copy, gnttab_copy, dest);
AT(x32_gnttab_copy, gnttab_copy, status);
SAME(x32_gnttab_get_status_frames, gnttab_get_status_frames);
AT(x32_gnttab_get_status_frames, gnttab_get_status_frames, status);

/* Passed on as they are; guest/x86/pvh/compat_layout.c has the same numbers for 64-bit code. */
#define PASSED_ON(name, size) _Static_assert(sizeof(struct name) == (size), "size of " #name);
#include <abi/x86_32_same.def>
#undef PASSED_ON
