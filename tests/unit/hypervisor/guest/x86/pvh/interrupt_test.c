/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an entry delivers: priorities, masking, windows; posting by others; start-up of vCPUs; the APIC's timer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <tests/unit/hypervisor/guest/x86/pvh/rig.h>

#define CALLBACK 0xf3

static struct x86_vcpu *const v0 = &rig_vcpu[0], *const v1 = &rig_vcpu[1];
static const struct vmexit quiet = {.reason = VMEXIT_INTERRUPT};

static int start(void **state)
{
    rig_start();
    for (unsigned int i = 0; i < RIG_VCPUS; i++) {
        struct vlapic_clock clock = pvh_apic_clock(&rig_vcpu[i]);
        struct vlapic_effect fx = {0};

        vlapic_mmio_write(&rig_vcpu[i].pvh->vlapic, VLAPIC_SVR, 4, 0x1ff, &clock, &fx);
        rig_vcpu[i].regs.rflags = X86_FLAGS_FIXED | X86_FLAGS_IF;
    }
    return 0;
}

static int end(void **state)
{
    rig_end();
    return 0;
}

static void entered_with(unsigned int type, unsigned int vector)
{
    assert_true(rig_entered.inject.valid);
    assert_int_equal(rig_entered.inject.type, type);
    assert_int_equal(rig_entered.inject.vector, vector);
}

static void write_apic(struct x86_vcpu *xv, unsigned int reg, uint32_t value)
{
    struct vlapic_clock clock = pvh_apic_clock(xv);
    struct vlapic_effect fx = {0};

    vlapic_mmio_write(&xv->pvh->vlapic, reg, 4, value, &clock, &fx);
    pvh_apply_effect(xv, &fx);
}

static void nothing_pending_nothing_delivered(void **state)
{
    rig_run(v0, &quiet);
    assert_int_equal(rig_entries, 1);
    assert_false(rig_entered.inject.valid);
    assert_false(rig_entered.want_window);
}

static void highest_vector_first_and_only_above_what_is_served(void **state)
{
    pvh_post_irq(v0, 0x51);
    pvh_post_irq(v0, 0x93);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x93);
    assert_false(rig_entered.want_window); /* 0x51 is below what is being served */
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid);
    write_apic(v0, VLAPIC_EOI, 0);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x51);
}

static void order_is_nmi_callback_apic(void **state)
{
    rig_domain.pvh->callback_vector = CALLBACK;
    rig_shared.vcpu_info[0].evtchn_upcall_pending = 1;
    pvh_post_irq(v0, 0x51);
    pvh_send_nmi(v0);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_NMI, 2);
    assert_true(rig_entered.want_window && rig_entered.want_iret);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, CALLBACK);
    assert_true(rig_entered.want_window);
    rig_shared.vcpu_info[0].evtchn_upcall_pending = 0;
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x51);
}

static void masked_events_wait(void **state)
{
    rig_domain.pvh->callback_vector = CALLBACK;
    rig_shared.vcpu_info[0].evtchn_upcall_pending = 1;
    rig_shared.vcpu_info[0].evtchn_upcall_mask = 1;
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid || rig_entered.want_window);
}

static void a_window_is_asked_for_while_the_guest_cannot_take_it(void **state)
{
    v0->regs.rflags = X86_FLAGS_FIXED;
    pvh_post_irq(v0, 0x51);
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid);
    assert_true(rig_entered.want_window);
    v0->regs.rflags |= X86_FLAGS_IF;
    v0->pvh->vm.shadow = true;
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_WINDOW});
    assert_true(rig_entered.want_window && !rig_entered.inject.valid);
    v0->pvh->vm.shadow = false;
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x51);
}

static void task_priority_holds_back_and_its_writes_are_watched(void **state)
{
    vlapic_set_cr8(&v0->pvh->vlapic, 9);
    pvh_post_irq(v0, 0x93);
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid || rig_entered.want_window);
    assert_true(rig_entered.want_cr8);
    assert_int_equal(rig_entered.cr8, 9);
    rig_guest_cr8 = 8;
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x93);
}

