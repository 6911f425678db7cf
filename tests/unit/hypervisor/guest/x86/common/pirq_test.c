/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Physical interrupts of the hardware domain: lines, MSI, MSI-X entries follow the vCPU of their event channel from pCPU to pCPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <hypervisor/fake_x86.h>
#include <core/evtchn/evtchn_ops.h>
#include <guest/x86/common/irq_contract.h>
#include <guest/x86/common/msi.h>
#include <guest/x86/common/pirq.h>

#define DEVICE    0x10020 /* segment 1, bus 0, device 4 */
#define MSI_AT    0x50u
#define MSIX_AT   0x70u
#define TABLE     0xfebf1000ull
#define GSIS      24u
#define UNREACHED 3u /* a pCPU that the machine cannot send to */

/* --- the machine: one device with MSI and MSI-X, descriptors that remember ------------------------------------------------------------ */

struct irq_desc {
    void (*fn)(void *);
    void *arg;
    unsigned int cpu;
    bool masked;
};

static struct irq_desc line, message;
static uint8_t config[256];
static uint32_t table[4] __attribute__((aligned(4096)));
static unsigned int config_writes;

static uint64_t address_to(unsigned int cpu)
{
    return 0xfee00000u | cpu << 12;
}

unsigned int hw_gsi_count(void)
{
    return GSIS;
}

bool hw_gsi_isa_mode(unsigned int gsi, bool *level, bool *low)
{
    return false;
}

bool hw_ioapic_read(paddr_t pa, uint32_t reg, uint32_t *value)
{
    return false;
}

int hw_bind_gsi(unsigned int gsi, bool level, bool low, void (*fn)(void *), void *arg, struct irq_desc **desc)
{
    line = (struct irq_desc){fn, arg, 0, true};
    *desc = &line;
    return 0;
}

int hw_bind_msi(void (*fn)(void *), void *arg, struct irq_desc **desc, uint64_t *address, uint32_t *data)
{
    message = (struct irq_desc){fn, arg, 0, false};
    *desc = &message;
    hw_msi_message(&message, address, data);
    return 0;
}

void hw_unbind_irq(struct irq_desc *d)
{
    d->fn = NULL;
}

void hw_mask_irq(struct irq_desc *d)
{
    d->masked = true;
}

void hw_unmask_irq(struct irq_desc *d)
{
    d->masked = false;
}

void hw_eoi_irq(struct irq_desc *d)
{
}

bool hw_set_irq_cpu(struct irq_desc *d, unsigned int cpu)
{
    if (cpu == UNREACHED) {
        return false;
    }
    d->cpu = cpu;
    return true;
}

void hw_msi_message(struct irq_desc *d, uint64_t *address, uint32_t *data)
{
    *address = address_to(d->cpu);
    *data = 0x41;
}

uint32_t hw_pci_read(uint32_t sbdf, unsigned int offset, unsigned int size)
{
    uint32_t value = 0;

    assert_int_equal(sbdf, DEVICE);
    memcpy(&value, config + offset, size);
    return value;
}

bool hw_pci_reaches(uint32_t sbdf)
{
    return sbdf == DEVICE;
}

bool hw_pci_window_reserved(uint64_t base, uint16_t segment, uint8_t first, uint8_t last, bool reserved)
{
    return false;
}

void hw_pci_write(uint32_t sbdf, unsigned int offset, unsigned int size, uint32_t value)
{
    assert_int_equal(sbdf, DEVICE);
    config_writes++;
    memcpy(config + offset, &value, size);
}

uint32_t hw_pci_raw_read(uint32_t address, unsigned int lane, unsigned int size)
{
    return ~0u;
}

void hw_pci_raw_write(uint32_t address, unsigned int lane, unsigned int size, uint32_t value)
{
}

void *hw_map_device(paddr_t pa, uint64_t size_bytes)
{
    return pa == TABLE ? table : NULL;
}

/* --- tests ------------------------------------------------------------------------------------------------------------------------------ */

static struct x86_domain *xd;

