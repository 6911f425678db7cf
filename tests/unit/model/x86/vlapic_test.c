/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC: vectors and priorities against a naive model, then each register group by its rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <model/x86/vlapic/vlapic.h>

static struct vlapic vl;
static struct vlapic_effect fx;
static struct vlapic_clock clk;

static void wr(unsigned offset, uint32_t val)
{
    fx = (struct vlapic_effect){0};
    vlapic_mmio_write(&vl, offset, 4, val, &clk, &fx);
}

static uint32_t rd(unsigned offset)
{
    return vlapic_mmio_read(&vl, offset, 4, &clk);
}

static bool wrmsr(uint32_t msr, uint64_t val)
{
    fx = (struct vlapic_effect){0};
    return vlapic_msr_write(&vl, msr, val, &clk, &fx);
}

static uint64_t rdmsr(uint32_t msr)
{
    uint64_t val = 0;

    assert_true(vlapic_msr_read(&vl, msr, &clk, &val));
    return val;
}

static void fresh(uint32_t id)
{
    clk = (struct vlapic_clock){.now_ns = 1000000, .tsc = 5000000, .tsc_khz = 2000000};
    vlapic_init(&vl, id, id == 0, true, true);
    wr(VLAPIC_SVR, 0x1ff);
}

static void go_x2apic(void)
{
    assert_true(wrmsr(VLAPIC_MSR_BASE, rdmsr(VLAPIC_MSR_BASE) | VLAPIC_BASE_X2APIC));
}

static void test_reset_state(void **state)
{
    vlapic_init(&vl, 6, false, true, true);
    assert_int_equal(rd(VLAPIC_ID), 6u << 24);
    assert_int_equal(rd(VLAPIC_VERSION), 0x50014);
    assert_int_equal(rd(VLAPIC_SVR), 0xff);
    assert_int_equal(rd(VLAPIC_DFR), 0xffffffff);
    assert_int_equal(rd(VLAPIC_LVT_LINT0), 0x10000);
    assert_false(vlapic_set_irq(&vl, 0x40, false)); /* software-disabled */
    assert_int_equal(rdmsr(VLAPIC_MSR_BASE), 0xfee00800);
    vlapic_init(&vl, 0, true, true, true);
    assert_int_equal(rdmsr(VLAPIC_MSR_BASE), 0xfee00900);
    assert_int_equal(vlapic_mmio_read(&vl, VLAPIC_VERSION + 2, 1, &clk), 5);
    assert_int_equal(vlapic_mmio_read(&vl, VLAPIC_VERSION + 4, 4, &clk), 0);
}

/* A byte an element, a loop a question. */
struct naive {
    bool irr[256], isr[256], tmr[256];
    uint8_t tpr;
};

static int naive_highest(const bool *map)
{
    for (int v = 255; v >= 0; v--) {
        if (map[v]) {
            return v;
        }
    }
    return -1;
}

static int naive_next(const struct naive *n)
{
    int irr = naive_highest(n->irr), isr = naive_highest(n->isr);
    int ppr = n->tpr >> 4;

    if (isr >= 0 && isr >> 4 > ppr) {
        ppr = isr >> 4;
    }
    return irr >= 0 && irr >> 4 > ppr ? irr : -1;
}

