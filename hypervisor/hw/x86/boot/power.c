/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reboot and power-off. ACPI 6.4, 4.8.3.6 (reset register) and 4.8.3.2.1 (sleep control). */
#include <hw/x86/boot/power.h>
#include <hw/x86/boot/panic.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/time.h>
#include <hw/x86/cpu/watchdog.h>
#include <hw/x86/mmu/mmu.h>
#include <core/param/options.h>
#include <base/log.h>

#define PM1_SCI_ENABLE      0x0001u
#define PM1_SLEEP_TYPE(t)   ((uint16_t)((t) << 10))
#define PM1_SLEEP_TYPE_MASK 0x1c00u
#define PM1_SLEEP_ENABLE    0x2000u
#define ACPI_ENABLE_WAIT_MS 300u
#define KEYBOARD_COMMAND    0x64
#define KEYBOARD_RESET      0xfe
#define RESET_CONTROL       0xcf9

static volatile uint8_t *reset_memory; /* a reset register that is in memory */

void power_init(void)
{
    const struct acpi_fadt *f = &platform.acpi.fadt;

    if (f->present && f->has_reset_register && f->reset_register.space == ACPI_SPACE_MEMORY) {
        reset_memory = mmu_map_device(f->reset_register.address, 1);
    }
}

static void reset_by_acpi(void)
{
    const struct acpi_fadt *f = &platform.acpi.fadt;

    if (reset_memory) {
        *reset_memory = f->reset_value;
    } else if (f->present && f->has_reset_register && f->reset_register.space == ACPI_SPACE_IO) {
        out8((uint16_t)f->reset_register.address, f->reset_value);
    }
    time_spin_ns(MILLISECS(20));
}

static void reset_by_keyboard(void)
{
    for (unsigned int i = 0; i < 1000 && (in8(KEYBOARD_COMMAND) & 2); i++) {
        time_spin_ns(MICROSECS(10));
    }
    out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    time_spin_ns(MILLISECS(20));
}

static void reset_by_pci(void)
{
    out8(RESET_CONTROL, 0x02);
    out8(RESET_CONTROL, 0x06);
    time_spin_ns(MILLISECS(20));
}

static void reset_by_triple_fault(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt = {0, 0};

    asm volatile("lidt %0; int3" ::"m"(no_idt));
}

_Noreturn void port_reboot(void)
{
    static void (*const ways[])(void) = {
        [REBOOT_ACPI] = reset_by_acpi,
        [REBOOT_KEYBOARD] = reset_by_keyboard,
        [REBOOT_PCI] = reset_by_pci,
        [REBOOT_TRIPLE_FAULT] = reset_by_triple_fault,
    };

    irq_disable();
    watchdog_stop();
    if (opt_reboot == REBOOT_NEVER) {
        log_error("Not rebooting (reboot=no): halted");
        apic_stop_others();
        halt_cpu();
    }
    ways[opt_reboot]();
    for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
        ways[i]();
    }
    halt_cpu();
}

/* The sleep registers work only while the firmware has handed them over. */
static void enable_acpi(const struct acpi_fadt *f, uint16_t control)
{
    if ((in16(control) & PM1_SCI_ENABLE) || f->smi_command == 0 || f->smi_command > 0xffff ||
        f->acpi_enable == 0) {
        return;
    }
    out8((uint16_t)f->smi_command, f->acpi_enable);
    for (unsigned int i = 0; i < ACPI_ENABLE_WAIT_MS && !(in16(control) & PM1_SCI_ENABLE); i++) {
        time_spin_ns(MILLISECS(1));
    }
}

static void sleep_control(const struct acpi_address *a, uint8_t type)
{
    uint16_t port = (uint16_t)a->address;

    if (a->address != 0 && a->space == ACPI_SPACE_IO) {
        out16(port,
              (uint16_t)((in16(port) & ~PM1_SLEEP_TYPE_MASK) | PM1_SLEEP_TYPE(type) | PM1_SLEEP_ENABLE));
    }
}

_Noreturn void port_power_off(void)
{
    const struct acpi_fadt *f = &platform.acpi.fadt;
    const struct acpi_s5 *s5 = &platform.acpi.s5;

    irq_disable();
    watchdog_stop();
    if (platform.has_acpi && f->present && s5->present && f->pm1a_control.space == ACPI_SPACE_IO &&
        f->pm1a_control.address != 0) {
        enable_acpi(f, (uint16_t)f->pm1a_control.address);
        sleep_control(&f->pm1a_control, s5->sleep_type_a);
        sleep_control(&f->pm1b_control, s5->sleep_type_b);
        time_spin_ns(SECONDS(1));
    }
    log_error("This machine cannot be switched off by software: it is halted");
    apic_stop_others();
    halt_cpu();
}
