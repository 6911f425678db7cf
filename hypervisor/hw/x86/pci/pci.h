/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration space. By memory (ECAM, PCI Express 7.2.2) where the firmware's MCFG table has a window and either the firmware's memory map reserves it
 * or the hardware domain says that it is reserved; else by the ports CF8 and CFC, which reach segment 0 and the first 256 bytes of a
 * function. What guests' layers call is in guest/x86/common/irq_contract.h.
 */
#pragma once
#include <base/types.h>

/* Look at the windows. Boot CPU, after platform_init(). */
void pci_init(void);
