/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/domain/lifecycle.c: pausing, shutdown, and teardown of a domain that holds something of every kind, stopped at every point at which it can be, with
 * the toolstack and another domain at work in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <hypervisor/panics.h>
#include <abi/sched.h>
#include <core/evtchn/evtchn_ops.h>
#include <core/gnttab/gnttab_ops.h>
#include <lib/bitmap.h>

#define PAGES       600 /* more than one call of domain_mem_relinquish() takes */
#define PORTS       200
#define MAPPINGS    150
#define CLAIM       40
#define TABLES      3 /* calls that dropping the page tables takes */
#define FIRST_GRANT 8

/* The domain that dies, and one that it has to do with. */
static struct domain *dying, *other;
static mfn_t page[PAGES], other_page;
static uint32_t other_port[PORTS];
static unsigned int tables_left;
/* what the page tables of either hold of grants */
static struct {
    struct domain *by;
    mfn_t mfn;
} mapped[2 * MAPPINGS];
static unsigned int mapped_count;

/* --- building ------------------------------------------------------------------------------------------------------------------------------- */

static int enter_mapping(uint64_t addr, mfn_t mfn, uint32_t flags)
{
    assert_true(frame_get_writable(mfn, frame_owner(frame_read(mfn))));
    mapped[mapped_count].by = current_domain();
    mapped[mapped_count++].mfn = mfn;
    return GNTST_okay;
}

/* It stops some times first, as dropping real tables does when a softirq waits. */
static int relinquish(struct x86_domain *xd)
{
    if (&xd->d == dying && tables_left > 0) {
        tables_left--;
        return -XEN_ERESTART;
    }
    for (unsigned int i = 0; i < mapped_count; i++) {
        if (mapped[i].by == &xd->d) {
            frame_put_writable(mapped[i].mfn);
            mapped[i].by = NULL;
        }
    }
    return 0;
}

static struct domain *make(domid_t id, unsigned int pages)
{
    struct domain_config c = {.id = id,
                              .kind = GUEST_PV,
                              .max_vcpus = 3,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};
    struct domain *d;

    assert_int_equal(domain_create(&c, &d), 0);
    d->mem.max_pages = pages;
    for (unsigned int i = 0; i < 2; i++) { /* the third is never made */
        assert_int_equal(vcpu_create(d, i, NULL), 0);
    }
    return d;
}

static void grant(struct domain *granter, grant_ref_t ref, domid_t user, mfn_t mfn)
{
    assert_int_equal(gnttab_grow(&granter->gnttab, 1), 0);
    granter->gnttab.frames[0][ref] =
        (grant_entry_v1_t){.flags = GTF_permit_access, .domid = user, .frame = (uint32_t)mfn.n};
}

static grant_handle_t map(struct domain *mapper, struct domain *granter, grant_ref_t ref)
{
    struct vcpu *me = current_vcpu();
    grant_handle_t handle;
    mfn_t mfn;

    set_current_vcpu(mapper->vcpus[0]);
    assert_int_equal(
        gnttab_map(&mapper->gnttab, &granter->gnttab, ref, 0x1000, GNTMAP_host_map, &handle, &mfn),
        GNTST_okay);
    set_current_vcpu(me);
    return handle;
}

static void bind_ports(void)
{
    uint32_t port;

    for (unsigned int i = 0; i < PORTS; i++) {
        assert_int_equal(evtchn_alloc_unbound(&dying->evtchn, other->id, &port), 0);
        if (i % 2 == 0) {
            assert_int_equal(evtchn_bind_interdomain(&other->evtchn, &dying->evtchn, port, &other_port[i]),
                             0);
        }
    }
    assert_int_equal(evtchn_bind_virq(&dying->evtchn, VIRQ_TIMER, 0, &port), 0);
    assert_int_equal(evtchn_bind_ipi(&dying->evtchn, 1, &port), 0);
}

static void use_areas(void)
{
    struct vcpu *v = dying->vcpus[1];
    uint8_t bits;

    assert_int_equal(vcpu_register_info(v, GFN(page[0].n), 0x200), 0);
    assert_int_equal(arch_get_gfn(dying, GFN(page[1].n), true, &v->time_mfn), 0);
    assert_int_equal(evtchn_fifo_init_control(&dying->evtchn, page[2].n, 0, 0, &bits), 0);
    assert_int_equal(evtchn_fifo_expand_array(&dying->evtchn, page[3].n), 0);
}

