/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl: figures of the machine, lists, the log, and the CPU feature sets and policies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/sysctl.h>
#include <base/counters.h>
#include <base/log.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/hypercall/debug_keys.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))

static struct xen_sysctl *op;
static uint8_t *area;

static int start(void **state)
{
    fake_x86_start();
    op = (struct xen_sysctl *)fake_window;
    area = fake_window + 4096;
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static long call(uint32_t cmd)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return fake_call(do_sysctl, GUEST(op), 0);
}

static void make_domain(domid_t id)
{
    struct domain_config c = {.id = id,
                              .kind = GUEST_PV,
                              .max_vcpus = 1,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};
    struct domain *d;

    assert_int_equal(domain_create(&c, &d), 0);
}

static void access(void **state)
{
    struct hypercall c = {.arg = {GUEST(op)}};

    op->cmd = XEN_SYSCTL_sched_id;
    op->interface_version = 0x14;
    assert_int_equal(do_sysctl(&c), -XEN_EACCES);
    c.arg[0] = 16;
    assert_int_equal(do_sysctl(&c), -XEN_EFAULT);
    fake_dom0->is_control = false;
    assert_int_equal(do_sysctl(&c), -XEN_EPERM);
    fake_dom0->is_control = true;
    assert_int_equal(call(XEN_SYSCTL_lockprof_op), -XEN_ENOSYS);
    assert_int_equal(call(~0u), -XEN_ENOSYS);
}

static void physinfo(void **state)
{
    const struct xen_sysctl_physinfo *p = &op->u.physinfo;

    memset(op, 0xff, sizeof(*op));
    assert_int_equal(call(XEN_SYSCTL_physinfo), 0);
    assert_int_equal(p->nr_cpus, FAKE_CPUS);
    assert_int_equal(p->max_cpu_id, FAKE_CPUS - 1);
    assert_int_equal(p->nr_nodes, 1);
    assert_int_equal(p->max_node_id, 0);
    assert_int_equal(p->threads_per_core, 1);
    assert_int_equal(p->cores_per_socket, 4);
    assert_int_equal(p->cpu_khz, 2000000);
    assert_int_equal(p->pad, 0);
    assert_int_equal(p->total_pages, heap_total_frames());
    assert_int_equal(p->free_pages, heap_free_frames());
    assert_int_equal(p->capabilities, XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap |
                                          XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1);
    assert_int_equal(p->hw_cap[0], 0x178bfbff);
    build_has_hvm = false;
    assert_int_equal(call(XEN_SYSCTL_physinfo), 0);
    assert_int_equal(p->capabilities, XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1);
}

