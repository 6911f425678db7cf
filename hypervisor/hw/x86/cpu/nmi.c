/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See nmi.h. System control port B (0x61) says why the platform's NMI pin was pulled: Intel PCH data sheets, "NMI status and control". */
#include <hw/x86/cpu/nmi.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/apic/vectors.h>
#include <hw/x86/boot/panic.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/cpu/mca.h>
#include <hw/x86/cpu/watchdog.h>
#include <hw/x86/trap/trap.h>
#include <core/param/options.h>
#include <base/log.h>
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/hypercall/debug_keys.h>
#include <guest/x86/common/hardware_nmi.h>

#define PORT_B           0x61
#define PORT_B_CONTROL   0x0fu
#define PORT_B_SERR      0x80u
#define PORT_B_IOCHK     0x40u
#define PORT_B_SERR_OFF  0x04u
#define PORT_B_IOCHK_OFF 0x08u

static DEFINE_PER_CPU(uint64_t, nmi_count);
static uint32_t unreported; /* bit for each enum nmi_reason; atomic */

static const char *const reason_text[] = {
    [NMI_UNKNOWN] = "unknown reason",
    [NMI_SERR] = "PCI system error (memory parity); its line is off from now on",
    [NMI_IOCHK] = "I/O channel check; its line is off from now on",
};

/* Why the platform's pin was pulled. A line that says so is turned off, or it would never be quiet. */
static enum nmi_reason read_reason(void)
{
    uint8_t b;

    if (pcpu_id() != 0) {
        return NMI_UNKNOWN; /* the pin goes to the boot CPU only */
    }
    b = in8(PORT_B);
    if (b & PORT_B_SERR) {
        out8(PORT_B, (uint8_t)((b & PORT_B_CONTROL) | PORT_B_SERR_OFF));
        return NMI_SERR;
    }
    if (b & PORT_B_IOCHK) {
        out8(PORT_B, (uint8_t)((b & PORT_B_CONTROL) | PORT_B_IOCHK_OFF));
        return NMI_IOCHK;
    }
    return NMI_UNKNOWN;
}

void nmi_interrupt(const struct x86_regs *regs)
{
    enum nmi_reason reason;

    if (panic_in_progress()) {
        if (panic_is_here()) {
            return; /* the panic goes on */
        }
        halt_cpu();
    }
    this_cpu(nmi_count)++;
    reason = read_reason();
    if (watchdog_nmi(regs) && reason == NMI_UNKNOWN) {
        return;
    }
    if (opt_nmi == NMI_FATAL) {
        struct panic_regs p;

        trap_panic_regs(&p, regs);
        panic_with_regs(&p, "NMI: %s (nmi=fatal)", reason_text[reason]);
    }
    __atomic_fetch_or(&unreported, 1u << reason, __ATOMIC_SEQ_CST);
    softirq_raise(SOFTIRQ_MACHINE);
    apic_send_self(VECTOR_KICK); /* who was interrupted may be on its way into a guest */
}

static void report(void)
{
    uint32_t reasons = __atomic_exchange_n(&unreported, 0, __ATOMIC_SEQ_CST);

    for (unsigned int r = 0; r < ARRAY_SIZE(reason_text); r++) {
        if (reasons >> r & 1) {
            log_warning("NMI: %s: %s", reason_text[r],
                        opt_nmi == NMI_DOM0 ? "the first domain is told" : "ignored");
            if (opt_nmi == NMI_DOM0 && !hardware_domain_nmi((enum nmi_reason)r)) {
                log_warning("NMI: the first domain has no handler for it");
            }
        }
    }
    mca_poll_now();
}

static void show_counts(void)
{
    for (uint64_t left = cpus_online.bits; left; left &= left - 1) {
        unsigned int cpu = ffs64(left) - 1;

        log_info("  CPU %u: %lu NMIs\n", cpu, (unsigned long)per_cpu(nmi_count, cpu));
    }
}

void nmi_init(void)
{
    softirq_set_handler(SOFTIRQ_MACHINE, report);
    debug_key_register('n', "NMIs of each CPU", show_counts);
}
