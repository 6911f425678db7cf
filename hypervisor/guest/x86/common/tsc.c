/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The time stamp counter of guests: tsc.h. */
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/common/tsc.h>

#define KHZ_PER_GHZ 1000000u

uint64_t tsc_ticks(const struct x86_domain *xd, uint64_t now_ns)
{
    return (uint64_t)((unsigned __int128)now_ns * xd->tsc_khz / KHZ_PER_GHZ);
}

uint64_t tsc_of_domain(const struct x86_domain *xd)
{
    return (xd->tsc_khz ? tsc_ticks(xd, port_now_ns()) : hw_read_tsc()) + xd->tsc_offset;
}

uint32_t tsc_khz_of_domain(const struct x86_domain *xd)
{
    return xd->tsc_khz ? xd->tsc_khz : cpuid_tsc_khz();
}

void tsc_scale_of_domain(const struct x86_domain *xd, uint32_t *mul, int8_t *shift)
{
    uint64_t khz = xd->tsc_khz;

    if (khz == 0) {
        hw_tsc_scale(mul, shift);
        return;
    }
    *shift = 0;
    while (khz <= KHZ_PER_GHZ) { /* @mul is less than 1 */
        khz <<= 1;
        (*shift)++;
    }
    *mul = (uint32_t)(((uint64_t)KHZ_PER_GHZ << 32) / khz);
}