static void test_vectors_against_naive_model(void **state)
{
    static struct naive n;
    uint8_t vector;

    srand(1);
    fresh(0);
    for (unsigned i = 0; i < 300000; i++) {
        int want, v = 16 + rand() % 240;
        bool level = rand() & 1;

        switch (rand() % 4) {
        case 0:
            assert_int_equal(vlapic_set_irq(&vl, (uint8_t)v, level), !n.irr[v]);
            n.irr[v] = true;
            n.tmr[v] = level;
            break;
        case 1:
            want = naive_next(&n);
            assert_int_equal(vlapic_next_vector(&vl, &vector), want >= 0);
            if (want >= 0) {
                assert_int_equal(vector, want);
                vlapic_ack(&vl, vector);
                n.irr[want] = false;
                n.isr[want] = true;
            }
            break;
        case 2:
            want = naive_highest(n.isr);
            wr(VLAPIC_EOI, 0);
            assert_int_equal(fx.eoi_level, want >= 0 && n.tmr[want]);
            if (want >= 0) {
                assert_true(!fx.eoi_level || fx.eoi_vector == want);
                n.isr[want] = false;
            }
            break;
        default:
            if (rand() % 8 == 0) {
                n.tpr = (uint8_t)(rand() & 0x7f);
                wr(VLAPIC_TPR, n.tpr);
            }
            break;
        }
        want = naive_highest(n.isr);
        assert_int_equal(rd(VLAPIC_PPR), want >> 4 > n.tpr >> 4 ? want & 0xf0 : n.tpr);
    }
}

static void test_destinations(void **state)
{
    fresh(5);
    wr(VLAPIC_LDR, 0x22u << 24);
    assert_true(vlapic_matches_dest(&vl, 5, false));
    assert_false(vlapic_matches_dest(&vl, 4, false));
    assert_true(vlapic_matches_dest(&vl, 0xff, false));
    assert_true(vlapic_matches_dest(&vl, 0x02, true));
    assert_false(vlapic_matches_dest(&vl, 0x01, true));
    wr(VLAPIC_DFR, 0x0fffffff); /* cluster 2, member bit 1 */
    assert_true(vlapic_matches_dest(&vl, 0x2f, true));
    assert_false(vlapic_matches_dest(&vl, 0x1f, true));
    assert_false(vlapic_matches_dest(&vl, 0x21, true));
    assert_true(vlapic_matches_dest(&vl, 0xf2, true));
    vlapic_init(&vl, 0x123, false, true, true);
    go_x2apic();
    assert_int_equal(rdmsr(0x802), 0x123);
    assert_int_equal(rdmsr(0x80d), 0x120008);
    assert_true(vlapic_matches_dest(&vl, 0x123, false));
    assert_false(vlapic_matches_dest(&vl, 0xff, false));
    assert_true(vlapic_matches_dest(&vl, VLAPIC_BROADCAST, false));
    assert_true(vlapic_matches_dest(&vl, 0x12000c, true));
    assert_false(vlapic_matches_dest(&vl, 0x120004, true));
    assert_false(vlapic_matches_dest(&vl, 0x130008, true));
}

static void test_icr(void **state)
{
    fresh(2);
    wr(VLAPIC_ICR2, 7u << 24);
    wr(VLAPIC_ICR, 0x00004600 | 0x9a); /* STARTUP */
    assert_true(fx.ipi_pending);
    assert_true(fx.ipi.dest == 7 && fx.ipi.mode == VLAPIC_STARTUP && fx.ipi.vector == 0x9a &&
                !fx.ipi.logical && fx.ipi.source_id == 2);
    wr(VLAPIC_ICR, 0x0000c500);
    assert_true(fx.ipi_pending && fx.ipi.mode == VLAPIC_INIT);
    wr(VLAPIC_ICR, 0x00008500); /* INIT, level, deassert */
    assert_false(fx.ipi_pending);
    wr(VLAPIC_ICR, 0x000c00fd);
    assert_true(fx.ipi.shorthand == 3 && !vlapic_ipi_targets(&vl, &fx.ipi));
    wr(VLAPIC_ICR, 0x000800fd);
    assert_true(vlapic_ipi_targets(&vl, &fx.ipi));
    wr(VLAPIC_ICR2, 0xffu << 24);
    wr(VLAPIC_ICR, 0x000000fd);
    assert_int_equal(fx.ipi.dest, VLAPIC_BROADCAST);
    /* illegal vector: ESR, and the error interrupt once */
    wr(VLAPIC_LVT_ERROR, 0xfe);
    wr(VLAPIC_ICR, 0x5);
    assert_false(fx.ipi_pending);
    assert_int_equal(rd(VLAPIC_IRR + 0x70), 1u << 30);
    assert_int_equal(rd(VLAPIC_ESR), 0);
    wr(VLAPIC_ESR, 0);
    assert_int_equal(rd(VLAPIC_ESR), 0x20);
    wr(VLAPIC_ESR, 0);
    assert_int_equal(rd(VLAPIC_ESR), 0);
    go_x2apic();
    assert_true(wrmsr(0x830, 0x12345678000000f0));
    assert_true(fx.ipi_pending && fx.ipi.dest == 0x12345678 && fx.ipi.vector == 0xf0);
    assert_int_equal(rdmsr(0x830), 0x12345678000000f0);
    assert_true(wrmsr(0x83f, 0x41));
    assert_true(fx.ipi_pending && fx.ipi.shorthand == 1 && fx.ipi.vector == 0x41 &&
                vlapic_ipi_targets(&vl, &fx.ipi));
}

