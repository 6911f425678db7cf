/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupt vectors of the hypervisor: the same on every CPU. */
#pragma once

#define VECTOR_NMI             0x02
#define VECTOR_LEGACY_FIRST    0x20 /* the 8259s are moved here, and masked */
#define VECTOR_LEGACY_LAST     0x2f
#define VECTOR_DEVICE_FIRST    0x30
#define VECTOR_DEVICE_LAST     0xef
#define VECTOR_GUEST_INT80     0x80 /* software interrupts of PV guests: never given to a device */
#define VECTOR_GUEST_HYPERCALL 0x82
#define VECTOR_TIMER           0xf8
#define VECTOR_KICK            0xf9 /* look at your softirqs */
#define VECTOR_CALL            0xfa /* port_call_on() */
#define VECTOR_FLUSH           0xfb /* port_flush_tlb() */
#define VECTOR_STOP            0xfc /* panic elsewhere */
#define VECTOR_APIC_ERROR      0xfe
#define VECTOR_SPURIOUS        0xff
