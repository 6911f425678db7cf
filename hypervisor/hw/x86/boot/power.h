/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port_reboot() and port_power_off() work at any time; power_init(), after platform_init(), lets them use ACPI registers in memory. */
#pragma once

void power_init(void);
