/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HYPERVISOR_grant_table_op: a list of requests, each with a status of its own; decoded here, done by core/gnttab (copies: grant_copy.c). The call itself fails
 * only when a request cannot be read or answered. A long list stops between two requests when preemption is due and goes on where it was.
 */
#include <core/domain/arch.h>
#include <core/gnttab/arch.h>
#include <core/gnttab/gnttab_ops.h>
#include <core/trace/trace.h>
#include <core/hypercall/grant_op.h>
#include <core/hypercall/handlers.h>

#define UNMAP_BATCH 32u /* mappings removed before TLBs are flushed for all of them */

/* The domain that a request names, referenced: the caller's own, or for the control domain any. NULL: *@status says why. */
static struct domain *target_get(domid_t id, int16_t *status)
{
    struct domain *d;

    if (id != DOMID_SELF && id != current_domain()->id && !caller_is_control()) {
        *status = GNTST_permission_denied;
        return NULL;
    }
    d = domain_get_or_self(id);
    *status = d ? GNTST_okay : GNTST_bad_domain;
    return d;
}

/* --- map, unmap ---------------------------------------------------------------------------------------------------------------------------- */

static long op_map(struct grant_list *l)
{
    struct gnttab *mapper = &current_domain()->gnttab;
    struct domain *granter = NULL; /* of the request before: most lists name one domain only */
    long rc = 0;

    do {
        struct gnttab_map_grant_ref op;
        mfn_t mfn;

        if (guest_read_obj(&op, grant_list_at(l)) != 0) {
            rc = -XEN_EFAULT;
            break;
        }
        if (!granter || granter->id != op.dom) {
            if (granter) {
                domain_put(granter);
            }
            granter = domain_get(op.dom);
        }
        op.status =
            granter ? gnttab_map(mapper, &granter->gnttab, op.ref, op.host_addr, op.flags, &op.handle, &mfn)
                    : GNTST_bad_domain;
        if (op.status == GNTST_okay) {
            TRACE_1(TRC_MEM_PAGE_GRANT_MAP, op.dom);
            op.dev_bus_addr = mfn_to_paddr(mfn); /* PV kernels read the frame from here */
        }
        if (guest_write_obj(grant_list_at(l), &op) != 0) {
            rc = -XEN_EFAULT;
            break;
        }
        grant_list_advance(l);
    } while (grant_list_more(l));
    if (granter) {
        domain_put(granter);
    }
    return rc;
}

/* Both unmap operations: their requests have the same size, with the status at the same place. */
union unmap_request {
    struct gnttab_unmap_grant_ref unmap;
    struct gnttab_unmap_and_replace replace;
};
#define UNMAP_STATUS offsetof(struct gnttab_unmap_grant_ref, status)
BUILD_ASSERT(sizeof(struct gnttab_unmap_grant_ref) == sizeof(struct gnttab_unmap_and_replace),
             "one loop for both");
BUILD_ASSERT(offsetof(struct gnttab_unmap_and_replace, status) == UNMAP_STATUS, "one loop for both");

/* Remove one batch of mappings. *@count: how many requests were read; -XEN_EFAULT when one could not be. */
static long unmap_batch(struct grant_list *l, bool replace, struct gnttab_unmapping *u, int16_t *status,
                        unsigned int *count)
{
    struct gnttab *mapper = &current_domain()->gnttab;
    unsigned int n = MIN(l->left, UNMAP_BATCH);

    for (*count = 0; *count < n; (*count)++) {
        struct gnttab_unmap_addr addr;
        union unmap_request op;
        grant_handle_t handle;

        if (guest_read_elem(&op, grant_list_at(l), *count) != 0) {
            return -XEN_EFAULT;
        }
        if (replace) {
            addr = (struct gnttab_unmap_addr){.host = op.replace.host_addr, .new = op.replace.new_addr};
            handle = op.replace.handle;
        } else {
            addr = (struct gnttab_unmap_addr){.host = op.unmap.host_addr, .dev = op.unmap.dev_bus_addr};
            handle = op.unmap.handle;
        }
        status[*count] = gnttab_unmap_begin(mapper, handle, &addr, &u[*count]);
        TRACE_1(TRC_MEM_PAGE_GRANT_UNMAP, mapper->domid);
    }
    return 0;
}