static void test_mode_transitions(void **state)
{
    fresh(1);
    assert_false(wrmsr(VLAPIC_MSR_BASE, 0xfee00400)); /* x2APIC without enable */
    assert_false(wrmsr(VLAPIC_MSR_BASE, 0xfee00a00)); /* reserved bit */
    assert_false(vlapic_msr_read(&vl, 0x802, &clk, &(uint64_t){0}));
    go_x2apic();
    assert_true(fx.base_changed);
    assert_false(wrmsr(VLAPIC_MSR_BASE, 0xfee00800)); /* no way back but through off */
    assert_false(wrmsr(0x80d, 0));
    assert_false(wrmsr(0x80b, 1));
    assert_true(wrmsr(0x80b, 0));
    assert_false(wrmsr(0x808, 0x100));
    assert_false(wrmsr(0x80e, 0));
    assert_false(vlapic_msr_read(&vl, 0x80e, &clk, &(uint64_t){0}));
    assert_false(vlapic_msr_read(&vl, 0x831, &clk, &(uint64_t){0}));
    assert_false(vlapic_msr_read(&vl, 0x80b, &clk, &(uint64_t){0}));
    assert_false(vlapic_msr_read(&vl, 0x840, &clk, &(uint64_t){0}));
    assert_true(wrmsr(VLAPIC_MSR_BASE, 0xfee00000));
    assert_false(vlapic_hw_enabled(&vl));
    assert_false(wrmsr(VLAPIC_MSR_BASE, 0xfee00c00)); /* off to x2APIC */
    assert_true(wrmsr(VLAPIC_MSR_BASE, 0xfee00800));
    assert_int_equal(rd(VLAPIC_SVR), 0xff);
}

/* One write and one read of an MSR at two different moments: what is said not to need the clock gives the same. */
static void test_clock_is_asked_for_where_it_matters(void **state)
{
    static const uint32_t others[] = {VLAPIC_MSR_BASE, VLAPIC_MSR_TSC_DEADLINE};
    unsigned with = 0;

    for (unsigned i = 0; i < 0x40 + 2; i++) {
        uint32_t msr = i < 0x40 ? VLAPIC_MSR_FIRST + i : others[i - 0x40];
        struct vlapic result[2];
        uint64_t val[2] = {0, 0};

        for (unsigned k = 0; k < 2; k++) {
            fresh(0);
            go_x2apic();
            assert_true(wrmsr(0x832, 0x200ec));
            assert_true(wrmsr(0x838, 1000));
            clk = vlapic_msr_needs_clock(msr) ? clk : (struct vlapic_clock){.now_ns = 1000000 + k * 3000};
            (void)wrmsr(msr, msr == VLAPIC_MSR_BASE ? 0xfee00d00 : 0x31);
            (void)vlapic_msr_read(&vl, msr, &clk, &val[k]);
            result[k] = vl;
        }
        assert_memory_equal(&result[0], &result[1], sizeof(vl));
        assert_int_equal(val[0], val[1]);
        with += vlapic_msr_needs_clock(msr);
    }
    assert_int_equal(with, 5);
}

