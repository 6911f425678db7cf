/* SPDX-License-Identifier: GPL-2.0-or-later */
/* platform_op: the clock, the list of the hypervisor's functions, idle times. pCPUs off- and online: core/hypercall/cpu_hotplug_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <abi/platform.h>

#define GUEST(p) ((uint64_t)(uintptr_t)(p))

static struct xen_platform_op *op; /* in guest memory, as name */
static char *name;

static int start(void **state)
{
    fake_x86_start();
    op = (void *)fake_window;
    name = (char *)fake_window + 2048;
    memset(fake_window, 0, FAKE_WINDOW);
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
    op->interface_version = XENPF_INTERFACE_VERSION;
    return fake_call(do_platform_op, GUEST(op), 0);
}

static long symbol(uint32_t n, uint32_t room, void *to)
{
    memset(name, '#', 64);
    op->u.symdata = (struct xenpf_symdata){.namelen = room, .symnum = n, .name.p = to};
    return call(XENPF_get_symbol);
}

static void symbols(void **state)
{
    assert_int_equal(symbol(0, 64, name), 0);
    assert_string_equal(name, "entry");
    assert_int_equal(op->u.symdata.symnum, 1);
    assert_int_equal(op->u.symdata.namelen, sizeof("entry"));
    assert_int_equal(op->u.symdata.type, 't');
    assert_int_equal(op->u.symdata.address, 0xffff828040200000);
    assert_int_equal(symbol(1, 4, name), 0); /* too little room: as much as fits, and how much there is */
    assert_memory_equal(name, "sche#", 5);
    assert_int_equal(op->u.symdata.namelen, sizeof("schedule"));
    assert_int_equal(op->u.symdata.symnum, 2);
    for (uint64_t n = 2; n < 1ull << 32; n = n * 2 + 1) { /* there are no more */
        assert_int_equal(symbol((uint32_t)n, 64, name), 0);
        assert_int_equal(op->u.symdata.symnum, n);
        assert_int_equal(name[0], '#');
    }
    assert_int_equal(symbol(0, 64, (void *)8), -XEN_EFAULT);
    assert_int_equal(symbol(0, 0, (void *)8), 0); /* nothing is written */
}

/* What guests see. */
static uint64_t base_ns(void)
{
    return fake_dom0->shared->wc_sec * 1000000000ull + fake_dom0->shared->wc_nsec;
}

static long set_clock(uint64_t secs, uint32_t nsecs, uint64_t at)
{
    op->u.settime64 = (struct xenpf_settime64){.secs = secs, .nsecs = nsecs, .system_time = at};
    return call(XENPF_settime64);
}

static void the_clock(void **state)
{
    assert_int_equal(set_clock(1000, 5, 7), 0);
    assert_int_equal(base_ns(), 999999999998);
    assert_int_equal(set_clock(1000, 1000000000, 0), -XEN_EINVAL);
    assert_int_equal(set_clock(1, 0, 1000000001), -XEN_EINVAL); /* before the epoch */
    assert_int_equal(set_clock(~0ull, 0, 0), -XEN_EINVAL);
    op->u.settime64.mbz = 1;
    assert_int_equal(call(XENPF_settime64), -XEN_EINVAL);
    op->u.settime32 = (struct xenpf_settime32){.secs = 3, .nsecs = 4, .system_time = 4};
    assert_int_equal(call(XENPF_settime32), 0);
    assert_int_equal(base_ns(), 3000000000);
}

static void cpus(void **state)
{
    op->u.pcpu_info.xen_cpuid = 1;
    assert_int_equal(call(XENPF_get_cpuinfo), 0);
    assert_int_equal(op->u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
    assert_int_equal(op->u.pcpu_info.max_present, FAKE_CPUS - 1);
    assert_int_equal(op->u.pcpu_info.apic_id, 1);
    op->u.pcpu_info.xen_cpuid = FAKE_CPUS;
    assert_int_equal(call(XENPF_get_cpuinfo), 0);
    assert_int_equal(op->u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
}

static void idle_times(void **state)
{
    uint64_t *times = (void *)(fake_window + 1024);
    uint8_t *map = fake_window + 1280;

    map[0] = 0xff;
    memset(times, 0xaa, 8 * FAKE_CPUS + 8);
    op->u.getidletime = (struct xenpf_getidletime){.cpumap_nr_cpus = 8};
    op->u.getidletime.cpumap_bitmap.p = map;
    op->u.getidletime.idletime.p = times;
    assert_int_equal(call(XENPF_getidletime), 0);
    assert_int_equal(map[0], (1 << FAKE_CPUS) - 1); /* those that there are */
    assert_int_not_equal(times[FAKE_CPUS - 1], 0xaaaaaaaaaaaaaaaa);
    assert_int_equal(times[FAKE_CPUS], 0xaaaaaaaaaaaaaaaa);
    op->u.getidletime.idletime.p = (void *)8;
    assert_int_equal(call(XENPF_getidletime), -XEN_EFAULT);
}

static void refusals(void **state)
{
    op->u.enter_acpi_sleep = (struct xenpf_enter_acpi_sleep){.sleep_state = 3};
    assert_int_equal(call(XENPF_enter_acpi_sleep), -XEN_EOPNOTSUPP);
    assert_int_equal(call(XENPF_firmware_info), -XEN_ENOENT);
    assert_int_equal(call(0x7fffffff), -XEN_ENOSYS);
    op->cmd = XENPF_get_cpuinfo;
    op->interface_version++;
    assert_int_equal(fake_call(do_platform_op, GUEST(op), 0), -XEN_EACCES);
    assert_int_equal(fake_call(do_platform_op, 8, 0), -XEN_EFAULT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(symbols), T(the_clock), T(cpus), T(idle_times), T(refusals)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
