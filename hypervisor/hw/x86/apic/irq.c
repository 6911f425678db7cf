/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <hw/x86/apic/irq.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/apic/ioapic.h>
#include <hw/x86/apic/vectors.h>
#include <hw/x86/boot/panic.h>
#include <hw/x86/boot/platform.h>
#include <hw/x86/cpu/time.h>
#include <hw/x86/smp/ipi.h>
#include <base/context.h>
#include <base/counters.h>
#include <base/lock.h>
#include <base/log.h>
#include <core/hypercall/debug_keys.h>
#include <core/trace/trace.h>
#include <lib/printf.h>

#define GSI_MAX       1024u
#define MSI_ADDRESS   0xfee00000u
#define ISA_COUNT     16u
#define POLARITY_LOW  3u
#define TRIGGER_LEVEL 3u
#define APIC_ID_MAX   0xfeu /* of a route or a message */

/* One for each vector: a vector in use is a descriptor in use. Fields under the lock, but for is_used (bind_lock). */
struct irq_desc {
    struct spinlock lock;
    irq_handler_t handler; /* NULL: unbound */
    void *arg;
    struct ioapic_route route;
    uint16_t gsi;
    bool is_used;
    bool is_msi;
    bool is_masked;  /* by irq_mask() */
    uint8_t cpu;     /* where it is sent */
    uint8_t came_to; /* where the last one came, and how many have come */
    uint64_t count;
    bool is_waiting; /* level: came, and irq_eoi() was not called yet */
    uint8_t running; /* handlers at work now, atomic */
};

static struct irq_desc descs[256];
static uint8_t gsi_vector[GSI_MAX]; /* 0: unbound */
static struct spinlock bind_lock = SPINLOCK_INIT(irq_bind);

static void show_irqs(void)
{
    for (unsigned int v = VECTOR_DEVICE_FIRST; v <= VECTOR_DEVICE_LAST; v++) {
        const struct irq_desc *d = &descs[v];
        char line[16] = "MSI";

        if (!d->is_used) {
            continue;
        }
        if (!d->is_msi) {
            zscnprintf(line, sizeof(line), "GSI %u", d->gsi);
        }
        log_info("  vector %#x: %s%s to CPU %u; %lu came, the last to CPU %u\n", v, line,
                 d->is_msi         ? ""
                 : d->route.masked ? ", masked,"
                 : d->route.level  ? ", level,"
                                   : ", edge,",
                 d->cpu, (unsigned long)d->count, d->came_to);
    }
}

void irq_init(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(descs); i++) {
        spin_lock_init(&descs[i].lock, irq_desc);
    }
    ioapic_init();
    debug_key_register('i', "device interrupts", show_irqs);
}

static const struct acpi_override *find_override(unsigned int isa)
{
    for (uint32_t i = 0; i < platform.acpi.override_count; i++) {
        if (platform.acpi.overrides[i].irq == isa) {
            return &platform.acpi.overrides[i];
        }
    }
    return NULL;
}

unsigned int irq_isa_gsi(unsigned int isa)
{
    const struct acpi_override *o = find_override(isa);

    return o ? o->gsi : isa;
}

bool irq_isa_level(unsigned int isa)
{
    const struct acpi_override *o = find_override(isa);

    return o && (o->flags >> 2 & 3) == TRIGGER_LEVEL;
}

bool irq_isa_low(unsigned int isa)
{
    const struct acpi_override *o = find_override(isa);

    return o && (o->flags & 3) == POLARITY_LOW;
}

unsigned int irq_gsi_count(void)
{
    return MIN(ioapic_gsi_count(), GSI_MAX);
}

unsigned int irq_vector(const struct irq_desc *desc)
{
    return (unsigned int)(desc - descs);
}

/* Neighbouring vectors share a priority class of 16: spread them. Caller holds bind_lock. */
static struct irq_desc *take_vector(void)
{
    for (unsigned int low = 0; low < 16; low++) {
        for (unsigned int v = VECTOR_DEVICE_FIRST + low; v <= VECTOR_DEVICE_LAST; v += 16) {
            if (v != VECTOR_GUEST_INT80 && v != VECTOR_GUEST_HYPERCALL && !descs[v].is_used) {
                descs[v].is_used = true;
                return &descs[v];
            }
        }
    }
    return NULL;
}

