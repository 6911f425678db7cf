/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vcpu_op: vCPUs that there are not, up and down, timers, and the areas that a guest registers, also by two vCPUs at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/sched.h>
#include <abi/vcpu.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))
#define ID       3
#define VCPUS    3u
#define PAGES    4u

static union {
    struct vcpu_runstate_info runstate;
    struct vcpu_register_runstate_memory_area runstate_area;
    struct vcpu_register_time_memory_area time_area;
    struct vcpu_register_vcpu_info info;
    struct vcpu_set_periodic_timer periodic;
    struct vcpu_set_singleshot_timer singleshot;
} * arg;
static struct domain *d;
static struct vcpu *v[VCPUS], *dom0_vcpu;
static mfn_t page[PAGES];

/* Virtual addresses from 4096 on are the pages, one after the other. */
static int get_gva(vaddr_t gva, bool write, mfn_t *mfn)
{
    uint64_t n = (gva >> PAGE_SHIFT) - 1;

    return n < PAGES ? pv_get_gfn(d, GFN(page[n].n), write, mfn) : -XEN_EINVAL;
}

static int start(void **state)
{
    struct domain_config c = {.id = ID,
                              .kind = GUEST_PV,
                              .max_vcpus = VCPUS + 1,
                              .max_evtchn_port = ~0u,
                              .max_grant_frames = 4,
                              .max_maptrack_frames = 4};

    fake_x86_start();
    memset(fake_window, 0, FAKE_WINDOW);
    arg = (void *)fake_window;
    dom0_vcpu = current_vcpu();
    assert_int_equal(domain_create(&c, &d), 0);
    d->mem.max_pages = PAGES;
    for (unsigned int i = 0; i < VCPUS; i++) {
        assert_int_equal(vcpu_create(d, i, &v[i]), 0);
    }
    for (unsigned int i = 0; i < PAGES; i++) {
        assert_int_equal(domain_mem_alloc(&d->mem, 0, HEAP_ZERO, &page[i]), 0);
    }
    fake_get_gva = get_gva;
    v[0]->is_initialised = true;
    set_current_vcpu(v[0]);
    return 0;
}

static int end(void **state)
{
    fake_get_gva = NULL;
    set_current_vcpu(dom0_vcpu);
    fake_x86_end();
    return 0;
}

static long call_at(unsigned int cmd, uint64_t vcpu, uint64_t gva)
{
    struct hypercall c = {.arg = {cmd, vcpu, gva}};
    long rc = do_vcpu_op(&c);

    assert_int_equal(lock_held_count(), 0);
    return rc;
}

static long call(unsigned int cmd, uint64_t vcpu)
{
    return call_at(cmd, vcpu, GUEST(arg));
}

static void which(void **state)
{
    static const uint64_t none[] = {VCPUS, VCPUS + 1, 128, 1ull << 32, ~0ull};

    for (unsigned int cmd = 0; cmd < 16; cmd++) {
        for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
            assert_int_equal(call(cmd, none[i]), -XEN_ENOENT);
        }
    }
    assert_int_equal(call(VCPUOP_get_physid, 0), -XEN_ENOSYS);
    assert_int_equal(call(14, 0), -XEN_ENOSYS);
    assert_int_equal(call(~0u, 0), -XEN_ENOSYS);
    for (unsigned int cmd = VCPUOP_get_runstate_info; cmd <= 13; cmd++) {
        if (cmd != VCPUOP_stop_periodic_timer && cmd != VCPUOP_stop_singleshot_timer &&
            cmd != VCPUOP_send_nmi && cmd != VCPUOP_get_physid) {
            assert_int_equal(call_at(cmd, 0, 8), -XEN_EFAULT);
        }
    }
}

static void up_and_down(void **state)
{
    assert_int_equal(call(VCPUOP_is_up, 0), 0);
    assert_int_equal(call(VCPUOP_up, 1), -XEN_EINVAL); /* it has no state */
    assert_int_equal(call(VCPUOP_is_up, 1), 0);
    v[1]->is_initialised = true;
    assert_int_equal(call(VCPUOP_up, 0), 0);
    assert_int_equal(call(VCPUOP_up, 1), 0);
    assert_int_equal(call(VCPUOP_up, 1), 0);
    assert_int_equal(call(VCPUOP_is_up, 1), 1);
    assert_int_equal(call(VCPUOP_initialise, 1), -XEN_EEXIST);
    assert_int_equal(call(VCPUOP_down, 1), 0);
    assert_int_equal(call(VCPUOP_down, 1), 0);
    assert_int_equal(call(VCPUOP_is_up, 1), 0);
    assert_false(d->is_shut_down);
    assert_int_equal(call(VCPUOP_down, 0), 0); /* the last one is the domain's end */
    assert_true(d->is_shut_down);
    assert_int_equal(d->shutdown_code, SHUTDOWN_poweroff);
    assert_int_equal(call_at(VCPUOP_send_nmi, 0, 0), 0);
    assert_int_equal(call(VCPUOP_send_nmi, 0), -XEN_EINVAL);
}