static void domain_list(void **state)
{
    struct xen_sysctl_getdomaininfolist *l = &op->u.getdomaininfolist;
    xen_domctl_getdomaininfo_t *info = (xen_domctl_getdomaininfo_t *)area;

    make_domain(3);
    make_domain(5);
    memset(op, 0, sizeof(*op));
    set_xen_guest_handle(l->buffer, info);
    l->max_domains = 2;
    assert_int_equal(call(XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(l->num_domains, 2);
    assert_int_equal(info[0].domain, 0);
    assert_int_equal(info[1].domain, 3);
    l->first_domain = 4;
    l->max_domains = ~0u;
    assert_int_equal(call(XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(l->num_domains, 1);
    assert_int_equal(info[0].domain, 5);
    l->first_domain = DOMID_INVALID;
    assert_int_equal(call(XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(l->num_domains, 0);
    set_xen_guest_handle(l->buffer, (xen_domctl_getdomaininfo_t *)8);
    l->first_domain = 0;
    assert_int_equal(call(XEN_SYSCTL_getdomaininfolist), -XEN_EFAULT);
}

static void read_console(void **state)
{
    struct xen_sysctl_readconsole *r = &op->u.readconsole;
    uint32_t at;

    memset(op, 0, sizeof(*op));
    set_xen_guest_handle(r->buffer, (char *)area);
    r->count = 16384;
    r->clear = 1;
    assert_int_equal(call(XEN_SYSCTL_readconsole), 0);
    log_info("first line\n");
    r->clear = 0;
    r->incremental = 1;
    r->count = 16384;
    assert_int_equal(call(XEN_SYSCTL_readconsole), 0);
    area[r->count] = 0;
    assert_non_null(strstr((char *)area, "first line"));
    at = r->index;
    r->count = 16384;
    assert_int_equal(call(XEN_SYSCTL_readconsole), 0);
    assert_int_equal(r->count, 0);
    assert_int_equal(r->index, at);
    log_info("second line\n");
    r->count = 16384;
    assert_int_equal(call(XEN_SYSCTL_readconsole), 0);
    area[r->count] = 0;
    assert_null(strstr((char *)area, "first line"));
    assert_non_null(strstr((char *)area, "second line"));
    set_xen_guest_handle(r->buffer, (char *)8);
    r->incremental = 0;
    r->count = ~0u;
    assert_int_equal(call(XEN_SYSCTL_readconsole), -XEN_EFAULT);
}

static void cpus(void **state)
{
    xen_sysctl_cputopo_t *topo = (xen_sysctl_cputopo_t *)area;

    memset(op, 0, sizeof(*op));
    assert_int_equal(call(XEN_SYSCTL_cputopoinfo), 0);
    assert_int_equal(op->u.cputopoinfo.num_cpus, FAKE_CPUS);
    set_xen_guest_handle(op->u.cputopoinfo.cputopo, topo);
    op->u.cputopoinfo.num_cpus = 100;
    memset(area, 0xee, 256);
    assert_int_equal(call(XEN_SYSCTL_cputopoinfo), 0);
    assert_int_equal(op->u.cputopoinfo.num_cpus, FAKE_CPUS);
    assert_int_equal(topo[3].core, 3);
    assert_int_equal(topo[3].socket, 0);
    assert_int_equal(topo[3].node, 0);
    assert_int_equal(topo[4].core, 0xeeeeeeee);
    memset(op, 0, sizeof(*op));
    set_xen_guest_handle(op->u.getcpuinfo.info, (xen_sysctl_cpuinfo_t *)area);
    op->u.getcpuinfo.max_cpus = ~0u;
    assert_int_equal(call(XEN_SYSCTL_getcpuinfo), 0);
    assert_int_equal(op->u.getcpuinfo.nr_cpus, FAKE_CPUS);
}

static void numa(void **state)
{
    struct xen_sysctl_numainfo *n = &op->u.numainfo;
    xen_sysctl_meminfo_t *m = (xen_sysctl_meminfo_t *)area;

    memset(op, 0, sizeof(*op));
    assert_int_equal(call(XEN_SYSCTL_numainfo), 0);
    assert_int_equal(n->num_nodes, 1);
    set_xen_guest_handle(n->meminfo, m);
    set_xen_guest_handle(n->distance, (uint32_t *)(area + 64));
    assert_int_equal(call(XEN_SYSCTL_numainfo), 0);
    assert_int_equal(m->memsize, heap_total_frames() << 12);
    assert_int_equal(*(uint32_t *)(area + 64), 10);
    memset(op, 0, sizeof(*op));
    op->u.availheap.node = -1;
    assert_int_equal(call(XEN_SYSCTL_availheap), 0);
    assert_int_equal(op->u.availheap.avail_bytes, heap_free_frames() << 12);
    op->u.availheap.node = 1;
    assert_int_equal(call(XEN_SYSCTL_availheap), -XEN_EINVAL);
}

static void pools(void **state)
{
    struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;

    make_domain(3);
    memset(op, 0, sizeof(*op));
    p->op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    set_xen_guest_handle(p->cpumap.bitmap, area);
    p->cpumap.nr_bits = 8;
    assert_int_equal(call(XEN_SYSCTL_cpupool_op), 0);
    assert_int_equal(area[0], 0xf);
    assert_int_equal(p->n_dom, 2);
    assert_int_equal(p->sched_id, XEN_SCHEDULER_CREDIT2);
    p->cpupool_id = 1;
    assert_int_equal(call(XEN_SYSCTL_cpupool_op), -XEN_ENOENT);
    p->op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
    assert_int_equal(call(XEN_SYSCTL_cpupool_op), 0);
    assert_int_equal(area[0], 0);
    p->op = 8;
    assert_int_equal(call(XEN_SYSCTL_cpupool_op), -XEN_ENOSYS);
}

static long pool_op(uint32_t what, uint32_t id, uint32_t cpu, uint32_t domid)
{
    struct xen_sysctl_cpupool_op *p = &op->u.cpupool_op;

    memset(op, 0, sizeof(*op));
    p->op = what;
    p->cpupool_id = id;
    p->sched_id = XEN_SCHEDULER_NULL;
    p->cpu = cpu;
    p->domid = domid;
    return call(XEN_SYSCTL_cpupool_op);
}

/* What `xl cpupool-create`, -cpu-add, -cpu-remove, -migrate and -destroy do. */
static void pools_change(void **state)
{
    make_domain(3);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_CREATE, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0, 0), 0);
    assert_int_equal(op->u.cpupool_op.cpupool_id, 1);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_CREATE, 1, 0, 0), -XEN_EEXIST);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 1, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0), -XEN_ENODEV);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 1, 77, 0), -XEN_EINVAL);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 1, 0, 3), -XEN_ENODEV);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 0, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0), 0);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 1, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0), 0);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 1, 0, 0), -XEN_EINVAL);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 1, 0, 9), -XEN_EINVAL);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 4, 0, 3), -XEN_ENOENT);
    memset(op, 0, sizeof(*op));
    op->u.scheduler_op.cpupool_id = 1;
    op->u.scheduler_op.sched_id = XEN_SCHEDULER_NULL;
    op->u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    assert_int_equal(call(XEN_SYSCTL_scheduler_op), -XEN_EOPNOTSUPP); /* null has no parameters */
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 1, 0, 3), 0);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 1, 0, 0), -XEN_EBUSY);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 1, 3, 0), -XEN_EBUSY);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 0, 0, 3), 0);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 1, 3, 0), 0);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 1, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0), -XEN_ENODEV);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, 3, 0), 0);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 1, 0, 0), 0);
    assert_int_equal(pool_op(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0, 0, 0), -XEN_EBUSY);
}

