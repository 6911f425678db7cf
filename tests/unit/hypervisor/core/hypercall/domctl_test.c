/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: access, decoding, checks, and the way of a domain through creation, questions and destruction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/domctl.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))

static struct xen_domctl *op;
static uint8_t *area; /* the rest of the window */

static int start(void **state)
{
    fake_x86_start();
    op = (struct xen_domctl *)fake_window;
    area = fake_window + 4096;
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static long call(uint32_t cmd, domid_t id)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = id;
    return fake_call(do_domctl, GUEST(op), 0);
}

static struct xen_domctl_createdomain good_config(bool pvh)
{
    return (struct xen_domctl_createdomain){
        .flags = pvh ? XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap : 0,
        .handle = {1, 2, 3},
        .max_vcpus = 2,
        .max_evtchn_port = 1023,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
        .arch.emulation_flags = pvh ? XEN_X86_EMU_LAPIC : 0,
    };
}

static long create(const struct xen_domctl_createdomain *c, domid_t wanted)
{
    memset(op, 0, sizeof(*op));
    op->u.createdomain = *c;
    return call(XEN_DOMCTL_createdomain, wanted);
}

static domid_t make(bool pvh)
{
    struct xen_domctl_createdomain c = good_config(pvh);
    domid_t id;

    assert_int_equal(create(&c, 0), 0);
    id = op->domain;
    op->u.max_vcpus.max = 2;
    assert_int_equal(call(XEN_DOMCTL_max_vcpus, id), 0);
    return id;
}

static void access(void **state)
{
    struct hypercall c = {.arg = {GUEST(op)}};

    memset(op, 0, sizeof(*op));
    op->cmd = XEN_DOMCTL_getdomaininfo;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
    assert_int_equal(do_domctl(&c), -XEN_EACCES);
    c.arg[0] = GUEST(fake_window + FAKE_WINDOW - 8);
    assert_int_equal(do_domctl(&c), -XEN_EFAULT);
    c.arg[0] = GUEST(op);
    fake_dom0->is_control = false;
    assert_int_equal(do_domctl(&c), -XEN_EPERM);
    fake_dom0->is_control = true;
    assert_int_equal(call(XEN_DOMCTL_pausedomain, 5), -XEN_ESRCH);
    assert_int_equal(call(XEN_DOMCTL_pausedomain, DOMID_SELF), -XEN_ESRCH);
    assert_int_equal(call(999, 0), -XEN_ENOSYS);
}

static void create_refuses(void **state)
{
    static const struct {
        uint32_t offset, value;
        long error;
    } cases[] = {
#define C(field, value, error) {offsetof(struct xen_domctl_createdomain, field), value, -XEN_##error}
        C(flags, 1u << 8, EINVAL),
        C(flags, XEN_DOMCTL_CDF_hap, EINVAL),
        C(flags, XEN_DOMCTL_CDF_hvm, EINVAL),
        C(flags, XEN_DOMCTL_CDF_iommu, EINVAL),
        C(flags, XEN_DOMCTL_CDF_vpmu, EINVAL),
        C(iommu_opts, 1, EINVAL),
        C(max_vcpus, 0, EINVAL),
        C(max_vcpus, 129, EINVAL),
        C(max_vcpus, ~0u, EINVAL),
        C(grant_opts, 2, EINVAL),
        C(grant_opts, 0x11, EINVAL),
        C(vmtrace_size, 1, EINVAL),
        C(cpupool_id, 1, ENOENT),
        C(arch.emulation_flags, XEN_X86_EMU_LAPIC, EINVAL),
        C(arch.emulation_flags, 1u << 31, EINVAL),
        C(arch.misc_flags, 2, EINVAL),
#undef C
    };
    struct xen_domctl_createdomain c;

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        c = good_config(false);
        memcpy((uint8_t *)&c + cases[i].offset, &cases[i].value, 4);
        assert_int_equal(create(&c, 0), cases[i].error);
    }
    c = good_config(true);
    c.arch.emulation_flags = XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI;
    assert_int_equal(create(&c, 0), -XEN_EOPNOTSUPP);
    assert_non_null(strstr(host_console(), "emulated devices"));
    c = good_config(true);
    build_has_hvm = false;
    assert_int_equal(create(&c, 0), -XEN_EINVAL);
    build_has_hvm = true;
    assert_null(domain_next(1));
}

