/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls: dispatch by the table abi/hypercalls.def, access checks, continuations.
 *
 * A handler reads c->arg[] and returns the result. To be resumed later it stores the arguments to resume with in c->arg[] and returns
 * -XEN_ERESTART; then the guest layer runs softirqs and calls it again. Guest memory goes through base/guest_access.h only.
 */
#pragma once
#include <core/domain/domain.h>

struct hypercall {
    uint64_t nr;
    uint64_t arg[6];
    bool is_compat; /* 32-bit caller; handlers see 64-bit structures all the same: arch_compat_hypercall() */
    bool in_multicall;
    /* Set by a handler: the result is a value of the guest's, which may look like -XEN_ERESTART and is not that. */
    bool is_value;
    /* Set by a handler that went on elsewhere (iret): a multicall ends, with its result. */
    bool is_final;
};

/* Does @rc, a handler's answer, ask to be called again? */
static inline bool hypercall_goes_on(const struct hypercall *c, long rc)
{
    return rc == -XEN_ERESTART && !c->is_value;
}

typedef long hypercall_fn(struct hypercall *c);

/* Run @c for the current vCPU. -XEN_ENOSYS: no such call for this kind of guest. -XEN_ERESTART: see above. */
long hypercall_dispatch(struct hypercall *c);

/* Who the table lets use a call; the check for privileged families. */
static inline bool caller_is_control(void)
{
    return current_domain()->is_control;
}

static inline bool caller_is_hardware(void)
{
    return current_domain()->is_hardware;
}

/* Log, once for each (number, sub-operation), that something is not built; returns -XEN_ENOSYS. */
long hypercall_not_built(const char *name, uint64_t sub_op);