static void scheduler(void **state)
{
    struct xen_sysctl_scheduler_op *s = &op->u.scheduler_op;

    assert_int_equal(call(XEN_SYSCTL_sched_id), 0);
    assert_int_equal(op->u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
    memset(op, 0, sizeof(*op));
    s->sched_id = XEN_SCHEDULER_CREDIT2;
    s->cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    assert_int_equal(call(XEN_SYSCTL_scheduler_op), 0);
    assert_int_equal(s->u.sched_credit2.ratelimit_us, 1000);
    s->cpupool_id = 1;
    assert_int_equal(call(XEN_SYSCTL_scheduler_op), -XEN_ESRCH);
}

static void featureset(void **state)
{
    struct xen_sysctl_cpu_featureset *f = &op->u.cpu_featureset;
    uint32_t *words = (uint32_t *)area;

    memset(op, 0, sizeof(*op));
    assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), 0);
    assert_int_equal(f->nr_features, CPU_FEATURESET_WORDS);
    set_xen_guest_handle(f->features, words);
    for (f->index = 0; f->index < 6; f->index++) {
        f->nr_features = 64;
        memset(area, 0xee, 256);
        assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), 0);
        assert_int_equal(f->nr_features, CPU_FEATURESET_WORDS);
        assert_int_equal(words[CPU_FEATURESET_WORDS], 0xeeeeeeee);
        assert_true(cpu_featureset_test(words, XEN_X86_FEATURE_SSE2));
        assert_int_equal(cpu_featureset_test(words, XEN_X86_FEATURE_OSVW), f->index < 2);
    }
    assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), -XEN_EINVAL);
    f->index = XEN_SYSCTL_cpu_featureset_hvm;
    f->nr_features = 2;
    assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), -XEN_ENOBUFS);
    assert_int_equal(f->nr_features, 2);
    build_has_hvm = false;
    assert_int_equal(call(XEN_SYSCTL_get_cpu_featureset), -XEN_EOPNOTSUPP);
}