static void create_ids(void **state)
{
    struct xen_domctl_createdomain c = good_config(false);

    assert_int_equal(create(&c, 7), 0);
    assert_int_equal(op->domain, 7);
    assert_int_equal(create(&c, 7), -XEN_EEXIST);
    assert_int_equal(create(&c, DOMID_INVALID), 0);
    assert_int_not_equal(op->domain, 0);
    assert_true(op->domain < DOMID_FIRST_RESERVED);
    assert_int_not_equal(op->domain, 7);
}

static void create_out_of_memory(void **state)
{
    struct xen_domctl_createdomain c = good_config(true);
    uint64_t objects = host_alloc_count(), frames = heap_free_frames();
    long rc = -1;

    for (int64_t n = 0; n < 64 && rc != 0; n++) {
        host_alloc_fail_after(n);
        rc = create(&c, 9);
        host_alloc_fail_after(-1);
        if (rc != 0) {
            assert_int_equal(rc, -XEN_ENOMEM);
            assert_null(domain_get(9));
            /* the bucket of the domain table may stay */
            assert_in_range(host_alloc_count(), objects, objects + 1);
            assert_int_equal(heap_free_frames(), frames);
        }
    }
    assert_int_equal(rc, 0);
}

static void info(void **state)
{
    domid_t id = make(true);
    struct xen_domctl_getdomaininfo *i = &op->u.getdomaininfo;

    memset(op, 0xff, sizeof(*op));
    assert_int_equal(call(XEN_DOMCTL_getdomaininfo, 1), 0); /* the next one */
    assert_int_equal(op->domain, id);
    assert_int_equal(i->domain, id);
    assert_int_equal(i->flags,
                     XEN_DOMINF_hvm_guest | XEN_DOMINF_hap | XEN_DOMINF_paused | XEN_DOMINF_blocked);
    assert_int_equal(i->max_vcpu_id, 1);
    assert_int_equal(i->nr_online_vcpus, 0);
    assert_int_equal(i->handle[2], 3);
    assert_int_equal(i->pad1, 0);
    assert_int_equal(i->arch_config.emulation_flags, XEN_X86_EMU_LAPIC);
    assert_int_equal(i->gpaddr_bits, 40);
    assert_int_equal(call(XEN_DOMCTL_getdomaininfo, id + 1), -XEN_ESRCH);
    assert_int_equal(call(XEN_DOMCTL_getdomaininfo, DOMID_INVALID), -XEN_ESRCH);
}

static void pausing(void **state)
{
    domid_t id = make(false);

    assert_int_equal(call(XEN_DOMCTL_pausedomain, 0), -XEN_EINVAL);
    assert_int_equal(call(XEN_DOMCTL_pausedomain, id), 0);
    assert_int_equal(call(XEN_DOMCTL_unpausedomain, id), 0);
    assert_int_equal(call(XEN_DOMCTL_unpausedomain, id), 0);
    assert_int_equal(call(XEN_DOMCTL_unpausedomain, id), -XEN_EINVAL);
    assert_int_equal(call(XEN_DOMCTL_getdomaininfo, id), 0);
    assert_false(op->u.getdomaininfo.flags & XEN_DOMINF_paused);
}

