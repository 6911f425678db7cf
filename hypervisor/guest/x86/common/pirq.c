/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pirq.h. An interrupt is bound to a vector when its event channel is, since only then its trigger mode is final; it is masked while no channel has it. */
#include <core/evtchn/arch.h>
#include <core/hypercall/arch.h>
#include <core/evtchn/evtchn_ops.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/msi.h>
#include <guest/x86/common/pirq.h>

int pirq_init(struct x86_domain *xd)
{
    xd->pirqs = zalloc(sizeof(*xd->pirqs));
    if (!xd->pirqs) {
        return -XEN_ENOMEM;
    }
    spin_lock_init(&xd->pirqs->lock, pirq);
    return 0;
}

static struct pirq *find(struct x86_domain *xd, uint32_t pirq)
{
    if (!xd->pirqs || pirq >= PIRQ_MAX || xd->pirqs->p[pirq].kind == PIRQ_FREE) {
        return NULL;
    }
    return &xd->pirqs->p[pirq];
}

static struct x86_domain *owner(struct evtchn_table *t)
{
    return x86_domain(container_of(t, struct domain, evtchn));
}

/* Send it to pCPU @cpu from now on. It has just come and is not served again before its APIC's EOI, so this is the quietest moment to do it. */
static void move(struct x86_domain *xd, struct pirq *p, unsigned int cpu)
{
    unsigned long flags = spin_lock_irqsave(&xd->pirqs->lock);

    if (p->desc && p->port != 0 && hw_set_irq_cpu(p->desc, cpu)) {
        p->cpu = (uint16_t)cpu;
        if (p->kind != PIRQ_GSI) {
            uint64_t address;
            uint32_t data;

            hw_msi_message(p->desc, &address, &data);
            msi_set_address(p, address);
        }
    }
    spin_unlock_irqrestore(&xd->pirqs->lock, flags);
}

static void interrupt(void *arg)
{
    struct pirq *p = arg;
    uint32_t port = __atomic_load_n(&p->port, __ATOMIC_ACQUIRE), vcpu;
    struct vcpu *v;

    if (port == 0) {
        return;
    }
    vcpu = evtchn_send_pirq(p->events, port);
    v = vcpu == EVTCHN_NO_VCPU ? NULL : owner(p->events)->d.vcpus[vcpu];
    if (v && unlikely(v->sched.cpu != p->cpu)) {
        move(owner(p->events), p, v->sched.cpu);
    }
}

/* To pCPU 0, until they come and follow their vCPUs again. */
void arch_cpu_leave(unsigned int cpu)
{
    struct domain *d = hardware_domain();
    struct pirq_table *t = d ? x86_domain(d)->pirqs : NULL;

    for (uint32_t i = 0; t && i < PIRQ_MAX; i++) {
        if (t->p[i].cpu == cpu) {
            move(x86_domain(d), &t->p[i], 0);
        }
    }
}

static inline bool needs_eoi(const struct pirq *p)
{
    return p->kind == PIRQ_GSI && p->level;
}

/* Under the lock, after a change. The page is the guest's to write to as well: nothing is read from it. */
static void show_eoi(struct pirq_table *t, uint32_t pirq)
{
    unsigned long bit = BIT(pirq % 64);

    if (!t->eoi_page) {
        return;
    }
    if (needs_eoi(&t->p[pirq])) {
        __atomic_fetch_or(&t->eoi_page[pirq / 64], bit, __ATOMIC_SEQ_CST);
    } else {
        __atomic_fetch_and(&t->eoi_page[pirq / 64], ~bit, __ATOMIC_SEQ_CST);
    }
}

int pirq_show_eoi_in(struct x86_domain *xd, gfn_t gfn)
{
    struct pirq_table *t = xd->pirqs;
    mfn_t mfn = MFN(gfn.n);
    unsigned long flags;
    bool is_first;

    if (!t || !frame_get_writable(mfn, xd->d.id)) {
        return -XEN_EINVAL;
    }
    flags = spin_lock_irqsave(&t->lock);
    is_first = !t->eoi_page;
    if (is_first) {
        t->eoi_page = mfn_to_virt(mfn);
        for (uint32_t i = 0; i < PIRQ_MAX; i++) {
            show_eoi(t, i);
        }
    }
    spin_unlock_irqrestore(&t->lock, flags);
    if (!is_first) {
        frame_put_writable(mfn);
    }
    return is_first ? 0 : -XEN_EBUSY;
}

