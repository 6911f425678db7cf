/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of compat_layout.h. abi/x86_32.h has the 32-bit structures, abi/x86_32_same.def those that are alike. */
#include <abi/event_channel.h>
#include <abi/grant_table.h>
#include <abi/hvm_op.h>
#include <abi/hvm_params.h>
#include <abi/hvm_vcpu.h>
#include <abi/memory.h>
#include <abi/sched.h>
#include <abi/vcpu.h>
#include <abi/version.h>
#include <abi/x86_32.h>
#include <core/hypercall/memory_internal.h>
#include <guest/x86/pvh/compat_layout.h>

#define PASSED_ON(name, size) BUILD_ASSERT(sizeof(struct name) == (size), "as 32-bit code has it");
#include <abi/x86_32_same.def>
#undef PASSED_ON

#define SIZE_OF(s, f) sizeof(((struct s *)0)->f)
#define PLACES(s64, s32, f64, f32)                                                                     \
    .at64 = offsetof(struct s64, f64), .size64 = SIZE_OF(s64, f64), .at32 = offsetof(struct s32, f32), \
    .size32 = SIZE_OF(s32, f32)
#define FIELD2(s64, s32, f64, f32) \
    {                              \
        PLACES(s64, s32, f64, f32) \
    }
#define HANDLE2(s64, s32, f64, f32, to)                               \
    {                                                                 \
        PLACES(s64, s32, f64, f32), .is_handle = true, .target = (to) \
    }
#define FIELD(s64, s32, f)      FIELD2(s64, s32, f, f)
#define HANDLE(s64, s32, f, to) HANDLE2(s64, s32, f, f, to)
#define LAYOUT(name, s64, s32)                                                          \
    static const struct compat_layout name##_layout = {.size64 = sizeof(struct s64),    \
                                                       .size32 = sizeof(struct s32),    \
                                                       .field_count = ARRAY_SIZE(name), \
                                                       .fields = name}

/* xen_pfn_t and xen_ulong_t in arrays */
static const struct compat_field word[] = {{.size64 = sizeof(xen_ulong_t), .size32 = sizeof(x32_long)}};
static const struct compat_layout word_layout = {
    .size64 = sizeof(xen_ulong_t), .size32 = sizeof(x32_long), .field_count = 1, .fields = word};

/* --- multicall, xen_version ------------------------------------------------------------------------------------------------------------------ */

#define M(f) FIELD(multicall_entry, x32_multicall_entry, f)
static const struct compat_field multicall[] = {M(op),      M(result),  M(args[0]), M(args[1]),
                                                M(args[2]), M(args[3]), M(args[4]), M(args[5])};
LAYOUT(multicall, multicall_entry, x32_multicall_entry);
static const struct compat_layout *const multicall_layouts[] = {&multicall_layout};

static const struct compat_field platform_parameters[] = {
    FIELD(xen_platform_parameters, x32_platform_parameters, virt_start)};
LAYOUT(platform_parameters, xen_platform_parameters, x32_platform_parameters);
static const struct compat_layout *const version_layouts[] = {[XENVER_platform_parameters] =
                                                                  &platform_parameters_layout};

/* --- memory_op --------------------------------------------------------------------------------------------------------------------------------- */

#define RESERVATION(s64, s32, r)                                                   \
    HANDLE(s64, s32, r extent_start, &word_layout), FIELD(s64, s32, r nr_extents), \
        FIELD(s64, s32, r extent_order), FIELD(s64, s32, r mem_flags), FIELD(s64, s32, r domid)
static const struct compat_field reservation[] = {
    RESERVATION(xen_memory_reservation, x32_memory_reservation, )};
LAYOUT(reservation, xen_memory_reservation, x32_memory_reservation);

static const struct compat_field exchange[] = {RESERVATION(xen_memory_exchange, x32_memory_exchange, in.),
                                               RESERVATION(xen_memory_exchange, x32_memory_exchange, out.),
                                               FIELD(xen_memory_exchange, x32_memory_exchange, nr_exchanged)};
LAYOUT(exchange, xen_memory_exchange, x32_memory_exchange);

#define A(f) FIELD(xen_add_to_physmap, x32_add_to_physmap, f)
static const struct compat_field add_to_physmap[] = {A(domid), A(size), A(space), A(idx), A(gpfn)};
LAYOUT(add_to_physmap, xen_add_to_physmap, x32_add_to_physmap);

#define B(f) FIELD(xen_add_to_physmap_batch, x32_add_to_physmap_batch, f)
static const struct compat_field add_batch[] = {
    B(domid),
    B(space),
    B(size),
    B(u),
    HANDLE(xen_add_to_physmap_batch, x32_add_to_physmap_batch, idxs, &word_layout),
    HANDLE(xen_add_to_physmap_batch, x32_add_to_physmap_batch, gpfns, &word_layout),
    HANDLE(xen_add_to_physmap_batch, x32_add_to_physmap_batch, errs, NULL)};