static void vcpus(void **state)
{
    struct xen_domctl_createdomain c = good_config(false);
    domid_t id;

    assert_int_equal(create(&c, 0), 0);
    id = op->domain;
    op->u.getvcpuinfo.vcpu = 0;
    assert_int_equal(call(XEN_DOMCTL_getvcpuinfo, id), -XEN_ESRCH);
    op->u.max_vcpus.max = 3;
    assert_int_equal(call(XEN_DOMCTL_max_vcpus, id), -XEN_EINVAL);
    op->u.max_vcpus.max = 2;
    assert_int_equal(call(XEN_DOMCTL_max_vcpus, id), 0);
    assert_int_equal(call(XEN_DOMCTL_max_vcpus, id), 0);
    op->u.getvcpuinfo.vcpu = 1;
    assert_int_equal(call(XEN_DOMCTL_getvcpuinfo, id), 0);
    assert_int_equal(op->u.getvcpuinfo.online, 0);
    op->u.getvcpuinfo.vcpu = 2;
    assert_int_equal(call(XEN_DOMCTL_getvcpuinfo, id), -XEN_EINVAL);
}

static void affinity(void **state)
{
    domid_t id = make(false);
    struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    uint8_t *hard = area, *soft = area + 64;

    memset(op, 0, sizeof(*op));
    assert_int_equal(call(XEN_DOMCTL_getvcpuaffinity, id), -XEN_EINVAL); /* nothing asked */
    a->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    assert_int_equal(call(XEN_DOMCTL_getvcpuaffinity, id), -XEN_EINVAL); /* nowhere to put it */
    set_xen_guest_handle(a->cpumap_hard.bitmap, hard);
    set_xen_guest_handle(a->cpumap_soft.bitmap, soft);
    a->cpumap_hard.nr_bits = 13;
    a->cpumap_soft.nr_bits = 200;
    memset(area, 0xee, 128);
    assert_int_equal(call(XEN_DOMCTL_getvcpuaffinity, id), 0);
    assert_int_equal(hard[0], 0xf);
    assert_int_equal(hard[1], 0);
    assert_int_equal(hard[2], 0xee);
    assert_int_equal(soft[0], 0xf);
    assert_int_equal(soft[24], 0);
    assert_int_equal(soft[25], 0xee);
    hard[0] = 0xf2; /* pCPU 1, and some that are not there */
    soft[0] = 0x6;
    a->cpumap_hard.nr_bits = 8;
    assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, id), 0);
    assert_int_equal(hard[0], 0x2);
    assert_int_equal(soft[0], 0x2);
    hard[0] = 0xf0;
    assert_int_equal(call(XEN_DOMCTL_setvcpuaffinity, id), -XEN_EINVAL);
    a->cpumap_hard.nr_bits = ~0u;
    assert_int_equal(call(XEN_DOMCTL_getvcpuaffinity, id), -XEN_EINVAL);
    a->vcpu = 2;
    assert_int_equal(call(XEN_DOMCTL_getvcpuaffinity, id), -XEN_EINVAL);
}

static void nodes(void **state)
{
    domid_t id = make(false);

    memset(op, 0, sizeof(*op));
    set_xen_guest_handle(op->u.nodeaffinity.nodemap.bitmap, area);
    op->u.nodeaffinity.nodemap.nr_bits = 64;
    memset(area, 0xff, 8);
    assert_int_equal(call(XEN_DOMCTL_setnodeaffinity, id), 0);
    assert_int_equal(call(XEN_DOMCTL_getnodeaffinity, id), 0);
    assert_int_equal(*(uint64_t *)area, 1);
    *(uint64_t *)area = 2;
    assert_int_equal(call(XEN_DOMCTL_setnodeaffinity, id), -XEN_EINVAL);
}

static void weights(void **state)
{
    domid_t id = make(false);
    struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;

    memset(op, 0, sizeof(*op));
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    assert_int_equal(call(XEN_DOMCTL_scheduler_op, id), 0);
    assert_int_equal(s->u.credit2.weight, 256);
    s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    s->u.credit2.weight = 512;
    assert_int_equal(call(XEN_DOMCTL_scheduler_op, id), 0);
    s->u.credit2.weight = 0; /* as it is */
    assert_int_equal(call(XEN_DOMCTL_scheduler_op, id), 0);
    s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    assert_int_equal(call(XEN_DOMCTL_scheduler_op, id), 0);
    assert_int_equal(s->u.credit2.weight, 512);
    s->cmd = XEN_DOMCTL_SCHEDOP_putvcpuinfo;
    assert_int_equal(call(XEN_DOMCTL_scheduler_op, id), -XEN_EINVAL);
    s->sched_id = XEN_SCHEDULER_RTDS;
    assert_int_equal(call(XEN_DOMCTL_scheduler_op, id), -XEN_EINVAL);
}

