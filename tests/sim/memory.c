/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grants and memory reservations of simulated guests. */
#include <abi/grant_table.h>
#include <abi/memory.h>
#include <lib/string.h>
#include <tests/sim/guest.h>

#define FIRST_REF 8u

/* --- grants ------------------------------------------------------------------------------------------------------------------------------------- */

static void has_table(struct x86_vcpu *xv, struct sim_guest *g, long rc)
{
    if (rc == 0) {
        sim_domain_of(xv->v.domain->id)->has_grant_table = true;
    }
}

static bool set_up_table(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    uint64_t gpa;
    struct xen_add_to_physmap *a = sim_args(xv, &gpa);

    if (!a) {
        return false;
    }
    *a = (struct xen_add_to_physmap){
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .idx = 0, .gpfn = SIM_GRANT_GFN};
    sim_call(xv, e, __HYPERVISOR_memory_op, XENMEM_add_to_physmap, gpa, 0, has_table);
    return true;
}

static bool offer(struct x86_vcpu *xv, struct sim_domain *d)
{
    struct sim_domain *other = &sim_domains[sim_random(SIM_DOMAINS)];
    uint64_t i = sim_random(SIM_OFFERS);
    grant_entry_v1_t *table = sim_page(xv, SIM_GRANT_GFN, true);

    if (!table || !other->used || other == d) {
        return false;
    }
    table += FIRST_REF + i;
    if (table->flags & (GTF_reading | GTF_writing)) {
        return false;
    }
    if (d->offer[i] != DOMID_NONE) { /* withdraw it */
        table->flags = 0;
        d->offer[i] = DOMID_NONE;
        return false;
    }
    table->domid = other->id;
    table->frame = (uint32_t)(SIM_DATA + sim_random(SIM_RAM_PAGES));
    __atomic_thread_fence(__ATOMIC_RELEASE);
    table->flags = GTF_permit_access | (sim_chance(3) ? GTF_readonly : 0);
    d->offer[i] = other->id;
    return false;
}

/* note: the index of the mapping, and whether it can be written to */
static void mapped(struct x86_vcpu *xv, struct sim_guest *g, long rc)
{
    struct sim_map *m = &sim_domain_of(xv->v.domain->id)->map[g->note[0]];
    const struct gnttab_map_grant_ref *a = sim_page(xv, 1 + xv->v.id, true);

    m->busy = false;
    if (rc == 0 && a && a->status == GNTST_okay) {
        m->live = true;
        m->write = g->note[1];
        m->handle = a->handle;
    }
}

static bool map(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    struct sim_guest *g = sim_guest_of(xv);
    struct sim_domain *other = &sim_domains[sim_random(SIM_DOMAINS)];
    uint64_t i = sim_random(SIM_MAPS), k = sim_random(SIM_OFFERS), gpa;
    struct gnttab_map_grant_ref *a = sim_args(xv, &gpa);

    if (!a || d->map[i].live || d->map[i].busy || !other->used || other->offer[k] != d->id) {
        return false;
    }
    d->map[i].busy = true;
    g->note[0] = i;
    g->note[1] = sim_chance(2);
    a->host_addr = (SIM_MAP + i) << PAGE_SHIFT;
    a->flags = GNTMAP_host_map | (g->note[1] ? 0 : GNTMAP_readonly);
    a->ref = (grant_ref_t)(FIRST_REF + k);
    a->dom = other->id;
    sim_call(xv, e, __HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, gpa, 1, mapped);
    return true;
}

static void unmapped(struct x86_vcpu *xv, struct sim_guest *g, long rc)
{
    struct sim_domain *d = sim_domain_of(xv->v.domain->id);
    const struct gnttab_unmap_grant_ref *a = sim_page(xv, 1 + xv->v.id, true);

    sim_check(rc == 0 || d->hostile);
    if (a && !d->hostile) {
        sim_check(a->status == GNTST_okay); /* nobody else of the domain may touch it */
    }
    d->map[g->note[0]].live = d->map[g->note[0]].busy = false;
}

