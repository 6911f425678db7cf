/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of PV memory management. */
#pragma once
#include <core/hypercall/handlers.h>
#include <guest/x86/common/hw_contract.h>
#include <guest/x86/pv/mm.h>
#include <model/x86/pgtype/pgtype.h>

/* In a count argument: the call was stopped half-way, and what was done before is in the guest's `done` variable. */
#define MM_RESUMED (1u << 31)

/* One hypercall that changes page tables: whose tables, whose frames. */
struct mm_call {
    struct x86_vcpu *xv;   /* current */
    struct domain *tables; /* owner of the page tables; PV */
    struct domain *data;   /* owner of the frames; NULL: DOMID_IO, DOMID_XEN */
    struct pgtype_ctx ctx;
};

/* A context for the tables and frames of @xd itself. */
static inline struct pgtype_ctx mm_ctx(struct x86_domain *xd)
{
    struct pgtype_ctx ctx = pgtype_ctx_init(xd->d.id, &xd->dirty_cpus);

    ctx.may_uncache = !rangeset_is_empty(&xd->d.iomem);
    return ctx;
}

/* The current vCPU on its own domain. */
static inline void mm_call_self(struct mm_call *m)
{
    m->xv = current_x86();
    m->tables = m->data = m->xv->v.domain;
    m->ctx = mm_ctx(x86_domain(m->tables));
}

/*
 * The current vCPU on tables of @tables and frames of @data (DOMID_SELF: its own). -XEN_ESRCH: no such domain; -XEN_EPERM: not its right;
 * -XEN_EINVAL: tables of a domain that is not PV. mm_call_end() releases the domains.
 */
int mm_call_begin(struct mm_call *m, domid_t tables, domid_t data);
/*
 * A list of @count operations that is refused as a whole, with @rc: none was done, and the caller is told so at @done_gva. It counts on that: Linux
 * starts the rest of its list after as many as it finds there.
 */
long mm_refused(vaddr_t done_gva, unsigned int count, int rc);
void mm_call_end(struct mm_call *m);

int mm_finish_slow(struct x86_vcpu *xv);
/* Finish what an earlier call of this vCPU left (struct pv_vcpu.unfinished_mfn). -XEN_ERESTART: not yet. */
static inline int mm_finish(struct x86_vcpu *xv)
{
    return likely(xv->pv->unfinished_mfn[0] == 0) ? 0 : mm_finish_slow(xv);
}

BUILD_ASSERT(PV_UNFINISHED == PGTYPE_UNFINISHED, "what one operation leaves has room");

/* @mfn is for mm_finish(). When there is no room, its last part stays as it is until someone needs the frame, or the domain's end. */
static inline void mm_remember(struct x86_vcpu *xv, mfn_t mfn)
{
    uint64_t *list = xv->pv->unfinished_mfn;

    list[list[0] == 0 ? 0 : 1] = mfn.n;
}

/* After an operation that is done: -XEN_ERESTART when it left something to finish, which is noted for mm_finish(). */
static inline int mm_note_unfinished(struct x86_vcpu *xv, struct pgtype_ctx *ctx)
{
    if (likely(mfn_is_invalid(ctx->unfinished[0]))) {
        return 0;
    }
    for (unsigned int i = 0; i < PGTYPE_UNFINISHED; i++) {
        if (!mfn_is_invalid(ctx->unfinished[i])) {
            mm_remember(xv, ctx->unfinished[i]);
        }
        ctx->unfinished[i] = INVALID_MFN;
    }
    return -XEN_ERESTART;
}

/*
 * The entry of @va in the level 1 table that maps it below @l4 of @owner, which the caller references. *@l1 is referenced:
 * pgtype_put_current(). NULL: nothing there, or not an address of a guest.
 */
uint64_t *mm_walk(mfn_t l4, domid_t owner, vaddr_t va, mfn_t *l1);

static inline bool is_guest_address(vaddr_t va)
{
    return (uint64_t)((int64_t)(va << 16) >> 16) == va &&
           va - VA_HYPERVISOR_START >= VA_HYPERVISOR_END - VA_HYPERVISOR_START;
}

/* pCPUs that run, or ran last, the vCPUs of bitmap @gva of the current domain. -XEN_EFAULT. */
int mm_read_vcpumask(vaddr_t gva, cpuset_t *cpus);
static inline cpuset_t mm_dirty_cpus(struct domain *d)
{
    return (cpuset_t){__atomic_load_n(&x86_domain(d)->dirty_cpus.bits, __ATOMIC_SEQ_CST)};
}

/* --- tables.c ---- */
/* Replace the user mode's L4 of the current vCPU; INVALID_MFN: none. -XEN_EINVAL, -XEN_ERESTART. */
int pv_new_user_table(struct x86_vcpu *xv, mfn_t l4);

/* --- guest/x86/pv/desc ---- */
/* mmuext SET_LDT. -XEN_EINVAL. */
int pv_set_ldt(struct x86_vcpu *xv, vaddr_t base, unsigned int ents);
/* A fault in the LDT window of this pCPU, @offset bytes in: map the page, or raise the fault that the guest's own table would. */
void pv_ldt_fault(struct x86_vcpu *xv, uint64_t offset, uint32_t error);
/* Drop the vCPU's GDT and LDT frames. It does not run. */
void pv_drop_descriptors(struct x86_vcpu *xv);

/* --- fault.c ---- */
/* A write to a page table of level 1 that is mapped read-only at @cr2, from the guest's kernel: carry it out. False: not such a write. */
bool pv_ptwr_fault(struct x86_vcpu *xv, vaddr_t cr2);