static long op_unmap(struct grant_list *l, bool replace)
{
    struct gnttab *mapper = &current_domain()->gnttab;
    struct gnttab_unmapping u[UNMAP_BATCH];
    int16_t status[UNMAP_BATCH];
    unsigned int count;
    long rc;

    do {
        rc = unmap_batch(l, replace, u, status, &count);
        gnttab_flush_removed();
        for (unsigned int i = 0; i < count; i++) {
            gnttab_unmap_end(mapper, &u[i]);
        }
        for (unsigned int i = 0; i < count; i++) {
            if (guest_write_obj(grant_list_at(l) + UNMAP_STATUS, &status[i]) != 0) {
                return -XEN_EFAULT;
            }
            grant_list_advance(l);
        }
    } while (rc == 0 && grant_list_more(l));
    return rc;
}

/* --- the table ---------------------------------------------------------------------------------------------------------------------------- */

/* What a guest calls frame @mfn of its table; all ones when it is nowhere in its memory. */
static uint64_t table_gfn(const struct domain *d, mfn_t mfn)
{
    return d->kind == GUEST_PV ? mfn.n : m2p_get(mfn);
}

/* Write the first @count frames of @d's table to @list. 0 or -XEN_EFAULT; *@status for what is wrong with the table. */
static long write_frame_list(struct domain *d, uint32_t count, vaddr_t list, int16_t *status)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t gfn;
        mfn_t mfn;

        if (gnttab_frame_mfn(&d->gnttab, i, &mfn) != 0) {
            *status = GNTST_general_error;
            return 0;
        }
        gfn = table_gfn(d, mfn);
        if (guest_write_elem(list, i, &gfn) != 0) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