/* Its number in trace records: the line's, or one behind all lines. */
static uint32_t trace_number(const struct irq_desc *d)
{
    return d->is_msi ? GSI_MAX + irq_vector(d) : d->gsi;
}

static void set_up(struct irq_desc *d, irq_handler_t handler, void *arg, bool is_msi)
{
    spin_lock(&d->lock);
    d->is_msi = is_msi;
    d->is_waiting = false;
    d->is_masked = !is_msi;
    d->cpu = d->came_to = 0;
    d->count = 0;
    d->arg = arg;
    d->handler = handler;
    spin_unlock(&d->lock);
    TRACE_3(TRC_HW_IRQ_BIND_VECTOR, trace_number(d), irq_vector(d), 1u << d->cpu);
}

int irq_bind_gsi(unsigned int gsi, bool level, bool low, irq_handler_t handler, void *arg)
{
    unsigned long flags;
    struct irq_desc *d = NULL;
    int rc = 0;

    if (gsi >= GSI_MAX || !ioapic_has_gsi(gsi)) {
        return -XEN_ENODEV;
    }
    flags = spin_lock_irqsave(&bind_lock);
    if (gsi_vector[gsi]) {
        rc = -XEN_EBUSY;
    } else if (!(d = take_vector())) {
        rc = -XEN_ENOSPC;
    } else {
        d->gsi = (uint16_t)gsi;
        d->route = (struct ioapic_route){(uint8_t)irq_vector(d), level, low, true, apic_id_of_cpu[0]};
        set_up(d, handler, arg, false);
        ioapic_write_route(gsi, &d->route);
        gsi_vector[gsi] = d->route.vector;
    }
    spin_unlock_irqrestore(&bind_lock, flags);
    return rc;
}

int irq_route_nmi(unsigned int gsi)
{
    unsigned long flags;
    int rc = -XEN_EBUSY;

    if (gsi >= GSI_MAX || !ioapic_has_gsi(gsi)) {
        return -XEN_ENODEV;
    }
    flags = spin_lock_irqsave(&bind_lock);
    if (!gsi_vector[gsi]) {
        gsi_vector[gsi] = VECTOR_NMI; /* a descriptor that has no handler and never gets one */
        ioapic_write_route(gsi, &(struct ioapic_route){.nmi = true, .apic_id = apic_id_of_cpu[0]});
        rc = 0;
    }
    spin_unlock_irqrestore(&bind_lock, flags);
    return rc;
}

struct irq_desc *irq_of_gsi(unsigned int gsi)
{
    uint8_t vector = gsi < GSI_MAX ? __atomic_load_n(&gsi_vector[gsi], __ATOMIC_RELAXED) : 0;

    return vector ? &descs[vector] : NULL;
}

struct msi_message irq_message(const struct irq_desc *d)
{
    return (struct msi_message){MSI_ADDRESS | apic_id_of_cpu[d->cpu] << 12, irq_vector(d)};
}

int irq_bind_msi(irq_handler_t handler, void *arg, struct irq_desc **desc, struct msi_message *msg)
{
    unsigned long flags = spin_lock_irqsave(&bind_lock);
    struct irq_desc *d = take_vector();

    if (d) {
        set_up(d, handler, arg, true);
        *desc = d;
        *msg = irq_message(d);
    }
    spin_unlock_irqrestore(&bind_lock, flags);
    return d ? 0 : -XEN_ENOSPC;
}