static void policy(void **state)
{
    struct xen_sysctl_cpu_policy *c = &op->u.cpu_policy;

    memset(op, 0, sizeof(*op));
    c->index = XEN_SYSCTL_cpu_policy_hvm_default;
    assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), 0);
    assert_int_equal(c->nr_leaves, CPU_POLICY_MAX_LEAVES);
    set_xen_guest_handle(c->leaves, (xen_cpuid_leaf_t *)area);
    set_xen_guest_handle(c->msrs, (xen_msr_entry_t *)(area + 16384));
    assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), 0);
    assert_int_equal(((xen_cpuid_leaf_t *)area)[0].b, 0x68747541);
    c->_rsvd = 1;
    assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), -XEN_EINVAL);
    c->_rsvd = 0;
    c->index = 6;
    assert_int_equal(call(XEN_SYSCTL_get_cpu_policy), -XEN_EINVAL);
}

static unsigned int pressed;

static void on_key(void)
{
    pressed++;
}

static void debug_keys(void **state)
{
    const char *all = "hqredm";

    make_domain(3);
    debug_key_register('~', "a test", on_key);
    memset(op, 0, sizeof(*op));
    strlcpy((char *)area, "~\377~", 8);
    set_xen_guest_handle(op->u.debug_keys.keys, (const char *)area);
    op->u.debug_keys.nr_keys = 3;
    assert_int_equal(call(XEN_SYSCTL_debug_keys), 0);
    assert_int_equal(pressed, 2);
    strlcpy((char *)area, all, 16);
    op->u.debug_keys.nr_keys = 6;
    assert_int_equal(call(XEN_SYSCTL_debug_keys), 0);
    assert_non_null(strstr(host_console(), "d3: PV"));
    op->u.debug_keys.nr_keys = 65;
    assert_int_equal(call(XEN_SYSCTL_debug_keys), -XEN_E2BIG);
}

static long tbuf(uint32_t cmd)
{
    op->u.tbuf_op.cmd = cmd;
    return call(XEN_SYSCTL_tbuf_op);
}

static void trace_buffers(void **state)
{
    struct xen_sysctl_tbuf_op *t = &op->u.tbuf_op;
    uint64_t mask = 5;
    uint32_t port;

    memset(op, 0, sizeof(*op));
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_get_info), 0);
    assert_int_equal(t->size, 0);
    assert_int_equal(t->buffer_mfn, 0);
    assert_int_equal(t->evt_mask, TRC_ALL);
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_enable), -XEN_EINVAL);
    t->size = 0;
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_set_size), -XEN_EINVAL);
    assert_non_null(strstr(host_console(), "Trace buffers cannot have 0 pages"));
    t->size = 3;
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_set_size), 0);
    t->size = 2;
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_set_size), -XEN_EINVAL);
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_get_info), 0);
    assert_int_equal(t->size, PAGE_SIZE);
    assert_int_equal(((struct t_info *)mfn_to_virt(MFN(t->buffer_mfn)))->tbuf_size, 3);
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_enable), 0);
    assert_int_equal(evtchn_bind_virq(&fake_dom0->evtchn, VIRQ_TBUF, 0, &port), 0);
    softirq_raise(SOFTIRQ_TRACE); /* as a buffer that is half full does: core/trace/trace_test.c */
    host_run_softirqs();
    assert_true(evtchn_is_pending(&fake_dom0->evtchn, port));
    assert_true(trace_wants(TRC_SCHED_WAKE));
    t->evt_mask = TRC_HW;
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_set_evt_mask), 0);
    assert_false(trace_wants(TRC_SCHED_WAKE));
    assert_true(trace_wants(TRC_HW_IRQ_HANDLED));
    memcpy(area, &mask, sizeof(mask));
    set_xen_guest_handle(t->cpu_mask.bitmap, area);
    t->cpu_mask.nr_bits = 64;
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_set_cpu_mask), 0);
    assert_int_equal(trace_control.cpus.bits, 5);
    set_xen_guest_handle(t->cpu_mask.bitmap, (uint8_t *)16);
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_set_cpu_mask), -XEN_EFAULT);
    assert_int_equal(trace_control.cpus.bits, 5);
    assert_int_equal(tbuf(XEN_SYSCTL_TBUFOP_disable), 0);
    assert_false(trace_wants(TRC_HW_IRQ_HANDLED));
    assert_int_equal(tbuf(6), -XEN_EINVAL);
}