static void test_timer_one_shot(void **state)
{
    fresh(0);
    wr(VLAPIC_TIMER_DIVIDE, 0xb); /* by 1 */
    wr(VLAPIC_LVT_TIMER, 0xec);
    wr(VLAPIC_TIMER_INITIAL, 1000);
    assert_true(fx.timer_changed);
    assert_int_equal(vl.deadline_ns, 1000000 + 10000);
    clk.now_ns += 4000;
    assert_int_equal(rd(VLAPIC_TIMER_CURRENT), 600);
    wr(VLAPIC_TIMER_DIVIDE, 0x3); /* by 16: the count stays, the rest takes longer */
    assert_int_equal(rd(VLAPIC_TIMER_CURRENT), 600);
    assert_int_equal(vl.deadline_ns, clk.now_ns + 96000);
    assert_false(vlapic_timer_fire(&vl, clk.now_ns + 95999));
    assert_true(vlapic_timer_fire(&vl, clk.now_ns + 96000));
    assert_int_equal(vl.deadline_ns, 0);
    assert_int_equal(rd(VLAPIC_IRR + 0x70), 1u << 12);
    clk.now_ns += 97000;
    assert_int_equal(rd(VLAPIC_TIMER_CURRENT), 0);
    wr(VLAPIC_TIMER_INITIAL, 5);
    wr(VLAPIC_TIMER_INITIAL, 0);
    assert_int_equal(vl.deadline_ns, 0);
}

static void test_timer_periodic(void **state)
{
    fresh(0);
    wr(VLAPIC_TIMER_DIVIDE, 0xb);
    wr(VLAPIC_LVT_TIMER, 0x200ec);
    wr(VLAPIC_TIMER_INITIAL, 10000); /* 100 us */
    assert_true(vlapic_timer_fire(&vl, 1100000));
    assert_int_equal(vl.deadline_ns, 1200000);
    assert_true(vlapic_timer_fire(&vl, 1450001)); /* three missed are one */
    assert_int_equal(vl.deadline_ns, 1500000);
    clk.now_ns = 1425000;
    assert_int_equal(rd(VLAPIC_TIMER_CURRENT), 7500);
    wr(VLAPIC_TIMER_INITIAL, 1); /* 10 ns: slowed down */
    assert_true(vlapic_timer_fire(&vl, 1425010));
    assert_int_equal(vl.deadline_ns, 1425010 + VLAPIC_MIN_PERIOD_NS);
}

static void test_timer_deadline(void **state)
{
    fresh(0);
    assert_true(wrmsr(VLAPIC_MSR_TSC_DEADLINE, 77)); /* another mode: without effect */
    assert_int_equal(rdmsr(VLAPIC_MSR_TSC_DEADLINE), 0);
    wr(VLAPIC_LVT_TIMER, 0x400ec);
    assert_true(wrmsr(VLAPIC_MSR_TSC_DEADLINE, clk.tsc + 2000));
    assert_int_equal(vl.deadline_ns, clk.now_ns + 1000);
    assert_true(vlapic_timer_fire(&vl, clk.now_ns + 1000));
    assert_int_equal(rdmsr(VLAPIC_MSR_TSC_DEADLINE), 0);
    assert_true(wrmsr(VLAPIC_MSR_TSC_DEADLINE, 1)); /* past */
    assert_int_equal(vl.deadline_ns, clk.now_ns);
    assert_true(wrmsr(VLAPIC_MSR_TSC_DEADLINE, UINT64_MAX));
    assert_true(vl.deadline_ns > clk.now_ns + 1000000000);
    wr(VLAPIC_TIMER_INITIAL, 100);
    assert_int_equal(rd(VLAPIC_TIMER_INITIAL), 0);
    wr(VLAPIC_LVT_TIMER, 0xec);
    assert_int_equal(vl.deadline_ns, 0);
    vlapic_init(&vl, 0, true, true, false);
    assert_false(wrmsr(VLAPIC_MSR_TSC_DEADLINE, 0));
}