static void rights(void **state)
{
    domid_t id = make(false);
    struct domain *d = domain_get(id);
    struct xen_domctl_iomem_permission *m = &op->u.iomem_permission;
    struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;

    memset(op, 0, sizeof(*op));
    *m = (struct xen_domctl_iomem_permission){.first_mfn = 0xfed00, .nr_mfns = 4, .allow_access = 1};
    assert_int_equal(call(XEN_DOMCTL_iomem_permission, id), 0);
    assert_true(rangeset_contains(&d->iomem, 0xfed00, 0xfed03));
    m->allow_access = 0;
    assert_int_equal(call(XEN_DOMCTL_iomem_permission, id), 0);
    assert_true(rangeset_is_empty(&d->iomem));
    m->nr_mfns = 0;
    assert_int_equal(call(XEN_DOMCTL_iomem_permission, id), -XEN_EINVAL);
    m->nr_mfns = ~0ull;
    assert_int_equal(call(XEN_DOMCTL_iomem_permission, id), -XEN_EINVAL);
    m->first_mfn = 1ull << 40;
    m->nr_mfns = 1;
    assert_int_equal(call(XEN_DOMCTL_iomem_permission, id), -XEN_EPERM);
    assert_int_equal(call(XEN_DOMCTL_iomem_permission, 0), -XEN_EINVAL);
    *p = (struct xen_domctl_ioport_permission){.first_port = 0x3f8, .nr_ports = 8, .allow_access = 1};
    assert_int_equal(call(XEN_DOMCTL_ioport_permission, id), 0);
    assert_true(rangeset_contains(&x86_domain(d)->ioports, 0x3f8, 0x3ff));
    p->nr_ports = 0xffffffff;
    assert_int_equal(call(XEN_DOMCTL_ioport_permission, id), -XEN_EINVAL);
    p->first_port = 0xfffffff8;
    p->nr_ports = 16;
    assert_int_equal(call(XEN_DOMCTL_ioport_permission, id), -XEN_EINVAL);
    domain_put(d);
}

static void limits(void **state)
{
    domid_t id = make(true);
    struct domain *d = domain_get(id);

    op->u.max_mem.max_memkb = 64 << 10;
    assert_int_equal(call(XEN_DOMCTL_max_mem, id), 0);
    assert_int_equal(d->mem.max_pages, 16384);
    op->u.max_mem.max_memkb = ~0ull;
    assert_int_equal(call(XEN_DOMCTL_max_mem, id), 0);
    assert_int_equal(d->mem.max_pages, 0x7ffffffe);
    op->u.paging_mempool.size = 4096 * 3;
    assert_int_equal(call(XEN_DOMCTL_set_paging_mempool_size, id), 0);
    op->u.paging_mempool.size = 1;
    assert_int_equal(call(XEN_DOMCTL_set_paging_mempool_size, id), -XEN_EINVAL);
    assert_int_equal(call(XEN_DOMCTL_get_paging_mempool_size, id), 0);
    assert_int_equal(op->u.paging_mempool.size, 4096 * 3);
    domain_put(d);
}

