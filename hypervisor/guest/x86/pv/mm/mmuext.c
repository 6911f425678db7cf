/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HYPERVISOR_mmuext_op: <xen/xen.h>. Pins, base tables, TLBs, caches, LDT. */
#include <base/guest_access.h>
#include <base/softirq.h>
#include <guest/x86/pv/mm/mm_internal.h>
#include <lib/string.h>

static int pin(struct mm_call *m, mfn_t mfn, enum frame_type type)
{
    int rc;

    if (!m->data || !is_pv(m->data)) {
        return -XEN_EINVAL;
    }
    rc = pgtype_pin(&m->ctx, mfn, m->data->id, type);
    if (rc == 0 && __atomic_load_n(&m->data->dying, __ATOMIC_SEQ_CST) != DOMAIN_ALIVE) {
        /* teardown may have passed this frame already */
        if (pgtype_unpin(&m->ctx, mfn, m->data->id) == -XEN_ERESTART) {
            pgtype_leave(&m->ctx, mfn);
        }
        return -XEN_EINVAL;
    }
    return rc;
}

static int unpin(struct mm_call *m, mfn_t mfn)
{
    return m->data && is_pv(m->data) ? pgtype_unpin(&m->ctx, mfn, m->data->id) : -XEN_EINVAL;
}

static int clear_page(struct mm_call *m, mfn_t mfn)
{
    if (!m->data || !frame_get_writable(mfn, m->data->id)) {
        return -XEN_EINVAL;
    }
    memset(mfn_to_virt(mfn), 0, PAGE_SIZE);
    frame_put_writable(mfn);
    return 0;
}

static int copy_page(struct mm_call *m, mfn_t dst, mfn_t src)
{
    int rc = -XEN_EINVAL;

    if (!m->data || !frame_get(src, m->data->id)) {
        return rc;
    }
    if (frame_get_writable(dst, m->data->id)) {
        memmove(mfn_to_virt(dst), mfn_to_virt(src), PAGE_SIZE);
        frame_put_writable(dst);
        rc = 0;
    }
    frame_put(src);
    return rc;
}

/* Operations on the current vCPU and its domain only. */
static int flush_op(struct mm_call *m, const struct mmuext_op *op)
{
    struct domain *d = m->xv->v.domain;
    cpuset_t cpus = mm_dirty_cpus(d);
    vaddr_t va = op->arg1.linear_addr;
    int rc = 0;

    switch (op->cmd) {
    case MMUEXT_TLB_FLUSH_LOCAL:
        hw_flush_local();
        return 0;
    case MMUEXT_INVLPG_LOCAL:
        if (is_guest_address(va)) {
            hw_invlpg_local(va);
        }
        return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
        rc = mm_read_vcpumask(guest_addr(op->arg2.vcpumask), &cpus);
        break;
    default:
        break;
    }
    if (rc != 0) {
        return rc;
    }
    if (op->cmd == MMUEXT_TLB_FLUSH_MULTI || op->cmd == MMUEXT_TLB_FLUSH_ALL) {
        port_flush_tlb(cpus);
    } else if (is_guest_address(va)) {
        port_flush_tlb_page(cpus, va);
    }
    return 0;
}

static void flush_caches_here(void *unused)
{
    hw_flush_caches();
}

/* Only who has devices can have reason to. */
static int cache_op(struct mm_call *m, unsigned int cmd)
{
    if (!m->ctx.may_uncache) {
        return -XEN_EACCES;
    }
    if (cmd == MMUEXT_FLUSH_CACHE_GLOBAL) {
        port_call_on(cpus_online, flush_caches_here, NULL, true);
    } else {
        hw_flush_caches();
    }
    return 0;
}

