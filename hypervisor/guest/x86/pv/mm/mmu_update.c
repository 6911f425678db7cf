/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HYPERVISOR_mmu_update: <xen/xen.h>. A list of (address of entry, value); stops at the first that fails. */
#include <base/guest_access.h>
#include <base/softirq.h>
#include <core/domain/arch.h>
#include <guest/x86/pv/mm/mm_internal.h>

#define COMMAND_MASK 3u
#define BATCH        8u

/* A frame of an auto-translated domain by its guest frame number: dom0 building or serving a PVH guest. */
static int update_l1_translated(struct mm_call *m, uint64_t *pte, uint64_t val, unsigned int flags)
{
    bool write = val & PTE_RW;
    mfn_t mfn;
    int rc = arch_get_gfn(m->data, GFN(pte_mfn(val).n), write, &mfn);

    if (rc != 0) {
        return rc;
    }
    rc = pgtype_update_l1(&m->ctx, pte, (val & ~PTE_ADDR) | mfn_to_paddr(mfn), flags | PGT_REFERENCED);
    if (rc != 0) {
        arch_put_gfn(m->data, mfn, write);
    }
    return rc;
}

/* Not a page table (yet): the guest could write it itself. Linux does all its updates this way, also before it pins. */
static int update_plain(struct mm_call *m, mfn_t mfn, unsigned int index, uint64_t val, unsigned int cmd)
{
    uint64_t *word = (uint64_t *)mfn_to_virt(mfn) + index;
    uint64_t keep = cmd == MMU_PT_UPDATE_PRESERVE_AD ? PTE_A | PTE_D : 0;
    uint64_t old;

    if (!frame_get_writable(mfn, m->tables->id)) {
        return -XEN_EINVAL;
    }
    old = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(word, &old, val | (old & keep), false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED)) {
    }
    frame_put_writable(mfn);
    return 0;
}

static int update_entry(struct mm_call *m, uint64_t ptr, uint64_t val)
{
    unsigned int cmd = ptr & COMMAND_MASK;
    unsigned int flags = cmd == MMU_PT_UPDATE_PRESERVE_AD ? PGT_PRESERVE_AD : 0;
    unsigned int index = (ptr & ~PAGE_MASK) / sizeof(uint64_t);
    mfn_t table = paddr_to_mfn(ptr);
    enum frame_type type = pgtype_get_current(table, m->ctx.domain);
    uint64_t *pte = (uint64_t *)mfn_to_virt(table) + index;
    int rc;

    if (likely(type == FT_L1)) {
        if (unlikely((val & PTE_P) && cmd != MMU_PT_UPDATE_NO_TRANSLATE && m->data && !is_pv(m->data))) {
            rc = update_l1_translated(m, pte, val, flags);
        } else {
            rc = pgtype_update_l1(&m->ctx, pte, val, flags);
        }
    } else if (type == FT_NONE) {
        return update_plain(m, table, index, val, cmd);
    } else if (type == FT_SEGDESC) {
        rc = -XEN_EINVAL;
    } else {
        rc = pgtype_update_table(&m->ctx, table, type, index, val, flags);
    }
    pgtype_put_current(&m->ctx, table);
    return rc;
}

static int update_machphys(struct mm_call *m, uint64_t ptr, uint64_t val)
{
    mfn_t mfn = paddr_to_mfn(ptr);

    if (!m->data || !frame_get(mfn, m->data->id)) {
        return -XEN_EINVAL;
    }
    m2p_set(mfn, val);
    frame_put(mfn);
    return 0;
}

static inline int update_one(struct mm_call *m, const struct mmu_update *req)
{
    if (unlikely(req->ptr & 4)) { /* no such command */
        return -XEN_ENOSYS;
    }
    if (unlikely((req->ptr & COMMAND_MASK) == MMU_MACHPHYS_UPDATE)) {
        return update_machphys(m, req->ptr, req->val);
    }
    return update_entry(m, req->ptr, req->val);
}

/* As many as can be read of the next few; at least one. */
static int read_requests(struct mmu_update *req, vaddr_t gva, unsigned int left, unsigned int *n)
{
    *n = MIN(left, BATCH);
    if (likely(guest_read(req, gva, *n * sizeof(*req)) == 0)) {
        return 0;
    }
    *n = 1;
    return guest_read(req, gva, sizeof(*req));
}

/* Do requests from *@done on until @count, an error or preemption. */
static int update_list(struct mm_call *m, vaddr_t gva, unsigned int count, unsigned int *done)
{
    struct mmu_update req[BATCH];
    unsigned int n, i = 0;
    int rc;

    for (n = 0; *done < count;) {
        if (i == n) {
            rc = read_requests(req, gva + *done * sizeof(req[0]), count - *done, &n);
            if (rc != 0) {
                return rc;
            }
            i = 0;
        }
        rc = update_one(m, &req[i]);
        if (unlikely(rc != 0)) {
            (void)mm_note_unfinished(m->xv, &m->ctx); /* the failure is the answer; the next call finishes */
            return rc;
        }
        i++;
        ++*done;
        rc = mm_note_unfinished(m->xv, &m->ctx);
        if (unlikely(rc != 0)) {
            return rc;
        }
        if (*done < count && hypercall_preempt_check()) {
            return -XEN_ERESTART;
        }
    }
    return 0;
}

long do_mmu_update(struct hypercall *c)
{
    unsigned int count = (unsigned int)c->arg[1], done = 0, before = 0;
    vaddr_t done_gva = c->arg[2];
    uint32_t foreign = (uint32_t)c->arg[3];
    struct mm_call m;
    int rc;

    if (likely(foreign == DOMID_SELF)) {
        mm_call_self(&m);
        rc = 0;
    } else {
        rc = mm_call_begin(&m, foreign >> 16 ? (domid_t)((foreign >> 16) - 1) : (domid_t)DOMID_SELF,
                           (domid_t)foreign);
    }
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
    rc = update_list(&m, c->arg[0], count, &done);
    if (done_gva) {
        before += done;
        if (guest_write_obj(done_gva, &before) != 0 && rc == 0) {
            rc = -XEN_EFAULT;
        }
    }
    if (rc == -XEN_ERESTART) {
        c->arg[0] += done * sizeof(struct mmu_update);
        c->arg[1] = (count - done) | MM_RESUMED;
    }
    mm_call_end(&m);
    return rc;
}