static void context(void **state)
{
    domid_t pv = make(false), pvh = make(true);
    struct xen_domctl_hvmcontext *h = &op->u.hvmcontext;

    memset(op, 0, sizeof(*op));
    set_xen_guest_handle(op->u.vcpucontext.ctxt, (struct vcpu_guest_context *)area);
    assert_int_equal(call(XEN_DOMCTL_getvcpucontext, pv), -XEN_ENODATA);
    ((struct vcpu_guest_context *)area)->flags = VGCF_online;
    assert_int_equal(call(XEN_DOMCTL_setvcpucontext, pv), 0);
    assert_int_equal(call(XEN_DOMCTL_getvcpucontext, pv), 0);
    assert_int_equal(call(XEN_DOMCTL_setvcpucontext, pvh), -XEN_EOPNOTSUPP);
    assert_int_equal(call(XEN_DOMCTL_getdomaininfo, pv), 0);
    assert_int_equal(op->u.getdomaininfo.nr_online_vcpus, 1);
    memset(op, 0, sizeof(*op));
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext, pv), -XEN_EINVAL);
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext, pvh), 0);
    assert_int_equal(h->size, 24);
    set_xen_guest_handle(h->buffer, area);
    h->size = 23;
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext, pvh), -XEN_ENOSPC);
    h->size = 4096;
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext, pvh), 0);
    assert_int_equal(h->size, 24);
    assert_int_equal(area[23], 0x5a);
    assert_int_equal(call(XEN_DOMCTL_sethvmcontext, pvh), 0);
    h->size = ~0u;
    assert_int_equal(call(XEN_DOMCTL_sethvmcontext, pvh), -XEN_EINVAL);
}

/* One record, without its descriptor. */
static void context_partial(void **state)
{
    domid_t pv = make(false), pvh = make(true);
    struct xen_domctl_hvmcontext_partial *h = &op->u.hvmcontext_partial;

    memset(op, 0, sizeof(*op));
    memset(area, 0, 4096);
    h->type = 2;
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext_partial, pv), -XEN_EINVAL);
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext_partial, pvh), -XEN_ENOENT); /* no such instance */
    h->instance = 1;
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext_partial, pvh), 0); /* the size only */
    assert_int_equal(h->bufsz, 16);
    set_xen_guest_handle(h->buffer, area);
    h->bufsz = 15;
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext_partial, pvh), -XEN_ENOBUFS);
    assert_int_equal(area[0], 0);
    h->bufsz = 4096;
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext_partial, pvh), 0);
    assert_int_equal(h->bufsz, 16);
    assert_int_equal(area[0], 0x5a);
    assert_int_equal(area[15], 0x5a);
    assert_int_equal(area[16], 0);
    h->type = 3;
    assert_int_equal(call(XEN_DOMCTL_gethvmcontext_partial, pvh), -XEN_ENOENT);
}

static void policy(void **state)
{
    domid_t id = make(true);
    struct xen_domctl_cpu_policy *c = &op->u.cpu_policy;
    xen_cpuid_leaf_t *leaves = (xen_cpuid_leaf_t *)area;
    xen_msr_entry_t *msrs = (xen_msr_entry_t *)(area + 16384);
    uint32_t n;

    memset(op, 0, sizeof(*op));
    assert_int_equal(call(XEN_DOMCTL_get_cpu_policy, id), 0);
    assert_int_equal(c->nr_leaves, CPU_POLICY_MAX_LEAVES);
    assert_int_equal(c->nr_msrs, CPU_POLICY_MAX_MSRS);
    set_xen_guest_handle(c->leaves, leaves);
    set_xen_guest_handle(c->msrs, msrs);
    c->nr_leaves = 1;
    assert_int_equal(call(XEN_DOMCTL_get_cpu_policy, id), -XEN_ENOBUFS);
    c->nr_leaves = CPU_POLICY_MAX_LEAVES;
    assert_int_equal(call(XEN_DOMCTL_get_cpu_policy, id), 0);
    n = c->nr_leaves;
    assert_in_range(n, 10, CPU_POLICY_MAX_LEAVES);
    assert_int_equal(call(XEN_DOMCTL_set_cpu_policy, id), 0); /* what came out goes in */
    leaves[0].a = 0x100;
    assert_int_equal(call(XEN_DOMCTL_set_cpu_policy, id), -XEN_EINVAL);
    assert_int_equal(c->err_leaf, 0);
    assert_int_equal(c->err_msr, ~0u);
    leaves[0] = (xen_cpuid_leaf_t){.leaf = 0x12345, .subleaf = 7};
    assert_int_equal(call(XEN_DOMCTL_set_cpu_policy, id), -XEN_ERANGE);
    assert_int_equal(c->err_leaf, 0x12345);
    c->nr_leaves = ~0u;
    assert_int_equal(call(XEN_DOMCTL_set_cpu_policy, id), -XEN_E2BIG);
    assert_int_equal(call(XEN_DOMCTL_set_cpu_policy, 0), -XEN_EINVAL);
}

