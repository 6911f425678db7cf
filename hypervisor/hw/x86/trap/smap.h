/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Supervisor-mode access prevention: with it the hypervisor faults when it touches a page that user mode can reach, which all of a PV guest's are, unless it
 * said before that it means to. Only the copies to and from guests (entry.S) do, between STAC and CLAC; every entry has CLAC, since the interrupted code
 * chooses RFLAGS.AC. Without SMAP those instructions do not exist: they are three-byte NOPs in the image, and smap_init_bsp() writes them in.
 * AMD APM volume 2, 5.6.6; Intel SDM volume 3, 4.6.1.
 */
#pragma once

/* Boot CPU, before it runs a guest and before other CPUs start; and then each CPU. */
void smap_init_bsp(void);
void smap_init_cpu(void);