static void an_interrupted_delivery_comes_first(void **state)
{
    pvh_inject(v0, 14, 2);
    pvh_post_irq(v0, 0x51);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_EXCEPTION, 14);
    assert_true(rig_entered.inject.has_error && rig_entered.inject.error == 2 && rig_entered.want_window);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x51);
}

static void an_interrupt_of_the_apic_that_comes_again_needs_no_window(void **state)
{
    pvh_post_irq(v0, 0x51);
    rig_run(v0, &quiet);
    v0->pvh->vm.inject = (struct vm_event){.valid = true, .type = VM_EVENT_INTERRUPT, .vector = 0x51};
    pvh_post_irq(v0, 0x93);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x51);
    assert_false(rig_entered.want_window);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x93);
}

static void a_callback_that_comes_again_is_no_second_one(void **state)
{
    rig_domain.pvh->callback_vector = CALLBACK;
    rig_shared.vcpu_info[0].evtchn_upcall_pending = 1;
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, CALLBACK);
    v0->pvh->vm.inject = (struct vm_event){.valid = true, .type = VM_EVENT_INTERRUPT, .vector = CALLBACK};
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, CALLBACK);
    assert_false(rig_entered.want_window);
}

static void one_nmi_at_a_time(void **state)
{
    pvh_send_nmi(v0);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_NMI, 2);
    pvh_send_nmi(v0);
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid);
    rig_run(v0, &(struct vmexit){.reason = VMEXIT_IRET});
    assert_false(rig_entered.inject.valid);
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid); /* still at the IRET */
    v0->regs.rip += 2;
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_NMI, 2);
}

static void own_upcall_vector_goes_through_the_apic(void **state)
{
    rig_domain.pvh->callback_vector = CALLBACK;
    assert_int_equal(pvh_set_upcall_vector(v0, 15), -XEN_EINVAL);
    assert_int_equal(pvh_set_upcall_vector(v0, 0x61), 0);
    rig_shared.vcpu_info[0].evtchn_upcall_pending = 1;
    pvh_upcall_pending(v0);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x61);
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid); /* once for each time */
    pvh_upcall_pending(v0);
    write_apic(v0, VLAPIC_EOI, 0);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x61);
}

static void own_upcall_waits_for_the_apic(void **state)
{
    write_apic(v0, VLAPIC_SVR, 0xff);
    assert_int_equal(pvh_set_upcall_vector(v0, 0x61), 0);
    rig_shared.vcpu_info[0].evtchn_upcall_pending = 1;
    pvh_upcall_pending(v0);
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid);
    write_apic(v0, VLAPIC_SVR, 0x1ff);
    rig_run(v0, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x61);
    write_apic(v0, VLAPIC_SVR, 0x1ff); /* it was on: nothing new */
    write_apic(v0, VLAPIC_EOI, 0);
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid);
}

static void ipis(void **state)
{
    write_apic(v0, VLAPIC_ICR2, 2u << 24); /* vCPU 1 has id 2 */
    write_apic(v0, VLAPIC_ICR, 0x4000 | 0x71);
    rig_run(v1, &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x71);
    write_apic(v0, VLAPIC_ICR, 3 << 18 | 0x4000 | 0x72); /* all but self */
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid);
    rig_run(&rig_vcpu[2], &quiet);
    entered_with(VM_EVENT_INTERRUPT, 0x72);
}

