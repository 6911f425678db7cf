/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A first domain that drives QEMU's `edu` device (docs/specs/edu in QEMU: register 0x60 raises its interrupt, 0x64 takes it back), by its line and by MSI. It moves
 * the interrupt's event channel from vCPU to vCPU, raises the interrupt many times at each place, counts what arrives, and lets debug key i say where
 * the hypervisor had it delivered. Wants two vCPUs, each pinned to a pCPU of its own.
 */
#define __XEN_TOOLS__
#include "guest.h"
#include <xen/sysctl.h>

#define EDU_ID    0x11e81234
#define ROUNDS    50u
#define SEC       1000000000UL
#define REG_RAISE (0x60 / 4)
#define REG_ACK   (0x64 / 4)

static volatile u32 *edu;
static volatile u32 second_is_up, arrived[2];
static u32 devfn, port;
static bool by_line;
static int pirq;

static u32 config_read(u32 reg)
{
    u32 v;

    asm volatile("outl %0, %1" ::"a"(0x80000000 | devfn << 8 | reg), "d"((u16)0xcf8));
    asm volatile("inl %1, %0" : "=a"(v) : "d"((u16)0xcfc));
    return v;
}

/* Command register: messages are writes to memory, which the device may do as a bus master. */
static void make_bus_master(void)
{
    u32 v = config_read(4) | 4;

    asm volatile("outl %0, %1" ::"a"(0x80000000 | devfn << 8 | 4), "d"((u16)0xcf8));
    asm volatile("outl %0, %1" ::"a"(v), "d"((u16)0xcfc));
}

static void on_event(u32 p)
{
    if (p != port) {
        return;
    }
    arrived[this_cpu()]++;
    edu[REG_ACK] = 1;
    if (by_line) {
        struct physdev_eoi eoi = {.irq = (u32)pirq};

        hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_eoi, &eoi);
    }
}

static void second(void)
{
    events_on();
    second_is_up = 1;
    for (;;) {
        pause();
    }
}

static void find_device(void)
{
    static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));

    for (devfn = 0; devfn < 256 && config_read(0) != EDU_ID; devfn++) {
    }
    if (devfn == 256) {
        panic("there is no edu device");
    }
    if (set_va(window, (config_read(0x10) & ~0xfffUL) | PTE_RW | 0x18)) {
        panic("cannot map its registers");
    }
    edu = (volatile u32 *)window;
    make_bus_master();
}

/* Its interrupt as a physical one: the line that the firmware wrote down, or a message. */
static void map_interrupt(void)
{
    struct physdev_map_pirq m = {.domid = DOMID_SELF,
                                 .type = by_line ? MAP_PIRQ_TYPE_GSI : MAP_PIRQ_TYPE_MSI_SEG};
    struct evtchn_bind_pirq b = {.flags = BIND_PIRQ__WILL_SHARE};
    long rc;

    if (by_line) {
        m.index = m.pirq = (int)(config_read(0x3c) & 0xff);
    } else {
        m.devfn = (int)devfn;
        m.pirq = -1;
    }
    rc = hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &m);
    if (rc) {
        panic("map_pirq: %ld", rc);
    }
    b.pirq = (u32)(pirq = m.pirq);
    rc = hc2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, &b);
    if (rc) {
        panic("bind_pirq: %ld", rc);
    }
    port = b.port;
    port_mask(port, false);
}

static void show_interrupts(void)
{
    static char keys[] = "i";
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_debug_keys, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

    set_xen_guest_handle(op.u.debug_keys.keys, keys);
    op.u.debug_keys.nr_keys = 1;
    hc1(__HYPERVISOR_sysctl, &op);
}

/* Each one must arrive before the next is raised: one that is lost is seen at once. */
static void raise_at(u32 cpu)
{
    struct evtchn_bind_vcpu move = {.port = port, .vcpu = cpu};
    u32 before = arrived[cpu];
    u32 n = 0;

    hc2(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, &move);
    for (; n < ROUNDS; n++) {
        edu[REG_RAISE] = 1;
        if (!wait_count(&arrived[cpu], before + n + 1, 2 * SEC)) {
            break;
        }
    }
    show_interrupts();
    print("# %s at v%d: %d of %d arrived\n", by_line ? "line" : "message", cpu, n, ROUNDS);
}

void guest_main(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1};
    struct evtchn_close c;

    hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
    find_device();
    evt_handler = on_event;
    if (cpu_start(1, second) || !wait_count(&second_is_up, 1, 5 * SEC)) {
        panic("no second vCPU");
    }
    events_on();
    for (int kind = 0; kind < 2; kind++) {
        by_line = kind == 0;
        map_interrupt();
        for (u32 i = 0; i < 5; i++) {
            raise_at((i + 1) % 2);
        }
        c.port = port;
        hc2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &c);
    }
    print("# end 1 tests, 0 failed\n");
}
