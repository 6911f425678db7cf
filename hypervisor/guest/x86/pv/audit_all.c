/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debug key that checks the page types of every PV domain while it runs. */
#include <base/log.h>
#include <core/domain/domain.h>
#include <guest/x86/common/kinds.h>
#include <guest/x86/pv/mm.h>

void pv_audit_all(void)
{
    struct domain *d;

    for (domid_t id = 0; (d = domain_next(id)) != NULL; id = d->id + 1, domain_put(d)) {
        unsigned int wrong;

        if (!is_pv(d) || d == current_domain() || d->dying != DOMAIN_ALIVE) {
            continue; /* the current domain cannot be stopped to look at it */
        }
        domain_pause(d);
        wrong = pv_audit(d);
        domain_unpause(d);
        log_info("d%u: %u errors in its page types\n", d->id, wrong);
    }
}