LAYOUT(add_batch, xen_add_to_physmap_batch, x32_add_to_physmap_batch);

static const struct compat_field remove[] = {FIELD(xen_remove_from_physmap, x32_remove_from_physmap, domid),
                                             FIELD(xen_remove_from_physmap, x32_remove_from_physmap, gpfn)};
LAYOUT(remove, xen_remove_from_physmap, x32_remove_from_physmap);

static const struct compat_field map[] = {FIELD(xen_memory_map, x32_memory_map, nr_entries),
                                          HANDLE(xen_memory_map, x32_memory_map, buffer, NULL)};
LAYOUT(map, xen_memory_map, x32_memory_map);

static const struct compat_field foreign_map[] = {
    FIELD(xen_foreign_memory_map, x32_foreign_memory_map, domid),
    FIELD(xen_foreign_memory_map, x32_foreign_memory_map, map.nr_entries),
    HANDLE(xen_foreign_memory_map, x32_foreign_memory_map, map.buffer, NULL)};
LAYOUT(foreign_map, xen_foreign_memory_map, x32_foreign_memory_map);

#define P(f) FIELD(xen_pod_target, x32_pod_target, f)
static const struct compat_field pod[] = {P(target_pages), P(tot_pages), P(pod_cache_pages), P(pod_entries),
                                          P(domid)};
LAYOUT(pod, xen_pod_target, x32_pod_target);

#define R(f) FIELD(xen_mem_acquire_resource, x32_mem_acquire_resource, f)
static const struct compat_field resource[] = {
    R(domid),
    R(type),
    R(id),
    R(nr_frames),
    R(pad),
    R(frame),
    HANDLE(xen_mem_acquire_resource, x32_mem_acquire_resource, frame_list, &word_layout)};
LAYOUT(resource, xen_mem_acquire_resource, x32_mem_acquire_resource);

static const struct compat_layout *const memory_layouts[] = {
    [XENMEM_increase_reservation] = &reservation_layout,
    [XENMEM_decrease_reservation] = &reservation_layout,
    [XENMEM_populate_physmap] = &reservation_layout,
    [XENMEM_claim_pages] = &reservation_layout,
    [XENMEM_exchange] = &exchange_layout,
    [XENMEM_add_to_physmap] = &add_to_physmap_layout,
    [XENMEM_add_to_physmap_batch] = &add_batch_layout,
    [XENMEM_remove_from_physmap] = &remove_layout,
    [XENMEM_memory_map] = &map_layout,
    [XENMEM_machine_memory_map] = &map_layout,
    [XENMEM_set_memory_map] = &foreign_map_layout,
    [XENMEM_set_pod_target] = &pod_layout,
    [XENMEM_get_pod_target] = &pod_layout,
    [XENMEM_acquire_resource] = &resource_layout,
};

/* --- sched_op, vcpu_op --------------------------------------------------------------------------------------------------------------------------- */

static const struct compat_field poll[] = {HANDLE(sched_poll, x32_sched_poll, ports, NULL),
                                           FIELD(sched_poll, x32_sched_poll, nr_ports),
                                           FIELD(sched_poll, x32_sched_poll, timeout)};
LAYOUT(poll, sched_poll, x32_sched_poll);
static const struct compat_layout *const sched_layouts[] = {[SCHEDOP_poll] = &poll_layout};

#define S(f) FIELD(vcpu_runstate_info, x32_vcpu_runstate_info, f)
static const struct compat_field runstate[] = {S(state),   S(state_entry_time), S(time[0]),
                                               S(time[1]), S(time[2]),          S(time[3])};
LAYOUT(runstate, vcpu_runstate_info, x32_vcpu_runstate_info);

/* The areas outlive the call: their addresses are kept as they are. */
static const struct compat_field runstate_area[] = {
    HANDLE2(vcpu_register_runstate_memory_area, x32_vcpu_area, addr.h, h, NULL)};
LAYOUT(runstate_area, vcpu_register_runstate_memory_area, x32_vcpu_area);
static const struct compat_field time_area[] = {
    HANDLE2(vcpu_register_time_memory_area, x32_vcpu_area, addr.h, h, NULL)};
LAYOUT(time_area, vcpu_register_time_memory_area, x32_vcpu_area);

static const struct compat_field singleshot[] = {
    FIELD(vcpu_set_singleshot_timer, x32_set_singleshot_timer, timeout_abs_ns),
    FIELD(vcpu_set_singleshot_timer, x32_set_singleshot_timer, flags)};
