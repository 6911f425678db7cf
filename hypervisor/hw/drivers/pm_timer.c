/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI 6.4, 4.8.3.3. */
#include <hw/drivers/clocks.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/insn.h>

#define PM_TIMER_HZ 3579545u

static uint16_t port;

static uint64_t pm_timer_read(void)
{
    return in32(port);
}

bool pm_timer_open(struct ref_clock *clock)
{
    const struct acpi_fadt *f = &platform.acpi.fadt;

    if (!platform.has_acpi || !f->present || f->pm_timer_bits == 0 || f->pm_timer.space != ACPI_SPACE_IO ||
        f->pm_timer.address == 0 || f->pm_timer.address > 0xfffc) {
        return false;
    }
    port = (uint16_t)f->pm_timer.address;
    *clock = (struct ref_clock){"ACPI PM timer", pm_timer_read, PM_TIMER_HZ,
                                f->pm_timer_bits == 32 ? 0xffffffff : 0xffffff};
    return true;
}
