/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports on behalf of a guest: what it has and what it lacks, the PCI configuration pair, the interval timer that no guest has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/platform.h>

static struct domain *d;
static unsigned int reads, writes;
static uint32_t config_address;

uint32_t hw_port_in(uint16_t port, unsigned int size)
{
    reads++;
    return port;
}

void hw_port_out(uint16_t port, unsigned int size, uint32_t value)
{
    writes++;
}

uint32_t hw_pci_raw_read(uint32_t address, unsigned int lane, unsigned int size)
{
    config_address = address;
    return lane << 8 | size;
}

void hw_pci_raw_write(uint32_t address, unsigned int lane, unsigned int size, uint32_t value)
{
    config_address = address + value;
}

static int start(void **state)
{
    fake_x86_start();
    d = fake_domain(1, GUEST_PV, 1);
    reads = writes = config_address = 0;
    return 0;
}

static int end(void **state)
{
    fake_x86_end();
    return 0;
}

static void absent(void **state)
{
    assert_int_equal(platform_port_read(d, 0x80, 1), 0xff);
    assert_int_equal(platform_port_read(d, 0xffff, 1), 0xff);
    assert_int_equal(platform_port_read(d, 0xcfc, 2), 0xffff);
    assert_int_equal(platform_port_read(d, 0xcfc, 4), 0xffffffff);
    platform_port_write(d, 0x80, 1, 1);
    platform_port_write(d, 0xcfc, 4, 1);
    assert_int_equal(reads + writes + config_address, 0);
}

static void no_interval_timer(void **state)
{
    for (uint16_t port = 0x40; port <= 0x42; port++) {
        assert_int_equal(platform_port_read(d, port, 1), 0);
    }
    assert_int_equal(platform_port_read(d, 0x3f, 1), 0xff);
    assert_int_equal(platform_port_read(d, 0x43, 1), 0xff);
    assert_int_equal(platform_port_read(d, 0x61, 1), 0xff);
    assert_int_equal(platform_port_read(d, 0x41, 2), 0);
    assert_int_equal(platform_port_read(d, 0x3f, 2), 0xffff); /* in part */
    assert_int_equal(platform_port_read(d, 0x42, 2), 0xffff);
    assert_int_equal(reads, 0);
    assert_int_equal(platform_port_read(fake_dom0, 0x42, 1), 0x42); /* who has the port gets the device */
}

static void given(void **state)
{
    assert_int_equal(rangeset_add(&x86_domain(d)->ioports, 0x300, 0x301), 0);
    assert_int_equal(platform_port_read(d, 0x300, 2), 0x300);
    assert_int_equal(platform_port_read(d, 0x301, 2), 0xffff); /* its second byte is not the domain's */
    platform_port_write(d, 0x301, 2, 0);
    assert_int_equal(writes, 0);
    platform_port_write(d, 0x301, 1, 0);
    assert_int_equal(writes, 1);
}

static void pci_pair(void **state)
{
    assert_int_equal(platform_port_read(fake_dom0, 0xcfc, 4), 0xffffffff); /* no address that is enabled */
    platform_port_write(fake_dom0, 0xcfc, 4, 1);
    assert_int_equal(config_address, 0);
    platform_port_write(fake_dom0, 0xcf8, 4, 0x80001234);
    assert_int_equal(platform_port_read(fake_dom0, 0xcf8, 4), 0x80001234);
    assert_int_equal(platform_port_read(fake_dom0, 0xcfe, 2), 2 << 8 | 2);
    assert_int_equal(config_address, 0x80001234);
    platform_port_write(fake_dom0, 0xcfc, 1, 1);
    assert_int_equal(config_address, 0x80001235);
    assert_int_equal(reads + writes, 0); /* the pair itself is never given out */
    platform_port_write(fake_dom0, 0xcf8, 4, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(absent), T(no_interval_timer), T(given), T(pci_pair)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