static uint32_t sum(const xen_sysctl_perfc_val_t *v, uint32_t count)
{
    uint32_t n = 0;

    while (count-- > 0) {
        n += v[count];
    }
    return n;
}

/* As xenperf does it: how many, then all. */
static void perfc(void **state)
{
    struct xen_sysctl_perfc_op *p = &op->u.perfc_op;
    xen_sysctl_perfc_desc_t *desc = (xen_sysctl_perfc_desc_t *)area;
    xen_sysctl_perfc_val_t *val = (xen_sysctl_perfc_val_t *)(area + 8192);
    uint32_t calls = 0, kicks = 0, at = 0, values;

    memset(op, 0, sizeof(*op));
    p->cmd = XEN_SYSCTL_PERFCOP_reset;
    assert_int_equal(call(XEN_SYSCTL_perfc_op), 0);
    count(COUNTER_kick_interrupts);
    p->cmd = XEN_SYSCTL_PERFCOP_query;
    assert_int_equal(call(XEN_SYSCTL_perfc_op), 0);
    values = p->nr_vals;
    assert_int_equal(p->nr_counters, counter_row_count);
    assert_true(p->nr_counters * sizeof(*desc) <= 8192 && values * sizeof(*val) <= 8192);
    set_xen_guest_handle(p->desc, desc);
    set_xen_guest_handle(p->val, val);
    assert_int_equal(call(XEN_SYSCTL_perfc_op), 0);
    for (unsigned int i = 0; i < p->nr_counters; at += desc[i++].nr_vals) {
        assert_int_equal(strlen(desc[i].name) < 35, 1);
        calls = strcmp(desc[i].name, "hypercalls") ? calls : val[at + __HYPERVISOR_sysctl];
        kicks = strcmp(desc[i].name, "interrupts: look") ? kicks : sum(&val[at], desc[i].nr_vals);
    }
    assert_int_equal(at, values);
    assert_int_equal(kicks, 1);
    assert_int_equal(calls, 0); /* these calls do not come through hypercall_dispatch() */
    debug_key_press('p');
    assert_non_null(strstr(host_console(), "interrupts: look: 1"));
    debug_key_press('P');
    assert_int_equal(counter_sum(MAX_PCPUS, COUNTER_kick_interrupts), 0);
    set_xen_guest_handle(p->val, (xen_sysctl_perfc_val_t *)0x10);
    assert_int_equal(call(XEN_SYSCTL_perfc_op), -XEN_EFAULT);
    p->cmd = 3;
    assert_int_equal(call(XEN_SYSCTL_perfc_op), -XEN_EINVAL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(access), T(physinfo),   T(domain_list),   T(read_console), T(cpus),
        T(numa),   T(pools),      T(pools_change),  T(scheduler),    T(featureset),
        T(policy), T(debug_keys), T(trace_buffers), T(perfc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
