/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PVH domains: control registers by policy, frames by number, grant mappings and their references, vectors, the hypercall page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <abi/hvm_params.h>
#include <abi/sched.h>
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>

static int start(void **state)
{
    rig_start();
    return 0;
}

static int end(void **state)
{
    rig_end();
    return 0;
}

static void policy(void **state)
{
    static const struct {
        uint64_t bits;
        uint16_t feature;
    } rules[] = {{3, XEN_X86_FEATURE_VME},
                 {8, XEN_X86_FEATURE_DE},
                 {16, XEN_X86_FEATURE_PSE},
                 {BIT(11), XEN_X86_FEATURE_UMIP},
                 {BIT(16), XEN_X86_FEATURE_FSGSBASE},
                 {BIT(17), XEN_X86_FEATURE_PCID},
                 {BIT(18), XEN_X86_FEATURE_XSAVE},
                 {BIT(20), XEN_X86_FEATURE_SMEP},
                 {BIT(21), XEN_X86_FEATURE_SMAP},
                 {BIT(22), XEN_X86_FEATURE_PKU},
                 {BIT(23), XEN_X86_FEATURE_CET_SS}};
    uint32_t words[CPU_FEATURESET_WORDS] = {0};

    for (unsigned int i = 0; i <= ARRAY_SIZE(rules); i++) {
        memset(words, 0, sizeof(words));
        if (i < ARRAY_SIZE(rules)) {
            cpu_featureset_set(words, rules[i].feature);
        }
        cpu_policy_from_featureset(&rig_policy, words);
        pvh_policy_changed(&rig_domain);
        assert_int_equal(rig_domain.pvh->cr4_allowed, 0x7e4 | (i < ARRAY_SIZE(rules) ? rules[i].bits : 0));
        assert_false(rig_vcpu[2].pvh->vlapic.x2apic_allowed || rig_vcpu[2].pvh->vlapic.tsc_deadline);
    }
    cpu_featureset_set(words, XEN_X86_FEATURE_X2APIC);
    cpu_policy_from_featureset(&rig_policy, words);
    pvh_policy_changed(&rig_domain);
    assert_true(rig_vcpu[2].pvh->vlapic.x2apic_allowed);
    assert_int_equal(rig_domain.hvm_params[HVM_PARAM_TRIPLE_FAULT_REASON], SHUTDOWN_reboot);
}

static uint64_t refs(mfn_t mfn)
{
    return frame_refs(frame_read(mfn));
}

static mfn_t new_frame(void)
{
    mfn_t mfn;

    assert_int_equal(domain_mem_alloc(&rig_domain.d.mem, 0, HEAP_ZERO, &mfn), 0);
    return mfn;
}

static void frames(void **state)
{
    static const uint64_t none[] = {RIG_PAGES, P2M_MAX_GFN - 1, P2M_MAX_GFN, 1ull << 52, ~0ull};
    mfn_t mfn;

    for (unsigned int write = 0; write < 2; write++) {
        assert_int_equal(pvh_get_gfn(&rig_domain.d, GFN(3), write, &mfn), 0);
        assert_int_equal(refs(mfn), 2);
        assert_ptr_equal(mfn_to_virt(mfn), rig_at(0x3000));
        write ? frame_put_writable(mfn) : frame_put(mfn);
        for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
            assert_int_equal(pvh_get_gfn(&rig_domain.d, GFN(none[i]), write, &mfn), -XEN_EINVAL);
        }
    }
    assert_int_equal(pvh_get_gva(&rig_vcpu[0], 0x3008, true, &mfn), 0);
    frame_put_writable(mfn);
    assert_int_equal(pvh_get_gva(&rig_vcpu[0], (uint64_t)RIG_PAGES << PAGE_SHIFT, false, &mfn), -XEN_EINVAL);
    assert_int_equal(pvh_max_gfn(&rig_domain), RIG_PAGES - 1);
    /* promised memory is there when it is asked for */
    assert_int_equal(pvh_pod_promise(&rig_domain, GFN(100), 0), 0);
    assert_int_equal(pvh_get_gfn(&rig_domain.d, GFN(100), true, &mfn), -XEN_EINVAL);
    assert_int_equal(pvh_pod_set_target(&rig_domain, rig_domain.d.mem.tot_pages + 1), 0);
    assert_int_equal(pvh_get_gfn(&rig_domain.d, GFN(100), true, &mfn), 0);
    frame_put_writable(mfn);
}

/* --- grants ---- */