static bool unmap(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    uint64_t i = sim_random(SIM_MAPS), gpa;
    struct gnttab_unmap_grant_ref *a = sim_args(xv, &gpa);

    if (!a || !d->map[i].live || d->map[i].busy) {
        return false;
    }
    d->map[i].busy = true;
    sim_guest_of(xv)->note[0] = i;
    a->host_addr = (SIM_MAP + i) << PAGE_SHIFT;
    a->handle = d->map[i].handle;
    sim_call(xv, e, __HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, gpa, 1, unmapped);
    return true;
}

static bool copy(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    struct sim_domain *other = &sim_domains[sim_random(SIM_DOMAINS)];
    uint64_t gpa;
    struct gnttab_copy *a = sim_args(xv, &gpa);
    uint64_t count = 1 + sim_random(10);

    if (!a || !other->used) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        a[i].source.u.ref = (grant_ref_t)(FIRST_REF + sim_random(SIM_OFFERS));
        a[i].source.domid = other->id;
        a[i].dest.u.gmfn = SIM_DATA + sim_random(SIM_RAM_PAGES);
        a[i].dest.domid = DOMID_SELF;
        a[i].flags = GNTCOPY_source_gref;
        a[i].len = (uint16_t)sim_random(2000);
        a[i].source.offset = (uint16_t)sim_random(2200);
    }
    sim_call(xv, e, __HYPERVISOR_grant_table_op, GNTTABOP_copy, gpa, count, NULL);
    return true;
}

static bool use_mapping(struct x86_vcpu *xv, struct sim_domain *d)
{
    uint64_t i = sim_random(SIM_MAPS);
    uint64_t *page = d->map[i].live && !d->map[i].busy ? sim_page(xv, SIM_MAP + i, d->map[i].write) : NULL;

    if (page && d->map[i].write) {
        page[sim_random(512)] = sim_random(~0ull);
    }
    return false;
}

bool sim_grant_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    if (!d->has_grant_table && sim_chance(2)) {
        return set_up_table(xv, d, e);
    }
    switch (sim_random(8)) {
    case 0:
    case 1:
    case 2:
        return offer(xv, d);
    case 3:
    case 4:
        return map(xv, d, e);
    case 5:
        return unmap(xv, d, e);
    case 6:
        return use_mapping(xv, d);
    default:
        return copy(xv, d, e);
    }
}

/* --- memory ---------------------------------------------------------------------------------------------------------------------------------------- */

static bool reservation(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e, uint64_t op)
{
    uint64_t gpa, count = 1 + sim_random(8);
    uint8_t *args = sim_args(xv, &gpa);
    struct xen_memory_reservation *r = (struct xen_memory_reservation *)args;

    if (!args) {
        return false;
    }
    r->extent_start.p = (xen_pfn_t *)(gpa + 512);
    r->nr_extents = count;
    r->domid = DOMID_SELF;
    for (uint64_t i = 0; i < count; i++) {
        ((xen_pfn_t *)(args + 512))[i] = SIM_DATA + sim_random(SIM_RAM_PAGES);
    }
    sim_call(xv, e, __HYPERVISOR_memory_op, op, gpa, 0, NULL);
    return true;
}

static bool read_and_write(struct x86_vcpu *xv)
{
    uint64_t *page = sim_page(xv, SIM_DATA + sim_random(SIM_RAM_PAGES), true);

    if (page) {
        page[sim_random(512)] = sim_random(~0ull);
    }
    return false;
}

static bool remove_page(struct x86_vcpu *xv, struct vmexit *e)
{
    uint64_t gpa;
    struct xen_remove_from_physmap *a = sim_args(xv, &gpa);

    if (!a) {
        return false;
    }
    *a = (struct xen_remove_from_physmap){.domid = DOMID_SELF, .gpfn = SIM_DATA + sim_random(SIM_RAM_PAGES)};
    sim_call(xv, e, __HYPERVISOR_memory_op, XENMEM_remove_from_physmap, gpa, 0, NULL);
    return true;
}

bool sim_memory_program(struct x86_vcpu *xv, struct sim_domain *d, struct vmexit *e)
{
    switch (sim_random(8)) {
    case 0:
    case 1:
        return reservation(xv, d, e, XENMEM_decrease_reservation);
    case 2:
    case 3:
    case 4:
        return reservation(xv, d, e, XENMEM_populate_physmap);
    case 5:
        return sim_chance(4) && remove_page(xv, e);
    default:
        return read_and_write(xv);
    }
}