static void build(void)
{
    dying = make(8, PAGES + CLAIM);
    other = make(9, 1);
    fake_enter_mapping = enter_mapping;
    fake_relinquish = relinquish;
    tables_left = TABLES;
    mapped_count = 0;
    for (unsigned int i = 0; i < PAGES; i++) {
        assert_int_equal(domain_mem_alloc(&dying->mem, 0, 0, &page[i]), 0);
    }
    assert_int_equal(domain_mem_alloc(&other->mem, 0, 0, &other_page), 0);
    assert_int_equal(domain_mem_set_claim(&dying->mem, PAGES + CLAIM), 0);
    bind_ports();
    use_areas();
    for (grant_ref_t ref = FIRST_GRANT; ref < FIRST_GRANT + MAPPINGS; ref++) {
        grant(other, ref, dying->id, other_page);
        map(dying, other, ref);
    }
    assert_int_equal(timer_set(&dying->vcpus[0]->singleshot, SECONDS(5)), 0);
    assert_int_equal(timer_set(&dying->vcpus[1]->poll, SECONDS(6)), 0);
    assert_int_equal(timer_set(&dying->watchdog[1], SECONDS(7)), 0);
    assert_int_equal(domain_unpause_by_control(dying), 0);
}

static int start(void **state)
{
    fake_x86_start();
    return 0;
}

static int end(void **state)
{
    fake_relinquish = NULL;
    fake_x86_end();
    fake_enter_mapping = NULL;
    return 0;
}

/* --- teardown --------------------------------------------------------------------------------------------------------------------------------- */

/* What the toolstack, the other domain and the machine may do to a domain that is half gone. */
static void meddle(unsigned int round)
{
    struct domain *d = domain_get(dying->id);
    uint32_t port;
    mfn_t mfn;

    assert_ptr_equal(d, dying);
    assert_int_equal(d->dying, DOMAIN_DYING);
    assert_int_equal(domain_mem_alloc(&d->mem, 0, 0, &mfn), -XEN_EINVAL);
    assert_int_equal(domain_mem_set_claim(&d->mem, PAGES), -XEN_EINVAL);
    assert_int_equal(heap_claimed_frames(), 0);
    if (d->evtchn.dying) {
        assert_int_not_equal(evtchn_alloc_unbound(&d->evtchn, other->id, &port), 0);
    }
    if (d->gnttab.dying) {
        assert_int_equal(gnttab_grow(&d->gnttab, 2), -XEN_EINVAL);
    }
    (void)evtchn_send(&other->evtchn, other_port[2 * round % PORTS]);
    (void)evtchn_close(&other->evtchn, other_port[(PORTS - 2 - 2 * round) % PORTS]);
    (void)domain_unpause_by_control(d);
    domain_pause(d);
    domain_unpause(d);
    domain_shutdown(d, SHUTDOWN_crash);
    domain_resume(d);
    for (unsigned int i = 0; i < 2; i++) {
        assert_true(d->vcpus[i]->sched.pause_count > 0);
    }
    domain_put(d);
}

static void holds_nothing(void)
{
    assert_int_equal(dying->dying, DOMAIN_DEAD);
    assert_int_equal(dying->evtchn.used_ports, 0);
    assert_int_equal(dying->gnttab.maptrack_used, 0);
    assert_null(dying->evtchn.fifo);
    for (unsigned int i = 0; i < PORTS; i += 2) {
        struct evtchn_status s = {.port = other_port[i]};

        assert_int_equal(evtchn_status(&other->evtchn, other_port[i], &s), 0);
        assert_int_not_equal(s.status, EVTCHNSTAT_interdomain);
    }
    for (grant_ref_t ref = FIRST_GRANT; ref < FIRST_GRANT + MAPPINGS; ref++) {
        grant(other, ref, 0, other_page);
    }
    assert_int_equal(frame_refs(frame_read(other_page)), 1);
}

