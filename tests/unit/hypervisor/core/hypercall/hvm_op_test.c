/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hvm_op: who may read and set which parameter, and the guests' own operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/hvm_op.h>
#include <abi/hvm_params.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))
#define PVH      4

static struct xen_hvm_param *param;
static struct domain *pvh;
static struct vcpu *dom0_vcpu, *pvh_vcpu;

static int start(void **state)
{
    struct domain_config c = {.id = PVH,
                              .kind = GUEST_PVH,
                              .max_vcpus = 2,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};

    fake_x86_start();
    param = (struct xen_hvm_param *)fake_window;
    dom0_vcpu = current_vcpu();
    assert_int_equal(domain_create(&c, &pvh), 0);
    assert_int_equal(vcpu_create(pvh, 0, &pvh_vcpu), 0);
    return 0;
}

static int end(void **state)
{
    set_current_vcpu(dom0_vcpu);
    fake_x86_end();
    return 0;
}

static long set(domid_t id, uint32_t index, uint64_t value)
{
    *param = (struct xen_hvm_param){.domid = id, .index = index, .value = value};
    return fake_call(do_hvm_op, HVMOP_set_param, GUEST(param));
}

static long get(domid_t id, uint32_t index)
{
    *param = (struct xen_hvm_param){.domid = id, .index = index, .value = ~0ull};
    return fake_call(do_hvm_op, HVMOP_get_param, GUEST(param));
}

static void tools(void **state)
{
    static const uint8_t builders[] = {1, 5, 6, 12, 17, 27, 28, 29, 2, 18, 10, 35};

    for (unsigned int i = 0; i < ARRAY_SIZE(builders); i++) {
        uint64_t value = builders[i] == HVM_PARAM_ALTP2M ? 0 : 2;

        assert_int_equal(set(PVH, builders[i], value), 0);
        assert_int_equal(get(PVH, builders[i]), 0);
        assert_int_equal(param->value, value);
    }
    assert_int_equal(set(PVH, HVM_NR_PARAMS, 0), -XEN_EINVAL);
    assert_int_equal(set(PVH, ~0u, 0), -XEN_EINVAL);
    assert_int_equal(set(PVH, 3, 0), -XEN_EINVAL);
    assert_int_equal(get(PVH, 3), -XEN_EINVAL);
    assert_int_equal(set(PVH, HVM_PARAM_TIMER_MODE, 4), -XEN_EINVAL);
    assert_int_equal(set(PVH, HVM_PARAM_VIRIDIAN, 1), -XEN_EOPNOTSUPP);
    assert_int_equal(set(9, HVM_PARAM_STORE_PFN, 1), -XEN_ESRCH);
    assert_int_equal(set(0, HVM_PARAM_STORE_PFN, 1), -XEN_EINVAL); /* a PV domain has none */
    assert_int_equal(fake_call(do_hvm_op, HVMOP_set_param, 8), -XEN_EFAULT);
}

static void guest(void **state)
{
    assert_int_equal(set(PVH, HVM_PARAM_STORE_PFN, 0xfeff), 0);
    set_current_vcpu(pvh_vcpu);
    assert_int_equal(get(DOMID_SELF, HVM_PARAM_STORE_PFN), 0);
    assert_int_equal(param->value, 0xfeff);
    assert_int_equal(set(DOMID_SELF, HVM_PARAM_STORE_PFN, 1), -XEN_EPERM);
    assert_int_equal(get(PVH, HVM_PARAM_IDENT_PT), -XEN_EPERM);
    assert_int_equal(set(DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 2ull << 56 | 0xf3), 0);
    assert_int_equal(fake_callback_vector, 0xf3);
    assert_int_equal(set(DOMID_SELF, HVM_PARAM_CALLBACK_IRQ, 1ull << 56 | 0xf3),
                     0); /* by an interrupt line: none */
    assert_int_equal(fake_callback_vector, 0);
    assert_int_equal(set(0, HVM_PARAM_STORE_PFN, 1), -XEN_EPERM);
    assert_int_equal(get(0, HVM_PARAM_STORE_PFN), -XEN_EPERM);
}

static void guest_operations(void **state)
{
    struct xen_hvm_evtchn_upcall_vector *u = (struct xen_hvm_evtchn_upcall_vector *)fake_window;
    struct xen_hvm_get_mem_type *m = (struct xen_hvm_get_mem_type *)fake_window;

    *u = (struct xen_hvm_evtchn_upcall_vector){.vcpu = 0, .vector = 0xf3};
    assert_int_equal(fake_call(do_hvm_op, HVMOP_set_evtchn_upcall_vector, GUEST(u)), -XEN_EINVAL); /* PV */
    set_current_vcpu(pvh_vcpu);
    assert_int_equal(fake_call(do_hvm_op, HVMOP_set_evtchn_upcall_vector, GUEST(u)), 0);
    u->vector = 0xf;
    assert_int_equal(fake_call(do_hvm_op, HVMOP_set_evtchn_upcall_vector, GUEST(u)), -XEN_EINVAL);
    *u = (struct xen_hvm_evtchn_upcall_vector){.vcpu = 1, .vector = 0xf3};
    assert_int_equal(fake_call(do_hvm_op, HVMOP_set_evtchn_upcall_vector, GUEST(u)), -XEN_ENOENT);
    u->vcpu = ~0u;
    assert_int_equal(fake_call(do_hvm_op, HVMOP_set_evtchn_upcall_vector, GUEST(u)), -XEN_ENOENT);
    *m = (struct xen_hvm_get_mem_type){.domid = DOMID_SELF, .pfn = ~0ull};
    assert_int_equal(fake_call(do_hvm_op, HVMOP_get_mem_type, GUEST(m)), 0);
    assert_int_equal(m->mem_type, HVMMEM_mmio_dm);
    m->pfn = pvh->shared_mfn.n;
    assert_int_equal(fake_call(do_hvm_op, HVMOP_get_mem_type, GUEST(m)), 0);
    assert_int_equal(m->mem_type, HVMMEM_ram_rw);
    assert_int_equal(fake_call(do_hvm_op, HVMOP_flush_tlbs, 0), 0);
    assert_int_equal(fake_call(do_hvm_op, HVMOP_flush_tlbs, 1), -XEN_EINVAL);
    assert_int_equal(fake_call(do_hvm_op, HVMOP_altp2m, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(fake_call(do_hvm_op, HVMOP_pagetable_dying, 0), -XEN_EINVAL);
    assert_int_equal(fake_call(do_hvm_op, HVMOP_xentrace, 0), -XEN_ENOSYS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(tools), T(guest), T(guest_operations)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