static unsigned int initialised;

static long stops_once(struct vcpu *which)
{
    assert_ptr_equal(which, v[1]);
    if (initialised++ == 0) {
        return -XEN_ERESTART;
    }
    which->is_initialised = true;
    return 0;
}

static long refuses(struct vcpu *which)
{
    return -XEN_EINVAL;
}

/* Another vCPU wants the same one to begin elsewhere, while the first is at it. */
static long meanwhile(struct vcpu *which)
{
    set_current_vcpu(v[2]);
    assert_int_equal(call(VCPUOP_initialise, 1), -XEN_EBUSY);
    set_current_vcpu(v[0]);
    initialised++;
    which->is_initialised = true;
    return 0;
}

static void initialising(void **state)
{
    initialised = 0;
    fake_initialise = refuses;
    assert_int_equal(call(VCPUOP_initialise, 1), -XEN_EINVAL);
    fake_initialise = stops_once;
    assert_int_equal(call(VCPUOP_initialise, 1), -XEN_ERESTART);
    assert_int_equal(call(VCPUOP_initialise, 1), 0); /* it went on, whoever did */
    assert_int_equal(call(VCPUOP_initialise, 1), -XEN_EEXIST);
    assert_int_equal(initialised, 2);
    v[1]->is_initialised = false;
    fake_initialise = meanwhile;
    assert_int_equal(call(VCPUOP_initialise, 1), 0);
    assert_int_equal(initialised, 3);
    fake_initialise = NULL;
}

static void timers(void **state)
{
    arg->periodic.period_ns = MILLISECS(1) - 1;
    assert_int_equal(call(VCPUOP_set_periodic_timer, 1), -XEN_EINVAL);
    arg->periodic.period_ns = 0;
    assert_int_equal(call(VCPUOP_set_periodic_timer, 1), -XEN_EINVAL);
    arg->periodic.period_ns = ~0ull;
    assert_int_equal(call(VCPUOP_set_periodic_timer, 1), -XEN_EINVAL);
    assert_false(timer_is_armed(&v[1]->periodic));
    arg->periodic.period_ns = MILLISECS(1);
    assert_int_equal(call(VCPUOP_set_periodic_timer, 1), 0);
    assert_true(timer_is_armed(&v[1]->periodic));
    assert_int_equal(call(VCPUOP_stop_periodic_timer, 1), 0);
    assert_false(timer_is_armed(&v[1]->periodic));

    arg->singleshot = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = port_now_ns() + SECONDS(1)};
    assert_int_equal(call(VCPUOP_set_singleshot_timer, 1), -XEN_EINVAL); /* only its own */
    assert_int_equal(call(VCPUOP_stop_singleshot_timer, 1), -XEN_EINVAL);
    assert_int_equal(call(VCPUOP_set_singleshot_timer, 0), 0);
    assert_true(timer_is_armed(&v[0]->singleshot));
    assert_int_equal(call(VCPUOP_stop_singleshot_timer, 0), 0);
    assert_false(timer_is_armed(&v[0]->singleshot));
    host_advance(1000);
    arg->singleshot = (struct vcpu_set_singleshot_timer){1, VCPU_SSHOTTMR_future};
    assert_int_equal(call(VCPUOP_set_singleshot_timer, 0), -XEN_ETIME);
    assert_false(timer_is_armed(&v[0]->singleshot));
}

/* --- areas ---- */

static void runstate(void **state)
{
    struct vcpu_runstate_info *area = (struct vcpu_runstate_info *)(fake_window + 8192);

    arg->runstate.state = 99;
    assert_int_equal(call(VCPUOP_get_runstate_info, 1), 0);
    assert_int_equal(arg->runstate.state, RUNSTATE_offline);
    arg->runstate_area.addr.p = GUEST(area);
    area->state = 99;
    assert_int_equal(call(VCPUOP_register_runstate_memory_area, 0), 0);
    assert_int_equal(area->state, RUNSTATE_offline);
    assert_int_equal(v[0]->runstate_guest, GUEST(area));
    arg->runstate_area.addr.p =
        GUEST(fake_window + FAKE_WINDOW - 8); /* its end is no memory: the old one stays */
    assert_int_equal(call(VCPUOP_register_runstate_memory_area, 0), -XEN_EFAULT);
    assert_int_equal(v[0]->runstate_guest, GUEST(area));
    arg->runstate_area.addr.p = 0;
    assert_int_equal(call(VCPUOP_register_runstate_memory_area, 0), 0);
    assert_int_equal(v[0]->runstate_guest, 0);
}

