/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table made from abi/hypercalls.def, and dispatch through it. */
#include <base/context.h>
#include <base/counters.h>
#include <base/log.h>
#include <core/hypercall/arch.h>
#include <core/hypercall/handlers.h>
#include <core/hypercall/hypercall_trace.h>
#include <core/trace/trace.h>

#define KINDS_PV   (1u << GUEST_PV)
#define KINDS_PVH  (1u << GUEST_PVH)
#define KINDS_BOTH (KINDS_PV | KINDS_PVH)

enum who { WHO_any, WHO_hardware, WHO_control };

struct row {
    hypercall_fn *fn;
    const char *name;
    uint8_t kinds;
    uint8_t who;
};

static const struct row rows[] = {
#define HYPERCALL(nr, name, kinds, who, text) [nr] = {do_##name, #name, KINDS_##kinds, WHO_##who},
#include <abi/hypercalls.def>
#undef HYPERCALL
};

BUILD_ASSERT(ARRAY_SIZE(rows) <= COUNTER_hypercalls_last - COUNTER_hypercalls + 1, "each has a counter");

static bool may_call(const struct domain *d, uint8_t who)
{
    return who == WHO_hardware ? d->is_hardware : d->is_control;
}

static inline __attribute__((always_inline)) long dispatch(struct hypercall *c)
{
    const struct domain *d = current_domain();
    uint64_t nr = c->nr;
    const struct row *row;
    long rc;

    if (unlikely(nr >= ARRAY_SIZE(rows))) {
        return -XEN_ENOSYS;
    }
    count_in(COUNTER_hypercalls, (unsigned int)nr);
    row = &rows[nr];
    if (unlikely(!(row->kinds & (1u << d->kind)))) {
        return -XEN_ENOSYS;
    }
    if (unlikely(row->who != WHO_any) && !may_call(d, row->who)) {
        return -XEN_EPERM;
    }
    rc = unlikely(c->is_compat) ? arch_compat_hypercall(c, row->fn) : row->fn(c);
    ASSERT_MAY_WAIT();
    ASSERT_MAY_LEAVE();
    return rc;
}

static __attribute__((cold, noinline)) long dispatch_traced(struct hypercall *c)
{
    hypercall_trace(c);
    return dispatch(c);
}

/* Two copies, so that the one in use has nothing to keep over the call that records. */
long hypercall_dispatch(struct hypercall *c)
{
    return trace_wants(TRC_PV | TRC_HVM) ? dispatch_traced(c) : dispatch(c);
}

/* One bit for each thing that was asked for; a collision only loses a log line. */
long hypercall_not_built(const char *name, uint64_t sub_op)
{
    static uint64_t said[64];
    uint32_t hash = (uint32_t)sub_op * 2654435761u;

    for (const char *p = name; *p; p++) {
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    }
    hash >>= 20;
    if (!(__atomic_fetch_or(&said[hash / 64], 1ull << (hash % 64), __ATOMIC_RELAXED) >> (hash % 64) & 1)) {
        log_info("d%u asked for %s %lu, which is not built (see SUPPORT.md)\n", current_domain()->id, name,
                 (unsigned long)sub_op);
    }
    return -XEN_ENOSYS;
}
