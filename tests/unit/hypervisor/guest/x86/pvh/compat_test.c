/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls of 32-bit callers: what a handler reads and writes through the windows of guest/x86/pvh/compat.c, against structures that lie in the
 * guest's memory as abi/x86_32.h says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <abi/memory.h>
#include <abi/sched.h>
#include <abi/version.h>
#include <abi/x86_32.h>
#include <core/hypercall/memory_internal.h>
#include <guest/x86/pvh/compat_layout.h>
#include "rig.h"

#define ARG  0x2000u
#define LIST 0x3000u

static struct x86_vcpu *v0 = &rig_vcpu[0];

static int setup(void **state)
{
    rig_start();
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(v0->pvh->compat.depth, 0);
    assert_int_equal(v0->pvh->compat.window_count, 0);
    rig_end();
    return 0;
}

static long call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, hypercall_fn *fn)
{
    struct hypercall h = {.nr = nr, .arg = {a, b, c}, .is_compat = true};

    rig_call_result = pvh_compat_hypercall(v0, &h, fn);
    rig_call = h;
    return rig_call_result;
}

/* --- fields and arrays ----------------------------------------------------------------------------------------------------------------------- */

static struct xen_memory_reservation seen;
static xen_pfn_t seen_pfn[3];

static long read_reservation(struct hypercall *c)
{
    assert_true(c->arg[1] >> 32);
    assert_int_equal(guest_read_obj(&seen, c->arg[1]), 0);
    for (unsigned int i = 0; i < 3; i++) {
        assert_int_equal(guest_read_elem(&seen_pfn[i], guest_addr(seen.extent_start), i), 0);
    }
    return 3;
}

static void reservation_reads_wide(void **state)
{
    struct x32_memory_reservation *r = rig_at(ARG);
    uint32_t *list = rig_at(LIST);

    *r = (struct x32_memory_reservation){LIST, 0xfffffffe, 7, 0x55, 0x1234};
    list[0] = 0xffffffff, list[1] = 2, list[2] = 3;
    assert_int_equal(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG, 0, read_reservation), 3);
    assert_int_equal(seen.nr_extents, 0xfffffffe);
    assert_int_equal(seen.extent_order, 7);
    assert_int_equal(seen.mem_flags, 0x55);
    assert_int_equal(seen.domid, 0x1234);
    assert_int_equal(seen_pfn[0], 0xffffffff);
    assert_int_equal(seen_pfn[1], 2);
    assert_int_equal(seen_pfn[2], 3);
}

static long write_back(struct hypercall *c)
{
    struct xen_mem_acquire_resource r;
    xen_pfn_t frame = 0x1122334455667788;

    assert_int_equal(guest_read_obj(&r, c->arg[1]), 0);
    r.nr_frames = 77;
    r.frame = 0x0102030405060708;
    assert_int_equal(guest_write_obj(c->arg[1], &r), 0);
    assert_int_equal(guest_write_elem(guest_addr(r.frame_list), 1, &frame), 0);
    return 0;
}

static void writes_are_cut_and_leave_handles(void **state)
{
    struct x32_mem_acquire_resource *r = rig_at(ARG);
    uint32_t *list = rig_at(LIST);

    memset(r, 0, sizeof(*r) + 4);
    r->frame_list = LIST;
    list[0] = list[2] = 5;
    (&r->frame_list)[1] = 0xdeadbeef;
    assert_int_equal(call(__HYPERVISOR_memory_op, XENMEM_acquire_resource, ARG, 0, write_back), 0);
    assert_int_equal(r->nr_frames, 77);
    assert_int_equal(r->frame, 0x0102030405060708);
    assert_int_equal(r->frame_list, LIST);
    assert_int_equal((&r->frame_list)[1], 0xdeadbeef);
    assert_int_equal(list[0], 5);
    assert_int_equal(list[1], 0x55667788);
    assert_int_equal(list[2], 5);
}

/* --- limits ------------------------------------------------------------------------------------------------------------------------------------ */

static long read_arg(struct hypercall *c)
{
    uint64_t word;

    return guest_read_obj(&word, c->arg[1]);
}

