/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IA-PC HPET specification 1.0a, section 2.3. */
#include <hw/drivers/clocks.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/mmu/mmu.h>

#define HPET_SIZE     0x400
#define REG_PERIOD_FS 0x04
#define REG_CONFIG    0x10
#define REG_COUNTER   0xf0
#define CONFIG_ENABLE BIT(0)
#define CONFIG_LEGACY BIT(1)
#define PERIOD_FS_MAX 100000000u
#define FS_PER_SECOND 1000000000000000ull

static volatile uint8_t *regs;

static uint64_t hpet_read(void)
{
    return mmio_read32(regs + REG_COUNTER); /* one access; 32 bits are enough to measure with */
}

bool hpet_open(struct ref_clock *clock)
{
    const struct acpi_hpet *t = &platform.acpi.hpet;
    uint32_t period;

    if (!platform.has_acpi || !t->present || t->base.space != ACPI_SPACE_MEMORY || t->base.address == 0) {
        return false;
    }
    regs = mmu_map_device(t->base.address, HPET_SIZE);
    if (!regs) {
        return false;
    }
    period = mmio_read32(regs + REG_PERIOD_FS);
    if (period == 0 || period > PERIOD_FS_MAX) {
        return false;
    }
    mmio_write32(regs + REG_CONFIG, (mmio_read32(regs + REG_CONFIG) & ~CONFIG_LEGACY) | CONFIG_ENABLE);
    *clock = (struct ref_clock){"HPET", hpet_read, FS_PER_SECOND / period, 0xffffffff};
    return true;
}