static int start(void **state)
{
    fake_x86_start();
    xd = x86_domain(fake_dom0);
    if (!xd->pirqs) {
        assert_int_equal(pirq_init(xd), 0);
        assert_int_equal(rangeset_add(&xd->d.iomem, TABLE >> PAGE_SHIFT, TABLE >> PAGE_SHIFT), 0);
    }
    memset(config, 0, sizeof(config));
    config[6] = 0x10;
    config[0x34] = MSI_AT;
    memcpy(config + MSI_AT, (uint8_t[]){5, MSIX_AT, 0x80, 0}, 4); /* 64-bit addresses */
    memcpy(config + MSIX_AT, (uint8_t[]){0x11, 0, 3, 0}, 4); /* four entries, at the start of their area */
    memset(table, 0xff, sizeof(table));
    xd->d.vcpus[0]->sched.cpu = 0;
    return 0;
}

static int end(void **state)
{
    if (xd->pirqs) {
        zfree(xd->pirqs);
        xd->pirqs = NULL;
        (void)rangeset_remove(&xd->d.iomem, TABLE >> PAGE_SHIFT, TABLE >> PAGE_SHIFT);
    }
    fake_x86_end();
    return 0;
}

/* Bind @pirq to a port of the domain, and let it come. */
static uint32_t bind(uint32_t pirq)
{
    uint32_t port;

    assert_int_equal(evtchn_bind_pirq(&xd->d.evtchn, pirq, BIND_PIRQ__WILL_SHARE, &port), 0);
    return port;
}

static void come(struct irq_desc *d)
{
    unsigned long flags = irq_save();

    d->fn(d->arg);
    irq_restore(flags);
}

static void line_follows(void **state)
{
    uint32_t pirq, port;

    assert_int_equal(pirq_map_gsi(xd, 17, &pirq), 0);
    port = bind(pirq);
    assert_false(line.masked);
    come(&line);
    assert_true(evtchn_is_pending(&xd->d.evtchn, port));
    assert_int_equal(line.cpu, 0);
    xd->d.vcpus[0]->sched.cpu = 2;
    assert_int_equal(line.cpu, 0); /* nothing happens until it comes */
    come(&line);
    assert_int_equal(line.cpu, 2);
    xd->d.vcpus[0]->sched.cpu = UNREACHED;
    come(&line);
    assert_int_equal(line.cpu, 2);
    xd->d.vcpus[0]->sched.cpu = 1;
    come(&line);
    assert_int_equal(line.cpu, 1);
    assert_int_equal(evtchn_close(&xd->d.evtchn, port), 0);
    assert_true(line.masked);
    xd->d.vcpus[0]->sched.cpu = 2;
    come(&line); /* one that was under way while the port was closed */
    assert_int_equal(line.cpu, 1);
    assert_int_equal(pirq_unmap(xd, pirq), 0);
}

static void msix_entry_follows(void **state)
{
    uint32_t pirq, port;

    assert_int_equal(pirq_map_msi(xd, DEVICE, 0, TABLE, &pirq), 0);
    assert_int_equal(table[0], address_to(0));
    assert_int_equal(table[2], 0x41);
    assert_int_equal(table[3], 1); /* masked: no port has it */
    port = bind(pirq);
    assert_int_equal(table[3], 0);
    xd->d.vcpus[0]->sched.cpu = 2;
    come(&message);
    assert_int_equal(table[0], address_to(2));
    assert_int_equal(table[1], 0);
    assert_int_equal(table[2], 0x41);
    assert_int_equal(table[3], 0);
    assert_int_equal(pirq_restore_msi(xd, DEVICE), 0); /* after a reset it still goes there */
    assert_int_equal(table[0], address_to(2));
    assert_int_equal(evtchn_close(&xd->d.evtchn, port), 0);
    assert_int_equal(table[3], 1);
    xd->d.vcpus[0]->sched.cpu = 1;
    come(&message);
    assert_int_equal(table[0], address_to(2));
    assert_int_equal(pirq_unmap(xd, pirq), 0);
}