static long read_far(struct hypercall *c)
{
    uint64_t word;

    assert_int_equal(guest_read_obj(&word, 1ull << 32), -XEN_EFAULT);
    assert_int_equal(guest_read_obj(&word, (1ull << 32) - 4), -XEN_EFAULT);
    assert_int_equal(guest_read_obj(&word, 3ull << 52), -XEN_EFAULT); /* no such window */
    assert_int_equal(guest_read_obj(&word, c->arg[1] + (1ull << 40)), -XEN_EFAULT);
    assert_int_equal(guest_write_obj(~0ull - 7, &word), -XEN_EFAULT);
    return 0;
}

static void addresses_end_at_four_gib(void **state)
{
    assert_int_equal(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG, 0, read_far), 0);
    assert_int_equal(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, 0xfffffff8, 0, read_arg),
                     -XEN_EFAULT);
    assert_int_equal(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, 0x80000000, 0, read_arg),
                     -XEN_EFAULT);
}

static long read_changing_handles(struct hypercall *c)
{
    struct xen_memory_reservation r;
    int rc = 0;

    for (uint32_t i = 1; i <= 2 * COMPAT_WINDOWS && rc == 0; i++) {
        *(uint32_t *)rig_at(ARG) = i * 16;
        rc = guest_read_obj(&r, c->arg[1]);
        assert_int_equal(rc, i < COMPAT_WINDOWS ? 0 : -XEN_EFAULT);
        if (rc == 0) { /* a second look opens nothing */
            assert_int_equal(guest_read_obj(&r, c->arg[1]), 0);
        }
    }
    return rc;
}

static void windows_run_out(void **state)
{
    assert_int_equal(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG, 0, read_changing_handles),
                     -XEN_EFAULT);
}

static long read_half_a_field(struct hypercall *c)
{
    uint32_t half;

    assert_int_equal(guest_write_obj(c->arg[1] + 4, &half), -XEN_EFAULT);
    return guest_read_obj(&half, c->arg[1] + 4);
}

static void half_a_field_is_refused(void **state)
{
    assert_int_equal(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG, 0, read_half_a_field),
                     -XEN_EFAULT);
}

static long extent_limit(struct hypercall *c)
{
    return (long)memory_extent_limit(c);
}

static void extents_fit_the_register(void **state)
{
    assert_int_equal(call(__HYPERVISOR_memory_op, XENMEM_populate_physmap, ARG, 0, extent_limit),
                     (1 << 26) - 1);
}

/* --- arguments ----------------------------------------------------------------------------------------------------------------------------------- */

static long take_arguments(struct hypercall *c)
{
    seen_pfn[0] = c->arg[0];
    seen_pfn[1] = c->arg[1];
    return 0;
}

static void timer_has_two_registers(void **state)
{
    call(__HYPERVISOR_set_timer_op, 0x89abcdef, 0x01234567, 0, take_arguments);
    assert_int_equal(seen_pfn[0], 0x0123456789abcdef);
}

static void alike_structures_are_not_moved(void **state)
{
    call(__HYPERVISOR_event_channel_op, 4, ARG, 0, take_arguments);
    assert_int_equal(seen_pfn[1], ARG);
    call(__HYPERVISOR_sched_op, SCHEDOP_shutdown, ARG, 0, take_arguments);
    assert_int_equal(seen_pfn[1], ARG);
    call(__HYPERVISOR_xen_version, XENVER_get_features, ARG, 0, take_arguments);
    assert_int_equal(seen_pfn[1], ARG);
    call(__HYPERVISOR_memory_op, ~0u, ARG, 0, take_arguments);
    assert_int_equal(seen_pfn[1], ARG);
}

static void unknown_calls_are_refused(void **state)
{
    assert_int_equal(call(__HYPERVISOR_platform_op, ARG, 0, 0, take_arguments), -XEN_ENOSYS);
    assert_int_equal(call(__HYPERVISOR_mmu_update, ARG, 0, 0, take_arguments), -XEN_ENOSYS);
    assert_int_equal(call(~0ull, ARG, 0, 0, take_arguments), -XEN_ENOSYS);
}

