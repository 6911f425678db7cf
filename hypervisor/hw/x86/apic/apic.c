/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intel SDM volume 3, chapter 11. */
#include <hw/x86/apic/apic.h>
#include <base/counters.h>
#include <hw/x86/apic/vectors.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/mmu/mmu.h>
#include <core/param/options.h>
#include <base/assert.h>
#include <base/contract.h>
#include <base/log.h>

/* Register numbers: address / 16 in memory, offset from MSR_X2APIC. */
#define REG_ID            0x02
#define REG_VERSION       0x03
#define REG_TPR           0x08
#define REG_EOI           0x0b
#define REG_SPURIOUS      0x0f
#define REG_ISR           0x10
#define REG_ESR           0x28
#define REG_ICR           0x30
#define REG_ICR_HIGH      0x31
#define REG_LVT_TIMER     0x32
#define REG_LVT_THERMAL   0x33
#define REG_LVT_COUNTER   0x34
#define REG_LVT_LINT0     0x35
#define REG_LVT_LINT1     0x36
#define REG_LVT_ERROR     0x37
#define REG_TIMER_INITIAL 0x38
#define REG_TIMER_CURRENT 0x39
#define REG_TIMER_DIVIDE  0x3e

#define BASE_X2          BIT(10)
#define BASE_ENABLE      BIT(11)
#define SPURIOUS_ENABLE  0x100u
#define LVT_MASKED       0x10000u
#define LVT_NMI          0x400u
#define DIVIDE_BY_1      0xbu
#define ICR_NMI          0x00000400u
#define ICR_INIT         0x00004500u
#define ICR_STARTUP      0x00004600u
#define ICR_ASSERT       0x00004000u
#define ICR_SELF         0x00040000u
#define ICR_ALL_BUT_SELF 0x000c0000u
#define ICR_BUSY         0x1000u
#define ICR_SPINS        1000000u
#define LAPIC_DEFAULT    0xfee00000ull

uint32_t apic_id_of_cpu[MAX_PCPUS];
static volatile uint8_t *regs; /* xAPIC */
static bool is_x2;
static bool is_ready;

static uint32_t reg_read(unsigned int reg)
{
    return is_x2 ? (uint32_t)rdmsr(MSR_X2APIC + reg) : mmio_read32(regs + reg * 16);
}

static void reg_write(unsigned int reg, uint32_t value)
{
    if (is_x2) {
        wrmsr(MSR_X2APIC + reg, value);
    } else {
        mmio_write32(regs + reg * 16, value);
    }
}

