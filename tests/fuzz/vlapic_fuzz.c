/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random register traffic, interrupts and time: nothing impossible enters the state, and save then load
 * keeps it.
 */
#include <stdlib.h>
#include <string.h>
#include <model/x86/vlapic/vlapic.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct vlapic *vl, const struct vlapic_clock *clock)
{
    struct vlapic copy;
    struct hvm_hw_lapic hw;
    struct hvm_hw_lapic_regs regs;
    uint8_t a = 0, b = 0;

    if ((vl->page[VLAPIC_ISR / 4] | vl->page[VLAPIC_IRR / 4]) & 0xffff) {
        abort();
    }
    vlapic_save(vl, clock, &hw, &regs);
    vlapic_init(&copy, vl->id, false, true, true);
    if (!vlapic_load_hw(&copy, &hw) || !vlapic_load_regs(&copy, &regs, clock)) {
        abort();
    }
    if (vlapic_next_vector(vl, &a) != vlapic_next_vector(&copy, &b) || a != b ||
        vlapic_ppr(vl) != vlapic_ppr(&copy)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vlapic_clock clock = {.now_ns = 1000, .tsc_khz = 2500000};
    enum vlapic_delivery mode;
    struct vlapic_effect fx;
    struct vlapic vl;
    uint64_t val64;
    uint8_t vector;

    vlapic_init(&vl, 3, false, true, true);
    for (; size >= 8; data += 8, size -= 8) {
        unsigned offset = (data[1] | (unsigned)data[2] << 8) & 0xfff;
        uint32_t val;

        memcpy(&val, data + 4, 4);
        fx = (struct vlapic_effect){0};
        switch (data[0] % 9) {
        case 0:
            vlapic_mmio_write(&vl, offset & 0x3f0, 4, val, &clock, &fx);
            break;
        case 1:
            vlapic_mmio_read(&vl, offset, 1u << (data[3] % 3), &clock);
            break;
        case 2:
            vlapic_msr_write(&vl, 0x800 + (offset & 0xff), val, &clock, &fx);
            break;
        case 3:
            vlapic_msr_read(&vl, 0x800 + (offset & 0xff), &clock, &val64);
            break;
        case 4:
            vlapic_msr_write(&vl, VLAPIC_MSR_BASE, VLAPIC_DEFAULT_BASE | (val & 0xd00), &clock, &fx);
            break;
        case 5:
            vlapic_set_irq(&vl, data[4], data[5] & 1);
            break;
        case 6:
            if (vlapic_next_vector(&vl, &vector)) {
                vlapic_ack(&vl, vector);
            }
            break;
        case 7:
            clock.now_ns += val;
            clock.tsc += (uint64_t)val * 5 / 2;
            if (vlapic_timer_fire(&vl, clock.now_ns) && vl.deadline_ns && vl.deadline_ns <= clock.now_ns) {
                abort();
            }
            break;
        default:
            vlapic_msr_write(&vl, VLAPIC_MSR_TSC_DEADLINE, (uint64_t)val << (data[3] & 31), &clock, &fx);
            vlapic_local_irq(&vl, VLAPIC_LVT_THERMAL + (offset & 3) * 0x10, &mode);
            break;
        }
        if (fx.ipi_pending && fx.ipi.mode == VLAPIC_FIXED && fx.ipi.vector < 16) {
            abort();
        }
    }
    check(&vl, &clock);
    return 0;
}