static void test_local_sources(void **state)
{
    enum vlapic_delivery mode;

    fresh(0);
    assert_false(vlapic_local_irq(&vl, VLAPIC_LVT_LINT1, &mode));
    wr(VLAPIC_LVT_LINT1, 0x400);
    assert_true(vlapic_local_irq(&vl, VLAPIC_LVT_LINT1, &mode));
    assert_int_equal(mode, VLAPIC_NMI);
    wr(VLAPIC_LVT_LINT0, 0x700);
    assert_true(vlapic_local_irq(&vl, VLAPIC_LVT_LINT0, &mode));
    assert_int_equal(mode, VLAPIC_EXTINT);
    wr(VLAPIC_LVT_PERF, 0x55);
    assert_true(vlapic_local_irq(&vl, VLAPIC_LVT_PERF, &mode));
    assert_int_equal(rd(VLAPIC_IRR + 0x20), 1u << 21);
    wr(VLAPIC_SVR, 0xff); /* software disable masks */
    assert_false(vlapic_local_irq(&vl, VLAPIC_LVT_PERF, &mode));
    wr(VLAPIC_LVT_PERF, 0x55);
    assert_int_equal(rd(VLAPIC_LVT_PERF), 0x10055);
    vlapic_set_cr8(&vl, 0xd);
    assert_int_equal(rd(VLAPIC_TPR), 0xd0);
    assert_int_equal(vlapic_cr8(&vl), 0xd);
}

static void test_save_and_load(void **state)
{
    struct hvm_hw_lapic hw;
    struct hvm_hw_lapic_regs regs;
    struct vlapic_clock later = {.now_ns = 77000000, .tsc = 9, .tsc_khz = 1000000};
    uint8_t vector;

    fresh(4);
    wr(VLAPIC_TIMER_DIVIDE, 0xb);
    wr(VLAPIC_LVT_TIMER, 0xec);
    wr(VLAPIC_TIMER_INITIAL, 1000);
    vlapic_set_irq(&vl, 0x61, true);
    vlapic_ack(&vl, 0x61);
    vlapic_set_irq(&vl, 0x91, false);
    clk.now_ns += 2500;
    vlapic_save(&vl, &clk, &hw, &regs);
    assert_int_equal(hw.timer_divisor, 1);
    assert_int_equal(hw.disabled, 0);
    vlapic_init(&vl, 4, false, true, true);
    assert_true(vlapic_load_hw(&vl, &hw));
    assert_true(vlapic_load_regs(&vl, &regs, &later));
    assert_true(vlapic_next_vector(&vl, &vector));
    assert_int_equal(vector, 0x91);
    assert_int_equal(vlapic_ppr(&vl), 0x60);
    assert_int_equal(vl.deadline_ns, later.now_ns + 7500);
    hw.apic_base_msr = 0xfee00400;
    assert_false(vlapic_load_hw(&vl, &hw));
    regs.data[0x200] = 1; /* vector 0 pending */
    assert_false(vlapic_load_regs(&vl, &regs, &later));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_state),
        cmocka_unit_test(test_vectors_against_naive_model),
        cmocka_unit_test(test_destinations),
        cmocka_unit_test(test_icr),
        cmocka_unit_test(test_mode_transitions),
        cmocka_unit_test(test_timer_one_shot),
        cmocka_unit_test(test_timer_periodic),
        cmocka_unit_test(test_timer_deadline),
        cmocka_unit_test(test_local_sources),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_clock_is_asked_for_where_it_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