static void set_default_mode(struct pirq *p, uint32_t gsi)
{
    if (!hw_gsi_isa_mode(gsi, &p->level, &p->low)) {
        p->level = true; /* PCI's way */
        p->low = true;
    }
}

int pirq_map_gsi(struct x86_domain *xd, uint32_t gsi, uint32_t *pirq)
{
    unsigned long flags;

    if (!xd->pirqs || gsi >= hw_gsi_count() || gsi >= PIRQ_MAX) {
        return -XEN_EINVAL;
    }
    flags = spin_lock_irqsave(&xd->pirqs->lock);
    if (xd->pirqs->p[gsi].kind == PIRQ_FREE) {
        xd->pirqs->p[gsi].kind = PIRQ_GSI;
        set_default_mode(&xd->pirqs->p[gsi], gsi);
        show_eoi(xd->pirqs, gsi);
    }
    spin_unlock_irqrestore(&xd->pirqs->lock, flags);
    *pirq = gsi;
    return 0;
}

/* Messages are numbered behind the lines. Under the lock. */
static int take_message(struct x86_domain *xd, uint32_t *pirq)
{
    for (uint32_t i = MAX(hw_gsi_count(), 16u); i < PIRQ_MAX; i++) {
        if (xd->pirqs->p[i].kind == PIRQ_FREE) {
            xd->pirqs->p[i] = (struct pirq){.kind = PIRQ_MSI};
            *pirq = i;
            return 0;
        }
    }
    return -XEN_ENOSPC;
}

static void forget(struct x86_domain *xd, struct pirq *p)
{
    unsigned long flags = spin_lock_irqsave(&xd->pirqs->lock);

    *p = (struct pirq){.kind = PIRQ_FREE};
    show_eoi(xd->pirqs, (uint32_t)(p - xd->pirqs->p));
    spin_unlock_irqrestore(&xd->pirqs->lock, flags);
}

int pirq_map_msi(struct x86_domain *xd, uint32_t sbdf, unsigned int entry, paddr_t table, uint32_t *pirq)
{
    unsigned long flags;
    uint64_t address;
    uint32_t data;
    struct pirq *p;
    int rc;

    if (!xd->pirqs) {
        return -XEN_EINVAL;
    }
    flags = spin_lock_irqsave(&xd->pirqs->lock);
    rc = take_message(xd, pirq);
    spin_unlock_irqrestore(&xd->pirqs->lock, flags);
    if (rc != 0) {
        return rc;
    }
    p = &xd->pirqs->p[*pirq];
    p->sbdf = sbdf;
    flags = spin_lock_irqsave(&xd->pirqs->lock);
    rc = table ? msi_find_msix_entry(&xd->d.iomem, sbdf, table, entry, &p->msix_entry)
               : msi_find_capability(sbdf, &p->msi_capability);
    spin_unlock_irqrestore(&xd->pirqs->lock, flags);
    if (rc == 0) {
        p->kind = table ? PIRQ_MSIX : PIRQ_MSI;
        rc = hw_bind_msi(interrupt, p, &p->desc, &address, &data);
    }
    if (rc != 0) {
        forget(xd, p);
        return rc;
    }
    msi_program(p, address, data);
    return 0;
}

int pirq_unmap(struct x86_domain *xd, uint32_t pirq)
{
    struct pirq *p = find(xd, pirq);

    if (!p) {
        return -XEN_EINVAL;
    }
    if (__atomic_load_n(&p->port, __ATOMIC_ACQUIRE) != 0) {
        return -XEN_EBUSY;
    }
    if (p->kind != PIRQ_GSI) {
        msi_silence(p);
    }
    if (p->desc) {
        hw_unbind_irq(p->desc);
    }
    forget(xd, p);
    return 0;
}