static int own_op(struct mm_call *m, const struct mmuext_op *op)
{
    if (m->data != m->xv->v.domain) {
        return -XEN_EPERM;
    }
    switch (op->cmd) {
    case MMUEXT_NEW_BASEPTR:
        return pv_new_base_table(m->xv, MFN(op->arg1.mfn));
    case MMUEXT_NEW_USER_BASEPTR:
        return pv_new_user_table(m->xv, op->arg1.mfn ? MFN(op->arg1.mfn) : INVALID_MFN);
    case MMUEXT_SET_LDT:
        return pv_set_ldt(m->xv, op->arg1.linear_addr, op->arg2.nr_ents);
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        return cache_op(m, op->cmd);
    default:
        return flush_op(m, op);
    }
}

static int do_one(struct mm_call *m, const struct mmuext_op *op)
{
    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return pin(m, MFN(op->arg1.mfn), (enum frame_type)(FT_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE)));
    case MMUEXT_UNPIN_TABLE:
        return unpin(m, MFN(op->arg1.mfn));
    case MMUEXT_CLEAR_PAGE:
        return clear_page(m, MFN(op->arg1.mfn));
    case MMUEXT_COPY_PAGE:
        return copy_page(m, MFN(op->arg1.mfn), MFN(op->arg2.src_mfn));
    case MMUEXT_NEW_BASEPTR:
    case MMUEXT_NEW_USER_BASEPTR:
    case MMUEXT_TLB_FLUSH_LOCAL:
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_ALL:
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
    case MMUEXT_SET_LDT:
        return own_op(m, op);
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
        return -XEN_EOPNOTSUPP; /* guests have no superpages */
    default:
        return -XEN_ENOSYS;
    }
}

static int do_list(struct mm_call *m, vaddr_t gva, unsigned int count, unsigned int *done)
{
    while (*done < count) {
        struct mmuext_op op;
        int rc = guest_read_elem(&op, gva, *done);

        if (rc == 0) {
            rc = do_one(m, &op);
        }
        if (rc != 0) {
            (void)mm_note_unfinished(m->xv, &m->ctx); /* the failure is the answer; the next call finishes */
            return rc;
        }
        ++*done;
        rc = mm_note_unfinished(m->xv, &m->ctx);
        if (rc != 0) {
            return rc;
        }
        if (*done < count && hypercall_preempt_check()) {
            return -XEN_ERESTART;
        }
    }
    return 0;
}

/* On behalf of another domain, pins are of its tables. */
static int begin(struct mm_call *m, domid_t id)
{
    int rc;

    if (likely(id == DOMID_SELF)) {
        mm_call_self(m);
        return 0;
    }
    rc = mm_call_begin(m, (domid_t)DOMID_SELF, id);
    if (rc == 0 && m->data && is_pv(m->data)) {
        m->ctx = mm_ctx(x86_domain(m->data));
    }
    return rc;
}

long do_mmuext_op(struct hypercall *c)
{
    unsigned int count = (unsigned int)c->arg[1], done = 0, before = 0;
    vaddr_t done_gva = c->arg[2];
    struct mm_call m;
    int rc = begin(&m, (domid_t)c->arg[3]);

    if (rc != 0) {
        return mm_refused(done_gva, count, rc);
    }
    rc = mm_finish(m.xv);
    if (unlikely(rc != 0)) {
        mm_call_end(&m);
        return rc;
    }
    if (unlikely(count & MM_RESUMED)) {
        count &= ~MM_RESUMED;
        if (done_gva && guest_read_obj(&before, done_gva) != 0) {
            before = 0;
        }
    }
    rc = do_list(&m, c->arg[0], count, &done);
    if (done_gva) {
        before += done;
        if (guest_write_obj(done_gva, &before) != 0 && rc == 0) {
            rc = -XEN_EFAULT;
        }
    }
    if (rc == -XEN_ERESTART) {
        c->arg[0] += done * sizeof(struct mmuext_op);
        c->arg[1] = (count - done) | MM_RESUMED;
    }
    mm_call_end(&m);
    return rc;
}