/* A softirq waits at each look: teardown stops wherever it can. */
static void stops_at_each_point(void **state)
{
    unsigned int stops = 0;
    int rc;

    build();
    domain_ref(dying);
    softirq_raise(SOFTIRQ_TASKLET);
    while ((rc = domain_kill(dying)) == -XEN_ERESTART) {
        meddle(stops++);
        host_run_softirqs();
        softirq_raise(SOFTIRQ_TASKLET);
        assert_true(stops < 1000);
    }
    host_run_softirqs();
    assert_int_equal(rc, 0);
    /* the steps, and the ports, mappings, tables and pages between them */
    assert_in_range(stops, 6 + PORTS / 32 + TABLES + PAGES / 16, 200);
    holds_nothing();
    assert_int_equal(dying->mem.tot_pages, 0);
    assert_ptr_equal(domain_get(8), dying); /* this test's reference */
    domain_put(dying);
    domain_put(dying);
    host_run_softirqs();
    assert_null(domain_get(8));
}

/* None waits: it goes through but for the bound on one call. */
static void goes_through(void **state)
{
    unsigned int calls = 1;

    build();
    domain_ref(dying);
    while (domain_kill(dying) == -XEN_ERESTART) {
        calls++;
        host_run_softirqs();
    }
    assert_in_range(calls, 2 + TABLES, 5 + TABLES);
    holds_nothing();
    assert_int_equal(domain_kill(dying), 0); /* again does no harm */
    domain_put(dying);
    host_run_softirqs();
    assert_null(domain_get(8));
}

static void kill_wholly(struct domain *d)
{
    while (domain_kill(d) == -XEN_ERESTART) {
        host_run_softirqs();
    }
    host_run_softirqs();
}

/* No timer of a dead domain fires. */
static void timers_are_gone(void **state)
{
    build();
    domain_ref(dying);
    kill_wholly(dying);
    host_advance(SECONDS(10));
    assert_false(dying->is_shut_down);
    domain_put(dying);
    host_run_softirqs();
    assert_null(domain_get(8));
}

/* A page that the other has mapped stays, and with it the domain, until the other lets go. */
static void mapped_by_another(void **state)
{
    build();
    grant(dying, FIRST_GRANT, other->id, page[PAGES - 1]);
    map(other, dying, FIRST_GRANT);
    kill_wholly(dying);
    assert_ptr_equal(domain_get(8), dying);
    domain_put(dying);
    assert_int_equal(dying->mem.tot_pages, 1);
    assert_int_equal(frame_refs(frame_read(page[PAGES - 1])), 2); /* the pin's and the mapping's */
    kill_wholly(other);
    assert_null(domain_get(8));
    assert_null(domain_get(9));
}

/* Two that hold each other's pages die in turns, a stop of one after a stop of the other. */
static void two_die_in_turns(void **state)
{
    int a = -XEN_ERESTART, b = -XEN_ERESTART;

    build();
    grant(dying, FIRST_GRANT, other->id, page[5]);
    map(other, dying, FIRST_GRANT);
    while (a == -XEN_ERESTART || b == -XEN_ERESTART) {
        softirq_raise(SOFTIRQ_TASKLET);
        a = a == -XEN_ERESTART ? domain_kill(dying) : a;
        b = b == -XEN_ERESTART ? domain_kill(other) : b;
        host_run_softirqs();
    }
    assert_int_equal(a, 0);
    assert_int_equal(b, 0);
    assert_null(domain_get(8));
    assert_null(domain_get(9));
}

static void kill_refuses(void **state)
{
    assert_int_equal(domain_kill(fake_dom0), -XEN_EINVAL); /* who runs would go on running */
    assert_int_equal(fake_dom0->dying, DOMAIN_ALIVE);
}

/* --- pausing and shutdown ------------------------------------------------------------------------------------------------------------------------ */