static void frames(void **state)
{
    domid_t id = make(false);
    struct domain *d = domain_get(id);
    uint64_t *gfns = (uint64_t *)area;
    mfn_t mfn;

    d->mem.max_pages = 4;
    assert_int_equal(domain_mem_alloc(&d->mem, 0, 0, &mfn), 0);
    memset(op, 0, sizeof(*op));
    gfns[0] = mfn.n;
    gfns[1] = ~0ull;
    gfns[2] = 0;
    set_xen_guest_handle(op->u.getpageframeinfo3.array, gfns);
    op->u.getpageframeinfo3.num = 3;
    assert_int_equal(call(XEN_DOMCTL_getpageframeinfo3, id), 0);
    assert_int_equal(gfns[0], XEN_DOMCTL_PFINFO_NOTAB);
    assert_int_equal(gfns[1], XEN_DOMCTL_PFINFO_XTAB);
    assert_int_equal(gfns[2], XEN_DOMCTL_PFINFO_XTAB);
    op->u.getpageframeinfo3.num = 1025;
    assert_int_equal(call(XEN_DOMCTL_getpageframeinfo3, id), -XEN_E2BIG);
    op->u.hypercall_init.gmfn = mfn.n;
    assert_int_equal(call(XEN_DOMCTL_hypercall_init, id), 0);
    assert_int_equal(*(uint8_t *)mfn_to_virt(mfn), 0xcc);
    op->u.hypercall_init.gmfn = ~0ull;
    assert_int_equal(call(XEN_DOMCTL_hypercall_init, id), -XEN_EINVAL);
    domain_put(d);
}

static void destroy(void **state)
{
    domid_t id = make(true);

    assert_int_equal(call(XEN_DOMCTL_destroydomain, 0), -XEN_EINVAL);
    assert_int_equal(call(XEN_DOMCTL_destroydomain, id), 0);
    host_run_softirqs();
    assert_int_equal(call(XEN_DOMCTL_destroydomain, id), -XEN_ESRCH);
    /* all is given back but the hardware domain's */
    assert_null(domain_next(1));
}

static void create_destroy_leaks_nothing(void **state)
{
    uint64_t objects = 0, frames = 0;

    for (unsigned int i = 0; i < 20; i++) {
        domid_t id = make(i & 1);

        assert_int_equal(call(XEN_DOMCTL_destroydomain, id), 0);
        host_run_softirqs();
        if (i == 2) {
            objects = host_alloc_count();
            frames = heap_free_frames();
        }
    }
    assert_int_equal(host_alloc_count(), objects);
    assert_int_equal(heap_free_frames(), frames);
}

/* Memory that changes after it was read must not matter. */
static void flip(void *arg, uint64_t gva, size_t size)
{
    if (gva == GUEST(op) && size == sizeof(*op)) {
        memset(op, 0xff, sizeof(*op));
    }
}

static void reads_once(void **state)
{
    struct xen_domctl_createdomain c = good_config(false);
    long rc;

    host_guest_on_read(flip, NULL);
    rc = create(&c, 11);
    host_guest_on_read(NULL, NULL);
    assert_int_equal(rc, 0);
    assert_int_equal(op->domain, 11);
    assert_int_equal(op->u.createdomain.max_vcpus, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(access),     T(create_refuses),
        T(create_ids), T(create_out_of_memory),
        T(info),       T(pausing),
        T(vcpus),      T(affinity),
        T(nodes),      T(weights),
        T(rights),     T(limits),
        T(context),    T(context_partial),
        T(policy),     T(frames),
        T(destroy),    T(create_destroy_leaks_nothing),
        T(reads_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