static void start_up(void **state)
{
    write_apic(v0, VLAPIC_ICR2, 2u << 24);
    write_apic(v0, VLAPIC_ICR, 0x4600 | 0x33); /* a start-up without INIT before */
    assert_false(v1->pvh->posted & POST_SIPI);
    write_apic(v0, VLAPIC_ICR, 0xc500); /* INIT */
    rig_run(v1, &quiet);
    assert_int_equal(rig_entries, 0);
    assert_true(v1->v.sched.pause_flags & VPF_DOWN);
    write_apic(v0, VLAPIC_ICR, 0x4600 | 0x33);
    assert_false(v1->v.sched.pause_flags & VPF_DOWN);
    rig_run(v1, &quiet);
    assert_int_equal(rig_entries, 1);
    assert_int_equal(rig_entered.state.seg[X86_SEG_CS].base, 0x33000);
    assert_int_equal(rig_entered.state.seg[X86_SEG_CS].sel, 0x3300);
    assert_int_equal(v1->regs.rip, 0);
    assert_int_equal(rig_entered.state.cr0 & ~0x10, 0);
    assert_true(v1->v.is_initialised);
    v1->regs.rip = 0x44;
    write_apic(v0, VLAPIC_ICR, 0x4600 | 0x35); /* the second one that systems send */
    rig_run(v1, &quiet);
    assert_int_equal(v1->regs.rip, 0x44);
}

static void sipi_right_after_init(void **state)
{
    pvh_post(v1, POST_INIT);
    write_apic(v0, VLAPIC_ICR2, 2u << 24);
    write_apic(v0, VLAPIC_ICR, 0x4600 | 0x12);
    rig_run(v1, &quiet);
    assert_int_equal(rig_entries, 1);
    assert_int_equal(rig_entered.state.seg[X86_SEG_CS].base, 0x12000);
}

static void the_timer_interrupts(void **state)
{
    write_apic(v0, VLAPIC_TIMER_DIVIDE, 0xb);
    write_apic(v0, VLAPIC_LVT_TIMER, 0x20000 | 0xec); /* periodic */
    write_apic(v0, VLAPIC_TIMER_INITIAL, 100000);     /* 1 ms */
    rig_run(v0, &quiet);
    assert_false(rig_entered.inject.valid);
    for (unsigned int i = 0; i < 3; i++) {
        host_advance(MILLISECS(1));
        rig_run(v0, &quiet);
        entered_with(VM_EVENT_INTERRUPT, 0xec);
        write_apic(v0, VLAPIC_EOI, 0);
    }
    write_apic(v0, VLAPIC_TIMER_INITIAL, 0);
    assert_false(timer_is_armed(&v0->pvh->timer));
}

static void removals_flush_at_the_next_entry(void **state)
{
    rig_run(v0, &quiet);
    rig_run(v0, &quiet);
    assert_false(rig_entered.flush);
    pvh_flush_tlbs(&rig_domain);
    rig_run(v0, &quiet);
    assert_true(rig_entered.flush);
    rig_run(v0, &quiet);
    assert_false(rig_entered.flush);
}

static void pending_as_block_sees_it(void **state)
{
    assert_false(pvh_interrupt_pending(v0));
    pvh_post_irq(v0, 0x41);
    assert_true(pvh_interrupt_pending(v0));
    pvh_post_irq(v1, 0x41);
    assert_true(pvh_interrupt_pending(v1)); /* another's: by what was posted */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(nothing_pending_nothing_delivered),
        TEST(highest_vector_first_and_only_above_what_is_served),
        TEST(order_is_nmi_callback_apic),
        TEST(masked_events_wait),
        TEST(a_window_is_asked_for_while_the_guest_cannot_take_it),
        TEST(task_priority_holds_back_and_its_writes_are_watched),
        TEST(an_interrupted_delivery_comes_first),
        TEST(an_interrupt_of_the_apic_that_comes_again_needs_no_window),
        TEST(a_callback_that_comes_again_is_no_second_one),
        TEST(one_nmi_at_a_time),
        TEST(own_upcall_vector_goes_through_the_apic),
        TEST(own_upcall_waits_for_the_apic),
        TEST(ipis),
        TEST(start_up),
        TEST(sipi_right_after_init),
        TEST(the_timer_interrupts),
        TEST(removals_flush_at_the_next_entry),
        TEST(pending_as_block_sees_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