int pirq_setup_gsi(struct x86_domain *xd, uint32_t gsi, bool level, bool low)
{
    struct irq_desc *stale = NULL;
    unsigned long flags;
    struct pirq *p;

    if (!xd->pirqs || gsi >= hw_gsi_count() || gsi >= PIRQ_MAX) {
        return -XEN_EINVAL;
    }
    flags = spin_lock_irqsave(&xd->pirqs->lock);
    p = &xd->pirqs->p[gsi];
    if (p->port == 0) {
        p->kind = PIRQ_GSI;
        if (p->desc && (p->level != level || p->low != low)) {
            stale = p->desc;
            p->desc = NULL;
        }
        p->level = level;
        p->low = low;
        show_eoi(xd->pirqs, gsi);
    }
    spin_unlock_irqrestore(&xd->pirqs->lock, flags);
    if (stale) {
        hw_unbind_irq(stale);
    }
    return 0;
}

int pirq_restore_msi(struct x86_domain *xd, uint32_t sbdf)
{
    bool found = false;

    for (uint32_t i = 0; xd->pirqs && i < PIRQ_MAX; i++) {
        struct pirq *p = &xd->pirqs->p[i];

        if ((p->kind == PIRQ_MSI || p->kind == PIRQ_MSIX) && p->sbdf == sbdf && p->desc) {
            uint64_t address;
            uint32_t data;

            hw_msi_message(p->desc, &address, &data);
            msi_program(p, address, data);
            found = true;
        }
    }
    return found ? 0 : -XEN_ESRCH;
}

int pirq_eoi(struct x86_domain *xd, uint32_t pirq)
{
    struct pirq *p = find(xd, pirq);

    if (!p) {
        return -XEN_EINVAL;
    }
    if (p->desc && p->kind == PIRQ_GSI) {
        hw_eoi_irq(p->desc);
    }
    return 0;
}

bool pirq_needs_eoi(struct x86_domain *xd, uint32_t pirq)
{
    const struct pirq *p = find(xd, pirq);

    return p && needs_eoi(p);
}

int pirq_get_free(struct x86_domain *xd, uint32_t *pirq)
{
    unsigned long flags;
    int rc;

    if (!xd->pirqs) {
        return -XEN_EINVAL;
    }
    flags = spin_lock_irqsave(&xd->pirqs->lock);
    rc = take_message(xd, pirq);
    if (rc == 0) {
        xd->pirqs->p[*pirq].kind = PIRQ_FREE; /* only the number was asked for */
    }
    spin_unlock_irqrestore(&xd->pirqs->lock, flags);
    return rc;
}

/* --- core/evtchn's upcalls: the table's lock is held, interrupts are off ------------------------------------------------------------------- */

int evtchn_pirq_bind(struct evtchn_table *t, uint32_t pirq, uint32_t flags, uint32_t port)
{
    struct x86_domain *xd = owner(t);
    struct pirq *p;

    if (!xd->pirqs || pirq >= PIRQ_MAX) {
        return -XEN_EINVAL;
    }
    p = find(xd, pirq);
    if (!p) {
        return -XEN_EINVAL;
    }
    if (p->port != 0) {
        return -XEN_EEXIST;
    }
    p->events = t;
    if (!p->desc) {
        int rc;

        p->cpu = 0;
        rc = hw_bind_gsi(pirq, p->level, p->low, interrupt, p, &p->desc);

        if (rc != 0) {
            return rc;
        }
    }
    __atomic_store_n(&p->port, port, __ATOMIC_RELEASE); /* pairs with interrupt() */
    if (p->kind == PIRQ_MSIX) {
        msi_mask_entry(p, false);
    }
    hw_unmask_irq(p->desc);
    return 0;
}

void evtchn_pirq_unbound(struct evtchn_table *t, uint32_t pirq)
{
    struct pirq *p = find(owner(t), pirq);

    if (!p) {
        return;
    }
    __atomic_store_n(&p->port, 0, __ATOMIC_RELEASE);
    if (p->kind == PIRQ_MSIX) {
        msi_mask_entry(p, true);
    }
    if (p->desc) {
        hw_mask_irq(p->desc);
    }
}

void evtchn_pirq_unmasked(struct evtchn_table *t, uint32_t pirq)
{
    /* Nothing: a level-triggered line is opened by PHYSDEVOP_eoi, of which the guest hears by irq_status_query or in its page. */
}
