/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See mca.h. Intel SDM volume 3, 16.3 and 16.10; AMD APM volume 2, 9.3. */
#include <hw/x86/cpu/mca.h>
#include <hw/x86/apic/apic.h>
#include <hw/x86/apic/vectors.h>
#include <hw/x86/boot/panic.h>
#include <hw/x86/cpu/insn.h>
#include <hw/x86/trap/trap.h>
#include <base/log.h>
#include <base/percpu.h>
#include <base/softirq.h>
#include <core/sched/sched.h>
#include <guest/x86/common/mca.h>
#include <model/x86/mca/mca.h>

#define CPUID_MCE BIT(7)
#define CPUID_MCA BIT(14)

static unsigned int bank_count; /* 0: this machine has no machine-check architecture */
static DEFINE_PER_CPU(uint64_t, polled_ns);
static DEFINE_PER_CPU(bool, poll_wanted);

void mca_init_cpu(void)
{
    uint64_t cap;
    unsigned int banks;

    if ((cpuid(1, 0).edx & (CPUID_MCE | CPUID_MCA)) != (CPUID_MCE | CPUID_MCA)) {
        return;
    }
    cap = rdmsr(MSR_MCG_CAP);
    banks = MIN_T(unsigned int, cap &MCG_CAP_BANKS, MCA_BANKS_MAX);
    if (pcpu_id() == 0) {
        bank_count = banks;
        log_info("Machine checks: %u banks", banks);
    }
    if (cap & MCG_CAP_CTL) {
        wrmsr(MSR_MCG_CTL, ~0ull);
    }
    for (unsigned int b = 0; b < MIN(banks, bank_count); b++) {
        wrmsr(MSR_MC_CTL(b), ~0ull);
    }
    wrmsr(MSR_MCG_STATUS, 0);
    this_cpu(poll_wanted) = true;
    softirq_raise(SOFTIRQ_MACHINE);
}

/* This CPU's bank @number; true when there is an error in it. */
static bool read_bank(unsigned int number, struct mca_bank *b)
{
    *b = (struct mca_bank){.number = number, .status = rdmsr(MSR_MC_STATUS(number))};
    if (mca_severity(b->status) == MCA_NONE) {
        return false;
    }
    b->addr = b->status & MCI_ADDR ? rdmsr(MSR_MC_ADDR(number)) : 0;
    b->misc = b->status & MCI_MISC ? rdmsr(MSR_MC_MISC(number)) : 0;
    return true;
}

/* --- the exception ------------------------------------------------------------------------------------------------------------------------------------ */

static _Noreturn void give_up(const struct x86_regs *regs, uint64_t mcg_status, const struct mca_bank *banks,
                              unsigned int count)
{
    struct panic_regs p;
    char text[200];

    for (unsigned int i = 0; i < count; i++) {
        mca_describe(&banks[i], text, sizeof(text));
        panic_say(LOG_PREFIX "Machine check on CPU %u: %s\n", pcpu_id(), text);
    }
    trap_panic_regs(&p, regs);
    panic_with_regs(&p, "Machine check: %s; MCG_STATUS %#lx, %u bank%s with errors, see above",
                    mcg_status & MCG_STATUS_RIPV ? "the hardware could not correct an error"
                                                 : "the interrupted program cannot be resumed",
                    (unsigned long)mcg_status, count, count == 1 ? "" : "s");
}

void mca_exception(const struct x86_regs *regs)
{
    struct mca_bank banks[MCA_BANKS_MAX];
    uint64_t mcg_status;
    unsigned int count = 0;

    if (panic_in_progress() && !panic_is_here()) {
        halt_cpu();
    }
    mcg_status = bank_count ? rdmsr(MSR_MCG_STATUS) : 0;
    for (unsigned int b = 0; b < bank_count; b++) {
        count += read_bank(b, &banks[count]);
    }
    if (mca_is_fatal(mcg_status, banks, count)) {
        give_up(regs, mcg_status, banks, count);
    }
    this_cpu(poll_wanted) = true;
    softirq_raise(SOFTIRQ_MACHINE);
    apic_send_self(VECTOR_KICK);
    wrmsr(MSR_MCG_STATUS,
          0); /* last: another one before would shut the processor down, one after comes here */
}

/* --- corrected errors ---------------------------------------------------------------------------------------------------------------------------------- */

static bool is_due(unsigned int cpu, uint64_t now_ns)
{
    return now_ns - __atomic_load_n(&per_cpu(polled_ns, cpu), __ATOMIC_RELAXED) >= MCA_POLL_NS;
}

static void want_poll(unsigned int cpu, uint64_t now_ns)
{
    __atomic_store_n(&per_cpu(polled_ns, cpu), now_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&per_cpu(poll_wanted, cpu), true, __ATOMIC_RELEASE);
    softirq_raise_on(cpu, SOFTIRQ_MACHINE);
}

void mca_poll_when_due(uint64_t now_ns)
{
    if (bank_count == 0 || likely(!is_due(pcpu_id(), now_ns))) {
        return;
    }
    want_poll(pcpu_id(), now_ns);
    for (uint64_t left = cpus_online.bits; left; left &= left - 1) {
        unsigned int cpu = ffs64(left) - 1;

        if (is_due(cpu, now_ns) && sched_cpu_is_idle(cpu)) {
            want_poll(cpu, now_ns); /* it may have no timer of its own */
        }
    }
}

void mca_poll_now(void)
{
    if (!__atomic_exchange_n(&this_cpu(poll_wanted), false, __ATOMIC_ACQUIRE)) {
        return;
    }
    for (unsigned int number = 0; number < bank_count; number++) {
        struct mca_bank b;

        if (read_bank(number, &b)) {
            wrmsr(MSR_MC_STATUS(number), 0);
            mca_report(pcpu_id(), rdmsr(MSR_MCG_STATUS), &b);
        }
    }
}
