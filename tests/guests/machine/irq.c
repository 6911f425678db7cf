/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A first domain that lets two of QEMU's devices interrupt: `edu` (docs/specs/edu in QEMU: register 0x60 raises its interrupt, 0x64 takes it back) by its
 * line and by MSI, and the network card e1000e (Intel 82574 data sheet, 10.2.4) by an entry of its MSI-X table. It moves the interrupt's event channel from vCPU to vCPU, raises the interrupt many times at each place, counts what arrives, and lets debug key i say where
 * the hypervisor had it delivered. Wants two vCPUs, each pinned to a pCPU of its own.
 */
#define __XEN_TOOLS__
#include "guest.h"
#include <xen/sysctl.h>

#define EDU_ID    0x11e81234
#define CARD_ID   0x10d38086
#define ROUNDS    50u
#define SEC       1000000000UL
#define REG_RAISE (0x60 / 4)
#define REG_ACK   (0x64 / 4)

#define CARD_ICR         (0xc0 / 4)
#define CARD_ICS         (0xc8 / 4)
#define CARD_IMS         (0xd0 / 4)
#define CARD_IVAR        (0xe4 / 4)
#define CAUSE_OTHER      (1u << 24)
#define OTHER_TO_ENTRY_0 (8u << 16)

enum kind { LINE, MESSAGE, TABLE };
static const char *const kind_names[] = {"line", "message", "table entry"};
static volatile u32 *regs; /* of the device at work */
static volatile u32 second_is_up, arrived[2];
static u32 devfn, port;
static enum kind kind;
static int pirq;

static u32 config_read(u32 reg)
{
    u32 v;

    asm volatile("outl %0, %1" ::"a"(0x80000000 | devfn << 8 | reg), "d"((u16)0xcf8));
    asm volatile("inl %1, %0" : "=a"(v) : "d"((u16)0xcfc));
    return v;
}

static void config_write(u32 reg, u32 v)
{
    asm volatile("outl %0, %1" ::"a"(0x80000000 | devfn << 8 | reg), "d"((u16)0xcf8));
    asm volatile("outl %0, %1" ::"a"(v), "d"((u16)0xcfc));
}

static void raise(void)
{
    if (kind == TABLE) {
        regs[CARD_ICS] = CAUSE_OTHER;
    } else {
        regs[REG_RAISE] = 1;
    }
}

static void take_back(void)
{
    if (kind == TABLE) {
        regs[CARD_ICR] = ~0u;
    } else {
        regs[REG_ACK] = 1;
    }
}

static void on_event(u32 p)
{
    if (p != port) {
        return;
    }
    arrived[this_cpu()]++;
    take_back();
    if (kind == LINE) {
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

/* Map its registers, and make it a bus master: messages are writes to memory. */
static void find_device(u32 id)
{
    static u8 window[PAGE_SIZE] __attribute__((aligned(4096)));

    for (devfn = 0; devfn < 256 && config_read(0) != id; devfn++) {
    }
    if (devfn == 256) {
        panic("there is no device %x", id);
    }
    if (set_va(window, (config_read(0x10) & ~0xfffUL) | PTE_RW | 0x18)) {
        panic("cannot map its registers");
    }
    regs = (volatile u32 *)window;
    config_write(4, config_read(4) | 6);
}

/* Where its MSI-X table is: turned on, and the base of the area that holds it. */
static u64 turn_on_table(void)
{
    u32 at = config_read(0x34) & 0xfc;

    while (at && (config_read(at) & 0xff) != 0x11) {
        at = config_read(at) >> 8 & 0xfc;
    }
    if (!at) {
        panic("no MSI-X");
    }
    config_write(at, config_read(at) | 0x80000000);
    return config_read(0x10 + 4 * (config_read(at + 4) & 7)) & ~0xfUL;
}

/* Its interrupt as a physical one: the line that the firmware wrote down, or a message. */
static void map_interrupt(void)
{
    struct physdev_map_pirq m = {
        .domid = DOMID_SELF, .devfn = (int)devfn, .pirq = -1, .type = MAP_PIRQ_TYPE_MSI_SEG};
    struct evtchn_bind_pirq b = {.flags = BIND_PIRQ__WILL_SHARE};
    long rc;

    if (kind == LINE) {
        m.type = MAP_PIRQ_TYPE_GSI;
        m.index = m.pirq = (int)(config_read(0x3c) & 0xff);
    } else if (kind == TABLE) {
        m.table_base = turn_on_table();
        regs[CARD_IVAR] = OTHER_TO_ENTRY_0;
        regs[CARD_IMS] = CAUSE_OTHER;
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
        raise();
        if (!wait_count(&arrived[cpu], before + n + 1, 2 * SEC)) {
            break;
        }
    }
    show_interrupts();
    print("# %s at v%d: %d of %d arrived\n", kind_names[kind], cpu, n, ROUNDS);
}

void guest_main(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1};
    struct evtchn_close c;

    hc2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
    evt_handler = on_event;
    if (cpu_start(1, second) || !wait_count(&second_is_up, 1, 5 * SEC)) {
        panic("no second vCPU");
    }
    events_on();
    for (kind = LINE; kind <= TABLE; kind++) {
        find_device(kind == TABLE ? CARD_ID : EDU_ID);
        map_interrupt();
        for (u32 i = 0; i < 5; i++) {
            raise_at((i + 1) % 2);
        }
        c.port = port;
        hc2(__HYPERVISOR_event_channel_op, EVTCHNOP_close, &c);
    }
    print("# end 1 tests, 0 failed\n");
}
