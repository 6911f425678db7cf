/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: making a domain and its vCPUs. */
#include <base/log.h>
#include <core/hypercall/build_info.h>
#include <core/hypercall/domctl_internal.h>
#include <lib/string.h>

#define CDF_KNOWN     ((uint32_t)(XEN_DOMCTL_CDF_MAX << 1) - 1)
#define CDF_ABSENT    (XEN_DOMCTL_CDF_iommu | XEN_DOMCTL_CDF_nested_virt | XEN_DOMCTL_CDF_vpmu)
#define GRANT_VERSION 1u

static bool wants_hvm(const struct xen_domctl_createdomain *c)
{
    return c->flags & XEN_DOMCTL_CDF_hvm;
}

static int check_flags(const struct xen_domctl_createdomain *c)
{
    if ((c->flags & ~CDF_KNOWN) || c->iommu_opts != 0) {
        return -XEN_EINVAL;
    }
    if (c->flags & CDF_ABSENT) {
        log_guest_warning("A domain with flags %#x cannot be created: there is no IOMMU, nested "
                          "virtualisation or vPMU for guests\n",
                          c->flags);
        return -XEN_EINVAL;
    }
    if (!wants_hvm(c)) {
        return c->flags & XEN_DOMCTL_CDF_hap ? -XEN_EINVAL : 0;
    }
    if (!build_has_hvm) {
        log_guest_warning("A PVH domain cannot be created: this machine has no SVM with nested paging\n");
        return -XEN_EINVAL;
    }
    return c->flags & XEN_DOMCTL_CDF_hap ? 0 : -XEN_EINVAL; /* there are no shadow page tables */
}

static int check_config(const struct xen_domctl_createdomain *c)
{
    int rc = check_flags(c);

    if (rc != 0) {
        return rc;
    }
    if (c->max_vcpus == 0 || c->max_vcpus > (wants_hvm(c) ? MAX_VCPUS_PVH : MAX_VCPUS_PV) ||
        c->vmtrace_size != 0) {
        return -XEN_EINVAL;
    }
    if (c->grant_opts != XEN_DOMCTL_GRANT_version(GRANT_VERSION)) {
        log_guest_warning(
            "A domain with grant options %#x cannot be created: grant tables are of version %u\n",
            c->grant_opts, GRANT_VERSION);
        return -XEN_EINVAL;
    }
    return arch_check_config(c);
}

/* The id asked for when it is one, else a free one. */
static int choose_id(domid_t wanted, domid_t *id)
{
    if (wanted != 0 && wanted < DOMID_FIRST_RESERVED) {
        *id = wanted; /* domain_create() refuses one that is in use */
        return 0;
    }
    *id = domain_free_id();
    return *id == DOMID_NONE ? -XEN_ENOMEM : 0;
}

long domctl_create(struct xen_domctl *op, bool *copyback)
{
    const struct xen_domctl_createdomain *c = &op->u.createdomain;
    struct domain_config config = {
        .kind = wants_hvm(c) ? GUEST_PVH : GUEST_PV,
        .is_xenstore = c->flags & XEN_DOMCTL_CDF_xs_domain,
        .flags = c->flags,
        .max_vcpus = c->max_vcpus,
        .max_evtchn_port = c->max_evtchn_port,
        .max_grant_frames = (uint32_t)c->max_grant_frames, /* negative ones mean the default there too */
        .max_maptrack_frames = (uint32_t)c->max_maptrack_frames,
        .emulation_flags = c->arch.emulation_flags,
        .cpupool = c->cpupool_id,
    };
    struct domain *d;
    int rc = check_config(c);

    if (rc == 0) {
        rc = choose_id(op->domain, &config.id);
    }
    if (rc != 0) {
        return rc;
    }
    memcpy(config.handle, c->handle, sizeof(config.handle));
    rc = domain_create(&config, &d);
    if (rc != 0) {
        return rc;
    }
    op->domain = d->id;
    *copyback = true;
    return 0;
}

/* The number was fixed at creation; here the vCPUs themselves are made, as far as one call gets. */
long domctl_max_vcpus(struct domain *d, struct xen_domctl *op, bool *copyback)
{
    if (op->u.max_vcpus.max != d->max_vcpus || d->dying != DOMAIN_ALIVE) {
        return -XEN_EINVAL;
    }
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        int rc;

        if (d->vcpus[i]) {
            continue;
        }
        rc = vcpu_create(d, i, NULL);
        if (rc != 0) {
            return rc;
        }
        if (hypercall_preempt_check()) {
            return -XEN_ERESTART;
        }
    }
    return 0;
}