static long stop_after_three(struct hypercall *c)
{
    c->arg[1] += 3 * sizeof(struct gnttab_copy);
    c->arg[2] -= 3;
    return -XEN_ERESTART;
}

static void resumed_where_it_was(void **state)
{
    assert_int_equal(call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, ARG, 10, stop_after_three),
                     -XEN_ERESTART);
    assert_int_equal(rig_call.arg[0], GNTTABOP_copy);
    assert_int_equal(rig_call.arg[1], ARG + 3 * 24);
    assert_int_equal(rig_call.arg[2], 7);
}

/* --- multicall: an entry, and a call of its own inside it -------------------------------------------------------------------------------------------- */

static long inner_then_result(struct hypercall *c)
{
    struct multicall_entry e;
    struct hypercall inner = {.is_compat = true};

    assert_int_equal(guest_read_obj(&e, c->arg[0] + sizeof(e)), 0);
    inner.nr = e.op;
    memcpy(inner.arg, e.args, sizeof(inner.arg));
    e.result = (xen_ulong_t)pvh_compat_hypercall(v0, &inner, read_reservation);
    assert_int_equal(v0->pvh->compat.depth, 1);
    return guest_write_obj(c->arg[0] + sizeof(e) + offsetof(struct multicall_entry, result), &e.result);
}

static void multicall_entries(void **state)
{
    struct x32_multicall_entry *m = rig_at(ARG);
    struct x32_memory_reservation *r = rig_at(LIST);

    m[1] =
        (struct x32_multicall_entry){.op = __HYPERVISOR_memory_op, .args = {XENMEM_populate_physmap, LIST}};
    *r = (struct x32_memory_reservation){LIST + 0x100, 9, 0, 0, 0x7ff0};
    assert_int_equal(call(__HYPERVISOR_multicall, ARG, 2, 0, inner_then_result), 0);
    assert_int_equal(m[1].result, 3);
    assert_int_equal(m[1].op, __HYPERVISOR_memory_op);
    assert_int_equal(seen.nr_extents, 9);
}

/* --- the table ---------------------------------------------------------------------------------------------------------------------------------------- */

/* Fields lie inside both forms and do not overlap in either. */
static void check_layout(const struct compat_layout *l)
{
    uint8_t in64[128] = {0}, in32[COMPAT_ELEMENT_MAX] = {0};

    assert_true(l->size32 <= COMPAT_ELEMENT_MAX && l->size64 <= sizeof(in64) && l->size32 <= l->size64);
    for (unsigned int i = 0; i < l->field_count; i++) {
        const struct compat_field *f = &l->fields[i];

        assert_true(f->size32 > 0 && f->size32 <= f->size64 && f->size64 <= 8);
        assert_true(f->at64 + f->size64 <= l->size64 && f->at32 + f->size32 <= l->size32);
        for (unsigned int b = 0; b < f->size64; b++) {
            assert_int_equal(in64[f->at64 + b]++, 0);
        }
        for (unsigned int b = 0; b < f->size32; b++) {
            assert_int_equal(in32[f->at32 + b]++, 0);
        }
        if (f->target) {
            assert_true(f->is_handle);
            check_layout(f->target);
        }
    }
}

static void every_layout_is_sound(void **state)
{
    unsigned int found = 0;

    for (uint64_t nr = 0; nr < 64; nr++) {
        const struct compat_call *c = compat_call_of(nr);

        for (uint32_t op = 0; c && op < 64; op++) {
            const struct compat_layout *l = compat_layout_of(c, op);

            if (l) {
                check_layout(l);
                found++;
            }
        }
    }
    assert_true(found > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reservation_reads_wide),    TEST(writes_are_cut_and_leave_handles),
        TEST(addresses_end_at_four_gib), TEST(windows_run_out),
        TEST(half_a_field_is_refused),   TEST(extents_fit_the_register),
        TEST(timer_has_two_registers),   TEST(alike_structures_are_not_moved),
        TEST(unknown_calls_are_refused), TEST(resumed_where_it_was),
        TEST(multicall_entries),         TEST(every_layout_is_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
