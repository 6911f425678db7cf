/* SPDX-License-Identifier: GPL-2.0-or-later */
/* physdev_op: the hardware domain's interrupts and PCI devices, and any PV domain's I/O privilege level. */
#include <abi/physdev.h>
#include <base/guest_access.h>
#include <core/hypercall/handlers.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/pirq.h>

static uint32_t sbdf_of(unsigned int segment, unsigned int bus, unsigned int devfn)
{
    return (segment & 0xffff) << 16 | (bus & 0xff) << 8 | (devfn & 0xff);
}

static long map_pirq(struct x86_domain *xd, vaddr_t gva)
{
    struct physdev_map_pirq m;
    uint32_t pirq = 0, sbdf;
    long rc;

    if (guest_read_obj(&m, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (m.domid != DOMID_SELF && m.domid != xd->d.id) {
        return -XEN_EOPNOTSUPP; /* giving devices to other domains is not built */
    }
    switch (m.type) {
    case MAP_PIRQ_TYPE_GSI:
        rc = m.index < 0 ? -XEN_EINVAL : pirq_map_gsi(xd, (uint32_t)m.index, &pirq);
        break;
    case MAP_PIRQ_TYPE_MSI_SEG:
    case MAP_PIRQ_TYPE_MSI:
        sbdf = sbdf_of(m.type == MAP_PIRQ_TYPE_MSI_SEG ? (uint32_t)m.bus >> 16 : 0, (unsigned int)m.bus,
                       (unsigned int)m.devfn);
        rc = hw_pci_reaches(sbdf) ? pirq_map_msi(xd, sbdf, (unsigned int)m.entry_nr, m.table_base, &pirq)
                                  : -XEN_ENODEV;
        break;
    case MAP_PIRQ_TYPE_MULTI_MSI:
        return -XEN_EOPNOTSUPP; /* the guest falls back to one message */
    default:
        return -XEN_EINVAL;
    }
    if (rc != 0) {
        return rc;
    }
    m.pirq = (int)pirq;
    return guest_write_obj(gva, &m) == 0 ? 0 : -XEN_EFAULT;
}

static long unmap_pirq(struct x86_domain *xd, vaddr_t gva)
{
    struct physdev_unmap_pirq u;

    if (guest_read_obj(&u, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (u.domid != DOMID_SELF && u.domid != xd->d.id) {
        return -XEN_EOPNOTSUPP;
    }
    return u.pirq < 0 ? -XEN_EINVAL : pirq_unmap(xd, (uint32_t)u.pirq);
}

static long setup_gsi(struct x86_domain *xd, vaddr_t gva)
{
    struct physdev_setup_gsi s;

    if (guest_read_obj(&s, gva) != 0) {
        return -XEN_EFAULT;
    }
    return s.gsi < 0 ? -XEN_EINVAL : pirq_setup_gsi(xd, (uint32_t)s.gsi, s.triggering != 0, s.polarity != 0);
}

static long status_query(struct x86_domain *xd, vaddr_t gva)
{
    struct physdev_irq_status_query q;

    if (guest_read_obj(&q, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (q.irq >= PIRQ_MAX) {
        return -XEN_EINVAL;
    }
    q.flags = pirq_needs_eoi(xd, q.irq) ? XENIRQSTAT_needs_eoi : 0;
    return guest_write_obj(gva, &q) == 0 ? 0 : -XEN_EFAULT;
}

static long show_eoi_in(struct x86_domain *xd, vaddr_t gva)
{
    struct physdev_pirq_eoi_gmfn e;

    return guest_read_obj(&e, gva) == 0 ? pirq_show_eoi_in(xd, GFN(e.gmfn)) : -XEN_EFAULT;
}

static long restore_msi(struct x86_domain *xd, vaddr_t gva, bool ext)
{
    struct physdev_pci_device dev = {0};
    struct physdev_restore_msi old;

    if (ext) {
        if (guest_read_obj(&dev, gva) != 0) {
            return -XEN_EFAULT;
        }
    } else {
        if (guest_read_obj(&old, gva) != 0) {
            return -XEN_EFAULT;
        }
        dev.bus = old.bus;
        dev.devfn = old.devfn;
    }
    return pirq_restore_msi(xd, sbdf_of(dev.seg, dev.bus, dev.devfn));
}

static long get_free_pirq(struct x86_domain *xd, vaddr_t gva)
{
    struct physdev_get_free_pirq f;
    long rc;

    if (guest_read_obj(&f, gva) != 0) {
        return -XEN_EFAULT;
    }
    rc = pirq_get_free(xd, &f.pirq);
    if (rc != 0) {
        return rc;
    }
    return guest_write_obj(gva, &f) == 0 ? 0 : -XEN_EFAULT;
}

static long eoi(struct x86_domain *xd, vaddr_t gva)
{
    struct physdev_eoi e;

    if (guest_read_obj(&e, gva) != 0) {
        return -XEN_EFAULT;
    }
    return pirq_eoi(xd, e.irq);
}

static long set_iopl(vaddr_t gva)
{
    struct x86_vcpu *xv = current_x86();
    struct physdev_set_iopl s;

    if (guest_read_obj(&s, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (s.iopl > 3 || !xv->pv) {
        return -XEN_EINVAL;
    }
    xv->pv->iopl = (uint8_t)s.iopl;
    return 0;
}

static long set_iobitmap(vaddr_t gva)
{
    struct x86_vcpu *xv = current_x86();
    struct physdev_set_iobitmap s;

    if (guest_read_obj(&s, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (s.nr_ports > 65536 || !xv->pv) {
        return -XEN_EINVAL;
    }
    xv->pv->iobmp = guest_addr(s.bitmap);
    xv->pv->iobmp_limit = s.nr_ports;
    return 0;
}

/* An interrupt's vector is our affair: the guest only wants to hear that it can have one. The number that it gets back is its own. */
static long alloc_irq_vector(vaddr_t gva)
{
    struct physdev_irq i;

    if (guest_read_obj(&i, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (i.irq >= hw_gsi_count()) {
        return -XEN_EINVAL;
    }
    i.vector = i.irq;
    return guest_write_obj(gva, &i) == 0 ? 0 : -XEN_EFAULT;
}

static long apic_read(vaddr_t gva)
{
    struct physdev_apic a;

    if (guest_read_obj(&a, gva) != 0) {
        return -XEN_EFAULT;
    }
    if (!hw_ioapic_read(a.apic_physbase, a.reg, &a.value)) {
        return -XEN_EINVAL;
    }
    return guest_write_obj(gva, &a) == 0 ? 0 : -XEN_EFAULT;
}

static long mmcfg_reserved(vaddr_t gva)
{
    struct physdev_pci_mmcfg_reserved r;

    if (guest_read_obj(&r, gva) != 0) {
        return -XEN_EFAULT;
    }
    return hw_pci_window_reserved(r.address, r.segment, r.start_bus, r.end_bus,
                                  (r.flags & XEN_PCI_MMCFG_RESERVED) != 0)
               ? 0
               : -XEN_ENODEV;
}

/* What only the hardware domain may do. */
static long hardware_op(struct hypercall *c)
{
    struct x86_domain *xd = x86_domain(current_domain());
    vaddr_t gva = c->arg[1];

    if (!caller_is_hardware()) {
        return -XEN_EPERM;
    }
    switch (c->arg[0]) {
    case PHYSDEVOP_alloc_irq_vector:
        return alloc_irq_vector(gva);
    case PHYSDEVOP_apic_read:
        return apic_read(gva);
    case PHYSDEVOP_apic_write:
        return -XEN_EPERM; /* lines are programmed here, by PHYSDEVOP_setup_gsi and the event channel */
    case PHYSDEVOP_eoi:
        return eoi(xd, gva);
    case PHYSDEVOP_irq_status_query:
        return status_query(xd, gva);
    case PHYSDEVOP_pirq_eoi_gmfn_v2:
        return show_eoi_in(xd, gva);
    case PHYSDEVOP_map_pirq:
        return map_pirq(xd, gva);
    case PHYSDEVOP_unmap_pirq:
        return unmap_pirq(xd, gva);
    case PHYSDEVOP_setup_gsi:
        return setup_gsi(xd, gva);
    case PHYSDEVOP_get_free_pirq:
        return get_free_pirq(xd, gva);
    case PHYSDEVOP_restore_msi:
        return restore_msi(xd, gva, false);
    case PHYSDEVOP_restore_msi_ext:
        return restore_msi(xd, gva, true);
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove:
    case PHYSDEVOP_manage_pci_add:
    case PHYSDEVOP_manage_pci_add_ext:
    case PHYSDEVOP_manage_pci_remove:
    case PHYSDEVOP_prepare_msix:
    case PHYSDEVOP_release_msix:
        return 0; /* news that nobody here needs: no device is given to other domains */
    case PHYSDEVOP_dbgp_op:
        return 0; /* an EHCI controller may be reset: its debug port is not our console */
    case PHYSDEVOP_pci_mmcfg_reserved:
        return mmcfg_reserved(gva);
    default:
        return hypercall_not_built("physdev_op", c->arg[0]);
    }
}

long do_physdev_op(struct hypercall *c)
{
    if (current_domain()->kind != GUEST_PV) {
        return -XEN_ENOSYS; /* the interrupts of these come from their local APIC */
    }
    switch (c->arg[0]) {
    case PHYSDEVOP_set_iopl:
        return set_iopl(c->arg[1]);
    case PHYSDEVOP_set_iobitmap:
        return set_iobitmap(c->arg[1]);
    default:
        return hardware_op(c);
    }
}
