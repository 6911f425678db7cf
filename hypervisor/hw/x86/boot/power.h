/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port_reboot() and port_power_off() work at any time; power_init(), after platform_init(), lets them use ACPI registers in memory. */
#pragma once

/* reboot=: the way that is tried first; the others follow in this order. */
enum reboot_way { REBOOT_ACPI, REBOOT_KEYBOARD, REBOOT_PCI, REBOOT_TRIPLE_FAULT, REBOOT_NEVER };
extern enum reboot_way opt_reboot;

void power_init(void);