void irq_unbind(struct irq_desc *d)
{
    unsigned long flags = spin_lock_irqsave(&bind_lock);

    TRACE_3(TRC_HW_IRQ_CLEAR_VECTOR, trace_number(d), irq_vector(d), 0);
    spin_lock(&d->lock);
    d->handler = NULL;
    if (!d->is_msi) {
        d->route.masked = true;
        ioapic_write_mask(d->gsi, &d->route);
        gsi_vector[d->gsi] = 0;
    }
    spin_unlock(&d->lock);
    while (__atomic_load_n(&d->running, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
    d->is_used = false;
    spin_unlock_irqrestore(&bind_lock, flags);
}

/* The line is open when neither its owner masks it nor a level waits for irq_eoi(). Caller holds the lock. */
static void update_mask(struct irq_desc *d)
{
    bool masked = d->is_masked || d->is_waiting;

    if (!d->is_msi && d->handler && masked != d->route.masked) {
        d->route.masked = masked;
        ioapic_write_mask(d->gsi, &d->route);
    }
}

void irq_mask(struct irq_desc *d)
{
    unsigned long flags = spin_lock_irqsave(&d->lock);

    d->is_masked = true;
    update_mask(d);
    spin_unlock_irqrestore(&d->lock, flags);
}

void irq_unmask(struct irq_desc *d)
{
    unsigned long flags = spin_lock_irqsave(&d->lock);

    d->is_masked = false;
    update_mask(d);
    spin_unlock_irqrestore(&d->lock, flags);
}

void irq_eoi(struct irq_desc *d)
{
    unsigned long flags = spin_lock_irqsave(&d->lock);

    d->is_waiting = false;
    update_mask(d);
    spin_unlock_irqrestore(&d->lock, flags);
}

bool irq_set_cpu(struct irq_desc *d, unsigned int cpu)
{
    uint32_t id = apic_id_of_cpu[cpu];
    unsigned long flags;

    if (id > APIC_ID_MAX) {
        return false; /* that takes interrupt remapping */
    }
    flags = spin_lock_irqsave(&d->lock);
    d->cpu = (uint8_t)cpu;
    d->route.apic_id = id;
    if (!d->is_msi && d->handler) {
        ioapic_write_destination(d->gsi, &d->route);
    }
    spin_unlock_irqrestore(&d->lock, flags);
    return true;
}

static void device_interrupt(unsigned int vector)
{
    struct irq_desc *d = &descs[vector];
    irq_handler_t handler;
    void *arg;

    spin_lock(&d->lock);
    handler = d->handler;
    arg = d->arg;
    d->came_to = (uint8_t)pcpu_id();
    d->count++;
    if (handler && !d->is_msi && d->route.level) {
        d->is_waiting = true;
        update_mask(d);
    }
    __atomic_fetch_add(&d->running, 1, __ATOMIC_RELAXED);
    spin_unlock(&d->lock);
    apic_eoi();
    if (handler) {
        uint32_t since = trace_wants(TRC_HW) ? (uint32_t)port_cycles() : 0;

        handler(arg);
        TRACE_3(TRC_HW_IRQ_HANDLED, trace_number(d), since, (uint32_t)port_cycles());
    } else {
        TRACE_1(TRC_HW_IRQ_UNMAPPED_VECTOR, vector);
        log_once(log_warning, "Interrupt with vector %#x, which nobody has", vector);
    }
    __atomic_fetch_sub(&d->running, 1, __ATOMIC_RELEASE);
}

/* Vectors that are no device's. */
static void legacy_interrupt(unsigned int vector)
{
    /* an 8259's spurious interrupt does not come from the local APIC, and wants no EOI of it */
    if (apic_in_service(vector)) {
        apic_eoi();
    }
    log_once(log_warning, "Spurious interrupt with vector %#x", vector);
}

static void handle(unsigned int vector)
{
    if (vector == VECTOR_TIMER) {
        count(COUNTER_timer_interrupts);
        apic_eoi();
        time_interrupt();
    } else if (vector == VECTOR_KICK) {
        count(COUNTER_kick_interrupts);
        apic_eoi(); /* whoever returns from the interrupt looks at the softirqs */
    } else if (vector == VECTOR_FLUSH) {
        count(COUNTER_flush_interrupts);
        apic_eoi();
        ipi_flush_interrupt();
    } else if (vector == VECTOR_CALL) {
        count(COUNTER_call_interrupts);
        apic_eoi();
        ipi_call_interrupt();
    } else if (vector == VECTOR_STOP) {
        halt_cpu();
    } else if (vector == VECTOR_APIC_ERROR) {
        apic_eoi();
        apic_report_error();
    } else if (vector >= VECTOR_DEVICE_FIRST && vector <= VECTOR_DEVICE_LAST) {
        count(COUNTER_device_interrupts);
        device_interrupt(vector);
    } else if (vector != VECTOR_SPURIOUS) {
        legacy_interrupt(vector);
    }
}

void hw_interrupt(unsigned int vector)
{
    irq_context_enter();
    handle(vector);
    irq_context_exit();
}