LAYOUT(singleshot, vcpu_set_singleshot_timer, x32_set_singleshot_timer);

static const struct compat_layout *const vcpu_layouts[] = {
    [VCPUOP_get_runstate_info] = &runstate_layout,
    [VCPUOP_register_runstate_memory_area] = &runstate_area_layout,
    [VCPUOP_register_vcpu_time_memory_area] = &time_area_layout,
    [VCPUOP_set_singleshot_timer] = &singleshot_layout,
};

/* --- grant_table_op ------------------------------------------------------------------------------------------------------------------------------- */

#define G(f) FIELD(gnttab_setup_table, x32_gnttab_setup_table, f)
static const struct compat_field setup_table[] = {
    G(dom), G(nr_frames), G(status),
    HANDLE(gnttab_setup_table, x32_gnttab_setup_table, frame_list, &word_layout)};
LAYOUT(setup_table, gnttab_setup_table, x32_gnttab_setup_table);

#define T(f) FIELD(gnttab_transfer, x32_gnttab_transfer, f)
static const struct compat_field transfer[] = {T(mfn), T(domid), T(ref), T(status)};
LAYOUT(transfer, gnttab_transfer, x32_gnttab_transfer);

#define C(f) FIELD(gnttab_copy, x32_gnttab_copy, f)
static const struct compat_field copy[] = {FIELD2(gnttab_copy, x32_gnttab_copy, source.u, source.frame),
                                           C(source.domid),
                                           C(source.offset),
                                           FIELD2(gnttab_copy, x32_gnttab_copy, dest.u, dest.frame),
                                           C(dest.domid),
                                           C(dest.offset),
                                           C(len),
                                           C(flags),
                                           C(status)};
LAYOUT(copy, gnttab_copy, x32_gnttab_copy);

#define N(f) FIELD(gnttab_get_status_frames, x32_gnttab_get_status_frames, f)
static const struct compat_field status_frames[] = {
    N(nr_frames), N(dom), N(status),
    HANDLE(gnttab_get_status_frames, x32_gnttab_get_status_frames, frame_list, NULL)};
LAYOUT(status_frames, gnttab_get_status_frames, x32_gnttab_get_status_frames);

static const struct compat_layout *const grant_layouts[] = {
    [GNTTABOP_setup_table] = &setup_table_layout,
    [GNTTABOP_transfer] = &transfer_layout,
    [GNTTABOP_copy] = &copy_layout,
    [GNTTABOP_get_status_frames] = &status_frames_layout,
};

/* --- the calls -------------------------------------------------------------------------------------------------------------------------------------- */

#define ALIKE            \
    {                    \
        .is_known = true \
    }
#define BY_OP(at, mask, list)                                                    \
    {                                                                            \
        .is_known = true, .pointer = (at), .op_mask = (mask), .layouts = (list), \
        .layout_count = ARRAY_SIZE(list)                                         \
    }

/* sysctl and domctl have 64-bit fields and handles for every caller; physdev_op is none of PVH guests'. */
static const struct compat_call calls[] = {
    [__HYPERVISOR_memory_op] = BY_OP(1, MEMOP_OP_MASK, memory_layouts),
    [__HYPERVISOR_multicall] = BY_OP(0, 0, multicall_layouts),
    [__HYPERVISOR_set_timer_op] = {.is_known = true, .is_joined = true},
    [__HYPERVISOR_xen_version] = BY_OP(1, ~0u, version_layouts),
    [__HYPERVISOR_console_io] = ALIKE,
    [__HYPERVISOR_grant_table_op] = BY_OP(1, ~0u, grant_layouts),
    [__HYPERVISOR_vm_assist] = ALIKE,
    [__HYPERVISOR_vcpu_op] = BY_OP(2, ~0u, vcpu_layouts),
    [__HYPERVISOR_sched_op] = BY_OP(1, ~0u, sched_layouts),
    [__HYPERVISOR_event_channel_op] = ALIKE,
    [__HYPERVISOR_physdev_op] = ALIKE,
    [__HYPERVISOR_hvm_op] = ALIKE,
    [__HYPERVISOR_sysctl] = ALIKE,
    [__HYPERVISOR_domctl] = ALIKE,
    [__HYPERVISOR_hypfs_op] = ALIKE,
};

const struct compat_call *compat_call_of(uint64_t nr)
{
    return nr < ARRAY_SIZE(calls) && calls[nr].is_known ? &calls[nr] : NULL;
}

const struct compat_layout *compat_layout_of(const struct compat_call *call, uint32_t arg)
{
    uint32_t op = arg & call->op_mask;

    return op < call->layout_count ? call->layouts[op] : NULL;
}
