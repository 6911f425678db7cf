/* SPDX-License-Identifier: GPL-2.0-or-later */
/* multicall: a list of hypercalls, each with its result beside it. To be resumed the list is cut at the front; only the last entry's arguments change. */
#include <base/guest_access.h>
#include <base/softirq.h>
#include <core/hypercall/handlers.h>

/* Write back where to go on: entries before @i are done, entry @i starts again with @inner's arguments. */
static long restart_at(struct hypercall *c, uint64_t i, struct multicall_entry *e,
                       const struct hypercall *inner)
{
    vaddr_t at = c->arg[0] + i * sizeof(*e);

    if (inner) {
        for (unsigned int a = 0; a < 6; a++) {
            e->args[a] = inner->arg[a];
        }
        if (guest_write_obj(at, e) != 0) {
            return -XEN_EFAULT;
        }
    }
    c->arg[0] = at;
    c->arg[1] -= i;
    return -XEN_ERESTART;
}

long do_multicall(struct hypercall *c)
{
    uint64_t count = (uint32_t)c->arg[1];
    vaddr_t at = c->arg[0];

    if (c->in_multicall) {
        return -XEN_EINVAL;
    }
    c->arg[1] = count;
    for (uint64_t i = 0; i < count; i++, at += sizeof(struct multicall_entry)) {
        struct multicall_entry e;
        struct hypercall inner;
        long rc;

        if (i != 0 && hypercall_preempt_check()) {
            return restart_at(c, i, &e, NULL);
        }
        if (guest_read_obj(&e, at) != 0) {
            return -XEN_EFAULT;
        }
        inner = (struct hypercall){
            .nr = e.op,
            .arg = {e.args[0], e.args[1], e.args[2], e.args[3], e.args[4], e.args[5]},
            .is_compat = c->is_compat,
            .in_multicall = true,
        };
        rc = hypercall_dispatch(&inner);
        if (inner.is_final) {
            c->is_final = true;
            c->is_value = inner.is_value;
            return rc;
        }
        if (hypercall_goes_on(&inner, rc)) {
            return restart_at(c, i, &e, &inner);
        }
        e.result = (xen_ulong_t)rc;
        if (guest_write_obj(at + offsetof(struct multicall_entry, result), &e.result) != 0) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}