static void msi_follows(void **state)
{
    uint32_t pirq, port, address;
    unsigned int writes;

    assert_int_equal(pirq_map_msi(xd, DEVICE, 0, 0, &pirq), 0);
    port = bind(pirq);
    writes = config_writes;
    come(&message);
    assert_int_equal(config_writes, writes);
    xd->d.vcpus[0]->sched.cpu = 1;
    come(&message);
    assert_int_equal(config_writes, writes + 1); /* one access: no interrupt sees half of it */
    memcpy(&address, config + MSI_AT + 4, 4);
    assert_int_equal(address, address_to(1));
    assert_int_equal(config[MSI_AT + 12], 0x41);
    assert_int_equal(config[MSI_AT + 2] & 1, 1);
    assert_int_equal(evtchn_close(&xd->d.evtchn, port), 0);
    assert_int_equal(pirq_unmap(xd, pirq), 0);
    assert_int_equal(config[MSI_AT + 2] & 1, 0);
}

static void table_must_be_the_devices(void **state)
{
    mfn_t memory = heap_alloc(0, 0);
    uint32_t pirq;

    assert_int_equal(pirq_map_msi(xd, DEVICE, 4, TABLE, &pirq), -XEN_EINVAL);     /* no such entry */
    assert_int_equal(pirq_map_msi(xd, DEVICE, 0, TABLE + 8, &pirq), -XEN_EINVAL); /* not aligned */
    assert_int_equal(pirq_map_msi(xd, DEVICE, 0, mfn_to_paddr(memory), &pirq), -XEN_EINVAL);
    heap_free(memory, 0);
}

static void eoi_page(void **state)
{
    mfn_t mfn = heap_alloc(0, 0), other = heap_alloc(0, 0);
    unsigned long *bits = mfn_to_virt(mfn);
    uint32_t pirq;

    memset(bits, 0xff, PAGE_SIZE);
    *frame_state(mfn) = FRAME_ALLOCATED | FRAME_OWNER(xd->d.id) | FRAME_REF_ONE;
    assert_int_equal(pirq_map_gsi(xd, 17, &pirq), 0); /* PCI's: level-triggered */
    assert_int_equal(pirq_show_eoi_in(xd, GFN(frame_limit)), -XEN_EINVAL);
    assert_int_equal(pirq_show_eoi_in(xd, GFN(other.n)), -XEN_EINVAL); /* not the domain's */
    assert_int_equal(pirq_show_eoi_in(xd, GFN(mfn.n)), 0);
    assert_int_equal(bits[0], 1 << 17);
    assert_int_equal(bits[PIRQ_MAX / 64 - 1], 0);
    assert_int_equal(bits[PIRQ_MAX / 64], ~0ul); /* no more than there are */
    assert_int_equal(pirq_show_eoi_in(xd, GFN(mfn.n)), -XEN_EBUSY);
    assert_int_equal(frame_type_refs(frame_read(mfn)), 1);
    assert_int_equal(pirq_map_gsi(xd, 18, &pirq), 0);
    assert_int_equal(bits[0], 1 << 17 | 1 << 18);
    assert_int_equal(pirq_setup_gsi(xd, 18, false, false), 0); /* an edge is no state that needs it */
    assert_int_equal(bits[0], 1 << 17);
    assert_false(pirq_needs_eoi(xd, 18));
    assert_int_equal(pirq_unmap(xd, 17), 0);
    assert_int_equal(bits[0], 0);
    assert_int_equal(pirq_unmap(xd, 18), 0);
    frame_put_writable(mfn);
    *frame_state(mfn) = FRAME_OWNER(DOMID_NONE);
    heap_free(mfn, 0);
    heap_free(other, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(eoi_page, start, end),
        cmocka_unit_test_setup_teardown(line_follows, start, end),
        cmocka_unit_test_setup_teardown(msix_entry_follows, start, end),
        cmocka_unit_test_setup_teardown(msi_follows, start, end),
        cmocka_unit_test_setup_teardown(table_must_be_the_devices, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