static void pauses(void **state)
{
    struct domain *d = make(8, 0);

    assert_true(domain_is_paused(d));
    assert_int_equal(domain_unpause_by_control(d), 0);
    assert_false(domain_is_paused(d));
    assert_int_equal(d->vcpus[0]->sched.pause_count, 0);
    assert_int_equal(domain_unpause_by_control(d), -XEN_EINVAL);
    assert_int_equal(d->vcpus[0]->sched.pause_count, 0);
    domain_pause(d);
    assert_int_equal(domain_unpause_by_control(d), -XEN_EINVAL); /* it cannot undo the hypervisor's */
    assert_int_equal(domain_pause_by_control(d), 0);
    assert_int_equal(d->vcpus[1]->sched.pause_count, 2);
    assert_int_equal(vcpu_create(d, 2, NULL), 0);
    assert_int_equal(d->vcpus[2]->sched.pause_count, 2); /* a new one is paused as often */
    domain_unpause(d);
    assert_int_equal(domain_unpause_by_control(d), 0);
    assert_int_equal(d->vcpus[2]->sched.pause_count, 0);
    d->control_pauses = UINT32_MAX;
    assert_int_equal(domain_pause_by_control(d), -XEN_EOVERFLOW);
    d->control_pauses = 0;
}

static void shutdown_and_resume(void **state)
{
    struct domain *d = make(8, 0);

    domain_shutdown(d, SHUTDOWN_reboot);
    domain_shutdown(d, SHUTDOWN_crash); /* the first reason counts */
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_reboot);
    assert_true(d->vcpus[1]->sched.pause_flags & VPF_SHUTDOWN);
    domain_resume(d);
    assert_false(d->is_shut_down);
    assert_false(d->vcpus[1]->sched.pause_flags & VPF_SHUTDOWN);
    domain_crash(d, "because of %d", 42);
    assert_int_equal(d->shutdown_code, SHUTDOWN_crash);
    assert_non_null(strstr(host_console(), "because of 42"));
}

static void reason_said_beforehand(void **state)
{
    struct domain *d = make(8, 0);

    domain_announce_shutdown(d, SHUTDOWN_suspend);
    domain_announce_shutdown(d, SHUTDOWN_reboot);
    assert_false(d->is_shut_down);
    domain_shutdown(d, SHUTDOWN_poweroff);
    assert_int_equal(d->shutdown_code, SHUTDOWN_suspend);
    domain_announce_shutdown(d, SHUTDOWN_crash); /* too late */
    assert_int_equal(d->shutdown_code, SHUTDOWN_suspend);
    domain_resume(d);
    domain_shutdown(d, SHUTDOWN_poweroff);
    assert_int_equal(d->shutdown_code, SHUTDOWN_poweroff);
}

static void suspend_tells_who_asked(void **state)
{
    struct domain *d = make(8, 0);
    uint32_t port, mine;

    assert_int_equal(evtchn_alloc_unbound(&d->evtchn, 0, &port), 0);
    assert_int_equal(evtchn_bind_interdomain(&fake_dom0->evtchn, &d->evtchn, port, &mine), 0);
    assert_int_equal(evtchn_unmask(&fake_dom0->evtchn, mine), 0);
    bitmap_clear(fake_dom0->shared->evtchn_pending, mine);
    d->suspend_evtchn = port;
    domain_shutdown(d, SHUTDOWN_suspend);
    assert_true(evtchn_is_pending(&fake_dom0->evtchn, mine));
    assert_int_equal(evtchn_close(&fake_dom0->evtchn, mine), 0);
}

static void watchdog_not_fed(void **state)
{
    struct domain *d = make(8, 0);

    assert_int_equal(timer_set(&d->watchdog[0], port_now_ns() + SECONDS(1)), 0);
    host_advance(SECONDS(2));
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_watchdog);
}

static void the_hardware_domain_takes_the_machine(void **state)
{
    expect_panic(domain_shutdown(fake_dom0, SHUTDOWN_poweroff));
    expect_panic(domain_shutdown(fake_dom0, SHUTDOWN_reboot));
    expect_panic(domain_shutdown(fake_dom0, SHUTDOWN_crash));
    assert_false(fake_dom0->is_shut_down);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(stops_at_each_point),
        T(goes_through),
        T(timers_are_gone),
        T(mapped_by_another),
        T(two_die_in_turns),
        T(kill_refuses),
        T(pauses),
        T(shutdown_and_resume),
        T(reason_said_beforehand),
        T(suspend_tells_who_asked),
        T(watchdog_not_fed),
        T(the_hardware_domain_takes_the_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
