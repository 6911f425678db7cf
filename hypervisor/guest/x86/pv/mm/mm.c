/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the PV memory hypercalls share: who acts on whom, walks, unfinished work; and what pgtype asks of this layer. */
#include <base/guest_access.h>
#include <guest/x86/pv/mm/mm_internal.h>

/* --- who acts on whom ----------------------------------------------------------------------------------------------------------------- */

/* Only the control domain changes another's page tables. */
static int get_tables_domain(struct mm_call *m, domid_t id)
{
    struct domain *self = m->xv->v.domain;

    if (id == DOMID_SELF || id == self->id) {
        m->tables = self;
        return 0;
    }
    if (!self->is_control) {
        return -XEN_EPERM;
    }
    m->tables = domain_get(id);
    if (!m->tables) {
        return -XEN_ESRCH;
    }
    if (!is_pv(m->tables)) {
        domain_put(m->tables);
        m->tables = self;
        return -XEN_EINVAL;
    }
    return 0;
}

/* Frames of others: the control domain, or the device model of that domain. Of the hypervisor's own: arch_may_map_hypervisor(). */
static int get_data_domain(struct mm_call *m, domid_t id)
{
    struct domain *self = m->xv->v.domain;

    if (id == DOMID_SELF || id == self->id) {
        m->data = self;
        return 0;
    }
    if (id == DOMID_IO || (id == DOMID_XEN && self->is_control)) {
        m->data = NULL;
        return 0;
    }
    if (!self->is_control && self->target != id) {
        return -XEN_EPERM;
    }
    m->data = domain_get(id);
    return m->data ? 0 : -XEN_ESRCH;
}

int mm_call_begin(struct mm_call *m, domid_t tables, domid_t data)
{
    int rc;

    m->xv = current_x86();
    m->tables = m->data = m->xv->v.domain;
    rc = get_tables_domain(m, tables);
    if (rc != 0) {
        return rc;
    }
    rc = get_data_domain(m, data);
    if (rc != 0) {
        m->data = m->xv->v.domain;
        mm_call_end(m);
        return rc;
    }
    m->ctx = mm_ctx(x86_domain(m->tables));
    m->ctx.data_owner = m->data ? m->data->id : data;
    return 0;
}

long mm_refused(vaddr_t done_gva, unsigned int count, int rc)
{
    unsigned int none = 0;

    if (done_gva && !(count & MM_RESUMED) && guest_write_obj(done_gva, &none) != 0) {
        return -XEN_EFAULT;
    }
    return rc;
}

void mm_call_end(struct mm_call *m)
{
    struct domain *self = m->xv->v.domain;

    if (m->data && m->data != self) {
        domain_put(m->data);
    }
    if (m->tables != self) {
        domain_put(m->tables);
    }
}

int mm_finish_slow(struct x86_vcpu *xv)
{
    uint64_t *list = xv->pv->unfinished_mfn;

    while (list[0] != 0) {
        mfn_t mfn = MFN(list[0]);
        struct pgtype_ctx ctx = pgtype_ctx_init((domid_t)frame_owner(frame_read(mfn)), NULL);
        int rc = pgtype_finish(&ctx, mfn);

        if (rc != 0) {
            return rc;
        }
        list[0] = list[1];
        list[1] = 0;
    }
    return 0;
}

/* --- walks ---------------------------------------------------------------------------------------------------------------------------------- */

/*
 * Another vCPU may be changing the tables above, so each frame is looked at before it is read: it is memory, and was a table of this
 * domain and level a moment ago. Whatever the last step finds is checked together with taking its reference.
 */
static inline bool step_down(mfn_t *mfn, domid_t owner, vaddr_t va, unsigned int level)
{
    const uint64_t *t = mfn_to_virt(*mfn);
    uint64_t want = FRAME_OWNER(owner) | FRAME_VALIDATED | FRAME_TYPE(level);
    uint64_t e;

    if (unlikely(mfn->n >= frame_limit ||
                 (frame_read(*mfn) & (FRAME_OWNER_MASK | FRAME_TYPE_MASK | FRAME_VALIDATED)) != want)) {
        return false;
    }
    e = __atomic_load_n(&t[pte_index(va, level)], __ATOMIC_RELAXED);
    *mfn = pte_mfn(e);
    return e & PTE_P;
}

uint64_t *mm_walk(mfn_t l4, domid_t owner, vaddr_t va, mfn_t *l1)
{
    mfn_t mfn = l4;
    enum frame_type type;

    if (unlikely(!is_guest_address(va)) ||
        unlikely(!step_down(&mfn, owner, va, 4) || !step_down(&mfn, owner, va, 3) ||
                 !step_down(&mfn, owner, va, 2))) {
        return NULL;
    }
    type = pgtype_get_current(mfn, owner);
    if (unlikely(type != FT_L1)) {
        if (type != FT_NONE) {
            struct pgtype_ctx ctx = pgtype_ctx_init(owner, NULL);

            pgtype_put(&ctx, mfn, 0);
        }
        return NULL;
    }
    *l1 = mfn;
    return (uint64_t *)mfn_to_virt(mfn) + pte_index(va, 1);
}

int mm_read_vcpumask(vaddr_t gva, cpuset_t *cpus)
{
    struct domain *d = current_domain();
    uint64_t bits[MAX_VCPUS_PV / 64] = {0};
    cpuset_t all = mm_dirty_cpus(d);

    *cpus = CPUSET_NONE;
    if (guest_read(bits, gva, DIV_ROUND_UP(MIN(d->max_vcpus, MAX_VCPUS_PV), 8)) != 0) {
        return -XEN_EFAULT;
    }
    for (unsigned int id = 0; id < d->max_vcpus && id < MAX_VCPUS_PV; id++) {
        const struct vcpu *v = d->vcpus[id];

        if (((bits[id / 64] >> (id % 64)) & 1) && v) {
            cpus->bits |= cpuset_of(v->sched.cpu).bits;
        }
    }
    *cpus = cpuset_and(*cpus, all);
    return 0;
}