static void grants(void **state)
{
    mfn_t mfn = new_frame(), other = new_frame(), found;
    uint64_t addr = 100 * PAGE_SIZE;

    for (unsigned int ro = 0; ro < 2; ro++) {
        uint32_t flags = GNTMAP_host_map | (ro ? GNTMAP_readonly : 0);

        assert_int_equal(pvh_gnttab_enter_mapping(addr, mfn, flags), GNTST_okay);
        assert_int_equal(refs(mfn), 2);
        assert_int_equal(p2m_lookup(&rig_domain.pvh->p2m, 100).write, !ro);
        /* another's page: not for the domain to give away, or to register */
        assert_int_equal(pvh_get_gfn(&rig_domain.d, GFN(100), false, &found), -XEN_EINVAL);
        assert_int_equal(pvh_gnttab_remove_mapping(addr, mfn, flags, addr + PAGE_SIZE), GNTST_general_error);
        assert_int_equal(pvh_gnttab_remove_mapping(addr, other, flags, 0), GNTST_general_error);
        assert_int_equal(pvh_gnttab_remove_mapping(addr + PAGE_SIZE, mfn, flags, 0), GNTST_general_error);
        assert_int_equal(pvh_gnttab_remove_mapping(addr, mfn, flags ^ GNTMAP_readonly, 0),
                         GNTST_general_error);
        assert_int_equal(refs(mfn), 2);
        assert_int_equal(pvh_gnttab_remove_mapping(addr, mfn, flags, 0), GNTST_okay);
        assert_int_equal(refs(mfn), 1);
        assert_int_equal(pvh_gnttab_remove_mapping(addr, mfn, flags, 0), GNTST_general_error); /* twice */
        assert_int_equal(refs(mfn), 1);
        pvh_flush_tlbs(&rig_domain);
    }
}

static void grants_refused(void **state)
{
    static const uint64_t addresses[] = {P2M_MAX_GFN << PAGE_SHIFT, 1ull << 63, ~0ull};
    mfn_t mfn = new_frame();

    assert_int_equal(pvh_gnttab_enter_mapping(0x100000, mfn, GNTMAP_host_map | GNTMAP_contains_pte),
                     GNTST_general_error);
    for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
        assert_int_equal(pvh_gnttab_enter_mapping(addresses[i], mfn, GNTMAP_host_map), GNTST_general_error);
        assert_int_equal(pvh_gnttab_enter_mapping(addresses[i], mfn, GNTMAP_host_map | GNTMAP_readonly),
                         GNTST_general_error);
        assert_int_equal(pvh_gnttab_remove_mapping(addresses[i], mfn, GNTMAP_host_map, 0),
                         GNTST_general_error);
    }
    assert_int_equal(refs(mfn), 1);
    assert_int_equal(domain_mem_give_back(&rig_domain.d.mem, mfn), 0); /* nobody's */
    assert_int_equal(pvh_gnttab_enter_mapping(0x100000, mfn, GNTMAP_host_map), GNTST_general_error);
}

/* --- vectors, the page ---- */

static void vectors(void **state)
{
    assert_int_equal(pvh_set_upcall_vector(&rig_vcpu[1], 15), -XEN_EINVAL);
    assert_int_equal(pvh_set_upcall_vector(&rig_vcpu[1], 0), -XEN_EINVAL);
    assert_int_equal(rig_vcpu[1].pvh->posted, 0);
    assert_int_equal(pvh_set_upcall_vector(&rig_vcpu[1], 16), 0);
    assert_int_equal(rig_vcpu[1].pvh->posted, 0);
    rig_vcpu[1].v.info->evtchn_upcall_pending = 1; /* what waited comes by the new way */
    assert_int_equal(pvh_set_upcall_vector(&rig_vcpu[1], 255), 0);
    assert_int_equal(rig_vcpu[1].pvh->posted & POST_UPCALL, POST_UPCALL);
    assert_int_equal(pvh_set_callback_vector(&rig_domain, 15), -XEN_EINVAL);
    assert_int_equal(pvh_set_callback_vector(&rig_domain, 0xf3), 0);
    assert_int_equal(pvh_set_callback_vector(&rig_domain, 1), -XEN_EINVAL);
    assert_int_equal(rig_domain.pvh->callback_vector, 0xf3);
    assert_int_equal(pvh_set_callback_vector(&rig_domain, 0), 0); /* none */
    assert_int_equal(rig_domain.pvh->callback_vector, 0);
}

static void info_width(void **state)
{
    pvh_take_info_width(&rig_vcpu[0]);
    assert_true(rig_domain.d.evtchn.is_32bit);
    rig_vcpu[0].pvh->vm.mode = INSN_MODE_64;
    pvh_take_info_width(&rig_vcpu[0]);
    assert_false(rig_domain.d.evtchn.is_32bit);
}

static void hypercall_page(void **state)
{
    uint8_t *page = rig_at(0x8000);

    pvh_fill_hypercall_page(&rig_domain.d, page);
    for (uint32_t i = 0; i < 128; i++) {
        const uint8_t *stub = page + 32 * i;
        uint32_t nr;

        memcpy(&nr, stub + 1, 4);
        if (i == __HYPERVISOR_iret) {
            assert_int_equal(stub[0] << 8 | stub[1], 0x0f0b); /* such guests have none */
            continue;
        }
        assert_true(stub[0] == 0xb8 && nr == i);
        assert_true(stub[5] == 0x0f && stub[6] == 0x01 && stub[7] == 0xd9 && stub[8] == 0xc3);
        assert_int_equal(stub[9], 0xcc);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(policy), T(frames), T(grants), T(grants_refused), T(vectors), T(info_width), T(hypercall_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