static long op_setup_table(struct grant_list *l)
{
    struct gnttab_setup_table op;
    struct domain *d;
    long rc = 0;

    if (guest_read_obj(&op, grant_list_at(l)) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(op.dom, &op.status);
    if (d) {
        if (gnttab_grow(&d->gnttab, op.nr_frames) != 0) {
            op.status = GNTST_general_error;
        } else {
            rc = write_frame_list(d, op.nr_frames, guest_addr(op.frame_list), &op.status);
        }
        domain_put(d);
    }
    if (rc == 0 &&
        guest_write_obj(grant_list_at(l) + offsetof(struct gnttab_setup_table, status), &op.status) != 0) {
        rc = -XEN_EFAULT;
    }
    return rc;
}

static long op_query_size(struct grant_list *l)
{
    struct gnttab_query_size op;
    struct domain *d;

    if (guest_read_obj(&op, grant_list_at(l)) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(op.dom, &op.status);
    if (d) {
        op.nr_frames = gnttab_frame_count(&d->gnttab);
        op.max_nr_frames = d->gnttab.max_frames;
        domain_put(d);
    }
    return guest_write_obj(grant_list_at(l), &op) != 0 ? -XEN_EFAULT : 0;
}

/* Version 1 is what there is. For 2 the answer is that of a hypervisor limited to version 1; kernels then use version 1. */
static long op_set_version(struct grant_list *l)
{
    struct gnttab_set_version op;

    if (guest_read_obj(&op, grant_list_at(l)) != 0) {
        return -XEN_EFAULT;
    }
    if (op.version == 2) {
        return hypercall_not_built("grant table version 2", GNTTABOP_set_version);
    }
    if (op.version != 1) {
        return -XEN_EINVAL;
    }
    return guest_write_obj(grant_list_at(l), &op) != 0 ? -XEN_EFAULT : 0;
}

static long op_get_version(struct grant_list *l)
{
    struct gnttab_get_version op;
    struct domain *d;
    int16_t status;

    if (guest_read_obj(&op, grant_list_at(l)) != 0) {
        return -XEN_EFAULT;
    }
    d = target_get(op.dom, &status);
    if (!d) {
        return status == GNTST_permission_denied ? -XEN_EPERM : -XEN_ESRCH;
    }
    domain_put(d);
    op.version = 1;
    return guest_write_obj(grant_list_at(l), &op) != 0 ? -XEN_EFAULT : 0;
}

/* Version 1 has no status frames. */
static long op_get_status_frames(struct grant_list *l)
{
    int16_t status = GNTST_general_error;

    return guest_write_obj(grant_list_at(l) + offsetof(struct gnttab_get_status_frames, status), &status) != 0
               ? -XEN_EFAULT
               : 0;
}

static long op_swap(struct grant_list *l)
{
    do {
        struct gnttab_swap_grant_ref op;

        if (guest_read_obj(&op, grant_list_at(l)) != 0) {
            return -XEN_EFAULT;
        }
        op.status = gnttab_swap(&current_domain()->gnttab, op.ref_a, op.ref_b);
        if (guest_write_obj(grant_list_at(l), &op) != 0) {
            return -XEN_EFAULT;
        }
        grant_list_advance(l);
    } while (grant_list_more(l));
    return 0;
}

/* Pages do not change hands. "bad page" is the one answer that says that the page still belongs to the caller. */
static long op_transfer(struct grant_list *l)
{
    int16_t status = GNTST_bad_page;

    do {
        if (guest_write_obj(grant_list_at(l) + offsetof(struct gnttab_transfer, status), &status) != 0) {
            return -XEN_EFAULT;
        }
        grant_list_advance(l);
    } while (grant_list_more(l));
    return 0;
}

/* --- the call ------------------------------------------------------------------------------------------------------------------------------- */

/* Sizes of requests; a single one is not a list. */
static const struct {
    uint8_t size;
    bool single;
} requests[] = {
    [GNTTABOP_map_grant_ref] = {sizeof(struct gnttab_map_grant_ref), false},
    [GNTTABOP_unmap_grant_ref] = {sizeof(struct gnttab_unmap_grant_ref), false},
    [GNTTABOP_setup_table] = {sizeof(struct gnttab_setup_table), true},
    [GNTTABOP_transfer] = {sizeof(struct gnttab_transfer), false},
    [GNTTABOP_copy] = {sizeof(struct gnttab_copy), false},
    [GNTTABOP_query_size] = {sizeof(struct gnttab_query_size), true},
    [GNTTABOP_unmap_and_replace] = {sizeof(struct gnttab_unmap_and_replace), false},
    [GNTTABOP_set_version] = {sizeof(struct gnttab_set_version), true},
    [GNTTABOP_get_status_frames] = {sizeof(struct gnttab_get_status_frames), true},
    [GNTTABOP_get_version] = {sizeof(struct gnttab_get_version), true},
    [GNTTABOP_swap_grant_ref] = {sizeof(struct gnttab_swap_grant_ref), false},
};

static long run(struct grant_list *l, uint32_t cmd)
{
    switch (cmd) {
    case GNTTABOP_map_grant_ref:
        return op_map(l);
    case GNTTABOP_unmap_grant_ref:
        return op_unmap(l, false);
    case GNTTABOP_unmap_and_replace:
        return op_unmap(l, true);
    case GNTTABOP_copy:
        return grant_copy_list(l);
    case GNTTABOP_setup_table:
        return op_setup_table(l);
    case GNTTABOP_query_size:
        return op_query_size(l);
    case GNTTABOP_set_version:
        return op_set_version(l);
    case GNTTABOP_get_version:
        return op_get_version(l);
    case GNTTABOP_get_status_frames:
        return op_get_status_frames(l);
    case GNTTABOP_swap_grant_ref:
        return op_swap(l);
    default:
        return op_transfer(l);
    }
}

long do_grant_table_op(struct hypercall *c)
{
    struct grant_list l = {.call = c};
    uint32_t cmd = c->arg[0];
    long rc;

    l.left = c->arg[2];
    if ((int32_t)l.left < 0) {
        return -XEN_EINVAL;
    }
    if (cmd >= ARRAY_SIZE(requests) || requests[cmd].size == 0) {
        return -XEN_ENOSYS; /* dump_table is for debugging, cache_flush for other architectures */
    }
    if (requests[cmd].single && l.left != 1) {
        return -XEN_EINVAL;
    }
    if (l.left == 0) {
        return 0;
    }
    l.size = requests[cmd].size;
    rc = run(&l, cmd);
    return rc == 0 && l.preempted ? -XEN_ERESTART : rc;
}

/* --- core/gnttab's upcalls -------------------------------------------------------------------------------------------------------------------- */

void gnttab_hold(struct gnttab *g)
{
    domain_ref(container_of(g, struct domain, gnttab));
}

void gnttab_let_go(struct gnttab *g)
{
    domain_put(container_of(g, struct domain, gnttab));
}
