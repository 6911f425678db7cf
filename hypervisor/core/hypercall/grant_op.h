/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What grant_op.c and grant_copy.c share: the list of requests being worked on. */
#pragma once
#include <base/guest_access.h>
#include <core/hypercall/hypercall.h>

/* The requests not yet done. The call's arguments always say where to go on, so stopping needs nothing else. */
struct grant_list {
    struct hypercall *call; /* arg[1]: the next request; arg[2]: how many are left */
    size_t size;            /* of a request */
    uint32_t left;
    bool preempted;
};

static inline vaddr_t grant_list_at(const struct grant_list *l)
{
    return l->call->arg[1];
}

static inline void grant_list_advance(struct grant_list *l)
{
    l->call->arg[1] += l->size;
    l->call->arg[2] = --l->left;
}

/* Another request is there and may be worked on now. */
static inline bool grant_list_more(struct grant_list *l)
{
    if (l->left == 0) {
        return false;
    }
    l->preempted = hypercall_preempt_check();
    return !l->preempted;
}

/* GNTTABOP_copy. 0 or -XEN_EFAULT. At least one request is there. */
long grant_copy_list(struct grant_list *l);
