/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercall basics: version, features, unknown numbers and operations, bad pointers, multicall, console_io. */
#include "guest.h"

#define UNMAPPED ((void *)0x00007ff000000000UL)  /* canonical, nothing there */

TEST(version) {
    long v = xen_version(XENVER_version, 0);
    CHECK_EQ(v >> 16, 4);
    CHECK((v & 0xffff) >= 17);
}