static void mask_8259(void)
{
    static const uint8_t first[] = {0x11, VECTOR_LEGACY_FIRST, 4, 1},
                         second[] = {0x11, VECTOR_LEGACY_FIRST + 8, 2, 1};

    for (unsigned int i = 0; i < 4; i++) {
        out8(i ? 0x21 : 0x20, first[i]);
        out8(i ? 0xa1 : 0xa0, second[i]);
    }
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

static bool wants_x2(void)
{
    bool firmware_on = rdmsr(MSR_APIC_BASE) & BASE_X2;
    bool needed = firmware_on;

    for (unsigned int i = 0; i < platform.cpu_count; i++) {
        needed |= platform.cpu_apic_id[i] >= 255;
    }
    if (!(cpuid(1, 0).ecx & BIT(21))) {
        if (needed) {
            log_warning("CPUs with APIC ids from 255 up need x2APIC, which this machine does not have");
        } else if (opt_x2apic) {
            log_info("x2apic: this CPU has only the xAPIC");
        }
        return false;
    }
    return needed || opt_x2apic;
}

static void enable(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE) | BASE_ENABLE;

    wrmsr(MSR_APIC_BASE, base);
    if (is_x2) {
        wrmsr(MSR_APIC_BASE, base | BASE_X2);
    }
    reg_write(REG_TPR, 0);
    reg_write(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    reg_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    reg_write(REG_LVT_LINT0, LVT_MASKED);
    /* the platform's NMI pin goes to every CPU: one of them is enough to hear it */
    reg_write(REG_LVT_LINT1, pcpu_id() == 0 ? LVT_NMI : LVT_NMI | LVT_MASKED);
    reg_write(REG_LVT_ERROR, VECTOR_APIC_ERROR);
    reg_write(REG_ESR, 0);
    reg_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
    reg_write(REG_TIMER_INITIAL, 0);
}

void apic_init_bsp(void)
{
    is_x2 = wants_x2();
    if (!is_x2) {
        paddr_t base = platform.acpi.lapic_address ? platform.acpi.lapic_address : LAPIC_DEFAULT;

        regs = mmu_map_device(base, PAGE_SIZE);
        BUG_ON(!regs);
    }
    for (unsigned int i = 0; i < platform.cpu_count; i++) {
        apic_id_of_cpu[i] = platform.cpu_apic_id[i];
    }
    mask_8259();
    enable();
    is_ready = true;
    log_info("APIC: %s, version 0x%x, boot CPU's id %u", is_x2 ? "x2APIC" : "xAPIC",
             reg_read(REG_VERSION) & 0xff, apic_id());
}

void apic_init_ap(void)
{
    enable();
}

bool apic_is_x2(void)
{
    return is_x2;
}

uint32_t apic_id(void)
{
    uint32_t id = reg_read(REG_ID);

    return is_x2 ? id : id >> 24;
}

void apic_eoi(void)
{
    reg_write(REG_EOI, 0);
}

void apic_report_error(void)
{
    uint32_t status;

    reg_write(REG_ESR, 0);
    status = reg_read(REG_ESR);
    log_once(log_warning, "APIC error on CPU %u: status %#x", pcpu_id(), status);
}

bool apic_in_service(unsigned int vector)
{
    return reg_read(REG_ISR + vector / 32) & BIT(vector % 32);
}

static void wait_for_icr(void)
{
    for (unsigned int i = 0; i < ICR_SPINS && (reg_read(REG_ICR) & ICR_BUSY); i++) {
        cpu_relax();
    }
}

static void send_icr(uint32_t id, uint32_t command)
{
    unsigned long flags;

    if (is_x2) {
        asm volatile("mfence; lfence" ::: "memory"); /* the MSR does not order earlier stores */
        wrmsr(MSR_X2APIC + REG_ICR, (uint64_t)id << 32 | command);
        return;
    }
    flags = irq_save();
    wait_for_icr();
    reg_write(REG_ICR_HIGH, id << 24);
    reg_write(REG_ICR, command);
    irq_restore(flags);
}

void apic_send(unsigned int cpu, unsigned int vector)
{
    count(COUNTER_ipis_sent);
    send_icr(apic_id_of_cpu[cpu], ICR_ASSERT | vector);
}

/* Like send_icr(), for who may have interrupted it between its two writes: the first is put back. */
static void send_icr_from_nmi(uint32_t id, uint32_t command)
{
    uint32_t high;

    if (is_x2) {
        send_icr(id, command);
        return;
    }
    high = reg_read(REG_ICR_HIGH);
    send_icr(id, command);
    wait_for_icr();
    reg_write(REG_ICR_HIGH, high);
}

void apic_send_nmi(unsigned int cpu)
{
    send_icr_from_nmi(apic_id_of_cpu[cpu], ICR_ASSERT | ICR_NMI);
}

void apic_send_self(unsigned int vector)
{
    send_icr_from_nmi(0, ICR_ASSERT | ICR_SELF | vector);
}

void apic_send_init(uint32_t id)
{
    send_icr(id, ICR_INIT);
}

void apic_send_startup(uint32_t id, unsigned int page)
{
    send_icr(id, ICR_STARTUP | page);
}

void apic_stop_others(void)
{
    if (is_ready && !cpuset_is_empty((cpuset_t){cpus_online.bits & ~cpuset_of(pcpu_id()).bits})) {
        send_icr(0, ICR_ASSERT | ICR_ALL_BUT_SELF | ICR_NMI);
    }
}

void apic_timer_set_mode(bool tsc_deadline)
{
    reg_write(REG_LVT_TIMER, VECTOR_TIMER | (tsc_deadline ? 0x40000u : 0));
    asm volatile("mfence" ::: "memory"); /* before the first write of the deadline MSR */
}

void apic_timer_start(uint32_t ticks)
{
    reg_write(REG_TIMER_INITIAL, ticks);
}

uint32_t apic_timer_remaining(void)
{
    return reg_read(REG_TIMER_CURRENT);
}