static uint64_t refs(unsigned int i)
{
    return frame_refs(frame_read(page[i]));
}

static long set_time(unsigned int vcpu, uint64_t gva)
{
    arg->time_area.addr.p = gva;
    return call(VCPUOP_register_vcpu_time_memory_area, vcpu);
}

static void time_area(void **state)
{
    struct vcpu_time_info *t = mfn_to_virt(page[0]);

    host_advance(SECONDS(5));
    assert_int_equal(set_time(0, 4096 + 64), 0);
    assert_int_equal(t[2].system_time, port_now_ns());
    assert_int_equal(t[2].version & 1, 0);
    assert_int_equal(refs(0), 2);
    assert_int_equal(set_time(0, 8192), 0); /* moved: the old page is free again */
    assert_int_equal(refs(0), 1);
    assert_int_equal(refs(1), 2);
    assert_int_equal(set_time(0, 8192 - sizeof(*t)), 0); /* just fits */
    assert_int_equal(set_time(0, 8192 - sizeof(*t) + 8), -XEN_EINVAL);
    assert_int_equal(set_time(0, 4096 + 4), -XEN_EINVAL);
    assert_int_equal(set_time(0, 4096 * (PAGES + 1)), -XEN_EINVAL);
    assert_int_equal(set_time(0, ~0ull), -XEN_EINVAL);
    assert_int_equal(refs(1), 1);
    assert_int_equal(set_time(0, 0), 0);
    for (unsigned int i = 0; i < PAGES; i++) {
        assert_int_equal(refs(i), 1);
    }
}

/* Another vCPU registers an area for the same one, while the first looks up its page. */
static void time_meanwhile(void)
{
    set_current_vcpu(v[1]);
    assert_int_equal(set_time(2, 8192), 0);
    set_current_vcpu(v[0]);
}

static void time_area_by_two(void **state)
{
    for (unsigned int round = 0; round < 2; round++) { /* without an area before, and with one */
        fake_on_get_gfn = time_meanwhile;
        assert_int_equal(set_time(2, 4096), 0);
        assert_int_equal(refs(0) + refs(1), 3);
    }
    assert_int_equal(set_time(2, 0), 0);
    assert_int_equal(refs(0), 1);
    assert_int_equal(refs(1), 1);
}

static long set_info(unsigned int vcpu, uint64_t gfn, uint32_t offset)
{
    arg->info = (struct vcpu_register_vcpu_info){.mfn = gfn, .offset = offset};
    return call(VCPUOP_register_vcpu_info, vcpu);
}

static void info(void **state)
{
    static const uint32_t wrong[] = {4, 7, PAGE_SIZE - sizeof(struct vcpu_info) + 8, PAGE_SIZE, ~0u, ~7u};

    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_int_equal(set_info(0, page[0].n, wrong[i]), -XEN_ENXIO);
    }
    assert_int_equal(set_info(0, dom0_vcpu->domain->shared_mfn.n, 0), -XEN_EINVAL);
    assert_int_equal(set_info(0, 0, 0), -XEN_EINVAL);
    v[1]->is_initialised = true;
    assert_int_equal(call(VCPUOP_up, 1), 0);
    assert_int_equal(set_info(1, page[0].n, 0), -XEN_EINVAL); /* it may run */
    assert_int_equal(refs(0), 1);
    v[0]->info->evtchn_upcall_pending = 1;
    assert_int_equal(set_info(0, page[0].n, PAGE_SIZE - sizeof(struct vcpu_info)), 0);
    assert_ptr_equal(v[0]->info, (uint8_t *)mfn_to_virt(page[0]) + PAGE_SIZE - sizeof(struct vcpu_info));
    assert_int_equal(v[0]->info->evtchn_upcall_pending, 1);   /* nothing is lost on the way */
    assert_int_equal(set_info(0, page[1].n, 0), -XEN_EINVAL); /* once only */
    assert_int_equal(refs(1), 1);
}

static void info_meanwhile(void)
{
    set_current_vcpu(v[1]);
    assert_int_equal(set_info(2, page[1].n, 0), 0);
    set_current_vcpu(v[0]);
}

/* Two do it at once: the later one is too late. */
static void info_by_two(void **state)
{
    fake_on_get_gfn = info_meanwhile;
    assert_int_equal(set_info(2, page[0].n, 0), -XEN_EINVAL);
    assert_int_equal(refs(0), 1);
    assert_int_equal(refs(1), 2);
    assert_ptr_equal(v[2]->info, mfn_to_virt(page[1]));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {
        T(which),     T(up_and_down),      T(initialising), T(timers),      T(runstate),
        T(time_area), T(time_area_by_two), T(info),         T(info_by_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
