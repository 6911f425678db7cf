/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: how a domain's time stamp counter runs, as `tsc_mode` of its configuration says. XEN_DOMCTL_settscinfo, gettscinfo. */
#include <base/log.h>
#include <core/domain/arch.h>
#include <guest/x86/common/cpuid.h>
#include <guest/x86/common/domctl.h>
#include <guest/x86/common/tsc.h>

#define TSC_MODE_ALWAYS_EMULATE 1u
#define TSC_MODE_NATIVE         2u
#define KHZ_PER_GHZ             1000000u

/* Begin to emulate, from @elapsed_ns of the counter's life on. */
static void emulate(struct x86_domain *xd, uint32_t khz, uint64_t elapsed_ns)
{
    xd->tsc_khz = khz;
    xd->tsc_offset = tsc_ticks(xd, elapsed_ns) - tsc_ticks(xd, port_now_ns());
}

long x86_set_tsc_info(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_tsc_info *t = &op->u.tsc_info;
    uint32_t host_khz = cpuid_tsc_khz();

    if (&xd->d == current_domain() || t->tsc_mode > TSC_MODE_NATIVE) {
        return -XEN_EINVAL;
    }
    domain_pause(&xd->d);
    if (t->tsc_mode == TSC_MODE_ALWAYS_EMULATE) {
        emulate(xd, t->gtsc_khz ? t->gtsc_khz : host_khz, t->elapsed_nsec);
    } else if (xd->tsc_khz) {
        xd->tsc_khz = 0;
        xd->tsc_offset = 0;
    }
    xd->tsc_mode = t->tsc_mode;
    domain_unpause(&xd->d);
    if (!xd->tsc_khz && t->gtsc_khz != 0 && t->gtsc_khz != host_khz) {
        log_info("d%u was started on a machine with a clock of %u kHz; it is %u kHz here\n", xd->d.id,
                 t->gtsc_khz, host_khz);
    }
    return 0;
}

long x86_get_tsc_info(struct x86_domain *xd, struct xen_domctl *op, bool *copyback)
{
    uint64_t elapsed_ns = port_now_ns();

    if (&xd->d == current_domain()) {
        return -XEN_EINVAL;
    }
    if (xd->tsc_khz) {
        elapsed_ns = (uint64_t)((unsigned __int128)tsc_of_domain(xd) * KHZ_PER_GHZ / xd->tsc_khz);
    }
    op->u.tsc_info = (struct xen_domctl_tsc_info){
        .tsc_mode = xd->tsc_mode,
        .gtsc_khz = tsc_khz_of_domain(xd),
        .elapsed_nsec = elapsed_ns,
    };
    *copyback = true;
    return 0;
}
